// auth.test.mjs - users, tokens and rights as an SDK's user meets them, on two nodes of one Redis.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from './lib/test.mjs';
import { rejects } from './lib/ask.mjs';
import { request } from './lib/http.mjs';
import { sleep, until } from './lib/process.mjs';
import { startRedis } from './lib/redis.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const password = 'correct horse battery staple';
const everything = { '*': { actions: { '*': true } } };
const heardMs = 500; // what another node does is heard by the doorbell, not by the look at all that comes once a second
const manyLogins = ['--limits.loginsPerSecond', '1000'];

let redis;
let first;
let second;
let admin; // the administrator's connection to the first node
let adminToken;

const asAdmin = (whole) => admin.result({ jwt: adminToken, ...whole });
const security = (action, rest = {}) => asAdmin({ controller: 'security', action, ...rest });
const auth = (action, rest = {}) => ({ controller: 'auth', action, ...rest });

async function login(client, username, rest = {}) {
  return client.result(auth('login', { strategy: 'local', body: { username, password }, ...rest }));
}

/** The token is refused there soon. */
async function ends(client, jwt) {
  await until('the token ends', async () => (await client.ask(auth('getCurrentUser', { jwt }))).error?.id === 'security.token.invalid', heardMs);
}

/** A user with these profiles, who logs in by his own kuid. */
async function addUser(kuid, profileIds = ['admin']) {
  await security('createUser', {
    _id: kuid, body: { content: { profileIds }, credentials: { local: { username: kuid, password } } },
  });
}

/** A profile of one role with these rights. */
async function addProfile(id, controllers, restrictedTo) {
  await security('createOrReplaceRole', { _id: id, body: { controllers } });
  const policy = restrictedTo ? { roleId: id, restrictedTo } : { roleId: id };
  await security('createOrReplaceProfile', { _id: id, body: { policies: [policy] } });
}

async function open(options = {}) {
  redis = await startRedis([]);
  first = await startServer({ redis: redis.url, ...options, args: [...manyLogins, ...(options.args ?? [])] });
  second = await startServer({ redis: redis.url, ...options, args: [...manyLogins, ...(options.args ?? [])] });
  admin = await connectRaw(first);
  await admin.result({
    controller: 'security', action: 'createFirstAdmin', _id: 'admin', reset: true,
    body: { content: {}, credentials: { local: { username: 'admin', password } } },
  });
  adminToken = (await login(admin, 'admin')).jwt;
  await addProfile('everything', everything);
}

async function close() {
  await admin.close();
  await first.stop();
  await second.stop();
  await redis.stop();
}

/** The notification that the connection's token has expired. */
async function expiry(client, ms) {
  const end = Date.now() + ms;
  for (;;) {
    const message = await client.next(Math.max(1, end - Date.now()));
    if (message.type === 'TokenExpired') return message;
  }
}

const base64url = (text) => Buffer.from(text).toString('base64url');
const payloadOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

