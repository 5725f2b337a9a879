// server.test.mjs - the controllers server and auth, as far as there are no users.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { connectAsker } from './lib/ask.mjs';
import { connectBoth } from './lib/clients.mjs';
import { request } from './lib/http.mjs';
import { until } from './lib/process.mjs';
import { startRedis } from './lib/redis.mjs';
import { protocolNames } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

/** What the YAML writer writes, read back: block style with JSON's scalars, two blanks a level. */
function readYaml(text) {
  const lines = text.trimEnd().split('\n').map((line) => {
    const rest = line.trimStart();
    return { indent: line.length - rest.length, rest };
  });
  let at = 0;
  const scalar = (word) => (/^[A-Za-z_]\w*$/.test(word) && !/^(true|false|null)$/.test(word) ? word : JSON.parse(word));
  const block = (indent) => {
    const list = lines[at].rest.startsWith('-');
    const value = list ? [] : {};
    while (at < lines.length && lines[at].indent === indent) {
      const { rest } = lines[at];
      const [, name, inline] = list ? [0, '', rest.slice(1)] : /^("(?:[^"\\]|\\.)*"|\w+):(.*)$/.exec(rest);
      at += 1;
      const content = inline === '' ? block(indent + 2) : scalar(inline.slice(1));
      if (list) value.push(content);
      else value[scalar(name)] = content;
    }
    return value;
  };
  return block(0);
}

let server;

