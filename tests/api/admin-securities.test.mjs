// admin-securities.test.mjs - users and rights loaded by one request, and both kinds of reset.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { connectAsker } from './lib/ask.mjs';
import { until } from './lib/process.mjs';
import { startNodes, startServer } from './lib/server.mjs';

const admin = (action, body, more = {}) => ({ controller: 'admin', action, body, ...more });
const security = (action, args = {}) => ({ controller: 'security', action, ...args });
const config = { limits: { loginsPerSecond: 1000 } };
const acknowledged = { acknowledge: true };
const secret = 'a secret of some length';
const login = (username) => ({ controller: 'auth', action: 'login', strategy: 'local', body: { username, password: secret } });
const local = (username) => ({ local: { username, password: secret } });

const permissions = {
  roles: { reader: { controllers: { document: { actions: { get: true } }, auth: { actions: { '*': true } } } } },
  profiles: { readers: { policies: [{ roleId: 'reader' }], rateLimit: 7 } },
  users: {
    ann: { content: { profileIds: ['readers'], name: 'Ann' }, credentials: local('ann') },
    bob: { content: { profileIds: ['readers', 'default'] } },
  },
};

describe('admin:loadSecurities', () => {
  let server;
  let asker;

  before(async () => {
    server = await startServer({ config });
    asker = await connectAsker(server, 'websocket');
  });
  after(async () => {
    await asker.close();
    await server.stop();
  });

  const user = (_id) => asker.result(security('getUser', { _id }));

  test('loads roles, then profiles of these roles, then users of these profiles', async () => {
    assert.deepEqual(await asker.result(admin('loadSecurities', permissions)), acknowledged);
    await server.logged(/admin:loadSecurities: 1 roles, 1 profiles and 2 users loaded, 0 users skipped/);
    assert.equal((await asker.result(security('getProfile', { _id: 'readers' })))._source.rateLimit, 7);
    assert.equal((await user('ann'))._source.name, 'Ann');
    assert.equal((await asker.result(login('ann')))._id, 'ann');
    assert.deepEqual(await asker.result(admin('loadSecurities', {})), acknowledged);
  });

  test('users that exist are an error, or skipped, or replaced with all that is theirs', async () => {
    const { jwt } = await asker.result(login('ann'));
    await asker.fails(admin('loadSecurities', { roles: { later: permissions.roles.reader }, users: permissions.users }), 400,
      'security.user.prevent_overwrite');
    await asker.fails(security('getRole', { _id: 'later' }), 404, 'security.role.not_found'); // nothing at all was done
    const users = {
      ann: { content: { profileIds: ['default'], name: 'Other' }, credentials: local('ann2') },
      eve: { content: { profileIds: ['readers'] } },
    };
    await asker.result(admin('loadSecurities', { users }, { onExistingUsers: 'skip' }));
    await server.logged(/0 roles, 0 profiles and 1 users loaded, 1 users skipped/);
    assert.equal((await user('ann'))._source.name, 'Ann');
    assert.deepEqual((await user('eve'))._source.profileIds, ['readers']);
    assert.equal((await asker.ask({ controller: 'auth', action: 'getCurrentUser', jwt })).result._id, 'ann');

    await asker.result(admin('loadSecurities', { users }, { onExistingUsers: 'overwrite' }));
    assert.equal((await user('ann'))._source.name, 'Other');
    assert.equal((await asker.ask(login('ann'))).error.id, 'plugin.strategy.missing_user');
    assert.equal((await asker.result(login('ann2')))._id, 'ann');
    assert.equal((await asker.ask({ controller: 'auth', action: 'getCurrentUser', jwt })).error.id, 'security.token.invalid');
    await asker.fails(admin('loadSecurities', { users }, { onExistingUsers: 'keep' }), 400, 'api.assert.invalid_argument');
  });

  test('one that is wrong keeps all from being loaded', async () => {
    const good = { content: { profileIds: ['default'] } };
    const refused = async (body, status, id, text, more = {}) => {
      const error = await asker.fails(admin('loadSecurities', { ...body, users: { nice: good, ...body.users } }, more), status, id);
      assert.match(error.message, text);
      await asker.fails(security('getUser', { _id: 'nice' }), 404, 'security.user.not_found');
    };
    await refused({ roles: { r: { controllers: {} } } }, 400, 'api.assert.empty_argument', /r\.controllers/);
    await refused({ roles: { r: { controllers: { what: { actions: { '*': true } } } } } }, 400, 'security.role.unknown_controller', /what/);
    await refused({ roles: { r: 7 } }, 400, 'api.assert.invalid_argument', /body\.roles\.r/);
    await refused({ profiles: { p: { policies: [{ roleId: 'gone' }] } } }, 404, 'security.role.not_found', /gone/);
    await refused({ users: { u: { content: { profileIds: ['gone'] } } } }, 404, 'security.profile.not_found', /gone/);
    await refused({ users: { u: { content: {} } } }, 400, 'api.assert.missing_argument', /body\.users\.u\.content\.profileIds/);
    await refused({ users: { u: {} } }, 400, 'api.assert.invalid_argument', /body\.users\.u\.content/);
    await refused({ users: { u: { ...good, credentials: { other: {} } } } }, 400, 'security.credentials.unknown_strategy', /other/);
    await refused({ users: { u: { ...good, credentials: { local: { username: 'u' } } } } }, 400, undefined, /assword/);
    await refused({ roles: [] }, 400, 'api.assert.invalid_type', /body\.roles/);
    await asker.fails(admin('loadSecurities'), 400, 'api.assert.body_required');
    // A role of a plugin that is not there yet.
    const plugin = { roles: { r: { controllers: { 'later/things': { actions: { make: true } } } } } };
    await refused(plugin, 400, 'security.role.unknown_controller', /later/);
    await asker.result(admin('loadSecurities', plugin, { force: true }));
  });

  test('more than one commit holds is loaded all the same, and again', async () => {
    const many = (count, prefix, make) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, make(i)]));
    const body = {
      roles: many(450, 'role', () => permissions.roles.reader),
      profiles: many(450, 'profile', (i) => ({ policies: [{ roleId: `role${449 - i}` }] })),
      users: many(60, 'member', (i) => ({ content: { profileIds: [`profile${449 - i}`] }, credentials: i < 5 ? local(`member${i}`) : undefined })),
    };
    for (const onExistingUsers of ['fail', 'overwrite', 'skip']) {
      assert.deepEqual(await asker.result(admin('loadSecurities', body, { onExistingUsers })), acknowledged);
      const { hits } = await asker.result(security('mGetUsers', { body: { ids: Object.keys(body.users) } }));
      assert.equal(hits.length, 60);
      assert.deepEqual((await user('member59'))._source.profileIds, ['profile390']);
      assert.equal((await asker.result(login('member4')))._id, 'member4');
    }
    assert.ok(!server.log.includes(secret));
  });
});