describe('logging in', () => {
  before(() => open());
  after(close);

  for (const protocol of protocolNames) {
    test(`works with the SDK over ${protocol}`, async () => {
      const kuid = `sdk-${protocol}`;
      await addUser(kuid);
      const kuzzle = await connectSdk(second, protocol);
      const jwt = await kuzzle.auth.login('local', { username: kuid, password });
      assert.equal(kuzzle.jwt, jwt);
      assert.ok(kuzzle.authenticated);
      const user = await kuzzle.auth.getCurrentUser();
      assert.equal(user._id, kuid);
      assert.deepEqual(user._source.profileIds, ['admin']);
      assert.deepEqual(await kuzzle.auth.getStrategies(), ['local']);
      assert.deepEqual(await kuzzle.auth.getMyCredentials('local'), { username: kuid, kuid });
      assert.equal(await kuzzle.auth.credentialsExist('local'), true);
      assert.equal(await kuzzle.auth.validateMyCredentials('local', { username: kuid, password: 'x' }), true);
      assert.equal((await kuzzle.auth.checkToken()).valid, true);
      assert.deepEqual((await kuzzle.auth.getMyRights()).map(({ value }) => value), ['allowed']);
      const updated = await kuzzle.auth.updateSelf({ colour: 'blue' });
      assert.equal(updated._source.colour, 'blue');
      assert.equal(updated._source._kuzzle_info.updater, kuid);
      await rejects(kuzzle.auth.updateSelf({ profileIds: ['default'] }), 400, 'api.assert.forbidden_argument');
      const refreshed = await kuzzle.auth.refreshToken({ expiresIn: '2h' });
      assert.notEqual(refreshed.jwt, jwt);
      assert.equal(refreshed.ttl, 7200000);
      await kuzzle.auth.logout();
      assert.equal(kuzzle.jwt, null);
      kuzzle.disconnect();
    });
  }

  test('gives a token that can be read, for the time that was asked for', async () => {
    const client = await connectRaw(first);
    const begin = Date.now();
    const { _id, jwt, expiresAt, ttl } = await login(client, 'admin', { expiresIn: '10m' });
    assert.deepEqual([_id, ttl], ['admin', 600000]);
    assert.ok(expiresAt >= begin + ttl && expiresAt < Date.now() + ttl + 1000);
    assert.match(jwt, /^kauth-[\w-]+\.[\w-]+\.[\w-]+$/);
    const { _id: kuid, iat, exp } = payloadOf(jwt);
    assert.deepEqual([kuid, exp - iat], ['admin', 600]);
    const infinite = await login(await connectRaw(first), 'admin', { expiresIn: -1 });
    assert.deepEqual([infinite.expiresAt, infinite.ttl], [-1, -1]);
    assert.equal(payloadOf(infinite.jwt).exp, undefined);
    for (const expiresIn of ['tomorrow', '0', -5, {}, [], 1e300])
      assert.equal((await client.failure(auth('login', { strategy: 'local', expiresIn, body: { username: 'admin', password } }))).id,
        'api.assert.invalid_argument');
    await client.close();
  });

  test('again over a connection that has a lasting token gives the same one', async () => {
    const client = await connectRaw(first);
    const { jwt } = await login(client, 'admin', { expiresIn: -1 });
    await client.result(auth('getCurrentUser', { jwt }));
    assert.equal((await login(client, 'admin')).jwt, jwt);
    await client.close();
  });

  test('fails alike for a wrong password and a name that nobody has', async () => {
    const client = await connectRaw(first);
    const errors = [];
    for (const body of [{ username: 'admin', password: 'x' }, { username: 'nobody', password }, { username: 'x'.repeat(5000), password }]) {
      const error = await client.failure(auth('login', { strategy: 'local', body }));
      errors.push([error.status, error.id, error.message]);
    }
    assert.deepEqual(errors[0].slice(0, 2), [401, 'plugin.strategy.missing_user']);
    assert.deepEqual(errors[1], errors[0]);
    assert.deepEqual(errors[2], errors[0]);
    for (const body of [{}, { username: 'admin' }, { password }, { username: 7, password }, { username: 'admin', password: null }])
      assert.equal((await client.failure(auth('login', { strategy: 'local', body }))).id, 'plugin.strategy.missing_user');
    assert.equal((await client.failure(auth('login', { strategy: 'ldap', body: {} }))).id, 'security.credentials.unknown_strategy');
    await client.close();
  });

  test('over HTTP takes what it needs from the query too', async () => {
    const { body } = await request(first, `/_login/local?username=admin&password=${encodeURIComponent(password)}`);
    assert.equal(body.result._id, 'admin');
    const bearer = await request(second, '/_me', { headers: { authorization: `Bearer ${body.result.jwt}` } });
    assert.equal(bearer.body.result._id, 'admin');
    const query = await request(second, `/_me?jwt=${body.result.jwt}`);
    assert.equal(query.body.result._id, 'admin');
  });

  test('leaves no password and no secret in the log', async () => {
    const client = await connectRaw(first);
    const { jwt } = await login(client, 'admin');
    await client.failure(auth('getCurrentUser', { jwt: `${jwt}x` }));
    for (const server of [first, second]) {
      assert.ok(!server.log.includes(password));
      assert.ok(!server.log.includes(jwt.split('.')[2]));
    }
    await client.close();
  });

  test('puts the user into what he writes', async () => {
    await asAdmin({ controller: 'index', action: 'create', index: 'written' });
    await asAdmin({ controller: 'collection', action: 'create', index: 'written', collection: 'c', body: {} });
    const { _source } = await asAdmin({ controller: 'document', action: 'create', index: 'written', collection: 'c', body: {} });
    assert.equal(_source._kuzzle_info.author, 'admin');
  });
});

