// security-rights.test.mjs - roles and profiles: what they may be, who uses them, what they give.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { connectAsker, names } from './lib/ask.mjs';
import { connectBoth } from './lib/clients.mjs';
import { protocolNames } from './lib/sdk.mjs';
import { startNodes, startServer } from './lib/server.mjs';

const security = (action, args = {}) => ({ controller: 'security', action, ...args });
const open = { controllers: { '*': { actions: { '*': true } } } };
const reader = { controllers: { document: { actions: { get: true, search: true, create: false } } } };
const withoutInfo = ({ _id, _source: { _kuzzle_info: info, ...source } }) => {
  assert.equal(typeof info.createdAt, 'number');
  return { _id, _source: source };
};

for (const protocol of protocolNames) {
  describe(`roles and profiles over ${protocol}`, () => {
    let server;
    let kuzzle;
    let asker;
    const role = names(`role-${protocol}`);
    const profile = names(`profile-${protocol}`);

    before(async () => { server = await startServer(); });
    connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });
    after(() => server.stop());

    const have = async (policies = undefined) => {
      const [roleId, _id] = [role(), profile()];
      await asker.result(security('createRole', { _id: roleId, body: reader }));
      await asker.result(security('createProfile', { _id, body: { policies: policies?.(roleId) ?? [{ roleId }] } }));
      return { roleId, _id };
    };

    test('the three roles and profiles of a new server let everybody do everything', async () => {
      for (const _id of ['admin', 'default', 'anonymous']) {
        assert.deepEqual((await kuzzle.security.getRole(_id)).controllers, open.controllers);
        const { _source } = await asker.result(security('getProfile', { _id }));
        assert.deepEqual(_source.policies, [{ roleId: _id }]);
      }
    });

    test('a role is created, read, replaced and deleted', async () => {
      const _id = role();
      const created = await asker.result(security('createRole', { _id, body: { ...reader, tags: ['x'], more: 1 } }));
      assert.deepEqual(withoutInfo(created), { _id, _source: { ...reader, tags: ['x'], more: 1 } });
      assert.equal(created._source._kuzzle_info.author, '-1');
      await asker.fails(security('createRole', { _id, body: reader }), 400, 'services.storage.document_already_exists');
      assert.deepEqual(await asker.result(security('getRole', { _id })), created);
      const updated = await asker.result(security('updateRole', { _id, body: open }));
      assert.deepEqual(withoutInfo(updated), { _id, _source: open }); // nothing is merged
      assert.equal(updated._source._kuzzle_info.createdAt, created._source._kuzzle_info.createdAt);
      assert.equal(updated._source._kuzzle_info.updater, '-1');
      const put = await asker.result(security('createOrReplaceRole', { _id, body: reader }));
      assert.deepEqual(withoutInfo(put), { _id, _source: reader });
      const next = role();
      await asker.result(security('createOrReplaceRole', { _id: next, body: reader }));
      assert.deepEqual(await asker.result(security('deleteRole', { _id })), { _id });
      for (const action of ['getRole', 'deleteRole'])
        await asker.fails(security(action, { _id }), 404, 'security.role.not_found');
      await asker.fails(security('updateRole', { _id, body: reader }), 404, 'security.role.not_found');
    });

    test('what a client says of _id and _kuzzle_info is not stored', async () => {
      const _id = role();
      const { _source } = await asker.result(security('createRole',
        { _id, body: { ...reader, _id: 'other', _kuzzle_info: { author: 'me' } } }));
      assert.ok(!('_id' in _source));
      assert.equal(_source._kuzzle_info.author, '-1');
    });

    test('a wrong role is refused with what is wrong', async () => {
      const refused = async (body, id, text, more = {}) => {
        for (const action of ['createRole', 'createOrReplaceRole']) {
          const error = await asker.fails(security(action, { _id: 'wrong', body, ...more }), 400, id);
          assert.match(error.message, text);
        }
      };
      await refused({ controllers: {} }, 'api.assert.empty_argument', /controllers/);
      await refused({ controllers: { document: 1 } }, 'api.assert.invalid_type', /document/);
      await refused({ controllers: { document: {} } }, 'api.assert.empty_argument', /document/);
      await refused({ controllers: { document: { other: 1 } } }, 'api.assert.missing_argument', /document/);
      await refused({ controllers: { document: { actions: [] } } }, 'api.assert.invalid_type', /actions/);
      await refused({ controllers: { document: { actions: {} } } }, 'api.assert.empty_argument', /actions/);
      await refused({ controllers: { document: { actions: { get: 'yes' } } } }, 'api.assert.invalid_type', /get/);
      await refused({ controllers: { document: { actions: { gte: true } } } }, 'security.role.unknown_action', /gte/);
      await refused({ controllers: { '*': { actions: { get: true } } } }, 'security.role.unknown_action', /get/);
      await refused({ controllers: { documents: { actions: { '*': true } } } }, 'security.role.unknown_controller', /documents/);
      await refused({}, 'api.assert.missing_argument', /controllers/);
      await refused(undefined, 'api.assert.body_required', /body/);
      const _id = role();
      await asker.result(security('createRole', { _id, body: reader }));
      await asker.fails(security('updateRole', { _id, body: { tags: [] } }), 400, 'api.assert.missing_argument');
      assert.deepEqual(withoutInfo(await asker.result(security('getRole', { _id })))._source, reader);
      // A native controller's actions are known for certain; another's may come with a plugin.
      await refused({ controllers: { document: { actions: { gte: true } } } }, 'security.role.unknown_action', /gte/, { force: true });
      await asker.result(security('createRole', {
        _id: role(), force: true, body: { controllers: { 'my-plugin/things': { actions: { make: true } } } } }));
      await asker.result(security('createRole', {
        _id: role(), body: { controllers: { 'device-manager/assets': { actions: { update: true } } } } }));
    });

    test('anonymous must always be able to log in', async () => {
      const body = { controllers: { server: { actions: { now: true } } } };
      for (const action of ['updateRole', 'createOrReplaceRole'])
        await asker.fails(security(action, { _id: 'anonymous', body }), 400, 'security.role.login_required');
      const hidden = { controllers: { auth: { actions: { checkToken: true } }, '*': { actions: { '*': true } } } }; // by the exact one
      await asker.fails(security('updateRole', { _id: 'anonymous', body: hidden }), 400, 'security.role.login_required');
      await asker.fails(security('updateProfile', { _id: 'anonymous', body: { policies: [{ roleId: 'default' }] } }), 400,
        'security.profile.missing_anonymous_role');
    });

    test('the roles and profiles that the server needs are not deleted', async () => {
      for (const _id of ['admin', 'default', 'anonymous']) {
        await asker.fails(security('deleteRole', { _id }), 400, 'security.role.cannot_delete');
        await asker.fails(security('deleteProfile', { _id }), 400, 'security.profile.cannot_delete');
        await asker.fails(security('deleteProfile', { _id, onAssignedUsers: 'remove' }), 400, 'security.profile.cannot_delete');
      }
    });

    test('a profile is created, read, changed and deleted', async () => {
      const { roleId, _id } = await have();
      assert.deepEqual(withoutInfo(await asker.result(security('getProfile', { _id }))),
        { _id, _source: { policies: [{ roleId }], rateLimit: 0 } });
      const changes = { rateLimit: 50, tags: ['t'], optimizedPolicies: [{ roleId }] };
      const changed = await asker.result(security('updateProfile', { _id, body: changes }));
      assert.deepEqual(withoutInfo(changed), { _id, _source: { policies: [{ roleId }], rateLimit: 50, tags: ['t'] } });
      assert.equal(changed._source._kuzzle_info.updater, '-1');
      const policies = [{ roleId, restrictedTo: [{ index: 'i', collections: ['c'] }, { index: 'j' }] }];
      await asker.fails(security('createProfile', { _id, body: { policies } }), 400, 'services.storage.document_already_exists');
      const put = await asker.result(security('createOrReplaceProfile', { _id, body: { policies } }));
      assert.deepEqual(withoutInfo(put)._source, { policies, rateLimit: 0 });
      assert.deepEqual(await asker.result(security('deleteProfile', { _id })), { _id });
      for (const [action, body] of [['getProfile'], ['deleteProfile'], ['getProfileRights'], ['updateProfile', {}]])
        await asker.fails(security(action, { _id, body }), 404, 'security.profile.not_found');
    });

    test('a profile without policies has the role "default"', async () => {
      const { _source } = await asker.result(security('createProfile', { _id: profile(), body: { policies: [] } }));
      assert.deepEqual(_source.policies, [{ roleId: 'default' }]);
    });

    test('a wrong profile is refused with what is wrong', async () => {
      const refused = async (body, status, id, text, more = {}) => {
        for (const action of ['createProfile', 'createOrReplaceProfile']) {
          const error = await asker.fails(security(action, { _id: 'wrong', body, ...more }), status, id);
          assert.match(error.message, text);
        }
      };
      const policy = (more) => ({ policies: [{ roleId: 'default', ...more }] });
      await refused({}, 400, 'api.assert.missing_argument', /policies/);
      await refused({ policies: 'x' }, 400, 'api.assert.invalid_type', /policies/);
      await refused({ policies: [{}] }, 400, 'api.assert.missing_argument', /policies\[0\]\.roleId/);
      await refused({ policies: ['x'] }, 400, 'api.assert.invalid_type', /policies\[0\]/);
      await refused(policy({ other: 1 }), 400, 'api.assert.unexpected_argument', /other/);
      await refused(policy({ restrictedTo: {} }), 400, 'api.assert.invalid_type', /restrictedTo/);
      await refused(policy({ restrictedTo: ['i'] }), 400, 'api.assert.invalid_type', /restrictedTo\[/);
      await refused(policy({ restrictedTo: [{ index: 'i' }, {}] }), 400, 'api.assert.missing_argument', /restrictedTo\[1\]\.index/);
      await refused(policy({ restrictedTo: [{ index: 'i', collections: 'c' }] }), 400, 'api.assert.invalid_type', /collections/);
      await refused(policy({ restrictedTo: [{ index: 'i', more: 1 }] }), 400, 'api.assert.unexpected_argument', /more/);
      await refused({ policies: [{ roleId: 'nobody-has-it' }] }, 404, 'security.role.not_found', /nobody-has-it/);
      await refused({ policies: [], rateLimit: 'x' }, 400, 'api.assert.invalid_type', /rateLimit/);
      await refused({ policies: [], rateLimit: 1.5 }, 400, 'api.assert.invalid_type', /rateLimit/);
      await refused({ policies: [], rateLimit: -1 }, 400, 'api.assert.invalid_argument', /rateLimit/);
    });

    test('strict restrictions are to indexes and collections that are there', async () => {
      const index = `strict-${protocol}`;
      await kuzzle.index.create(index);
      await kuzzle.collection.create(index, 'there', {});
      const ask = (restrictedTo) => security('createOrReplaceProfile',
        { _id: 'strict', strict: true, body: { policies: [{ roleId: 'default', restrictedTo }] } });
      await asker.fails(ask([{ index: 'not-there' }]), 412, 'services.storage.unknown_index');
      const error = await asker.fails(ask([{ index, collections: ['there', 'gone'] }]), 412, 'services.storage.unknown_collection');
      assert.match(error.message, /gone/);
      await asker.result(ask([{ index, collections: ['there'] }, { index }]));
    });

    test('what is in use is not deleted', async () => {
      const { roleId, _id } = await have();
      const error = await asker.fails(security('deleteRole', { _id: roleId }), 412, 'security.role.in_use');
      assert.ok(error.message.includes(roleId));
      const { _id: kuid } = await asker.result(security('createUser', { body: { content: { profileIds: [_id] } } }));
      await asker.fails(security('deleteProfile', { _id }), 412, 'security.profile.in_use');
      await asker.result(security('deleteUser', { _id: kuid }));
      await asker.result(security('deleteProfile', { _id }));
      await asker.result(security('deleteRole', { _id: roleId }));
    });

    test('a profile can be taken away from its users', async () => {
      const { _id } = await have();
      const make = (profileIds) => asker.result(security('createUser', { body: { content: { profileIds, name: 'n' } } }));
      const [both, only] = [await make([_id, 'default']), await make([_id])];
      assert.deepEqual(await asker.result(security('deleteProfile', { _id, onAssignedUsers: 'remove' })), { _id });
      const [left, none] = [await kuzzle.security.getUser(both._id), await kuzzle.security.getUser(only._id)];
      assert.deepEqual([left._source.profileIds, none._source.profileIds], [['default'], ['anonymous']]);
      assert.equal(none._source.name, 'n');
      await asker.fails(security('getProfile', { _id }), 404, 'security.profile.not_found');
      await asker.fails(security('deleteProfile', { _id, onAssignedUsers: 'what' }), 400, 'api.assert.invalid_argument');
    });

    test('several are read and deleted at once, and those that stay are told', async () => {
      const used = await have();
      const free = [await have(), await have()];
      const ids = [free[0]._id, 'gone', used._id, 'admin', free[1]._id];
      await asker.result(security('createUser', { body: { content: { profileIds: [used._id] } } }));
      assert.deepEqual((await asker.result(security('mGetProfiles', { body: { ids: [free[0]._id, used._id] } }))).hits
        .map((hit) => hit._id), [free[0]._id, used._id]);
      await asker.fails(security('mGetProfiles', { body: { ids } }), 404, 'security.profile.not_found');
      const { status, error, result } = await asker.ask(security('mDeleteProfiles', { body: { ids } }));
      assert.equal(status, 206);
      assert.deepEqual(result, [free[0]._id, free[1]._id]);
      assert.equal(error.id, 'services.storage.incomplete_delete');
      assert.equal(error.count, 3);
      assert.deepEqual(error.errors.map(({ id }) => id),
        ['security.profile.not_found', 'security.profile.in_use', 'security.profile.cannot_delete']);
      const roleIds = [free[0].roleId, free[1].roleId];
      assert.deepEqual((await kuzzle.security.mGetRoles(roleIds)).map(({ _id }) => _id), roleIds);
      await asker.fails(security('mGetRoles', { body: { ids: ['gone'] } }), 404, 'security.role.not_found');
      assert.deepEqual(await kuzzle.security.mDeleteRoles(roleIds), roleIds);
      const more = Array.from({ length: 201 }, (_, i) => `r${i}`);
      for (const action of ['mDeleteRoles', 'mDeleteProfiles', 'mDeleteUsers'])
        await asker.fails(security(action, { body: { ids: more } }), 413, 'services.storage.write_limit_exceeded');
    });

    test('the rights of a profile are one entry for each controller, action, index and collection', async () => {
      const { _id } = await have((roleId) => [
        { roleId, restrictedTo: [{ index: 'i', collections: ['a', 'b'] }, { index: 'j' }] }]);
      const { hits, total } = await asker.result(security('getProfileRights', { _id }));
      assert.equal(total, 9);
      const right = (action, index, collection, value) => ({ controller: 'document', action, index, collection, value });
      for (const [action, value] of [['get', 'allowed'], ['search', 'allowed'], ['create', 'denied']])
        for (const [index, collection] of [['i', 'a'], ['i', 'b'], ['j', '*']])
          assert.ok(hits.some((hit) => {
            try { assert.deepEqual(hit, right(action, index, collection, value)); return true; } catch { return false; }
          }), `${action} ${index} ${collection}`);
      assert.deepEqual(await asker.result(security('getProfileRights', { _id: 'admin' })),
        { hits: [{ controller: '*', action: '*', index: '*', collection: '*', value: 'allowed' }], total: 1 });
    });

    test('they are searched for', async () => {
      const { roleId, _id } = await have();
      const found = await kuzzle.security.searchProfiles({ query: { term: { 'policies.roleId': roleId } } });
      assert.deepEqual(found.hits.map((hit) => hit._id), [_id]);
      assert.equal(found.total, 1);
      const legacy = await asker.result(security('searchProfiles', { body: { roles: [roleId] } }));
      assert.deepEqual(legacy.hits.map((hit) => hit._id), [_id]);
      await asker.fails(security('searchProfiles', { body: { roles: [roleId], query: {} } }), 400, undefined);
      const all = await asker.result(security('searchProfiles', { body: { roles: [] } }));
      assert.ok(all.total > 3);
      const koncorde = await asker.result(security('searchProfiles', {
        lang: 'koncorde', body: { query: { equals: { 'policies.roleId': roleId } } } }));
      assert.deepEqual(koncorde.hits.map((hit) => hit._id), [_id]);

      await asker.result(security('createRole', { _id: role(), body: { controllers: { realtime: { actions: { join: true } } } } }));
      const roles = await asker.result(security('searchRoles', { body: { controllers: ['realtime'] } }));
      assert.ok(roles.hits.length >= 4); // those with "*" too
      assert.ok(roles.hits.every(({ _source: { controllers } }) => controllers['*'] || controllers.realtime));
      const page = await asker.result(security('searchRoles', { body: { controllers: ['realtime'] }, from: 1, size: 2 }));
      assert.deepEqual(page, { hits: roles.hits.slice(1, 3), total: roles.total });
      await asker.fails(security('searchRoles', { body: { controllers: ['a'], query: {} } }), 400, undefined);
      await asker.fails(security('searchRoles', { body: { what: 1 } }), 400, 'services.storage.invalid_search_query');
      const byId = await asker.result(security('searchRoles', { body: { query: { ids: { values: [roleId] } } } }));
      assert.deepEqual(byId.hits.map((hit) => [hit._id, hit._source.controllers]), [[roleId, reader.controllers]]);
      assert.ok(!('index' in byId.hits[0]));
      await asker.fails(security('searchRoles', { size: 20000 }), 413, 'services.storage.get_limit_exceeded');
    });

    test('a search for profiles is scrolled', async () => {
      for (let i = 0; i < 3; i++) await have();
      const first = await asker.result(security('searchProfiles', { size: 2, scroll: '10s', body: {} }));
      assert.equal(first.hits.length, 2);
      const ids = first.hits.map((hit) => hit._id);
      for (let page = first; ids.length < first.total;) {
        page = await asker.result(security('scrollProfiles', { scrollId: page.scrollId }));
        ids.push(...page.hits.map((hit) => hit._id));
      }
      assert.equal(new Set(ids).size, first.total);
      await asker.fails(security('scrollProfiles', { scrollId: first.scrollId }), 404, 'services.storage.unknown_scroll_id');
      await asker.fails(security('scrollUsers', { scrollId: 'x' }), 404, 'services.storage.unknown_scroll_id');
    });

    test('mappings are shown and extended, and refresh knows three collections', async () => {
      const { mapping } = await asker.result(security('getProfileMapping'));
      assert.equal(mapping.policies.properties.roleId.type, 'keyword');
      const { properties } = await asker.result(security('updateRoleMapping',
        { body: { properties: { team: { type: 'keyword' } } } }));
      assert.equal(properties.team.type, 'keyword');
      assert.equal((await asker.result(security('getRoleMapping'))).mapping.team.type, 'keyword');
      const _id = role();
      await asker.result(security('createRole', { _id, body: { ...reader, team: 'red' } }));
      const found = await asker.result(security('searchRoles', { body: { query: { term: { team: 'red' } } } }));
      assert.deepEqual(found.hits.map((hit) => hit._id), [_id]);
      await asker.fails(security('updateRoleMapping', { body: { properties: { team: { type: 'integer' } } } }), 400,
        'services.storage.cannot_change_mapping');
      await asker.fails(security('updateProfileMapping'), 400, 'api.assert.body_required');
      for (const collection of ['users', 'profiles', 'roles'])
        assert.equal(await asker.result(security('refresh', { collection })), null);
      await asker.fails(security('refresh', { collection: 'tokens' }), 400, 'api.assert.unexpected_argument');
    });
  });
}

