// export-stream.test.mjs - document:export of more than fits in memory: made while it is sent, no faster than it is
// read, and never taken for whole when it is not.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { sleep, until, within } from './lib/process.mjs';
import { startRedis } from './lib/redis.mjs';
import { connectSdk } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { connectWire, httpBytes } from './lib/wire.mjs';

const index = 'office';
const count = 20000;
const filler = 'x'.repeat(4000);
const path = `/${index}/large/_export`;
const timeoutMs = 2500; // of a request; exports that are read slowly take longer

let redis;
let server;
let kuzzle;

const range = (n) => Array.from({ length: n }, (_, i) => i);
const idOf = (n) => `d${String(n).padStart(6, '0')}`;

async function fill(collection, many, bodyOf) {
  const size = 60; // of 12 KB each they fit a message
  await kuzzle.collection.create(index, collection, {
    mappings: { properties: { n: { type: 'integer' }, text: { type: 'text', index: false }, at: { properties: { city: { type: 'keyword' } } } } },
  });
  for (let from = 0; from < many; from += size)
    await kuzzle.bulk.mWrite(index, collection, range(Math.min(size, many - from)).map((i) => ({ _id: idOf(from + i), body: bodyOf(from + i) })));
}

/** Begins a download that nobody reads yet: node's own parser, which knows a body that is cut off. */
function open(url, at = server) {
  return within(15000, `the head of ${url}`, new Promise((resolve, reject) => {
    get({ host: at.host, port: at.port, path: url, agent: false }, resolve).on('error', reject);
  }));
}

/** Reads it to its end: {bytes, ids}; fails when it ends before that. */
async function read(response, { pauseEvery = Infinity, pauseMs = 0 } = {}) {
  let bytes = 0;
  let next = pauseEvery;
  let rest = '';
  const ids = [];
  for await (const chunk of response.setEncoding('latin1')) {
    bytes += chunk.length;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) ids.push(/^{"_id":"(\w+)"/.exec(line)?.[1]);
    if (bytes < next) continue;
    next += pauseEvery;
    await sleep(pauseMs);
  }
  assert.equal(rest, '');
  return { bytes, ids: ids.slice(1) };
}

async function statusOf(name) {
  const text = await readFile(`/proc/${server.pid}/status`, 'utf8');
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)[1]) * 1024;
}

/** From now on its peak memory is counted anew. */
const forgetPeak = () => writeFile(`/proc/${server.pid}/clear_refs`, '5');

/** Waits until no export is under way: the one request that runs is the question. */
const idle = () => until('no export is under way', async () => {
  const { result } = await kuzzle.query({ controller: 'server', action: 'metrics' });
  return result.api.concurrentRequests === 1;
});