describe('tokens', () => {
  before(() => open());
  after(close);

  test('are not forged', async () => {
    const client = await connectRaw(first);
    const { jwt } = await login(client, 'admin');
    const [head, payload, signature] = jwt.slice('kauth-'.length).split('.');
    const sign = (text, key) => createHmac('sha256', key).update(text).digest('base64url');
    const none = base64url('{"alg":"none","typ":"JWT"}');
    const other = base64url(JSON.stringify({ ...payloadOf(jwt), _id: 'everybody' }));
    const forged = [
      `kauth-${none}.${payload}.`, `kauth-${none}.${payload}.${signature}`,
      `kauth-${head}.${payload}.${sign(`${head}.${payload}`, 'guess')}`,
      `kauth-${head}.${payload}.${sign(`${head}.${payload}`, '')}`,
      `kauth-${head}.${other}.${signature}`,
      `kauth-${head}.${payload}.`, `kauth-${head}.${payload}`, `kauth-${head}`, 'kauth-', 'kauth-..', 'x',
      jwt.slice(0, -1), `${jwt}A`, `${jwt}=`, jwt.slice('kauth-'.length), `kapikey-${jwt.slice('kauth-'.length)}`,
      `Bearer ${jwt}`, jwt.toLowerCase(), jwt.repeat(40),
    ];
    for (const token of forged) {
      const error = await client.failure(auth('getCurrentUser', { jwt: token }));
      assert.deepEqual([error.status, error.id], [401, 'security.token.invalid'], token);
      const { valid, state } = await client.result(auth('checkToken', { body: { token } }));
      assert.deepEqual([valid, state], [false, error.message], token);
    }
    assert.equal((await client.result(auth('getCurrentUser', { jwt })))._id, 'admin');
    await client.close();
  });

  test('are good on every node, and after a restart', async () => {
    const { jwt } = await login(admin, 'admin');
    const elsewhere = await connectRaw(second);
    assert.equal((await elsewhere.result(auth('getCurrentUser', { jwt })))._id, 'admin');
    await elsewhere.close();
    await second.stop({ keep: true });
    await second.start();
    const again = await connectRaw(second);
    assert.equal((await again.result(auth('getCurrentUser', { jwt })))._id, 'admin');
    await again.close();
  });

  test('end in time', async () => {
    const client = await connectRaw(first);
    const { jwt } = await login(client, 'admin', { expiresIn: '1s' });
    await client.result(auth('getCurrentUser', { jwt }));
    await sleep(1050);
    const error = await client.failure(auth('getCurrentUser', { jwt }));
    assert.deepEqual([error.status, error.id], [401, 'security.token.invalid']);
    await client.close();
  });

  test('that are logged out are good nowhere any more', async () => {
    const elsewhere = await connectRaw(second);
    for (let round = 0; round < 5; round++) {
      const { jwt } = await login(admin, 'admin');
      await elsewhere.result(auth('getCurrentUser', { jwt })); // kept there now
      await admin.result(auth('getCurrentUser', { jwt }));
      assert.deepEqual(await admin.result(auth('logout', { jwt })), { acknowledged: true });
      assert.equal((await admin.failure(auth('getCurrentUser', { jwt }))).id, 'security.token.invalid');
      await ends(elsewhere, jwt);
    }
    await elsewhere.close();
  });

  test('all of a user end with a global logout, his API keys stay', async () => {
    await addUser('global');
    const [here, elsewhere] = [await connectRaw(first), await connectRaw(second)];
    const one = (await login(here, 'global')).jwt;
    const two = (await login(elsewhere, 'global')).jwt;
    const key = (await here.result(auth('createApiKey', { jwt: one, body: { description: 'stays' } })))._source.token;
    for (const jwt of [one, two, key]) await elsewhere.result(auth('getCurrentUser', { jwt }));
    await here.result(auth('logout', { jwt: one, global: true }));
    assert.equal((await here.failure(auth('getCurrentUser', { jwt: two }))).id, 'security.token.invalid');
    for (const jwt of [one, two]) await ends(elsewhere, jwt);
    assert.equal((await elsewhere.result(auth('getCurrentUser', { jwt: key })))._id, 'global');
    assert.equal((await login(here, 'global'))._id, 'global');
    await here.close();
    await elsewhere.close();
  });

  test('are exchanged, and the old one is good a little longer', async () => {
    const client = await connectRaw(first);
    const { jwt } = await login(client, 'admin');
    const { jwt: next } = await client.result(auth('refreshToken', { jwt }));
    await client.result(auth('getCurrentUser', { jwt }));
    await client.result(auth('getCurrentUser', { jwt: next }));
    assert.equal((await client.failure(auth('refreshToken', { jwt }))).id, 'security.token.invalid');
    await sleep(1100);
    assert.equal((await client.failure(auth('getCurrentUser', { jwt }))).id, 'security.token.invalid');
    await client.result(auth('getCurrentUser', { jwt: next }));
    const key = (await client.result(auth('createApiKey', { jwt: next, body: { description: '' } })))._source.token;
    assert.equal((await client.failure(auth('refreshToken', { jwt: key }))).id, 'security.token.refresh_forbidden');
    assert.equal((await client.failure(auth('refreshToken'))).id, 'security.rights.unauthorized');
    await client.close();
  });

  test('for one use are good for one', async () => {
    const client = await connectRaw(second);
    const { token, singleUse, ttl } = await asAdmin(auth('createToken', { singleUse: true, expiresIn: '1m' }));
    assert.deepEqual([singleUse, ttl], [true, 60000]);
    const asked = await Promise.all(Array.from({ length: 8 }, (_, i) =>
      (i % 2 ? client : admin).ask(auth('getCurrentUser', { jwt: token }))));
    assert.equal(asked.filter(({ error }) => !error).length, 1);
    assert.equal((await client.failure(auth('getCurrentUser', { jwt: token }))).id, 'security.token.invalid');
    const checked = (await asAdmin(auth('createToken', { singleUse: true }))).token;
    assert.equal((await client.result(auth('checkToken', { body: { token: checked } }))).valid, true);
    assert.equal((await client.result(auth('checkToken', { body: { token: checked } }))).valid, false);
    for (const expiresIn of [-1, '-1', -1.0000001, '-1ms', '-1.2'])
      assert.equal((await admin.failure(auth('createToken', { jwt: adminToken, expiresIn }))).id, 'security.token.invalid_expiration');
    await client.close();
  });

  test('of a user who is deleted while he is connected end with him', async () => {
    await addUser('leaver');
    const [here, elsewhere] = [await connectRaw(first), await connectRaw(second)];
    const { jwt } = await login(here, 'leaver');
    const key = (await here.result(auth('createApiKey', { jwt, body: { description: 'x' } })))._source.token;
    await elsewhere.result(auth('getCurrentUser', { jwt }));
    await elsewhere.result(auth('getCurrentUser', { jwt: key }));
    await security('deleteUser', { _id: 'leaver' });
    for (const token of [jwt, key])
      assert.equal((await here.failure(auth('getCurrentUser', { jwt: token }))).id, 'security.token.invalid');
    for (const token of [jwt, key]) await ends(elsewhere, token);
    await addUser('leaver'); // another one of that name: the old tokens are not his
    assert.equal((await here.failure(auth('getCurrentUser', { jwt }))).id, 'security.token.invalid');
    assert.equal((await elsewhere.failure(auth('getCurrentUser', { jwt: key }))).id, 'security.token.invalid');
    await here.close();
    await elsewhere.close();
  });

  test('end with the password that they were given for', async () => {
    await addUser('changer');
    const client = await connectRaw(second);
    const { jwt } = await login(client, 'changer');
    await security('updateCredentials', { _id: 'changer', strategy: 'local', body: { password: 'another one' } });
    await ends(client, jwt);
    await client.failure(auth('login', { strategy: 'local', body: { username: 'changer', password } }));
    await client.result(auth('login', { strategy: 'local', body: { username: 'changer', password: 'another one' } }));
    await client.close();
  });

  test('tell a connection that has subscribed when their time is over', async () => {
    const client = await connectRaw(second);
    const { jwt } = await login(client, 'admin', { expiresIn: '1s' });
    const { channel } = await client.result({ controller: 'realtime', action: 'subscribe', index: 'i', collection: 'c', body: {}, jwt });
    assert.ok(channel);
    const notice = await expiry(client, 3000);
    assert.deepEqual([notice.status, notice.room], [200, 'kuzzle:notification:server']);
    await client.result({ controller: 'server', action: 'publicApi' }); // the connection stays open
    await client.close();
  });

  test('that are exchanged take their connections along, on all nodes', async () => {
    const [here, elsewhere] = [await connectRaw(first), await connectRaw(second)];
    const { jwt } = await login(here, 'admin', { expiresIn: '1m' });
    const subscribe = { controller: 'realtime', action: 'subscribe', index: 'i', collection: 'c', body: {}, jwt };
    await here.result(subscribe);
    await elsewhere.result(subscribe);
    await here.result(auth('refreshToken', { jwt, expiresIn: '1m' }));
    for (const client of [here, elsewhere])
      await assert.rejects(expiry(client, 1600), /within/);
    await here.close();
    await elsewhere.close();
  });
});

