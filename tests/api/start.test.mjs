// start.test.mjs - what a user meets first: options, what is wrong with them, starting and stopping.

import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from './lib/test.mjs';
import { redisPidsIn, removeDir, sleep, temporaryDir, until, within } from './lib/process.mjs';
import { askRedis, startRedis } from './lib/redis.mjs';
import { runToEnd, startNodes, startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';
import { request } from './lib/http.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';

const now = { controller: 'server', action: 'now' };

function lines(text) {
  return text.split('\n').filter((line) => line.trim() !== '');
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

/** The start must end with exit code 1 and one line on stderr that says why. */
async function assertRefused(args, pattern, options = {}) {
  const { code, stdout, stderr, ms } = await runToEnd(args, options);
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '');
  assert.equal(lines(stderr).length, 1, stderr);
  assert.match(lines(stderr)[0], pattern);
  return { ms };
}

describe('options', () => {
  let dir;

  before(async () => { dir = await temporaryDir(); });
  after(() => removeDir(dir));

  test('--help lists every option with its default and its variable', async () => {
    const { code, stdout, stderr } = await runToEnd(['--help']);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    for (const flag of ['port', 'host', 'data', 'redis', 'durability', 'log-level', 'plugin', 'request-timeout']) {
      const variable = `KDM_${flag.replace('-', '_').toUpperCase()}`;
      assert.match(stdout, new RegExp(`--${flag} .*\\(${variable}, `));
    }
    assert.match(stdout, /--config FILE\.json +\(KDM_CONFIG\)/);
    assert.match(stdout, /server\.port\) +\[7512\]/);
    assert.match(stdout, /limits\.documentsWriteCount +\[200\]/);
    assert.ok(lines(stdout).every((line) => line.length <= 120));
  });

  test('--version says the version', async () => {
    const { code, stdout } = await runToEnd(['--version']);
    assert.equal(code, 0);
    assert.match(stdout, /^kdmd \d+\.\d+\.\d+\n$/);
  });

  test('an unknown flag is answered with the nearest one', () =>
    assertRefused(['--prot', '1'], /--prot .*nearest known one is --port$/));

  test('a flag without its value is refused', () =>
    assertRefused(['--port'], /--port .*needs a value$/));

  test('a value out of range is named with what is expected', () =>
    assertRefused(['--port', '70000'], /--port .*"70000".*expected a whole number from 0 to 65535$/));

  test('an unknown key in the file is answered with the nearest one', async () => {
    const file = join(dir, 'typo.json');
    await writeFile(file, '{"limits":{"documentWriteCount":5}}');
    await assertRefused(['--config', file],
      /limits\.documentWriteCount \(in .*typo\.json\).*nearest known one is limits\.documentsWriteCount$/);
  });

  test('an unknown variable of Kuzzle is answered with the nearest one', () =>
    assertRefused([], /nearest known one is limits\.documentsWriteCount$/,
      { env: { kuzzle_limits__documentWriteCount: '5' } }));

  test('a file that is no JSON is refused with line and column', async () => {
    const file = join(dir, 'broken.json');
    await writeFile(file, '{\n  "server": {,}\n}\n');
    await assertRefused(['--config', file], /broken\.json: line 2, column \d+/);
  });

  test('a file that is not there is refused', () =>
    assertRefused(['--config', join(dir, 'none.json')], /none\.json: No such file or directory$/));
});

