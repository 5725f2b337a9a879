// password.test.mjs - what a configuration demands of passwords, and how a forgotten one is replaced.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { sleep } from './lib/process.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const plugin = 'kuzzle-plugin-auth-passport-local';
const reason = (name) => `plugin.${plugin}.${name}`;
const good = 'A good one: 42';

let server;
let client;
let jwt;

const asAdmin = (controller, action, rest = {}) => client.result({ controller, action, jwt, ...rest });
const refused = async (whole) => (await client.failure({ jwt, ...whole })).id;
const login = (username, password) => client.ask({ controller: 'auth', action: 'login', strategy: 'local', body: { username, password } });

const local = (username, password) => ({ local: { username, password } });
const create = (kuid, password, profileIds = ['default']) => ({ controller: 'security', action: 'createUser', _id: kuid,
  body: { content: { profileIds }, credentials: local(kuid, password) } });
const update = (kuid, password) => ({ controller: 'security', action: 'updateCredentials', _id: kuid, strategy: 'local', body: { password } });

async function open(options = {}) {
  server = await startServer({ config: { limits: { loginsPerSecond: 1000 }, plugins: { [plugin]: options } } });
  client = await connectRaw(server);
  await client.result({ controller: 'security', action: 'createFirstAdmin', _id: 'root', body: { content: {}, credentials: local('root', good) } });
  jwt = (await login('root', good)).result.jwt;
}

async function close() {
  await client.close();
  await server.stop();
}

describe('policies of passwords', () => {
  before(() => open({ passwordPolicies: [
    { appliesTo: '*', forbidLoginInPassword: true, forbidReusedPasswordCount: 3 },
    { appliesTo: { profiles: ['default'] }, passwordRegex: '/[a-z] [0-9]/i', mustChangePasswordIfSetByAdmin: false },
    { appliesTo: { users: ['picked'] }, mustChangePasswordIfSetByAdmin: true },
    { appliesTo: { roles: ['short'] }, expiresAfter: '300ms' },
  ] }));
  after(close);

  test('refuse weak ones, for whom they are made', async () => {
    assert.equal(await refused(create('weak', 'password')), reason('weak_password'));
    await asAdmin('security', 'createUser', create('weak', 'PASSWORD 1'));
    assert.equal(await refused(update('weak', 'password')), reason('weak_password'));
    await asAdmin('security', 'createUser', create('other', 'password', ['admin']));
  });

  test('refuse the name in them', async () => {
    assert.equal(await refused(create('bob', 'x BOB 1')), reason('login_in_password'));
    await asAdmin('security', 'createUser', create('bob', 'x 1'));
    assert.equal(await refused(update('bob', 'bobby x 1')), reason('login_in_password'));
  });

  test('look at 4096 bytes at most', async () => {
    const long = `1${'a'.repeat(4095)}`;
    assert.equal(await refused(create('a'.repeat(500), `${long}a`)), 'api.assert.invalid_argument');
    await asAdmin('security', 'createUser', create('patient', long, ['admin']));
    assert.equal((await login('patient', long)).error, null);
    assert.equal((await login('patient', `${long}a`)).error.status, 401);
    assert.equal(await refused(update('patient', `${long}a`)), 'api.assert.invalid_argument');
    const controller = 'kuzzle-plugin-auth-passport-local/password';
    const { resetToken } = await asAdmin(controller, 'getResetPasswordToken', { _id: 'patient' });
    for (const bad of [`${long}a`, ''])
      assert.equal((await client.failure({ controller, action: 'reset', jwt, body: { token: resetToken, password: bad } })).status, 400);
    assert.equal((await login('patient', long)).error, null);
  });

  test('refuse those that were used before', async () => {
    await asAdmin('security', 'createUser', create('again', 'one 1'));
    assert.equal(await refused(update('again', 'one 1')), reason('reused_password'));
    for (const password of ['two 2', 'three 3']) await asAdmin('security', 'updateCredentials', update('again', password));
    for (const password of ['one 1', 'two 2', 'three 3']) assert.equal(await refused(update('again', password)), reason('reused_password'));
    await asAdmin('security', 'updateCredentials', update('again', 'four 4'));
    await asAdmin('security', 'updateCredentials', update('again', 'one 1'));
  });

  test('want those changed that an administrator has set', async () => {
    await asAdmin('security', 'createUser', create('picked', 'given 1'));
    const { error } = await login('picked', 'given 1');
    assert.deepEqual([error.status, error.id], [401, reason('must_change_password')]);
    assert.equal((await login('picked', 'wrong')).error.id, 'plugin.strategy.missing_user');
    const { resetToken } = await asAdmin(`${plugin}/password`, 'getResetPasswordToken', { _id: 'picked' });
    const reset = { controller: `${plugin}/password`, action: 'reset', body: { token: resetToken, password: 'chosen 1' } };
    const result = await client.result(reset);
    assert.equal(result._id, 'picked');
    assert.equal((await client.result({ controller: 'auth', action: 'getCurrentUser', jwt: result.jwt }))._id, 'picked');
    assert.equal((await login('picked', 'chosen 1')).error, null);
    assert.equal((await client.failure(reset)).id, reason('invalid_token')); // good for one password
  });

  test('let a password end', async () => {
    await asAdmin('security', 'createRole', { _id: 'short', body: { controllers: { auth: { actions: { '*': true } } } } });
    await asAdmin('security', 'createProfile', { _id: 'short', body: { policies: [{ roleId: 'short' }] } });
    await asAdmin('security', 'createUser', create('ends', 'short 1', ['short']));
    assert.equal((await login('ends', 'short 1')).error, null);
    await sleep(350);
    const { error } = await login('ends', 'short 1');
    assert.deepEqual([error.status, error.id], [401, reason('expired_password')]);
  });

  test('reset tokens are not forged', async () => {
    for (const token of ['x', '', 'a.b.c', jwt, jwt.slice('kauth-'.length)])
      assert.equal((await client.failure({ controller: `${plugin}/password`, action: 'reset', body: { token, password: 'x 1' } })).id,
        reason('invalid_token'), token);
    assert.equal(await refused({ controller: `${plugin}/password`, action: 'getResetPasswordToken', _id: 'nobody' }), 'security.user.not_found');
  });
});