describe('API keys', () => {
  before(() => open());
  after(close);

  test('are made, used, found and deleted', async () => {
    await addUser('keys');
    const client = await connectRaw(first);
    const { jwt } = await login(client, 'keys');
    const { _id, _source } = await client.result(auth('createApiKey', { jwt, _id: 'my key', body: { description: 'a sensor' } }));
    assert.equal(_id, 'my key');
    assert.deepEqual([_source.userId, _source.description, _source.expiresAt, _source.ttl], ['keys', 'a sensor', -1, -1]);
    assert.match(_source.token, /^kapikey-/);
    assert.match(_source.fingerprint, /^[0-9a-f]{64}$/);
    assert.equal((await client.result(auth('getCurrentUser', { jwt: _source.token })))._id, 'keys');
    const { hits, total } = await client.result(auth('searchApiKeys', { jwt }));
    assert.deepEqual([total, hits.map((hit) => hit._id)], [1, ['my key']]);
    assert.equal(hits[0]._source.token, undefined);
    assert.equal((await client.failure(auth('createApiKey', { jwt, _id: 'my key', body: { description: '' } }))).id,
      'services.storage.document_already_exists');
    assert.equal((await client.failure(auth('deleteApiKey', { jwt: adminToken, _id: 'my key' }))).id, 'services.storage.not_found');
    await client.result(auth('deleteApiKey', { jwt, _id: 'my key' }));
    assert.equal((await client.failure(auth('getCurrentUser', { jwt: _source.token }))).id, 'security.token.invalid');
    const again = await client.result(auth('createApiKey', { jwt, _id: 'my key', body: { description: 'another' } }));
    assert.equal((await client.failure(auth('getCurrentUser', { jwt: _source.token }))).id, 'security.token.invalid');
    await client.result(auth('getCurrentUser', { jwt: again._source.token }));
    await client.close();
  });

  test('may end', async () => {
    const { _source } = await asAdmin(auth('createApiKey', { expiresIn: '1s', body: { description: 'short' } }));
    assert.equal(_source.ttl, 1000);
    await admin.result(auth('getCurrentUser', { jwt: _source.token }));
    await sleep(1050);
    assert.equal((await admin.failure(auth('getCurrentUser', { jwt: _source.token }))).id, 'security.token.invalid');
  });

  test('survive a logout', async () => {
    const { _source } = await asAdmin(auth('createApiKey', { body: { description: 'x' } }));
    await admin.result(auth('logout', { jwt: _source.token }));
    assert.equal((await admin.result(auth('getCurrentUser', { jwt: _source.token })))._id, 'admin');
  });
});

