// redis.test.mjs - what clients see of a Redis that goes away, stalls, is full, or comes back with less.

import assert from 'node:assert/strict';
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from './lib/test.mjs';
import { sleep, until } from './lib/process.mjs';
import { askRedis, startRedis } from './lib/redis.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const place = { index: 'tenant', collection: 'assets' };
const timeoutMs = 1500;
let redis;
let server;
let client;

const write = (_id, body = {}) => ({ controller: 'document', action: 'createOrReplace', ...place, _id, body });
const read = (_id) => ({ controller: 'document', action: 'get', ...place, _id });

async function open(args = []) {
  redis = await startRedis(args);
  server = await startServer({ redis: redis.url, args: ['--request-timeout', String(timeoutMs)] });
  client = await connectRaw(server);
  await client.result({ controller: 'index', action: 'create', index: place.index });
  await client.result({ controller: 'collection', action: 'create', ...place, body: {} });
}

async function close() {
  await client.close();
  await server.stop();
  await redis.stop();
}

/** Must fail like this, within the deadline and what it takes to tell. */
async function assertUnavailable(request, ids = ['services.cache.not_connected']) {
  const begin = Date.now();
  const error = await client.failure(request);
  assert.equal(error.status, 503);
  assert.ok(ids.includes(error.id), error.id);
  assert.ok(Date.now() - begin < timeoutMs + 1700, `after ${Date.now() - begin} ms`);
}

const works = (request) => until('it works again', async () => !(await client.ask(request)).error, 15000);

describe('a Redis that goes away', () => {
  before(() => open());
  after(close);

  test('is told with 503 within the deadline, and it works again by itself', async () => {
    await client.result(write('before', { n: 1 }));
    await redis.kill();
    await Promise.all([
      assertUnavailable(write('while')),
      assertUnavailable(read('before')),
      assertUnavailable({ controller: 'document', action: 'mCreate', ...place, body: { documents: [{ body: {} }] } }),
    ]);
    assert.equal(typeof (await client.result({ controller: 'server', action: 'now' })).now, 'number');
    await redis.start();
    await works(write('after'));
    assert.equal((await client.result(read('before')))._source.n, 1);
    assert.equal((await client.failure(read('while'))).status, 404);
  });

  test('and is soon back costs no request its answer', async () => {
    await redis.kill();
    const pending = Array.from({ length: 50 }, (_, i) => client.ask(write(`soon-${i}`)));
    await redis.start();
    const answers = await Promise.all(pending);
    for (const { error } of answers) assert.equal(error, null);
  });

  test('that stalls is told with 503; what was on its way is told as done or as unknown', async () => {
    redis.freeze();
    await Promise.all([
      assertUnavailable(read('before')),
      assertUnavailable(write('stalled', { n: 1 }), ['services.cache.not_connected', 'services.storage.commit_unknown']),
    ]);
    redis.thaw();
    await works(read('before'));
    await works(write('stalled', { n: 2 }));
  });

  test('that stalls briefly is waited for', async () => {
    redis.freeze();
    const pending = Array.from({ length: 20 }, (_, i) => client.ask(write(`brief-${i}`)));
    await sleep(300);
    redis.thaw();
    for (const { error } of await Promise.all(pending)) assert.equal(error, null);
  });

  test('many requests that wait for it all end in time', async () => {
    redis.freeze();
    const begin = Date.now();
    const pending = Array.from({ length: 300 }, () => client.ask({
      controller: 'document', action: 'update', ...place, _id: 'before', body: { n: 2 },
    }));
    const answers = await Promise.all(pending);
    const ms = Date.now() - begin;
    redis.thaw();
    for (const { error } of answers) assert.ok([503, 504].includes(error?.status), JSON.stringify(error));
    assert.ok(ms < timeoutMs + 1700, `after ${ms} ms`);
    await works(read('before'));
  });
});

