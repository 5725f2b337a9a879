// access.test.mjs - the access matrix: every action of protocol/, by every name and route it has, against a few sets of
// rights. It is made from protocol/, so an action that is added there is in it. What is expected is worked out here
// anew from the words of the reference (kuzzle-semantics.md 4.6), not with the server's code.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const protocol = fileURLToPath(new URL('../../protocol/', import.meta.url));
const password = 'p';

const files = ['kuzzle', 'device-manager'].flatMap((dir) => readdirSync(join(protocol, dir))
  .map((name) => JSON.parse(readFileSync(join(protocol, dir, name), 'utf8'))));

/** {controller, action: as asked; target: the names that rights are about; http: routes} of all there is. */
const actions = files.flatMap(({ controller, actions: own, also = [], aliases = {} }) => {
  const list = [];
  for (const [action, { http = [] }] of Object.entries(own)) {
    list.push({ controller, action, target: [controller, action], http });
    for (const name of also) list.push({ controller: name, action, target: [name, action], http: [] });
  }
  for (const [asked, target] of Object.entries(aliases)) {
    const [name, action] = asked.split(/:(?=[^:]*$)/);
    const names = action === '*' ? Object.keys(own).map((each) => [each, each]) : [[action, target]];
    for (const [each, real] of names)
      list.push({ controller: name, action: each, target: [controller, real], http: [] });
  }
  return list;
});

const on = (controller, ...names) => ({ [controller]: { actions: Object.fromEntries(names.map((name) => [name, true])) } });

/** Roles by name. */
const roles = {
  nothing: on('server', 'now'),
  documents: on('document', '*'),
  'all-but-security': { '*': { actions: { '*': true } }, security: { actions: { getUser: true } }, admin: { actions: { '*': false } } },
  'some-denied': { document: { actions: { '*': true, delete: false, mDelete: false } }, index: { actions: { create: false } } },
  storage: { ms: { actions: { get: true, '*': false } } },
  assets: { ...on('device-manager/assets', '*'), ...on('device-manager/models', 'listAssets', 'writeAsset') },
};

/** What a role says of an action: an exact name hides "*", of the controller and of the action. */
function allows(role, [controller, action]) {
  const same = ['ms', 'memoryStorage'];
  const names = same.includes(controller) ? [...same, controller] : [controller];
  const name = names.find((each) => Object.hasOwn(role, each)) ?? '*';
  const rule = role[name]?.actions ?? {};
  return (Object.hasOwn(rule, action) ? rule[action] : rule['*']) === true;
}

const anonymous = {
  ...on('auth', 'checkToken', 'getCurrentUser', 'getMyRights', 'login'),
  ...on('server', 'publicApi', 'openapi'),
};

let server;
let admin;
const tokens = {};

async function open() {
  server = await startServer({ args: ['--limits.loginsPerSecond', '1000'] });
  admin = await connectRaw(server);
  const local = (username) => ({ local: { username, password } });
  const login = async (username) => (await admin.result({
    controller: 'auth', action: 'login', strategy: 'local', body: { username, password } })).jwt;
  await admin.result({ controller: 'security', action: 'createFirstAdmin', _id: 'admin', reset: true,
    body: { content: {}, credentials: local('admin') } });
  tokens.admin = await login('admin');
  const ask = (action, rest) => admin.result({ controller: 'security', action, jwt: tokens.admin, ...rest });
  // The matrix asks faster than the 200 requests a second that anonymous has.
  await ask('updateProfile', { _id: 'anonymous', body: { rateLimit: 0 } });
  for (const [name, controllers] of Object.entries(roles)) {
    await ask('createRole', { _id: name, body: { controllers } });
    await ask('createProfile', { _id: name, body: { policies: [{ roleId: name }] } });
    await ask('createUser', { _id: name, body: { content: { profileIds: [name] }, credentials: local(name) } });
    tokens[name] = await login(name);
  }
}

async function close() {
  await admin.close();
  await server.stop();
}

const wrong = (list) => list.filter(([, expected, got]) => expected !== got).map(([what, expected, got]) => `${what}: ${got}, not ${expected}`);