describe('rights', () => {
  before(() => open());
  after(close);

  const now = { controller: 'server', action: 'now' };

  test('of the anonymous user are few once there is an administrator', async () => {
    const client = await connectRaw(second);
    const error = await client.failure(now);
    assert.deepEqual([error.status, error.id, error.props], [401, 'security.rights.unauthorized', ['server', 'now']]);
    assert.equal((await client.failure({ controller: 'no', action: 'such' })).id, 'security.rights.unauthorized');
    assert.equal((await asAdmin({ controller: 'server', action: 'now' })).now > 0, true);
    assert.equal((await admin.failure({ controller: 'no', action: 'such', jwt: adminToken })).id, 'api.process.controller_not_found');
    assert.equal((await admin.failure({ controller: 'server', action: 'such', jwt: adminToken })).id, 'api.process.action_not_found');
    await client.result(auth('checkToken'));
    await client.result({ controller: 'server', action: 'publicApi' });
    await client.close();
  });

  test('that somebody lacks are told with 403', async () => {
    await addProfile('clock', { server: { actions: { now: true } } });
    await addUser('clock', ['clock']);
    const client = await connectRaw(second);
    const { jwt } = await login(client, 'clock');
    await client.result({ ...now, jwt });
    const error = await client.failure({ controller: 'server', action: 'info', jwt });
    assert.deepEqual([error.status, error.id, error.props], [403, 'security.rights.forbidden', ['server', 'info', 'clock']]);
    assert.equal((await client.failure({ controller: 'no', action: 'such', jwt })).id, 'security.rights.forbidden');
    await client.close();
  });

  test('that change are changed on open connections of every node', async () => {
    await addProfile('changing', { server: { actions: { now: true } } });
    await addUser('changing', ['changing']);
    const client = await connectRaw(second);
    const { jwt } = await login(client, 'changing');
    const may = async () => !(await client.ask({ ...now, jwt })).error;
    for (const value of [false, true, false, true]) {
      await security('updateRole', { _id: 'changing', body: { controllers: { server: { actions: { now: value } } } } });
      await until(`he may: ${value}`, async () => await may() === value, heardMs);
    }
    await security('updateUser', { _id: 'changing', body: { profileIds: ['default'] } });
    await until('he may no more', async () => !await may(), heardMs);
    await client.close();
  });

  test('that change are changed on this node before the reply', async () => {
    await addProfile('here', { server: { actions: { now: true } } });
    await addUser('here', ['here']);
    const client = await connectRaw(first);
    const { jwt } = await login(client, 'here');
    for (let round = 0; round < 20; round++) {
      await security('updateRole', { _id: 'here', body: { controllers: { server: { actions: { now: round % 2 === 0 } } } } });
      assert.equal(!(await client.ask({ ...now, jwt })).error, round % 2 === 0);
    }
    await client.close();
  });

  test('may be restricted to indexes and collections', async () => {
    for (const index of ['mine', 'yours'])
      await asAdmin({ controller: 'index', action: 'create', index });
    for (const [index, collection] of [['mine', 'all'], ['mine', 'more'], ['yours', 'one'], ['yours', 'two']])
      await asAdmin({ controller: 'collection', action: 'create', index, collection, body: {} });
    await addProfile('restricted', { document: { actions: { '*': true } }, index: { actions: { list: true } } },
      [{ index: 'mine' }, { index: 'yours', collections: ['one'] }]);
    await addUser('restricted', ['restricted']);
    const client = await connectRaw(second);
    const { jwt } = await login(client, 'restricted');
    const count = (index, collection) => client.ask({ controller: 'document', action: 'count', index, collection, body: {}, jwt });
    for (const [index, collection, status] of [['mine', 'all', 200], ['mine', 'more', 200], ['yours', 'one', 200],
      ['yours', 'two', 403], ['theirs', 'x', 403], ['mine', undefined, 400], ['yours', undefined, 403]])
      assert.equal((await count(index, collection)).status, status, `${index} ${collection}`);
    await client.result({ controller: 'index', action: 'list', jwt });
    const search = (targets) => client.ask({ controller: 'document', action: 'search', targets, body: {}, jwt });
    assert.equal((await search([{ index: 'mine', collections: ['all'] }, { index: 'yours', collections: ['one'] }])).status, 200);
    assert.equal((await search([{ index: 'mine', collections: ['all'] }, { index: 'yours', collections: ['one', 'two'] }])).status, 403);
    assert.equal((await search([{ index: 'yours', collections: ['two'] }])).status, 403);
    assert.equal((await search([{ index: 'mi*', collections: ['all'] }])).status, 403);
    const targets = JSON.stringify([{ index: 'yours', collections: ['two'] }]);
    const http = await request(second, '/_query', { method: 'POST', body: { controller: 'document', action: 'search', targets, body: {}, jwt } });
    assert.equal(http.status, 403);
    await client.close();
  });

  test('that are restricted hold for rooms that are joined by their id', async () => {
    await addProfile('joiner', { realtime: { actions: { join: true, subscribe: true } }, auth: { actions: { login: true } } }, [{ index: 'mine' }]);
    await addUser('joiner', ['joiner']);
    const [here, elsewhere] = [await connectRaw(first), await connectRaw(second)];
    const rooms = {};
    for (const index of ['mine', 'theirs'])
      rooms[index] = (await asAdmin({ controller: 'realtime', action: 'subscribe', index, collection: 'c', body: {} })).roomId;
    for (const client of [here, elsewhere]) {
      const { jwt } = await login(client, 'joiner');
      const join = (roomId, rest) => client.ask({ controller: 'realtime', action: 'join', jwt, body: { roomId }, ...rest });
      assert.equal((await join(rooms.mine)).result?.roomId, rooms.mine);
      for (const rest of [{}, { index: 'mine', collection: 'c' }])
        assert.equal((await join(rooms.theirs, rest)).error?.id, 'core.realtime.room_not_found');
    }
    for (const roomId of Object.values(rooms)) await asAdmin({ controller: 'realtime', action: 'unsubscribe', body: { roomId } });
    await here.close();
    await elsewhere.close();
  });

  test('decide which of many are deleted and which are listed', async () => {
    for (const index of ['drop-a', 'drop-b', 'keep-c']) await asAdmin({ controller: 'index', action: 'create', index });
    await addProfile('dropper', { index: { actions: { mDelete: true, delete: true } }, realtime: { actions: { '*': true } } },
      [{ index: 'drop-a' }, { index: 'drop-b', collections: ['c'] }]);
    await addUser('dropper', ['dropper']);
    const client = await connectRaw(second);
    const { jwt } = await login(client, 'dropper');
    const { deleted } = await client.result({ controller: 'index', action: 'mDelete', body: { indexes: ['drop-a', 'drop-b', 'keep-c', 'none'] }, jwt });
    assert.deepEqual(deleted, ['drop-a']); // a restriction to collections does not hold the index
    for (const [index, collection] of [['drop-a', 'x'], ['drop-b', 'c'], ['drop-b', 'd'], ['keep-c', 'c']])
      await asAdmin({ controller: 'realtime', action: 'subscribe', index, collection, body: {} });
    await until('all rooms are told', async () => Object.keys(await asAdmin({ controller: 'realtime', action: 'list' })).length === 3, 8000);
    const rooms = await client.result({ controller: 'realtime', action: 'list', jwt });
    assert.deepEqual(Object.entries(rooms).map(([index, collections]) => [index, Object.keys(collections)]),
      [['drop-a', ['x']], ['drop-b', ['c']]]);
    await client.close();
  });

  test('can be asked for', async () => {
    const check = (body, jwt) => admin.result(auth('checkRights', { body, jwt }));
    assert.deepEqual(await check({ controller: 'a', action: 'b' }, adminToken), { allowed: true });
    assert.equal((await admin.failure(auth('checkRights', { body: { action: 'b' }, jwt: adminToken }))).id, 'api.assert.missing_argument');
  });

  test('are limited to so many requests a second', async () => {
    await security('createOrReplaceRole', { _id: 'slow', body: { controllers: everything } });
    await security('createOrReplaceProfile', { _id: 'slow', body: { rateLimit: 5, policies: [{ roleId: 'slow' }] } });
    await addUser('slow', ['slow']);
    const client = await connectRaw(first);
    const { jwt } = await login(client, 'slow');
    const asked = await Promise.all(Array.from({ length: 40 }, () => client.ask({ ...now, jwt })));
    const refused = asked.filter(({ error }) => error);
    assert.ok(refused.length >= 25 && refused.length < 40, String(refused.length));
    for (const { error } of refused) assert.deepEqual([error.status, error.id], [429, 'api.process.too_many_requests']);
    await client.close();
  });
});