describe('server and auth', () => {
  before(async () => { server = await startServer(); });
  after(() => server.stop());

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let asker;

      connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });

      const on = (action, more = {}) => ({ controller: 'server', action, ...more });
      const auth = (action, more = {}) => ({ controller: 'auth', action, ...more });

      test('now is the clock, whatever time a request says it is', async () => {
        assert.ok(Math.abs(await kuzzle.server.now() - Date.now()) < 10000);
        assert.ok(Math.abs((await asker.result(on('now', { timestamp: 5 }))).now - Date.now()) < 10000);
      });

      test('there is no administrator', async () => {
        assert.equal(await kuzzle.server.adminExists(), false);
      });

      test('info names version, services and routes', async () => {
        const { serverInfo: { kuzzle: info, services } } = await kuzzle.server.info();
        assert.match(info.version, /^2\.\d+\.\d+$/);
        assert.match(info.uptime, /^\d+s$/);
        assert.ok(info.memoryUsed > 0 && info.system.memory.total > info.system.memory.free);
        assert.ok(info.system.cpus.length > 0);
        assert.deepEqual(info.api.routes.document.get.http, [
          { path: '/:index/:collection/:_id', url: '/:index/:collection/:_id', verb: 'GET' }]);
        assert.equal(typeof info.plugins, 'object');
        for (const name of ['internalCache', 'memoryStorage']) {
          assert.equal(services[name].type, 'redis');
          assert.match(services[name].version, /^\d+\.\d+/);
          assert.equal(typeof services[name].memoryUsed, 'string');
        }
        for (const name of ['internalStorage', 'publicStorage'])
          assert.ok(Number.parseFloat(services[name].version) >= 7);
      });

      test('publicApi has what the SDK builds its routes from', async () => {
        const api = await asker.result(on('publicApi'));
        for (const controller of ['auth', 'bulk', 'collection', 'document', 'index', 'ms', 'memoryStorage', 'realtime',
          'security', 'server'])
          assert.ok(api[controller], controller);
        for (const actions of Object.values(api)) {
          for (const { http = [] } of Object.values(actions)) {
            for (const { url, verb } of http) assert.match(`${verb} ${url}`, /^[A-Z]+ \//);
          }
        }
      });

      test('the configuration has no secrets', async () => {
        const config = await kuzzle.server.getConfig();
        assert.match(config.version, /^2\./);
        assert.equal(typeof config.cluster.enabled, 'boolean');
        assert.equal(config.security, undefined);
        assert.equal(config.limits.documentsWriteCount, 200);
      });

      test('capabilities', async () => {
        const { limits, plugins, routes, services, version } = await asker.result(on('capabilities'));
        assert.equal(limits.documentsFetchCount, 10000);
        assert.equal(typeof plugins, 'object');
        assert.ok(routes.document.create);
        assert.equal(services.internalCache.backend, 'redis');
        assert.match(version, /^2\./);
      });

      test('all services are well', async () => {
        assert.deepEqual(await asker.result(on('healthCheck')), {
          services: { internalCache: 'green', memoryStorage: 'green', storageEngine: 'green' }, status: 'green' });
        for (const services of ['storageEngine,memoryStorage', ['storageEngine', 'memoryStorage']])
          assert.deepEqual((await asker.result(on('healthCheck', { services }))).services,
            { memoryStorage: 'green', storageEngine: 'green' });
      });

      test('metrics count what is there', async () => {
        const { api, network, realtime } = await asker.result(on('metrics'));
        assert.ok(api.concurrentRequests >= 1);
        assert.equal(typeof network.connections.websocket, 'number');
        assert.deepEqual(realtime, { rooms: 0, subscriptions: 0 });
      });

      test('openapi is sent without an envelope', async () => {
        if (protocol === 'http') {
          const { body } = await request(server, '/_openapi');
          assert.equal(body.swagger, '2.0');
          assert.ok(body.paths['/{index}/{collection}/_create']);
          return;
        }
        const client = await connectRaw(server);
        client.send({ ...on('openapi'), requestId: 'the-request' });
        const whole = await client.next();
        assert.equal(whole.room, 'the-request');
        assert.ok(whole.paths['/{index}/_create'].post);
        client.send({ ...on('openapi', { scope: 'app' }), requestId: 'another' });
        const app = await client.next();
        assert.equal(app.paths['/{index}/_create'], undefined);
        await client.close();
      });

      test('openapi refuses other formats and scopes', async () => {
        await asker.fails(on('openapi', { format: 'xml' }), 400, 'api.assert.unexpected_argument');
        await asker.fails(on('openapi', { scope: 'all' }), 400, 'api.assert.unexpected_argument');
      });

      test('statistics', async () => {
        const last = await asker.result(on('getLastStats'));
        assert.deepEqual(Object.keys(last).sort(),
          ['completedRequests', 'connections', 'failedRequests', 'ongoingRequests', 'timestamp']);
        assert.equal(typeof last.completedRequests.websocket, 'number');
        assert.equal(typeof last.completedRequests.http, 'number');
        for (const action of ['getAllStats', 'getStats']) {
          const { hits, total } = await asker.result(on(action));
          assert.equal(hits.length, total);
        }
        for (const startTime of [0, '0', '2020-01-01', '2020-01-01T00:00:00Z', Date.now()])
          await asker.result(on('getStats', { startTime }));
        await asker.fails(on('getStats', { startTime: 'yesterday' }), 400, 'api.assert.invalid_argument');
        await asker.fails(on('getStats', { stopTime: {} }), 400, 'api.assert.invalid_argument');
      });

      test('without a token one is anonymous', async () => {
        assert.deepEqual(await asker.result(auth('checkToken')), { expiresAt: null, kuid: '-1', valid: true });
        for (const token of [null, ''])
          assert.equal((await asker.result(auth('checkToken', { body: { token } }))).valid, true);
        const user = await asker.result(auth('getCurrentUser'));
        assert.deepEqual([user._id, user._source], ['-1', { name: 'Anonymous', profileIds: ['anonymous'] }]);
        assert.ok(Array.isArray(user.strategies));
        const { hits, total } = await asker.result(auth('getMyRights'));
        assert.equal(total, 1);
        assert.deepEqual(hits, [{ controller: '*', action: '*', index: '*', collection: '*', value: 'allowed' }]);
      });

      test('no token is a good one', async () => {
        const { valid, state } = await asker.result(auth('checkToken', { body: { token: 'kauth-a.b.c' } }));
        assert.equal(valid, false);
        assert.equal(typeof state, 'string');
        await asker.fails(auth('checkToken', { body: { token: 3 } }), 400, 'api.assert.invalid_type');
        await asker.fails(auth('getCurrentUser', { jwt: 'kauth-a.b.c' }), 401, 'security.token.invalid');
      });
    });
  }

  test('openapi as YAML says the same', async () => {
    for (const scope of ['kuzzle', 'app']) {
      const json = await request(server, `/_openapi?scope=${scope}`);
      const yaml = await request(server, `/_openapi?scope=${scope}&format=yaml`);
      assert.equal(yaml.status, 200);
      assert.deepEqual(readYaml(yaml.text), json.body);
      assert.equal(json.headers.get('content-type'), 'application/json');
      assert.equal(yaml.headers.get('content-type'), 'application/yaml');
    }
  });

  test('GET / is info', async () => {
    const { body } = await request(server, '/');
    assert.equal(body.controller, 'server');
    assert.equal(body.action, 'info');
    assert.ok(body.result.serverInfo);
  });
});

describe('a server whose Redis is away', () => {
  test('healthCheck is red, with both a result and an error', async () => {
    const redis = await startRedis();
    const alone = await startServer({ redis: redis.url });
    const client = await connectRaw(alone);
    await redis.kill();
    const red = await until('red', async () => {
      const response = await client.ask({ controller: 'server', action: 'healthCheck' });
      return response.error && response;
    });
    assert.equal(red.status, 500);
    assert.equal(red.error.id, 'core.fatal.service_unavailable');
    assert.deepEqual(red.result, {
      services: { internalCache: 'red', memoryStorage: 'red', storageEngine: 'red' }, status: 'red' });
    await redis.start();
    await until('green', async () => !(await client.ask({ controller: 'server', action: 'healthCheck' })).error);
    await client.close();
    await alone.stop();
    await redis.stop();
  });
});

describe('a server without statistics', () => {
  test('says so', async () => {
    const quiet = await startServer({ config: { stats: { enabled: false } } });
    const asker = await connectAsker(quiet, 'websocket');
    for (const action of ['getStats', 'getLastStats', 'getAllStats'])
      await asker.fails({ controller: 'server', action }, 500, 'core.fatal.unexpected_error');
    await asker.close();
    await quiet.stop();
  });
});
