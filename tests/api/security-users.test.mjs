// security-users.test.mjs - users, their credentials and API keys, as an administrator handles them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { connectAsker, names } from './lib/ask.mjs';
import { connectBoth } from './lib/clients.mjs';
import { protocolNames } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';

const security = (action, args = {}) => ({ controller: 'security', action, ...args });
const secret = 'correct horse battery';
const config = { limits: { loginsPerSecond: 1000 } };

for (const protocol of protocolNames) {
  describe(`users over ${protocol}`, () => {
    let server;
    let kuzzle;
    let asker;
    const kuid = names(`user-${protocol}`);

    before(async () => { server = await startServer({ config }); });
    connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });
    after(() => server.stop());

    const make = async (content = {}, credentials = undefined, _id = kuid()) => asker.result(
      security('createUser', { _id, body: { content: { profileIds: ['default'], ...content }, credentials } }));
    const login = (username, password = secret) => asker.ask(
      { controller: 'auth', action: 'login', strategy: 'local', body: { username, password } });

    test('a user is created, read, changed, replaced and deleted', async () => {
      const created = await make({ name: 'Ann', address: { city: 'Lyon', street: 'x' } });
      const { _id } = created;
      const { _kuzzle_info: info, ...source } = created._source;
      assert.deepEqual(source, { profileIds: ['default'], name: 'Ann', address: { city: 'Lyon', street: 'x' } });
      assert.deepEqual([info.author, info.updatedAt], ['-1', null]);
      assert.deepEqual(await asker.result(security('getUser', { _id })), created);
      await asker.fails(security('createUser', { _id, body: { content: { profileIds: ['default'] } } }), 412, 'security.user.already_exists');

      const updated = await asker.result(security('updateUser', { _id, body: { address: { city: 'Nice' }, age: 3 } }));
      assert.deepEqual(updated._source.address, { city: 'Nice' }); // members are replaced whole
      assert.deepEqual([updated._source.name, updated._source.age, updated._source.profileIds], ['Ann', 3, ['default']]);
      assert.deepEqual([updated._source._kuzzle_info.updater, updated._source._kuzzle_info.createdAt], ['-1', info.createdAt]);
      const kept = await asker.result(security('updateUser', { _id, body: { profileIds: null } }));
      assert.deepEqual(kept._source.profileIds, ['default']);

      const replaced = await asker.result(security('replaceUser', { _id, body: { profileIds: ['admin'], name: 'Bob' } }));
      const { _kuzzle_info: newInfo, ...newSource } = replaced._source;
      assert.deepEqual(newSource, { profileIds: ['admin'], name: 'Bob' });
      assert.equal(newInfo.author, '-1');

      assert.deepEqual(await asker.result(security('deleteUser', { _id })), { _id });
      for (const [action, body] of [['getUser'], ['deleteUser'], ['updateUser', {}], ['replaceUser', { profileIds: ['admin'] }],
        ['getUserRights'], ['getUserStrategies']])
        await asker.fails(security(action, { _id, body }), 404, 'security.user.not_found');
    });

    test('a user without an id gets one that can be read, or a UUID', async () => {
      const body = { content: { profileIds: ['default'] } };
      const readable = await asker.result(security('createUser', { body }));
      assert.match(readable._id, /^kuid-[a-z]+-[a-z]+-\d+$/);
      const uuid = await asker.result(security('createUser', { kuid: 'uuid', body }));
      assert.match(uuid._id, /^kuid-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      await asker.fails(security('createUser', { kuid: 'short', body }), 400, 'api.assert.invalid_argument');
    });

    test('a user has profiles, and they are there', async () => {
      const refused = async (profileIds, status, id, text) => {
        const error = await asker.fails(security('createUser', { body: { content: { profileIds } } }), status, id);
        assert.match(error.message, text);
      };
      await refused(undefined, 400, 'api.assert.missing_argument', /body\.content\.profileIds/);
      await refused('default', 400, 'api.assert.invalid_type', /body\.content\.profileIds/);
      await refused([1], 400, 'api.assert.invalid_type', /body\.content\.profileIds/);
      await refused([], 400, 'api.assert.empty_argument', /body\.content\.profileIds/);
      await refused(['default', 'gone'], 404, 'security.profile.not_found', /gone/);
      const { _id } = await make();
      await asker.fails(security('updateUser', { _id, body: { profileIds: ['gone'] } }), 404, 'security.profile.not_found');
      await asker.fails(security('updateUser', { _id, body: { profileIds: 'default' } }), 400, 'api.assert.invalid_type');
      await asker.fails(security('replaceUser', { _id, body: {} }), 400, 'api.assert.missing_argument');
      await asker.fails(security('replaceUser', { _id, body: { profileIds: ['gone'] } }), 404, 'security.profile.not_found');
      await asker.fails(security('createUser', { body: {} }), 400, 'api.assert.missing_argument');
    });

    test('the anonymous user can be looked at, and is otherwise out of reach', async () => {
      for (const _id of ['-1', 'anonymous']) {
        const user = await asker.result(security('getUser', { _id }));
        assert.deepEqual(user, { _id: '-1', _source: { name: 'Anonymous', profileIds: ['anonymous'] } });
        await asker.fails(security('createUser', { _id, body: { content: { profileIds: ['anonymous'] } } }), 412,
          'security.user.already_exists');
        await asker.fails(security('deleteUser', { _id }), 404, 'security.user.not_found');
      }
      assert.deepEqual(await asker.result(security('getUserStrategies', { _id: '-1' })), { strategies: [], total: 0 });
      const { hits } = await asker.result(security('getUserRights', { _id: '-1' }));
      assert.ok(hits.length > 0);
    });

    test('several are read and deleted at once; who is not there is passed over, or told', async () => {
      const ids = [(await make())._id, (await make())._id];
      const { hits } = await asker.result(security('mGetUsers', { body: { ids: [ids[0], 'gone', ids[1]] } }));
      assert.deepEqual(hits.map((hit) => hit._id), ids);
      assert.deepEqual((await kuzzle.security.mGetUsers(ids)).map(({ _id }) => _id), ids);
      assert.deepEqual((await asker.result(security('mGetUsers', { ids: ids.join(',') }))).hits.map((hit) => hit._id), ids);
      await asker.fails(security('mGetUsers'), 400, 'api.assert.missing_argument');
      const { status, error, result } = await asker.ask(security('mDeleteUsers', { body: { ids: [...ids, 'gone'] } }));
      assert.deepEqual([status, result], [206, ids]);
      assert.deepEqual(error.errors.map(({ id }) => id), ['security.user.not_found']);
      assert.deepEqual((await asker.result(security('mGetUsers', { body: { ids } }))).hits, []);
      const more = [(await make())._id, (await make())._id, (await make())._id];
      assert.deepEqual(await asker.result(security('mDeleteUsers', { body: { ids: more } })), more);
    });

    test('a user comes with credentials, or not at all', async () => {
      const username = kuid();
      const user = await make({ name: 'c' }, { local: { username, password: secret } });
      assert.ok(!JSON.stringify(user).includes(secret));
      const { result } = await login(username);
      assert.equal(result._id, user._id);
      const refused = async (credentials, status, id) => {
        const _id = kuid();
        await asker.fails(security('createUser', { _id, body: { content: { profileIds: ['default'] }, credentials } }), status, id);
        await asker.fails(security('getUser', { _id }), 404, 'security.user.not_found');
      };
      await refused({ other: {} }, 400, 'security.credentials.unknown_strategy');
      await refused({ local: { username, password: secret } }, 412, undefined); // the name is taken
      await refused({ local: { username: kuid() } }, 400, undefined);
      await asker.result(security('deleteUser', { _id: user._id }));
      assert.equal((await login(username)).error.id, 'plugin.strategy.missing_user');
      await make({}, { local: { username, password: secret } }); // the name is free again
      assert.ok(!server.log.includes(secret));
    });

    test('upsert changes who is there and creates who is not', async () => {
      const _id = kuid();
      const upsert = (body) => asker.result(security('upsertUser', { _id, body }));
      const username = kuid();
      const created = await upsert({ content: { profileIds: ['default'], a: 1 }, default: { a: 0, b: 2 },
        credentials: { local: { username, password: secret } } });
      assert.deepEqual([created._source.a, created._source.b, created._source.profileIds], [1, 2, ['default']]);
      assert.equal((await login(username)).result._id, _id);
      const updated = await upsert({ content: { profileIds: ['admin'], a: 5 }, default: { b: 9 } });
      assert.deepEqual([updated._source.a, updated._source.b, updated._source.profileIds], [5, 2, ['admin']]);
      await asker.fails(security('upsertUser', { _id, body: { content: { a: 1 } } }), 400, 'api.assert.missing_argument');
      await asker.fails(security('upsertUser', { _id: kuid(), body: { content: { profileIds: ['gone'] } } }), 404,
        'security.profile.not_found');
    });

    test('who may not choose profiles gets those of the configuration', async () => {
      const user = await asker.result(security('createRestrictedUser', { body: { content: { name: 'r' } } }));
      assert.deepEqual([user._source.profileIds, user._source.name], [['default'], 'r']);
      const bare = await asker.result(security('createRestrictedUser', { _id: kuid() }));
      assert.deepEqual(bare._source.profileIds, ['default']);
      await asker.fails(security('createRestrictedUser', { body: { content: { profileIds: ['admin'] } } }), 400,
        'api.assert.forbidden_argument');
    });

    test('rights of a user are those of all its profiles, and can be asked for one by one', async () => {
      const [roleId, profileId] = [`viewer-${protocol}`, `viewers-${protocol}`];
      await asker.result(security('createRole', { _id: roleId, body: { controllers: { document: { actions: { get: true, create: false } } } } }));
      await asker.result(security('createProfile', { _id: profileId, body: { policies: [{ roleId, restrictedTo: [{ index: 'mine' }] }] } }));
      const { _id } = await make({ profileIds: [profileId] });
      const { hits, total } = await asker.result(security('getUserRights', { _id }));
      assert.equal(total, 2);
      assert.ok(hits.some((hit) => hit.action === 'get' && hit.value === 'allowed' && hit.index === 'mine' && hit.collection === '*'));
      assert.equal((await kuzzle.security.getUserRights(_id)).length, 2);
      const may = async (body) => (await asker.result(security('checkRights', { userId: _id, body }))).allowed;
      assert.equal(await may({ controller: 'document', action: 'get', index: 'mine', collection: 'c' }), true);
      assert.equal(await may({ controller: 'document', action: 'get', index: 'other', collection: 'c' }), false);
      assert.equal(await may({ controller: 'document', action: 'create', index: 'mine', collection: 'c' }), false);
      assert.equal(await may({ controller: 'server', action: 'now' }), false);
      for (const body of [{ action: 'get' }, { controller: 'document' }])
        await asker.fails(security('checkRights', { userId: _id, body }), 400, 'api.assert.missing_argument');
      await asker.fails(security('checkRights', { userId: 'gone', body: { controller: 'a', action: 'b' } }), 404, 'security.user.not_found');
    });

    test('credentials are made, looked at, changed and deleted', async () => {
      const { _id } = await make();
      const username = kuid();
      const ask = (action, body, more = {}) => security(action, { strategy: 'local', _id, body, ...more });
      const info = { username, kuid: _id };
      assert.equal(await asker.result(ask('hasCredentials')), false);
      assert.equal(await asker.result(ask('validateCredentials', { username, password: secret })), true);
      assert.deepEqual(await asker.result(ask('createCredentials', { username, password: secret })), info);
      assert.equal(await asker.result(ask('hasCredentials')), true);
      assert.deepEqual(await asker.result(security('getUserStrategies', { _id })), { strategies: ['local'], total: 1 });
      assert.deepEqual(await asker.result(ask('getCredentials')), info);
      assert.deepEqual(await asker.result(ask('getCredentialsById', undefined, { _id: username })), info);
      await asker.fails(ask('createCredentials', { username: kuid(), password: secret }), 412, undefined);
      assert.equal((await login(username)).result._id, _id);
      assert.deepEqual(await asker.result(ask('updateCredentials', { password: 'another one' })), info);
      assert.equal((await login(username)).error.id, 'plugin.strategy.missing_user');
      assert.equal((await login(username, 'another one')).result._id, _id);
      assert.deepEqual(await asker.result(ask('deleteCredentials')), { acknowledged: true });
      assert.equal(await asker.result(ask('hasCredentials')), false);
      await asker.fails(ask('deleteCredentials'), 412, undefined);
      await asker.fails(ask('getCredentials'), 412, undefined);
    });

    test('credentials of an unknown strategy or user are refused', async () => {
      const { _id } = await make();
      const body = { username: kuid(), password: secret };
      for (const action of ['createCredentials', 'updateCredentials', 'deleteCredentials', 'getCredentials', 'getCredentialsById',
        'hasCredentials', 'validateCredentials', 'getCredentialFields', 'searchUsersByCredentials']) {
        const error = await asker.fails(security(action, { strategy: 'other', _id, body }), 400, 'security.credentials.unknown_strategy');
        assert.match(error.message, /other/);
      }
      for (const action of ['createCredentials', 'updateCredentials'])
        await asker.fails(security(action, { strategy: 'local', _id: 'gone', body }), 404, 'security.user.not_found');
      assert.deepEqual(await asker.result(security('getCredentialFields', { strategy: 'local' })), ['username', 'password']);
      assert.deepEqual(await asker.result(security('getAllCredentialFields')), { local: ['username', 'password'] });
    });

    test('API keys are made, found and deleted, and their token is told once', async () => {
      const { _id: userId } = await make();
      const other = (await make())._id;
      const create = (more = {}) => security('createApiKey', { userId, body: { description: 'sensor' }, ...more });
      const first = await asker.result(create({ _id: `key-${protocol}` }));
      const second = await asker.result(create({ expiresIn: 60000 }));
      assert.equal(first._id, `key-${protocol}`);
      assert.match(first._source.token, /^kapikey-/);
      assert.deepEqual([first._source.userId, first._source.description, first._source.expiresAt, first._source.ttl],
        [userId, 'sensor', -1, -1]);
      assert.equal(second._source.ttl, 60000);
      await asker.result(create({ userId: other }));
      await asker.fails(create({ _id: first._id }), 400, 'services.storage.document_already_exists');
      await asker.fails(create({ userId: 'gone' }), 404, 'security.user.not_found');
      await asker.fails(create({ expiresIn: 'soon' }), 400, 'api.assert.invalid_argument');
      await asker.fails(security('createApiKey', { userId, body: {} }), 400, 'api.assert.missing_argument');

      const found = await asker.result(security('searchApiKeys', { userId }));
      assert.equal(found.total, 2);
      assert.deepEqual(found.hits.map((hit) => hit._id).sort(), [first._id, second._id].sort());
      assert.ok(found.hits.every(({ _source }) => !('token' in _source) && _source.fingerprint.length === 64));
      const query = { term: { expiresAt: -1 } };
      for (const [body, lang] of [[query], [{ equals: { expiresAt: -1 } }, 'koncorde']])
        assert.deepEqual((await asker.result(security('searchApiKeys', { userId, body, lang }))).hits.map((hit) => hit._id), [first._id]);

      const { jwt } = { jwt: first._source.token };
      const me = await asker.result({ controller: 'auth', action: 'getCurrentUser', jwt });
      assert.equal(me._id, userId);
      await asker.fails(security('deleteApiKey', { userId: other, _id: first._id }), 404, 'services.storage.not_found');
      assert.deepEqual(await asker.result(security('deleteApiKey', { userId, _id: first._id })), { _id: first._id });
      await asker.fails({ controller: 'auth', action: 'getCurrentUser', jwt }, 401, 'security.token.invalid');
      await asker.fails(security('deleteApiKey', { userId, _id: first._id }), 404, 'services.storage.not_found');
    });

    test('tokens end when they are revoked, when the password changes and with the user', async () => {
      const username = kuid();
      const { _id } = await make({}, { local: { username, password: secret } });
      const current = async (jwt) => (await asker.ask({ controller: 'auth', action: 'getCurrentUser', jwt }));
      let { result: { jwt } } = await login(username);
      assert.equal((await current(jwt)).result._id, _id);
      assert.equal(await asker.result(security('revokeTokens', { _id })), null);
      assert.equal((await current(jwt)).error.id, 'security.token.invalid');
      ({ result: { jwt } } = await login(username));
      await asker.result(security('updateCredentials', { strategy: 'local', _id, body: { password: 'new one' } }));
      assert.equal((await current(jwt)).error.id, 'security.token.invalid');
      ({ result: { jwt } } = await login(username, 'new one'));
      assert.equal((await current(jwt)).result._id, _id);
      await asker.result(security('mDeleteUsers', { body: { ids: [_id] } }));
      assert.equal((await current(jwt)).error.id, 'security.token.invalid');
    });

    test('users are searched, sorted and scrolled', async () => {
      await asker.result(security('updateUserMapping', { body: { properties: { team: { type: 'keyword' }, size: { type: 'integer' } } } }));
      const mapping = await asker.result(security('getUserMapping'));
      assert.deepEqual([mapping.mapping.team.type, mapping.mapping.profileIds.type], ['keyword', 'keyword']);
      for (let i = 0; i < 5; i++) await make({ team: `team-${protocol}`, size: i });
      const query = { term: { team: `team-${protocol}` } };
      const found = await kuzzle.security.searchUsers({ query, sort: [{ size: 'desc' }] }, { size: 2, scroll: '5s' });
      assert.equal(found.total, 5);
      const sizes = found.hits.map((hit) => hit._source.size);
      for (let page = await found.next(); page; page = await page.next()) sizes.push(...page.hits.map((hit) => hit._source.size));
      assert.deepEqual(sizes, [4, 3, 2, 1, 0]);
      const all = await asker.result(security('searchUsers'));
      assert.equal(all.hits.length, all.total); // without a size it is all
      const koncorde = await asker.result(security('searchUsers', { lang: 'koncorde', body: { query: { range: { size: { gt: 3 } } } } }));
      assert.deepEqual(koncorde.hits.map((hit) => hit._source.size), [4]);
      await asker.fails(security('searchUsers', { body: { query: { what: {} } } }), 400, 'services.storage.unknown_query_keyword');
      await asker.fails(security('searchUsers', { size: 10001 }), 413, 'services.storage.get_limit_exceeded');
      await asker.fails(security('searchUsers', { scroll: 'long' }), 400, 'api.assert.invalid_argument');
    });

    test('users are searched by their credentials', async () => {
      const prefix = `zz${protocol}`;
      const made = [];
      for (const name of ['a', 'b', 'c']) {
        const { _id } = await make({}, { local: { username: `${prefix}-${name}`, password: secret } });
        made.push({ username: `${prefix}-${name}`, kuid: _id });
      }
      const search = (body, more = {}) => security('searchUsersByCredentials', { strategy: 'local', body, ...more });
      const query = { prefix: { username: prefix } };
      assert.deepEqual(await asker.result(search({ query, sort: ['username'] })), { hits: made, total: 3 });
      assert.deepEqual(await asker.result(search({ query, sort: [{ username: 'desc' }] }, { from: 1, size: 1 })),
        { hits: [made[1]], total: 3 });
      assert.deepEqual((await asker.result(search({ query: { bool: { must: [query], must_not: { term: { kuid: made[0].kuid } } } }, sort: 'kuid' }))).total, 2);
      assert.deepEqual((await asker.result(search({ query: { terms: { kuid: [made[2].kuid] } } }))).hits, [made[2]]);
      assert.ok(!JSON.stringify(await asker.result(search({}))).includes('password'));
      await asker.fails(search({ query: { term: { 'password.hash': 'x' } } }), 403, undefined);
      await asker.fails(search({ query: { range: { username: { gt: 'a' } } } }), 400, undefined);
      await asker.fails(search({ query, sort: ['password'] }), 400, undefined);
      const koncorde = (clause, sort) => search({ query: clause, sort }, { lang: 'koncorde' });
      const two = { or: [{ equals: { username: made[0].username } }, { and: [{ in: { kuid: [made[1].kuid] } }, { not: { equals: { username: 'x' } } }] }] };
      assert.deepEqual(await asker.result(koncorde(two, ['username'])), { hits: made.slice(0, 2), total: 2 });
      for (const clause of [{ regexp: { password: '^.argon' } }, { and: [{ exists: 'password' }] }])
        await asker.fails(koncorde(clause), 400, undefined);
      for (const clause of [{ not: { equals: { password: 'x' } } }, { bool: { must: [{ in: { updater: ['x'] } }] } }])
        await asker.fails(koncorde(clause), 403, undefined);
      await asker.fails(koncorde(two, ['password']), 400, undefined);
    });
  });

  describe(`the first admin over ${protocol}`, () => {
    let server;
    let asker;

    before(async () => {
      server = await startServer({ config });
      asker = await connectAsker(server, protocol);
    });
    after(async () => {
      await asker.close();
      await server.stop();
    });

    test('there is none, then there is one, and then no other', async () => {
      const exists = async () => (await asker.result({ controller: 'server', action: 'adminExists' })).exists;
      assert.equal(await exists(), false);
      const create = (body, more = {}) => security('createFirstAdmin', { body, ...more });
      const credentials = { local: { username: 'root', password: secret } };
      await asker.fails(create({ content: { profileIds: ['default'] }, credentials }), 400, 'api.assert.forbidden_argument');
      await asker.fails(create({ credentials: { other: {} } }), 400, 'security.credentials.unknown_strategy');
      assert.equal(await exists(), false);
      const admin = await asker.result(create({ content: { name: 'Root' }, credentials }, { _id: 'root', reset: true }));
      assert.deepEqual([admin._id, admin._source.profileIds, admin._source.name], ['root', ['admin'], 'Root']);
      // Anonymous may log in and little else now.
      await asker.fails(security('getUser', { _id: 'root' }), 401, 'security.rights.unauthorized');
      const { jwt } = await asker.result({ controller: 'auth', action: 'login', strategy: 'local', body: { username: 'root', password: secret } });
      assert.equal((await asker.result({ controller: 'server', action: 'adminExists', jwt })).exists, true);
      await asker.fails({ ...create({ credentials: { local: { username: 'x', password: secret } } }), jwt }, 412, 'api.process.admin_exists');
      const role = await asker.result({ ...security('getRole', { _id: 'anonymous' }), jwt });
      assert.deepEqual(role._source.controllers, {
        auth: { actions: { checkToken: true, getCurrentUser: true, getMyRights: true, login: true } },
        server: { actions: { publicApi: true, openapi: true } },
      });
      assert.equal((await asker.result({ ...security('getProfile', { _id: 'anonymous' }), jwt }))._source.rateLimit, 200);
      await asker.fails({ controller: 'security', action: 'restrictDefaultRights' }, 401, 'security.rights.unauthorized');
      assert.equal((await asker.ask({ controller: 'security', action: 'restrictDefaultRights', jwt })).error, null);
    });

    test('all of it is there after a restart, tokens too', async () => {
      const login = { controller: 'auth', action: 'login', strategy: 'local', body: { username: 'root', password: secret } };
      const { jwt } = await asker.result(login);
      await asker.result({ ...security('createRole', { _id: 'kept', body: { controllers: { document: { actions: { '*': true } } } } }), jwt });
      await asker.close();
      await server.stop({ keep: true });
      await server.start();
      asker = await connectAsker(server, protocol);
      assert.equal((await asker.result({ ...security('getUser', { _id: 'root' }), jwt }))._source.name, 'Root');
      assert.equal((await asker.result({ ...security('getRole', { _id: 'kept' }), jwt }))._id, 'kept');
      await asker.fails(security('getUser', { _id: 'root' }), 401, 'security.rights.unauthorized'); // still restricted
      assert.equal((await asker.result(login))._id, 'root');
    });
  });
}
