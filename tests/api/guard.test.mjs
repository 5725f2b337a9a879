// guard.test.mjs - what a node keeps of tokens and rights when its Redis is silent, the doorbell is lost or the data is
// gone; tenants; what a start says of a server that is open to everybody.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { sleep, until } from './lib/process.mjs';
import { askRedis, startRedis } from './lib/redis.mjs';
import { request } from './lib/http.mjs';
import { runToEnd, startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const password = 'p';
const auth = (action, rest = {}) => ({ controller: 'auth', action, ...rest });
const now = { controller: 'server', action: 'now' };

let redis;
let first;
let second;
let here; // connections to the two
let elsewhere;
let jwt; // the administrator's

const login = async (client, username, rest) => (await client.result(auth('login', { strategy: 'local', body: { username, password }, ...rest }))).jwt;
const security = (action, rest) => here.result({ controller: 'security', action, jwt, ...rest });

async function open(args = []) {
  redis = await startRedis([]);
  const options = { redis: redis.url, args: ['--limits.loginsPerSecond', '1000', ...args] };
  first = await startServer(options);
  second = await startServer(options);
  here = await connectRaw(first);
  elsewhere = await connectRaw(second);
  await here.result({ controller: 'security', action: 'createFirstAdmin', _id: 'root', reset: true,
    body: { content: {}, credentials: { local: { username: 'root', password } } } });
  jwt = await login(here, 'root');
}

async function close() {
  await here.close();
  await elsewhere.close();
  await first.stop();
  await second.stop();
  await redis.stop();
}

async function addUser(kuid, controllers, restrictedTo) {
  await security('createOrReplaceRole', { _id: kuid, body: { controllers } });
  await security('createOrReplaceProfile', { _id: kuid, body: { policies: [{ roleId: kuid, ...(restrictedTo && { restrictedTo }) }] } });
  await security('createUser', { _id: kuid, body: { content: { profileIds: [kuid] }, credentials: { local: { username: kuid, password } } } });
}

describe('a node that hears nothing', () => {
  before(() => open(['--request-timeout', '3000']));
  after(close);

  test('of a revocation, because the doorbell is lost, hears of it a second later', async () => {
    for (let round = 0; round < 3; round++) {
      const token = await login(here, 'root');
      await elsewhere.result({ ...now, jwt: token });
      await askRedis(redis.socket, 'CLIENT KILL TYPE pubsub');
      await here.result(auth('logout', { jwt: token }));
      await until('it is refused', async () => (await elsewhere.ask({ ...now, jwt: token })).error?.id === 'security.token.invalid', 1500);
    }
  });

  test('of a new password gives nobody a token for one that ended with the old', async () => {
    await addUser('changer', { '*': { actions: { '*': true } } });
    for (const whole of [auth('createToken'), auth('refreshToken'), auth('createApiKey', { body: { description: 'x' } })]) {
      const token = await login(here, 'changer');
      const known = await elsewhere.result(auth('getCurrentUser', { jwt: token }));
      assert.equal(known._id, 'changer');
      await askRedis(redis.socket, 'CLIENT KILL TYPE pubsub');
      await security('updateCredentials', { _id: 'changer', strategy: 'local', body: { password } });
      const { result, error } = await elsewhere.ask({ ...whole, jwt: token });
      assert.equal(error?.id, 'security.token.invalid', JSON.stringify(result));
      await sleep(1100);
    }
  });

  test('from Redis at all believes no token that it knows', async () => {
    await elsewhere.result({ ...now, jwt });
    redis.freeze();
    await sleep(2600);
    const asked = elsewhere.ask({ ...now, jwt });
    const open = elsewhere.ask(now); // anonymous may not, and that is known
    const watching = await elsewhere.ask({ controller: 'server', action: 'publicApi' });
    assert.equal(watching.status, 200); // what watches a server sees it all the same
    assert.equal((await open).status, 401);
    assert.equal((await asked).status, 503);
    redis.thaw();
    await until('it works again', async () => !(await elsewhere.ask({ ...now, jwt })).error, 10000);
  });

  test('of a subscriber whose token was revoked elsewhere ends his subscriptions', async () => {
    const token = await login(here, 'root');
    const subscriber = await connectRaw(second);
    await subscriber.result({ controller: 'realtime', action: 'subscribe', index: 'i', collection: 'c', body: {}, jwt: token });
    const publish = (n) => elsewhere.result({ controller: 'realtime', action: 'publish', index: 'i', collection: 'c', body: { n }, jwt });
    await publish(1);
    assert.equal((await subscriber.next()).action, 'publish');
    await here.result(auth('logout', { jwt: token }));
    await sleep(150);
    await publish(2);
    await assert.rejects(subscriber.next(400), /within/);
    await subscriber.close();
  });
});

describe('a Redis that has lost everything', () => {
  before(() => open());
  after(close);

  test('leaves nobody a right', async () => {
    await elsewhere.result({ ...now, jwt });
    await askRedis(redis.socket, 'FLUSHALL');
    await until('the token is refused', async () => (await elsewhere.ask({ ...now, jwt })).status >= 400, 5000);
    const { error } = await elsewhere.ask({ controller: 'document', action: 'get', index: 'i', collection: 'c', _id: 'x' });
    assert.ok(error.status === 401 || error.status >= 500, JSON.stringify(error));
    assert.ok(!error.message.includes('%kuzzle'), error.message);
  });
});

for (const strict of [false, true]) {
  describe(`restrictions ${strict ? 'with' : 'without'} security.strictTenants`, () => {
    before(() => open(['--security.strictTenants', String(strict)]));
    after(close);

    test(strict ? 'hold for engineId too' : 'look at the index alone, as profiles in use expect', async () => {
      for (const index of ['tenant-a', 'tenant-b'])
        await here.result({ controller: 'device-manager/engine', action: 'create', index, jwt });
      await addUser('tenant', { 'device-manager/assets': { actions: { '*': true } } }, [{ index: 'tenant-a' }]);
      const token = await login(elsewhere, 'tenant');
      const search = async (rest) => (await elsewhere.ask({ controller: 'device-manager/assets', action: 'search', body: {}, jwt: token, ...rest })).status;
      assert.equal(await search({ engineId: 'tenant-a' }), 200);
      assert.equal(await search({ engineId: 'tenant-b' }), strict ? 403 : 200);
      assert.equal(await search({ engineId: 'tenant-b', index: 'tenant-a' }), strict ? 403 : 200);
      assert.equal(await search({ engineId: 'tenant-a', index: 'tenant-b' }), 403);
      const { status } = await request(second, '/_/device-manager/tenant-b/assets/_search',
        { method: 'POST', body: {}, headers: { authorization: `Bearer ${token}` } });
      assert.equal(status, strict ? 403 : 200);
      const { allowed } = await elsewhere.result({ controller: 'security', action: 'checkRights', userId: 'tenant', jwt,
        body: { controller: 'device-manager/assets', action: 'search', engineId: 'tenant-b' } });
      assert.equal(allowed, !strict);
    });
  });
}

describe('tokens signed with a secret of one\'s own', () => {
  before(async () => { redis = await startRedis([]); });
  after(() => redis.stop());

  const signing = (secret, algorithm = 'HS512') => ({ redis: redis.url, args: ['--limits.loginsPerSecond', '1000'],
    config: { security: { authToken: { secret, algorithm, expiresIn: '30m', maxTTL: '1h' } } } });

  test('are good where it is the same, and nowhere else', async () => {
    const servers = await Promise.all([signing('one'), signing('one'), signing('another'), signing('one', 'HS256')].map(startServer));
    const clients = await Promise.all(servers.map((server) => connectRaw(server)));
    await clients[0].result({ controller: 'security', action: 'createFirstAdmin', _id: 'root', reset: true,
      body: { content: {}, credentials: { local: { username: 'root', password } } } });
    const { jwt: token, ttl } = await clients[0].result(auth('login', { strategy: 'local', body: { username: 'root', password } }));
    assert.equal(ttl, 1800000);
    assert.deepEqual(JSON.parse(Buffer.from(token.slice('kauth-'.length).split('.')[0], 'base64url')), { alg: 'HS512', typ: 'JWT' });
    const statuses = await Promise.all(clients.map(async (client) => (await client.ask({ ...now, jwt: token })).status));
    assert.deepEqual(statuses, [200, 200, 401, 401]);
    for (const expiresIn of ['2h', -1])
      assert.equal((await clients[0].failure(auth('login', { strategy: 'local', expiresIn, body: { username: 'root', password } }))).id,
        'security.token.ttl_exceeded');
    const { result } = await clients[0].ask({ controller: 'server', action: 'getConfig', jwt: token });
    assert.ok(!JSON.stringify(result).includes('"one"'));
    for (const client of clients) await client.close();
    for (const server of servers) await server.stop();
  });
});

describe('a start', () => {
  before(async () => { redis = await startRedis([]); });
  after(() => redis.stop());

  const start = async (...args) => {
    const { code, stdout, stderr } = await runToEnd(['--port', '0', '--redis', redis.url, ...args], { stopAt: /listening on/ });
    assert.equal(code, 0);
    return stdout + stderr;
  };

  test('of a server that all may reach warns so that nobody can miss it, unless he knows', async () => {
    assert.match(await start(), /\n +\*+\n[^]*WARNING[^]*everybody has every right/);
    assert.match(await start('--host', '0.0.0.0'), /WARNING/);
    for (const args of [['--i-know'], ['--host', '127.0.0.1']]) {
      const log = await start(...args);
      assert.doesNotMatch(log, /WARNING/);
      assert.match(log, /everybody has every right/);
    }
  });

  test('says nothing once there is an administrator and rights are restricted', async () => {
    const server = await startServer({ redis: redis.url });
    const client = await connectRaw(server);
    const create = { controller: 'security', action: 'createFirstAdmin', _id: 'root',
      body: { content: {}, credentials: { local: { username: 'root', password } } } };
    await client.result(create);
    assert.match(await start(), /the anonymous user still has every right/);
    const token = await login(client, 'root');
    await client.result({ controller: 'security', action: 'restrictDefaultRights', jwt: token });
    await client.close();
    await server.stop();
    const closed = ['actionhub', 'enos', 'mindsphere'].flatMap((name) => [`--dialects.${name}`, '{"enabled":false}']);
    assert.doesNotMatch(await start(...closed), /WARNING|every right|rights are restricted/);
  });

  test('with restricted rights tells the other APIs that ask nobody for credentials', async () => {
    const key = ['--dialects.actionhub', '{"keys":[{"key":"k"}]}'];
    assert.match(await start(...key), /WARNING[^*]*\n +enos, mindsphere\n[^]*rights are restricted, but not by these APIs.*: enos, mindsphere\n/);
    assert.match(await start(), /WARNING[^*]*\n +actionhub, enos, mindsphere\n/);
    const known = await start('--i-know');
    assert.doesNotMatch(known, /WARNING/);
    assert.match(known, /rights are restricted, but not by these APIs/);
  });
});