describe('a Redis that can not store', () => {
  before(() => open(['--enable-protected-configs', 'yes']));
  after(close);

  test('is told with 503, reads go on, and it works again by itself', async () => {
    await client.result(write('before', { n: 1 }));
    assert.equal(await askRedis(redis.socket, 'CONFIG SET maxmemory 1'), '+OK');
    await assertUnavailable(write('full'), ['services.storage.disk_full']);
    assert.equal((await client.result(read('before')))._source.n, 1);
    assert.equal(await askRedis(redis.socket, 'CONFIG SET maxmemory 0'), '+OK');
    await client.result(write('full'));
  });

  test('because its disk is full is told with 503, reads go on', async () => {
    await askRedis(redis.socket, 'CONFIG SET save "1000 1000"');
    await askRedis(redis.socket, 'CONFIG SET appendonly no');
    assert.equal(await askRedis(redis.socket, 'CONFIG SET dir /proc/self'), '+OK');
    await askRedis(redis.socket, 'BGSAVE');
    await until('writes are refused', async () => {
      const { error } = await client.ask(write('misconf'));
      return error?.status === 503 && error.id === 'services.storage.disk_full';
    });
    assert.equal((await client.result(read('before')))._source.n, 1);
    await askRedis(redis.socket, 'CONFIG SET save ""'); // it would not end without a save, either
    await client.result(write('misconf'));
  });
});

describe('a Redis that lost the end of its file', () => {
  before(() => open());
  after(close);

  function cutFile(bytes) {
    const dir = join(redis.dir, 'appendonlydir');
    const file = join(dir, readdirSync(dir).find((name) => name.endsWith('.incr.aof')));
    truncateSync(file, statSync(file).size - bytes);
  }

  test('is what counts: what is read and written then rests on it', async () => {
    for (let n = 1; n <= 50; n++) await client.result(write('counted', { n }));
    await redis.kill();
    cutFile(1024);
    await redis.start();
    await works(read('counted'));
    const { _source, _version } = await client.result(read('counted'));
    assert.ok(_source.n < 50 && _source.n > 0, `n is ${_source.n}`);
    const updated = await client.result({ controller: 'document', action: 'update', ...place, _id: 'counted', body: { more: 1 } });
    assert.equal(updated._version, _version + 1);
    assert.equal((await client.result(read('counted')))._source.n, _source.n);
  });

  test('is what searches find', async () => {
    const here = { index: place.index, collection: 'searched' };
    const document = (action, args) => client.result({ controller: 'document', action, ...here, ...args });
    const total = async (query) => (await document('search', { body: { query } })).total;
    await client.result({ controller: 'collection', action: 'create', ...here, body: { mappings: { properties: { n: { type: 'integer' } } } } });
    for (let n = 0; n < 60; n++) await document('createOrReplace', { _id: `d${n % 20}`, body: { n } });
    await document('delete', { _id: 'd19' });
    assert.deepEqual([await total({ range: { n: { gte: 50 } } }), await total({ match_all: {} })], [9, 19]);
    await redis.kill();
    cutFile(1024);
    await redis.start();
    await works(read('counted'));
    const ids = Array.from({ length: 20 }, (_, n) => `d${n}`);
    const { successes } = await document('mGet', { body: { ids } });
    assert.equal(successes.length, 20); // its deletion is forgotten
    for (const query of [{ gte: 50 }, { lt: 45 }])
      assert.equal(await total({ range: { n: query } }),
        successes.filter(({ _source: { n } }) => (query.lt ? n < query.lt : n >= query.gte)).length);
    assert.equal(await total({ match_all: {} }), 20);
  });

  test('with the collection in it: the collection is unknown again', async () => {
    await client.result({ controller: 'collection', action: 'create', index: place.index, collection: 'late', body: {} });
    await client.result({ ...write('a'), collection: 'late' });
    await redis.kill();
    cutFile(1024);
    await redis.start();
    await works(read('counted'));
    const error = await client.failure({ ...write('b'), collection: 'late' });
    assert.equal(error.status, 412);
  });
});