describe('on two nodes', () => {
  let nodes;
  let askers;

  before(async () => {
    nodes = await startNodes(2);
    askers = await Promise.all(nodes.servers.map((server) => connectAsker(server, 'websocket')));
  });
  after(async () => {
    await Promise.all(askers.map((asker) => asker.close()));
    await nodes.stop();
  });

  /** Both at once, in either order: [what the first answered, what the second answered]. */
  const race = (i, first, second) => (i % 2 === 0
    ? Promise.all([askers[0].ask(first), askers[1].ask(second)])
    : Promise.all([askers[1].ask(second), askers[0].ask(first)]).then(([a, b]) => [b, a]));

  test('a role is never both deleted and taken by a profile', async () => {
    const wins = { deleted: 0, taken: 0 };
    for (let i = 0; i < 40; i++) {
      const [roleId, _id] = [`racing-${i}`, `racer-${i}`];
      await askers[0].result(security('createRole', { _id: roleId, body: reader }));
      const [deleted, taken] = await race(i, security('deleteRole', { _id: roleId }),
        security('createProfile', { _id, body: { policies: [{ roleId }] } }));
      assert.equal(deleted.error === null, taken.error !== null, `${i}: ${deleted.error?.id}, ${taken.error?.id}`);
      if (deleted.error === null) assert.equal(taken.error.id, 'security.role.not_found');
      else assert.equal(deleted.error.id, 'security.role.in_use');
      wins[deleted.error === null ? 'deleted' : 'taken']++;
    }
    assert.equal(wins.deleted + wins.taken, 40);
  });

  test('a profile is never both deleted and given to a user', async () => {
    for (let i = 0; i < 40; i++) {
      const [profileId, _id] = [`wanted-${i}`, `wanting-${i}`];
      await askers[0].result(security('createProfile', { _id: profileId, body: { policies: [] } }));
      const [deleted, given] = await race(i, security('deleteProfile', { _id: profileId }),
        security('createUser', { _id, body: { content: { profileIds: [profileId] } } }));
      assert.equal(deleted.error === null, given.error !== null, `${i}: ${deleted.error?.id}, ${given.error?.id}`);
      if (deleted.error === null) assert.equal(given.error.id, 'security.profile.not_found');
      else assert.equal(deleted.error.id, 'security.profile.in_use');
    }
  });

  test('of two first admins one is the first', async () => {
    const admin = (username) => security('createFirstAdmin',
      { _id: username, body: { credentials: { local: { username, password: 'secret' } } } });
    const answers = await race(0, admin('ann'), admin('bob'));
    assert.deepEqual(answers.map(({ error }) => error?.id ?? null).sort(), ['api.process.admin_exists', null]);
  });

  test('users that two delete at the same moment are deleted once', async () => {
    for (let i = 0; i < 5; i++) {
      const ids = Array.from({ length: 12 }, (_, k) => `twice-${i}-${k}`);
      await Promise.all(ids.map((_id, k) => askers[k % 2].result(security('createUser', { _id, body: { content: { profileIds: ['default'] } } }))));
      const answers = await race(i, security('mDeleteUsers', { body: { ids: [...ids, ids[0]] } }),
        security('mDeleteUsers', { body: { ids: [...ids].reverse() } }));
      const deleted = answers.map(({ result }) => [...new Set(result)]);
      assert.deepEqual(deleted.flat().sort(), [...ids].sort());
      for (const { error, result } of answers)
        assert.equal(error === null, result.length >= 12, error?.message);
      assert.deepEqual((await askers[0].result(security('mGetUsers', { body: { ids } }))).hits, []);
    }
  });

  test('taking a profile from more users than one commit holds is finished, and visible on the other node', async () => {
    await askers[0].result(security('createProfile', { _id: 'crowd', body: { policies: [] } }));
    for (let i = 0; i < 900; i += 100)
      await Promise.all(Array.from({ length: 100 }, (_, k) => askers[k % 2].result(security('createUser',
        { _id: `member-${i + k}`, body: { content: { profileIds: k % 3 ? ['crowd'] : ['crowd', 'default'] } } }))));
    await askers[0].result(security('deleteProfile', { _id: 'crowd', onAssignedUsers: 'remove' }));
    const { total } = await askers[1].result(security('searchUsers', { body: { query: { term: { profileIds: 'crowd' } } } }));
    assert.equal(total, 0);
    const left = await askers[1].result(security('searchUsers', { size: 0, body: { query: { terms: { profileIds: ['anonymous', 'default'] } } } }));
    assert.equal(left.total, 900);
    await askers[1].fails(security('getProfile', { _id: 'crowd' }), 404, 'security.profile.not_found');
  });
});