describe('a large export', () => {
  before(async () => {
    redis = await startRedis();
    // The sanitizers' own stock of freed memory would be all that is measured.
    server = await startServer({ redis: redis.url, args: ['--request-timeout', String(timeoutMs)],
      env: { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1` } });
    kuzzle = await connectSdk(server);
    await kuzzle.index.create(index);
    await fill('large', count, (n) => ({ n, text: filler }));
    await until('the projection is built', async () => (await open(`${path}?query={"ids":{"values":[]}}`)).statusCode === 200, 20000);
  });
  after(async () => {
    kuzzle.disconnect();
    await server.stop();
    await redis.stop();
  });

  test('is sent while it is made: 80 MB in a few MB of memory', async () => {
    await forgetPeak();
    const before = await statusOf('VmRSS');
    const response = await open(path);
    assert.equal(response.headers['transfer-encoding'], 'chunked');
    assert.equal(response.headers['content-length'], undefined);
    const { bytes, ids } = await read(response);
    assert.deepEqual(ids.sort(), range(count).map(idOf));
    assert.ok(bytes > 80e6);
    const grown = await statusOf('VmHWM') - before;
    assert.ok(grown < 24 << 20, `memory grew by ${grown >> 20} MiB`);
  });

  test('waits for its reader, longer than a request may take, and keeps nothing for it', async () => {
    await forgetPeak();
    const before = await statusOf('VmRSS');
    const response = await open(path);
    await sleep(1.5 * timeoutMs);
    const { ids } = await read(response, { pauseEvery: 20e6, pauseMs: timeoutMs / 3 });
    assert.equal(ids.length, count);
    const grown = await statusOf('VmHWM') - before;
    assert.ok(grown < 24 << 20, `memory grew by ${grown >> 20} MiB`);
  });

  test('two at once are both whole', async () => {
    const [all, few] = await Promise.all([
      open(path).then((response) => read(response)),
      open(`${path}?query={"range":{"n":{"lt":9000}}}`).then((response) => read(response)),
    ]);
    assert.equal(all.ids.length, count);
    assert.deepEqual(few.ids.sort(), range(9000).map(idOf));
  });

  test('ends when its reader goes, and others are served', async () => {
    for (let i = 0; i < 5; i++) {
      const response = await open(path);
      response.on('error', () => {});
      response.destroy();
    }
    await idle();
  });

  test('leaves out what is deleted or changed meanwhile, and has nothing twice', async () => {
    await fill('moving', 3000, (n) => ({ n, text: filler + filler + filler }));
    const response = await open(`/${index}/moving/_export?query={"range":{"n":{"gte":0}}}`);
    await sleep(300); // what the sockets hold is on its way
    await kuzzle.document.update(index, 'moving', idOf(2998), { n: -1 });
    await kuzzle.document.update(index, 'moving', idOf(2997), { n: 5000 });
    await kuzzle.document.delete(index, 'moving', idOf(2999));
    const { ids } = await read(response);
    assert.deepEqual(ids.sort(), range(2998).map(idOf));
  });

  test('a request behind it on the same connection is answered after it', async () => {
    await fill('small', 3, (n) => ({ n, at: { city: `c${n}` } }));
    const wire = await connectWire(server);
    const csv = `/${index}/small/_export?format=csv&fields=["n","at","at.city"]`;
    wire.write(Buffer.concat([httpBytes('GET', csv), httpBytes('GET', '/_now')]));
    const { headers } = await wire.response();
    assert.equal(headers['transfer-encoding'], 'chunked');
    assert.equal(headers.connection, 'keep-alive');
    const head = '_id,n,at,at.city\n';
    const rows = range(3).map((n) => `${idOf(n)},${n},[OBJECT],c${n}\n`).join('');
    const chunks = [head, rows].map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('');
    const body = `${chunks}0\r\n\r\n`;
    await until('the whole body', () => wire.received.length >= body.length);
    assert.equal(wire.received.subarray(0, body.length).toString(), body);
    wire.received = wire.received.subarray(body.length);
    assert.equal((await wire.response()).status, 200);
    wire.end();
  });

  test('nothing found is a head alone', async () => {
    const wire = await connectWire(server);
    wire.write(httpBytes('GET', `/${index}/small/_export?query={"term":{"n":99}}`, { headers: { connection: 'close' } }));
    const { headers } = await wire.response();
    assert.equal(headers.connection, 'close');
    await within(5000, 'the end', wire.closed);
    const line = `{"collection":"small","index":"${index}","type":"collection"}\n`;
    assert.equal(wire.received.toString(), `${line.length.toString(16)}\r\n${line}\r\n0\r\n\r\n`);
    wire.end();
  });

  test('HTTP/1.0 has it as it stands, up to the end of the connection', async () => {
    for (const half of [false, true]) {
      const wire = await connectWire(server);
      wire.write(`GET /${index}/small/_export?format=csv&fields=["n"] HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`);
      if (half) wire.socket.end();
      const { headers } = await wire.response();
      assert.equal(headers['transfer-encoding'], undefined);
      assert.equal(headers['content-length'], undefined);
      assert.equal(headers.connection, 'close');
      await within(5000, 'the end', wire.closed);
      assert.equal(wire.received.toString(), `_id,n\n${range(3).map((n) => `${idOf(n)},${n}\n`).join('')}`);
      wire.end();
    }
  });

  test('a Redis that comes back in time is not noticed', async () => {
    const response = await open(path);
    redis.freeze();
    setTimeout(() => redis.thaw(), timeoutMs / 2);
    assert.equal((await read(response)).ids.length, count);
  });

  test('without Redis it is broken off, and nobody takes it for whole', async () => {
    const response = await open(path);
    const old = await connectWire(server);
    let reset = false;
    old.socket.on('error', () => { reset = true; });
    old.write(`GET ${path} HTTP/1.0\r\n\r\n`);
    await old.response();
    old.socket.pause();
    await sleep(200);
    await redis.kill();
    old.socket.resume();
    await assert.rejects(within(10000, 'the end', read(response)), { code: 'ECONNRESET' });
    await within(10000, 'the end', old.closed);
    assert.ok(reset, 'over HTTP/1.0 the end must not look like an ordinary one');
    await server.logged(/document:export: broken off, \d+ documents before its end/);
    await redis.start();
    const again = await until('exports work again', async () => {
      const answer = await open(path);
      return answer.statusCode === 200 ? answer : undefined;
    }, 20000);
    assert.equal((await read(again)).ids.length, count);
    await idle();
  });

  test('does not keep the server from stopping in time', async () => {
    const response = await open(path);
    kuzzle.disconnect();
    await server.stop({ keep: true });
    await assert.rejects(read(response), { code: 'ECONNRESET' });
    await server.start();
    kuzzle = await connectSdk(server);
  });
});