describe('a password that is asked for again', () => {
  before(() => open({ requirePassword: true, resetPasswordExpiresIn: '1s' }));
  after(close);

  test('before credentials are changed by their owner', async () => {
    await asAdmin('security', 'createUser', create('owner', 'first', ['admin']));
    const mine = (await login('owner', 'first')).result.jwt;
    const change = (body) => ({ controller: 'auth', action: 'updateMyCredentials', strategy: 'local', jwt: mine, body });
    assert.equal((await client.failure(change({ password: 'second' }))).status, 400);
    const wrong = await client.failure(change({ password: 'second', currentPassword: 'guess' }));
    assert.deepEqual([wrong.status, wrong.id], [403, undefined]);
    await client.result(change({ password: 'second', currentPassword: 'first' }));
    assert.equal((await client.failure({ controller: 'auth', action: 'getCurrentUser', jwt: mine })).id, 'security.token.invalid');
    const next = (await login('owner', 'second')).result.jwt;
    const end = (body) => ({ controller: 'auth', action: 'deleteMyCredentials', strategy: 'local', jwt: next, body });
    assert.equal((await client.failure(end({ currentPassword: 'first' }))).status, 403);
    await client.result(end({ currentPassword: 'second' }));
    assert.ok((await login('owner', 'second')).error);
  });

  test('and is guessed no faster than at a login', async () => {
    await asAdmin('security', 'createUser', create('guessed', 'first', ['admin']));
    const mine = (await login('guessed', 'first')).result.jwt;
    const statuses = [];
    for (let i = 0; i < 16; i++)
      statuses.push((await client.failure({ controller: 'auth', action: 'updateMyCredentials', strategy: 'local', jwt: mine,
        body: { password: 'second', currentPassword: `guess ${i}` } })).status);
    assert.deepEqual(statuses.slice(0, 10), Array(10).fill(403));
    assert.ok(statuses.slice(10).filter((status) => status === 429).length >= 4, statuses.join(' '));
  });

  test('reset tokens end', async () => {
    const { resetToken } = await asAdmin(`${plugin}/password`, 'getResetPasswordToken', { _id: 'root' });
    await sleep(1100);
    assert.equal((await client.failure({ controller: `${plugin}/password`, action: 'reset', body: { token: resetToken, password: 'x' } })).id,
      reason('expired_token'));
  });
});