describe('the access matrix', () => {
  before(open);
  after(close);

  test('holds every action', () => {
    const declared = files.reduce((sum, { actions: own }) => sum + Object.keys(own).length, 0);
    assert.ok(declared > 350 && actions.length >= declared, `${declared} ${actions.length}`);
  });

  for (const [name, role] of Object.entries(roles)) {
    test(`of ${name}`, async () => {
      const asked = await Promise.all(actions.map(async ({ controller, action, target }) => {
        const { allowed } = await admin.result({ controller: 'security', action: 'checkRights', userId: name,
          body: { controller, action }, jwt: tokens.admin });
        return [`${controller}:${action}`, allows(role, target), allowed];
      }));
      assert.deepEqual(wrong(asked), []);
    });
  }

  test('of nobody: what is not allowed is a 401', async () => {
    const asked = await Promise.all(actions.filter(({ target }) => !allows(anonymous, target)).map(async ({ controller, action }) => {
      const { error } = await admin.ask({ controller, action, index: 'i', collection: 'c', _id: 'x', body: {} });
      return [`${controller}:${action}`, '401 security.rights.unauthorized', `${error?.status} ${error?.id}`];
    }));
    assert.deepEqual(wrong(asked), []);
  });

  test('of somebody: what is not allowed is a 403', async () => {
    const asked = await Promise.all(actions.filter(({ target }) => !allows(roles.nothing, target)).map(async ({ controller, action }) => {
      const { error } = await admin.ask({ controller, action, index: 'i', collection: 'c', _id: 'x', body: {}, jwt: tokens.nothing });
      return [`${controller}:${action}`, '403 security.rights.forbidden', `${error?.status} ${error?.id}`];
    }));
    assert.deepEqual(wrong(asked), []);
  });

  test('of every route', async () => {
    const routes = actions.flatMap(({ http, target }) => http.map(([verb, path]) => [verb, path.replace(/:\w+/g, 'x'), target]));
    assert.ok(routes.length > 350, String(routes.length));
    const asked = [];
    for (const [verb, path, target] of routes) {
      if (allows(anonymous, target)) continue;
      const body = verb === 'GET' ? undefined : {};
      const { status, body: answer } = await request(server, path, { method: verb, body });
      asked.push([`${verb} ${path}`, '401 security.rights.unauthorized', `${status} ${answer?.error?.id}`]);
    }
    assert.deepEqual(wrong(asked), []);
  });

  test('has no way to what the server keeps for itself, not even for the administrator', async () => {
    const own = { index: '%kuzzle', engineId: '%kuzzle', _id: 'admin', jwt: tokens.admin };
    const bodies = [
      {}, { query: {} }, { ids: ['admin'] }, { changes: { profileIds: [] }, query: {}, default: {} }, { indexes: ['%kuzzle'] },
      { documents: [{ _id: 'admin', body: { profileIds: [] }, changes: {} }] }, { fields: ['profileIds'] }, { profileIds: [] },
      { bulkData: [{ delete: { _id: 'admin' } }] }, { '%kuzzle': { users: { properties: {} } } }, { '%kuzzle': { users: [{ delete: { _id: 'admin' } }] } },
      { roomId: 'x' }, { group: 'commons' },
    ];
    // The controllers of users and of the server as a whole are meant to reach them.
    const others = actions.filter(({ controller, action }) => !['auth', 'security', 'ms', 'memoryStorage', 'debug'].includes(controller)
      && !(controller === 'admin' && !/^load(Mappings|Fixtures)$/.test(action)) && !/password$/.test(controller) && action !== 'openapi');
    assert.ok(others.length > 150, String(others.length));
    for (const { controller, action } of others) {
      const asked = ['users', 'local-users', 'config'].flatMap((collection) => bodies.map((body) => ({ ...own, controller, action, collection, body })));
      asked.push({ ...own, index: undefined, controller, action, targets: [{ index: '%kuzzle', collections: ['users', 'config'] }], body: {} });
      for (const { result, error } of await Promise.all(asked.map((each) => admin.ask(each))))
        assert.doesNotMatch(JSON.stringify([result, error]), /argon2|"secret|"profileIds":\["admin"\]/, `${controller}:${action}`);
    }
    const still = await admin.result({ controller: 'security', action: 'getUser', _id: 'admin', jwt: tokens.admin });
    assert.deepEqual(still._source.profileIds, ['admin']);
    await admin.result({ controller: 'auth', action: 'login', strategy: 'local', body: { username: 'admin', password } });
  });

  test('lets the administrator see what is there', async () => {
    // What only reads: nothing of it may be refused for lack of rights.
    // openapi is sent without an envelope.
    const harmless = actions.filter(({ controller, action }) => action !== 'openapi'
      && (controller === 'server' || /^(get|list|exists|search)/.test(action)));
    assert.ok(harmless.length > 50);
    const asked = await Promise.all(harmless.map(async ({ controller, action }) => {
      const { error } = await admin.ask({ controller, action, jwt: tokens.admin });
      return [`${controller}:${action}`, false, /^security\.rights/.test(error?.id ?? '')];
    }));
    assert.deepEqual(wrong(asked), []);
  });
});