describe('guessing', () => {
  before(() => open());
  after(close);

  test('a password gets slow, and the owner still gets in', async () => {
    await addUser('victim');
    const client = await connectRaw(first);
    const attempt = (guess) => client.ask(auth('login', { strategy: 'local', body: { username: 'victim', password: guess } }));
    const statuses = [];
    for (let i = 0; i < 16; i++) statuses.push((await attempt(`guess ${i}`)).status);
    assert.deepEqual(statuses.slice(0, 10), Array(10).fill(401));
    assert.ok(statuses.slice(10).filter((status) => status === 429).length >= 4, statuses.join(' '));
    await until('the owner gets in', async () => !(await attempt(password)).error, 10000);
    await client.close();
  });

  test('many at once learn no more than one after the other', async () => {
    await addUser('crowded');
    const attempt = async (guess) =>
      (await request(first, '/_login/local', { method: 'POST', body: { username: 'crowded', password: guess } })).status;
    const statuses = await Promise.all(Array.from({ length: 60 }, (_, i) => attempt(`guess ${i}`)));
    assert.equal(statuses.filter((status) => status === 401).length, 10, statuses.join(' '));
    assert.equal(statuses.filter((status) => status === 429).length, 50, statuses.join(' '));
  });
});

describe('a connection', () => {
  before(async () => {
    redis = await startRedis([]);
    first = await startServer({ redis: redis.url });
  });
  after(async () => {
    await first.stop();
    await redis.stop();
  });

  test('logs in once a second', async () => {
    const client = await connectRaw(first);
    const attempt = () => client.ask(auth('login', { strategy: 'local', body: { username: 'x', password: 'y' } }));
    const asked = await Promise.all([attempt(), attempt(), attempt(), attempt()]);
    const refused = asked.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 2);
    assert.equal(refused[0].error.id, 'api.process.too_many_logins_requests');
    await client.close();
  });

  test('an open server says so when it starts', () => assert.match(first.log, /everybody has every right/));
});