describe('credentials', () => {
  before(() => open());
  after(close);

  const mine = (action, rest = {}) => ({ controller: 'auth', action, strategy: 'local', ...rest });

  test('are made, renamed and deleted by their owner', async () => {
    await asAdmin('security', 'createUser', { _id: 'me', body: { content: { profileIds: ['admin'] }, credentials: {} } });
    const key = (await asAdmin('security', 'createApiKey', { userId: 'me', body: { description: '' } }))._source.token;
    const ask = (action, rest) => client.ask(mine(action, { jwt: key, ...rest }));
    assert.equal((await ask('credentialsExist')).result, false);
    assert.equal((await ask('getMyCredentials')).error.status, 412);
    for (const body of [{}, { username: 'me' }, { password: 'x' }, { username: 'me', password: 'x', kuid: 'root' }])
      assert.equal((await ask('createMyCredentials', { body })).error.status, 400);
    assert.equal((await ask('createMyCredentials', { body: { username: 'root', password: 'x' } })).error.status, 412);
    assert.deepEqual((await ask('createMyCredentials', { body: { username: 'me', password: 'x' } })).result, { username: 'me', kuid: 'me' });
    assert.equal((await ask('createMyCredentials', { body: { username: 'me2', password: 'x' } })).error.status, 412);
    assert.equal((await ask('updateMyCredentials', { body: {} })).error.status, 400);
    assert.equal((await ask('updateMyCredentials', { body: { username: 'root' } })).error.status, 412);
    assert.deepEqual((await ask('updateMyCredentials', { body: { username: 'myself' } })).result, { username: 'myself', kuid: 'me' });
    assert.ok((await login('me', 'x')).error);
    assert.equal((await login('myself', 'x')).result._id, 'me');
    assert.equal((await ask('validateMyCredentials', { body: { username: 'root', password: 'x' } })).error.status, 412);
    assert.deepEqual((await ask('deleteMyCredentials')).result, { acknowledged: true });
    assert.ok((await login('myself', 'x')).error);
    assert.equal((await ask('deleteMyCredentials')).error.status, 412);
    assert.equal((await ask('createMyCredentials', { body: { username: 7, password: 'x' } })).error.id, 'api.assert.invalid_type');
  });

  test('of the anonymous user there are none', async () => {
    for (const action of ['getMyCredentials', 'credentialsExist', 'deleteMyCredentials'])
      assert.equal((await client.failure(mine(action))).id, 'security.rights.unauthorized');
  });

  test('may be of any characters', async () => {
    const username = 'Zoë "\u0000" \\ %{} 🔑';
    const password = '\u0000\n"\\ пароль';
    await asAdmin('security', 'createUser', { _id: 'odd', body: { content: { profileIds: ['default'] }, credentials: local(username, password) } });
    assert.equal((await login(username, password)).result._id, 'odd');
    assert.ok((await login(username, password.slice(1))).error);
    assert.ok((await login(username, `${password}\u0000`)).error);
  });
});

describe('a configuration that makes no sense', () => {
  for (const [name, value] of [['passwordPolicies', 7], ['passwordPolicies', [{}]], ['passwordPolicies', [{ appliesTo: '*', passwordRegex: '(' }]],
    ['passwordPolicies', [{ appliesTo: {} }]], ['passwordPolicies', [{ appliesTo: '*', expiresAfter: 'soon' }]], ['requirePassword', 'yes'],
    ['resetPasswordExpiresIn', 'x']]) {
    test(`${name} ${JSON.stringify(value)} ends the start`, async () => {
      await assert.rejects(startServer({ config: { plugins: { [plugin]: { [name]: value } } } }),
        new RegExp(`ended \\(1\\)[^]*can't start: plugins\\.${plugin}\\.${name}`));
    });
  }
});