describe('resets, on two nodes', () => {
  let nodes;
  let askers;

  before(async () => {
    nodes = await startNodes(2, { config });
    askers = await Promise.all(nodes.servers.map((server) => connectAsker(server, 'websocket')));
  });
  after(async () => {
    await Promise.all(askers.map((asker) => asker.close()));
    await nodes.stop();
  });

  test('resetSecurity leaves the rights of a new server and nobody logged in', async () => {
    const [one, two] = askers;
    await one.result(admin('loadSecurities', permissions));
    await one.result(security('createFirstAdmin', { _id: 'root', reset: true, body: { credentials: local('root') } }));
    const { jwt } = await one.result(login('root'));
    const key = await one.result({ ...security('createApiKey', { userId: 'root', body: { description: 'k' } }), jwt });
    await two.fails(security('getUser', { _id: 'root' }), 401, 'security.rights.unauthorized');
    assert.deepEqual(await one.result({ ...admin('resetSecurity'), jwt }), { deletedUsers: 3, deletedProfiles: 1 });
    await nodes.servers[0].logged(/admin:resetSecurity: 3 users and 1 profiles deleted/);
    for (const token of [jwt, key._source.token])
      await one.fails({ controller: 'auth', action: 'getCurrentUser', jwt: token }, 401, 'security.token.invalid');
    assert.equal((await one.ask(login('root'))).error.id, 'plugin.strategy.missing_user');
    for (const asker of askers) {
      const adminExists = async () => (await asker.result({ controller: 'server', action: 'adminExists' })).exists;
      await until('it has heard of it', async () => !await adminExists());
      for (const [action, _id, id] of [['getUser', 'ann', 'security.user.not_found'], ['getRole', 'reader', 'security.role.not_found'],
        ['getProfile', 'readers', 'security.profile.not_found']])
        await asker.fails(security(action, { _id }), 404, id);
      for (const _id of ['admin', 'default', 'anonymous'])
        assert.deepEqual((await asker.result(security('getRole', { _id })))._source.controllers, { '*': { actions: { '*': true } } });
      assert.deepEqual((await asker.result(security('searchApiKeys', { userId: 'root' }))).hits, []);
    }
    // And everything can begin again.
    await two.result(admin('loadSecurities', permissions));
    assert.equal((await one.result(login('ann')))._id, 'ann');
  });

  test('resetDatabase deletes what clients have made, and the device manager goes on', async () => {
    const [one, two] = askers;
    const mappings = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`index${i}`, { c: {} }]));
    await one.result(admin('loadMappings', mappings));
    await one.result({ controller: 'device-manager/engine', action: 'create', index: 'tenant-reset' });
    await one.result({ controller: 'document', action: 'create', index: 'index7', collection: 'c', _id: 'd', body: {} });
    assert.deepEqual(await two.result(admin('resetDatabase')), acknowledged);
    await nodes.servers[1].logged(/admin:resetDatabase: \d+ indexes deleted, 0 left/);
    for (const asker of askers) {
      const { indexes } = await asker.result({ controller: 'index', action: 'list' });
      assert.deepEqual(indexes, ['device-manager']);
      await asker.fails({ controller: 'document', action: 'get', index: 'index7', collection: 'c', _id: 'd' }, 412,
        'services.storage.unknown_index');
    }
    await one.result({ controller: 'device-manager/engine', action: 'create', index: 'tenant-reset' });
    await one.result(admin('loadMappings', { index7: { c: {} } }));
    assert.equal((await two.result({ controller: 'document', action: 'count', index: 'index7', collection: 'c' })).count, 0);
    assert.equal((await one.result(security('getUser', { _id: 'ann' })))._id, 'ann'); // users are no index of a client's
  });

  test('of several resets at once one is done and the others are refused', async () => {
    for (const action of ['resetDatabase', 'resetSecurity']) {
      const answers = await Promise.all([0, 1, 0, 1].map((i) => askers[i].ask(admin(action))));
      const errors = answers.map(({ error }) => error?.id).filter((id) => id !== undefined);
      assert.ok(errors.every((id) => id === 'api.process.action_locked'), errors.join());
      assert.ok(errors.length > 0 && errors.length < 4, `${errors.length} of 4 were refused`);
      await askers[0].result(admin(action)); // the lock is given back
    }
  });
});