describe('a brought-along configuration', () => {
  test("Kuzzle's names are taken from a file, variables are stronger", async () => {
    const server = await startServer({
      config: {
        limits: { documentsWriteCount: 1234, documentsFetchCount: 17 },
        server: { maxRequestSize: '2mb' },
        services: { storageEngine: { client: { node: 'http://search:9200' }, commonMapping: { dynamic: 'true' } } },
      },
      env: { kuzzle_limits__documentsFetchCount: '18' },
    });
    const client = await connectRaw(server);
    const config = await client.result({ controller: 'server', action: 'getConfig' });
    assert.equal(config.limits.documentsWriteCount, 1234);
    assert.equal(config.limits.documentsFetchCount, 18);
    assert.equal(config.server.maxRequestSize, 2 * 1024 * 1024);
    assert.equal(config.services.storageEngine.commonMapping.dynamic, 'true');
    assert.equal(config.security, undefined);
    await server.logged(/services\.storageEngine\.client .*ignored/);
    await client.close();
    await server.stop();
  });

  test('a .kuzzlerc in the working directory is read, and said', async () => {
    const cwd = await temporaryDir();
    await writeFile(join(cwd, '.kuzzlerc'), '{ // mine\n "limits": { "documentsWriteCount": 77 } }');
    const server = await startServer({ cwd });
    const client = await connectRaw(server);
    const config = await client.result({ controller: 'server', action: 'getConfig' });
    assert.equal(config.limits.documentsWriteCount, 77);
    await server.logged(/configuration from \.\/\.kuzzlerc/);
    await client.close();
    await server.stop();
    await removeDir(cwd);
  });

  test('KDM_HOST, KDM_PORT and KDM_LOG_LEVEL stand for their flags', async () => {
    const server = await startServer({
      flags: false,
      env: { KDM_HOST: '127.0.0.1', KDM_PORT: '0', KDM_LOG_LEVEL: 'debug' },
    });
    assert.match(server.log, /listening on http:\/\/127\.0\.0\.1:/);
    const client = await connectRaw(server);
    assert.equal((await client.result({ controller: 'server', action: 'getConfig' })).kdm.logLevel, 'debug');
    await client.close();
    await server.stop();
  });
});

describe('a start that can not work ends with one clear line', () => {
  let server;
  let dir;

  before(async () => {
    server = await startServer();
    dir = await temporaryDir();
  });
  after(async () => {
    await server.stop();
    await removeDir(dir);
  });

  test('a busy port', async () => {
    const data = join(dir, 'busy');
    await assertRefused(['--host', '127.0.0.1', '--port', String(server.port), '--data', data],
      new RegExp(`${server.port}.*in use`));
    assert.deepEqual(redisPidsIn(data), []);
    const { status } = await request(server, '/_now');
    assert.equal(status, 200);
  });

  test('an address that is not ours', () =>
    assertRefused(['--host', '192.0.2.1', '--port', '0', '--data', join(dir, 'address')], /192\.0\.2\.1/));

  test('a data directory in use', async () => {
    await assertRefused(['--host', '127.0.0.1', '--port', '0', '--data', server.data],
      new RegExp(`${server.data}.*in use`));
    const { status } = await request(server, '/_now');
    assert.equal(status, 200);
  });

  test('a data directory that is a file', async () => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    await assertRefused(['--host', '127.0.0.1', '--port', '0', '--data', file], new RegExp(file));
  });

  const withRedis = (url) => ['--host', '127.0.0.1', '--port', '0', '--redis', url];

  // kdmd waits some seconds for a Redis, so these wait side by side.
  describe('for want of a Redis', { concurrency: true }, () => {
    for (const [what, url, pattern] of [
      ['a socket that is not there', () => `unix:${join(dir, 'nobody.sock')}`, /nobody\.sock: No such file/],
      ['a port where nobody listens', () => 'redis://127.0.0.1:1', /127\.0\.0\.1:1: Connection refused/],
      ['a host that has no address', () => 'redis://nowhere.invalid', /nowhere\.invalid/],
    ]) {
      test(`a Redis that can't be reached: ${what}`, async () => {
        const { ms } = await assertRefused(withRedis(url()), pattern);
        assert.ok(ms < 12000, `took ${ms} ms`);
      });
    }

    test('a path that is no socket', async () => {
      const file = join(dir, 'plain');
      await writeFile(file, '');
      await assertRefused(withRedis(`unix:${file}`), /plain: Connection refused/);
    });

    test('also when the configuration had something to note', async () => {
      const cwd = await temporaryDir();
      await writeFile(join(cwd, '.kuzzlerc'), '{"services":{"storageEngine":{"client":{"node":"http://search:9200"}}}}');
      await assertRefused(withRedis('redis://127.0.0.1:1'), /Connection refused/, { cwd });
      await removeDir(cwd);
    });
  });

  test('a Redis that wants a password, or another one, is not waited for', async () => {
    const redis = await startRedis();
    const port = await freePort();
    await askRedis(redis.socket, `CONFIG SET port ${port}`);
    await askRedis(redis.socket, 'CONFIG SET requirepass right');
    for (const [url, pattern] of [
      [redis.url, /NOAUTH/],
      [`redis://:wrong@127.0.0.1:${port}`, /127\.0\.0\.1:\d+: Redis answers AUTH with: WRONGPASS/],
    ]) {
      const { ms } = await assertRefused(withRedis(url), pattern);
      assert.ok(ms < 3000, `took ${ms} ms`);
    }
    await redis.stop();
  });

  test('a Redis that may throw documents away', async () => {
    const redis = await startRedis();
    await askRedis(redis.socket, 'CONFIG SET maxmemory-policy allkeys-lru');
    await assertRefused(withRedis(redis.url), /maxmemory-policy is 'allkeys-lru'/);
    await redis.stop();
  });

  test('a Redis that is too old', async () => {
    const socket = join(dir, 'old.sock');
    const info = 'redis_version:5.0.14\r\nredis_mode:standalone\r\n';
    const old = createServer((peer) => peer.on('error', () => {}).on('data', () => {
      peer.write(`$${info.length}\r\n${info}\r\n`);
    }));
    await new Promise((resolve) => { old.listen(socket, resolve); });
    await assertRefused(withRedis(`unix:${socket}`), /this is Redis 5\.0\.14; 6\.2 or later is needed/);
    await new Promise((resolve) => { old.close(resolve); });
  });

  test('a kind of Redis URL that is not supported', () =>
    assertRefused(['--host', '127.0.0.1', '--port', '0', '--redis', 'rediss://localhost:6379'], /rediss/));
});