describe('cookies', () => {
  before(() => open());
  after(close);

  const post = (path, rest = {}) => request(first, path, { method: 'POST', ...rest });

  test('carry the token where the script must not see it', async () => {
    const { headers, body } = await post('/_login/local?cookieAuth', { body: { username: 'admin', password } });
    assert.equal(body.result.jwt, undefined);
    assert.equal(body.result._id, 'admin');
    const set = headers.get('set-cookie');
    assert.match(set, /^authToken=kauth-[^;]+; Path=\/; Expires=[^;]+ GMT; HttpOnly; SameSite=Strict$/);
    assert.ok(!JSON.stringify(body).includes('kauth-'));
    const cookie = set.split(';')[0];
    assert.equal((await request(second, '/_me', { headers: { cookie } })).body.result._id, 'admin');
    const checked = await post('/_checkToken?cookieAuth', { headers: { cookie } });
    assert.equal(checked.body.result.kuid, 'admin');
    const both = await request(first, '/_me', { headers: { cookie, authorization: `Bearer ${adminToken}` } });
    assert.equal(both.body.error.id, 'security.token.verification_error');
    const client = await connectRaw(second, { headers: { cookie } }); // a socket has the cookie of its upgrade
    assert.equal((await client.result(auth('getCurrentUser')))._id, 'admin');
    assert.equal((await client.result(auth('checkToken', { cookieAuth: true }))).kuid, 'admin');
    assert.equal((await client.failure(auth('getCurrentUser', { jwt: adminToken }))).id, 'security.token.verification_error');
    const out = await post('/_logout?cookieAuth', { headers: { cookie } });
    assert.match(out.headers.get('set-cookie'), /^authToken=null; Path=\/; HttpOnly; SameSite=Strict$/);
    assert.equal((await request(first, '/_me', { headers: { cookie } })).status, 401);
    await ends(client);
    assert.equal((await client.result(auth('checkToken', { cookieAuth: true }))).valid, false);
    await client.close();
  });

  test('may be turned off', async () => {
    const server = await startServer({ redis: redis.url, args: ['--http.cookieAuthentication', 'false'] });
    const login = await request(server, '/_login/local?cookieAuth', { method: 'POST', body: { username: 'admin', password } });
    assert.deepEqual([login.status, login.body.error.id], [500, 'security.cookie.unsupported']);
    const me = await request(server, '/_me', { headers: { cookie: `authToken=${adminToken}` } });
    assert.equal(me.body.result._id, '-1');
    await server.stop();
  });
});