describe('the roles of the device manager', () => {
  const ids = ['assets.admin', 'assets.configuration', 'assets.creation', 'assets.reader', 'assetsGroup.admin', 'assetsGroup.reader',
    'decoders.admin', 'devices.admin', 'devices.assetAssociation', 'devices.configuration', 'devices.creation',
    'devices.platform-admin', 'devices.reader', 'measures.admin', 'measures.reader', 'payloads.all'];
  let server;
  let asker;

  before(async () => {
    server = await startServer();
    asker = await connectAsker(server, 'websocket');
  });
  after(async () => {
    await asker.close();
    await server.stop();
  });

  const controllersOf = async (_id) => (await asker.result(security('getRole', { _id })))._source.controllers;

  test('are there from the start, and give rights to actions that are there', async () => {
    const { hits } = await asker.result(security('searchRoles', { body: { query: { ids: { values: ids } } } }));
    assert.deepEqual(hits.map((hit) => hit._id).sort(), ids);
    const api = await asker.result({ controller: 'server', action: 'publicApi' });
    for (const { _id, _source } of hits) {
      for (const [controller, { actions }] of Object.entries(_source.controllers)) {
        assert.ok(controller in api, `${_id}: ${controller}`);
        for (const [action, allowed] of Object.entries(actions)) {
          assert.ok(action === '*' || action in api[controller], `${_id}: ${controller}:${action}`);
          assert.equal(allowed, true);
        }
      }
    }
    assert.deepEqual(await controllersOf('assetsGroup.admin'), {
      'device-manager/assetsGroup': { actions: { '*': true } },
      'device-manager/models': { actions: { listGroups: true, getGroup: true } },
    });
    assert.deepEqual(Object.keys((await controllersOf('devices.admin'))['device-manager/devices'].actions).sort(),
      ['attachEngine', 'create', 'detachEngine', 'exportMeasures', 'get', 'getMeasures', 'linkAsset', 'search', 'unlinkAsset', 'update']);
  });

  test('stay as an administrator has changed them, and come back when they are missing', async () => {
    const controllers = { 'device-manager/assets': { actions: { get: true } } };
    await asker.result(security('updateRole', { _id: 'assets.reader', body: { controllers } }));
    await asker.result(security('deleteRole', { _id: 'assets.creation' }));
    await asker.close();
    await server.stop({ keep: true });
    await server.start();
    asker = await connectAsker(server, 'websocket');
    assert.deepEqual(await controllersOf('assets.reader'), controllers);
    assert.deepEqual(Object.keys(await controllersOf('assets.creation')), ['device-manager/assets']);
    await asker.result(admin('resetSecurity'));
    assert.ok(Object.keys((await controllersOf('assets.reader'))['device-manager/assets'].actions).length > 1);
  });
});