describe('collections of the server that can not be made', () => {
  const broken = { adminCollections: { config: { name: 'config', mappings: { properties: { odd: { type: 'colour' } } } } } };
  let dir;

  before(async () => { dir = await temporaryDir(); });
  after(() => removeDir(dir));

  async function configFile(settings) {
    const file = join(dir, 'kdm.json');
    await writeFile(file, JSON.stringify({ plugins: { 'device-manager': settings } }));
    return file;
  }

  test('end the start', async () => {
    const file = await configFile(broken);
    await assertRefused(['--port', '0', '--data', join(dir, 'data'), '--config', file], /can't start: .*colour/);
  });

  test('are only told about with ignoreStartupErrors', async () => {
    const file = await configFile({ ...broken, ignoreStartupErrors: true });
    const server = await startServer({ args: ['--config', file] });
    assert.match(server.log, /warn .*ignoreStartupErrors.*colour/);
    const client = await connectRaw(server);
    assert.equal((await client.ask(now)).status, 200);
    await client.close();
    await server.stop();
  });
});

describe('running', () => {
  test('it says where it listens, and answers WebSocket and HTTP there', async () => {
    const server = await startServer();
    assert.match(server.log, /kdmd listening on http:\/\/127\.0\.0\.1:\d+ \(ws and http\)\n/);
    const client = await connectRaw(server);
    assert.equal(typeof (await client.result(now)).now, 'number');
    const { status, body } = await request(server, '/_now');
    assert.equal(status, 200);
    assert.equal(typeof body.result.now, 'number');
    await client.close();
    await server.stop();
  });

  for (const protocol of protocolNames) {
    test(`the SDK connects over ${protocol}`, async () => {
      const server = await startServer();
      const kuzzle = await connectSdk(server, protocol);
      assert.ok(Math.abs((await kuzzle.server.now()) - Date.now()) < 60000);
      kuzzle.disconnect();
      await server.stop();
    });
  }

  test('it listens on the address it was given and on no other', async () => {
    const server = await startServer();
    const refused = new Promise((resolve) => {
      const socket = connect(server.port, '127.0.0.2');
      socket.once('error', (error) => resolve(error.code));
      socket.once('connect', () => {
        socket.destroy();
        resolve('connected');
      });
    });
    assert.equal(await refused, 'ECONNREFUSED');
    await server.stop();
  });

  test('two nodes share one Redis', async () => {
    const nodes = await startNodes(2);
    for (const server of nodes.servers) {
      const { status } = await request(server, '/_now');
      assert.equal(status, 200);
    }
    await nodes.stop();
  });

  test('a data directory with a very long name works', async () => {
    const dir = await temporaryDir();
    const data = join(dir, 'x'.repeat(120));
    await mkdir(data);
    const server = await startServer({ data });
    const { status } = await request(server, '/_now');
    assert.equal(status, 200);
    await server.stop();
    assert.deepEqual(redisPidsIn(dir), []);
    await removeDir(dir);
  });
});

describe('stopping', () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal} ends it within 5 s with exit code 0, and its Redis with it`, async () => {
      const server = await startServer();
      const client = await connectRaw(server); // an idle client does not hold it back
      assert.ok(redisPidsIn(server.data).length > 0);
      const begin = Date.now();
      process.kill(server.pid, signal);
      const { code } = await within(5000, 'kdmd ends', server.process.exited);
      assert.equal(code, 0, server.log);
      assert.ok(Date.now() - begin < 5000);
      assert.equal((await client.closed).code, 1001);
      assert.deepEqual(redisPidsIn(server.data), []);
      await server.remove();
    });
  }

  test('SIGTERM ends a start that a silent Redis holds up', async () => {
    const redis = await startRedis();
    assert.equal(await askRedis(redis.socket, 'CLIENT PAUSE 10000 WRITE'), '+OK');
    const { code, stderr } = await runToEnd(['--port', '0', '--redis', redis.url, '--log-level', 'debug'],
      { stopAt: /redis .*: connected/ });
    assert.equal(code, 0, stderr);
    await askRedis(redis.socket, 'CLIENT UNPAUSE');
    await redis.stop();
  });

  test('what was asked before SIGTERM is answered before the end', async () => {
    const redis = await startRedis();
    const server = await startServer({ redis: redis.url });
    const client = await connectRaw(server);
    const place = { index: 'letters', collection: 'read' };
    await client.result({ controller: 'collection', action: 'create', ...place });
    redis.freeze();
    const answers = Array.from({ length: 100 }, () => client.ask({ controller: 'document', action: 'create', ...place, body: {} }));
    await client.result(now); // so it has read all that was sent before
    process.kill(server.pid, 'SIGTERM');
    await server.logged(/stopping: 100 requests are still running/);
    redis.thaw();
    for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200);
    await server.stop();
    await redis.stop();
  });

  test('a second SIGTERM does not cut the end short', async () => {
    for (let round = 0; round < 3; round++) {
      const server = await startServer();
      let ended = false;
      const exited = server.process.exited.finally(() => { ended = true; });
      while (!ended) {
        for (let i = 0; i < 5000; i++) server.process.child.kill('SIGTERM');
        await new Promise(setImmediate);
      }
      const { code, signal } = await exited;
      assert.equal(code ?? signal, 0, server.log);
      await server.remove();
    }
  });

  test("a Redis that was given stays when kdmd goes", async () => {
    const nodes = await startNodes(1);
    await nodes.servers[0].stop();
    process.kill(nodes.redis.pid, 0); // throws if it is gone
    await nodes.redis.stop();
  });

  test('a killed kdmd starts again on the same data and takes over its Redis', async () => {
    const server = await startServer();
    const [redis] = redisPidsIn(server.data);
    await server.kill();
    await sleep(100);
    await server.start();
    const { status } = await request(server, '/_now');
    assert.equal(status, 200);
    await until('one Redis is left', () => redisPidsIn(server.data).length === 1);
    assert.deepEqual(redisPidsIn(server.data), [redis]);
    await server.stop({ keep: true });
    assert.deepEqual(redisPidsIn(server.data), []);
    await server.remove();
  });
});
