// hostile.test.mjs - what comes from clients that are broken, greedy or malicious: it is answered clearly or sent
// away, and the server goes on serving the others.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { after, afterEach, atEnd, before, describe, test } from './lib/test.mjs';
import { assertServes } from './lib/alive.mjs';
import { sleep, until, within } from './lib/process.mjs';
import { startRedis } from './lib/redis.mjs';
import { connectSdk } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';
import { connectWire, exchange, frame, httpBytes, upgradeWire } from './lib/wire.mjs';

const now = { controller: 'server', action: 'now' };
const json = { 'content-type': 'application/json' };
const index = 'hostile';
const collection = 'things';
const mebi = 1 << 20;
// What a sanitizer keeps of freed memory would drown what the server uses.
const env = { ASAN_OPTIONS: 'quarantine_size_mb=8:thread_local_quarantine_size_kb=64' };

let server;
let client;

before(async () => {
  server = await startServer({ env });
  client = await connectRaw(server);
  await client.ask({ controller: 'index', action: 'create', index });
  await client.ask({ controller: 'collection', action: 'create', index, collection, body: {} });
});
afterEach(() => assertServes(server));
atEnd(async () => {
  await client.close();
  await server.stop();
});

/** Resident memory of a server in KiB. */
function rss({ pid }) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

/** The text of a request that stores `body`, itself a JSON text, under an id. */
function storing(body, id = 'doc') {
  return `{"controller":"document","action":"createOrReplace","index":"${index}","collection":"${collection}",`
    + `"_id":${JSON.stringify(id)},"body":${body}}`;
}

/** Sends a text and returns the reply, which need not bear a request id. */
function answer(text) {
  client.send(text);
  return client.next();
}

async function stores(text) {
  const reply = await answer(storing(text));
  assert.equal(reply.error, null, reply.error?.message);
  const { _kuzzle_info: info, ...source } = reply.result._source;
  return source;
}

async function refuses(text) {
  const { status, error } = await answer(text);
  assert.equal(status, 400);
  assert.equal(error.id, 'network.websocket.unexpected_error', error.message);
}

/** Sends these bytes after the upgrade; the server must close with one of these codes, undefined: without a code. */
async function closesWith(bytes, ...codes) {
  const wire = await upgradeWire(server);
  wire.write(bytes);
  const code = await wire.closeCode().catch((error) => {
    if (!wire.ended) throw error;
    return undefined;
  });
  assert.ok(codes.includes(code), `closed with ${code}`);
  wire.end();
}

describe('JSON', () => {
  const nested = (levels) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

  test('a hundred levels are fine, one more is refused', async () => {
    const around = (inner) => `{"controller":"server","action":"now","x":${inner}}`; // itself the first level
    assert.equal((await answer(around(nested(99)))).status, 200);
    await refuses(around(nested(100)));
    await refuses(around('['.repeat(500000)));
    await refuses('{"a":'.repeat(100000));
    const bare = await exchange(server, 'POST', '/_query', { headers: json, body: around(nested(100)) });
    assert.equal(bare.body.id, 'network.http.body_parse_failed');
  });

  test('whoever sent what is refused is told under its requestId', async () => {
    const kuzzle = await connectSdk(server);
    let query = { match_all: {} };
    for (let i = 0; i < 33; i++) query = { bool: { must: [query] } };
    await assert.rejects(kuzzle.document.search(index, collection, { query }), { status: 400, id: 'network.websocket.unexpected_error' });
    kuzzle.disconnect();
    const reply = await answer(`{"x":${nested(100)},"requestId":"deep","controller":`);
    assert.deepEqual([reply.requestId, reply.room, reply.status], ['deep', 'deep', 400]);
  });

  test('lone surrogates are refused, pairs are one character', async () => {
    for (const text of ['\\ud800', '\\udc00', '\\udc00\\ud800', '\\ud800x', '\\ud83d\\u0041']) {
      await refuses(storing(`{"a":"${text}"}`));
      await refuses(storing(`{"${text}":1}`));
    }
    assert.deepEqual(await stores('{"a":"\\ud83d\\ude00"}'), { a: '😀' });
  });

  test('bytes that are no UTF-8 are refused', async () => {
    for (const bytes of ['ff', 'c0af', 'eda080', 'f5808080', 'e282', '80']) {
      const text = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes, 'hex'), Buffer.from('"}')]);
      const wire = await upgradeWire(server);
      wire.write(frame(text, { opcode: 2 })); // which may hold anything
      assert.equal((await wire.message()).error.id, 'network.websocket.unexpected_error');
      wire.write(frame(text, { opcode: 1 }));
      assert.equal(await wire.closeCode(), 1007);
      wire.end();
      const { body } = await exchange(server, 'POST', '/_query', {
        headers: json, body: Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes, 'hex'), Buffer.from('"}')]),
      });
      assert.equal(body.id, 'network.http.body_parse_failed');
    }
  });

  test('numbers beyond a double are refused, what fits keeps its digits', async () => {
    for (const number of ['1e400', '-1e309', '9'.repeat(400), `1e${'9'.repeat(30)}`]) {
      await refuses(storing(`{"a":${number}}`));
    }
    const digits = '{"a":12345678901234567890,"b":0.10,"c":1e-400,"d":-0,"e":1E5,"f":1e308}';
    const wire = await upgradeWire(server);
    wire.write(frame(storing(digits)));
    assert.ok((await wire.frame()).payload.toString().includes(digits.slice(0, -1)));
    wire.end();
  });

  test('of members with one name the last counts', async () => {
    assert.deepEqual(await stores('{"a":1,"b":2,"a":3,"\\u0061":4}'), { a: 4, b: 2 });
    assert.deepEqual(await stores('{"o":{"a":1},"o":{"b":2}}'), { o: { b: 2 } });
    const reply = await answer('{"controller":"index","action":"nope","controller":"server","action":"now"}');
    assert.deepEqual([reply.status, reply.controller], [200, 'server']);
    const wire = await upgradeWire(server);
    wire.write(frame(storing('{"a":1,"\\u0061":4}')));
    const text = (await wire.frame()).payload.toString();
    assert.equal(text.match(/"a":/g).length, 1);
    wire.end();
  });

  test('nobody writes _kuzzle_info, however it is spelt', async () => {
    for (const name of ['_kuzzle_info', '\\u005fkuzzle_info', '_kuzzle\\u005finfo']) {
      const { result } = await answer(storing(`{"${name}":{"author":"me"},"a":1}`));
      assert.deepEqual(result._source._kuzzle_info.author, '-1');
      assert.deepEqual(Object.keys(result._source).sort(), ['_kuzzle_info', 'a']);
    }
  });

  test('names that mean something elsewhere are names', async () => {
    const text = '{"__proto__":{"x":1},"constructor":2,"":3,"a.b":4,"toString":{"__proto__":null},"hasOwnProperty":5}';
    const { result } = await answer(storing(text, '__proto__'));
    assert.equal(result._id, '__proto__');
    const again = await client.result({ controller: 'document', action: 'get', index, collection, _id: '__proto__' });
    for (const { _source } of [result, again]) {
      const { _kuzzle_info: info, ...source } = _source;
      assert.equal(JSON.stringify(source), text);
    }
  });

  test('U+0000 is a character, in names, values and ids', async () => {
    await answer(storing('{"v":"plain"}', 'nul'));
    const text = '{"a\\u0000b":"\\u0000x\\u0000","a":1}';
    const { result } = await answer(storing(text, 'nul\u0000'));
    assert.deepEqual([result._id, result._source['a\u0000b'], result._source.a], ['nul\u0000', '\u0000x\u0000', 1]);
    const get = (_id) => client.result({ controller: 'document', action: 'get', index, collection, _id });
    assert.equal((await get('nul'))._source.v, 'plain');
    assert.equal((await get('nul\u0000'))._source.a, 1);
    const { successes, errors } = await client.result({
      controller: 'document', action: 'mGet', index, collection, ids: ['nul', 'nul\u0000', 'nul\u0000\u0000'],
    });
    assert.deepEqual([successes.map(({ _id }) => _id), errors], [['nul', 'nul\u0000'], ['nul\u0000\u0000']]);
    assert.equal((await client.result({ controller: 'document', action: 'delete', index, collection, _id: 'nul\u0000' }))._id,
      'nul\u0000');
    assert.equal((await get('nul'))._source.v, 'plain');
  });

  test('an object of a hundred thousand members is answered, wherever it stands', async () => {
    const members = Array.from({ length: 100000 }, (_, i) => `"${i.toString(36)}_":0`).join(',');
    for (const text of [storing(`{${members}}`), `{${members},"controller":"server","action":"now"}`,
      `{"controller":"server","action":"now","volatile":{${members}}}`]) {
      const begin = Date.now();
      const { status } = await answer(text);
      assert.ok(status === 200 || status === 400, `${status}`);
      assert.ok(Date.now() - begin < 5000);
    }
  });

  test('names made to collide cost no more than others', async () => {
    // Alike but for the end: what a hash without a seed, or a list, takes quadratic time for.
    const members = Array.from({ length: 8000 }, (_, i) => `"${'a'.repeat(100)}${i}":${i}`).join(',');
    const begin = Date.now();
    assert.equal((await stores(`{${members},${members.slice(0, 100000).replace(/,[^,]*$/, '')}}`))[`${'a'.repeat(100)}7999`], 7999);
    assert.ok(Date.now() - begin < 5000);
  });
});

describe('names and ids', () => {
  test('an id has at most 512 bytes', async () => {
    for (const id of ['x'.repeat(512), 'é'.repeat(256), '\u0000'.repeat(512)]) {
      assert.equal((await answer(storing('{}', id))).result._id, id);
    }
    for (const id of ['x'.repeat(513), 'é'.repeat(257), 'x'.repeat(100000)]) {
      for (const action of ['get', 'createOrReplace', 'create', 'update', 'replace', 'upsert', 'deleteFields', 'delete']) {
        const { status, error } = await client.ask({ controller: 'document', action, index, collection, _id: id, body: { changes: {}, fields: ['a'] } });
        assert.equal(status, 400, action);
        assert.ok(error.id.startsWith('services.storage.'), error.id);
      }
      assert.ok([false, undefined, null].includes((await client.ask({
        controller: 'document', action: 'exists', index, collection, _id: id,
      })).result));
    }
    const { errors } = await client.result({
      controller: 'document', action: 'mCreate', index, collection, body: { documents: [{ _id: 'x'.repeat(513), body: {} }] },
    });
    assert.equal(errors.length, 1);
  });

  const bad = ['A', 'É', 'a b', 'a\tb', 'a\rb', 'a\nb', 'a/b', 'a\\b', 'a*', 'a?', 'a"b', 'a<', 'a>', 'a|b', 'a,b', 'a+', 'a#',
    'a:b', 'a.b', '.', '..', '&a', 'a%', '_all', ' ', 'x'.repeat(127), 'é'.repeat(64), 'a\u0000', '\u0000'];
  const good = ['_a', '-a', '@a', 'é', 'x'.repeat(126), 'é'.repeat(63), '__proto__', 'constructor', '{a}', '}', "a'b", '0',
    'a{b}c', '$a', 'a(b)', '~', '=', '😀'];

  test('of indexes', async () => {
    for (const name of bad) {
      const error = await client.failure({ controller: 'index', action: 'create', index: name });
      assert.deepEqual([error.status, error.id], [400, 'services.storage.invalid_index_name'], JSON.stringify(name));
    }
    for (const name of good) {
      assert.equal((await client.ask({ controller: 'index', action: 'create', index: name })).status, 200, name);
    }
    const { indexes } = await client.result({ controller: 'index', action: 'list' });
    for (const name of good) assert.ok(indexes.includes(name), name);
    for (const name of bad) assert.ok(!indexes.includes(name), name);
  });

  test('of collections', async () => {
    const ask = (name, action) => client.ask({ controller: 'collection', action, index, collection: name, body: {} });
    for (const name of bad) {
      assert.equal((await ask(name, 'create')).error.id, 'services.storage.invalid_collection_name', JSON.stringify(name));
    }
    for (const name of good) assert.equal((await ask(name, 'create')).status, 200, name);
  });

  test('two names never share what is stored under them', async () => {
    const places = [['{a}', 'b'], ['a', '{b}'], ['a{', '}b'], ['a{b}', 'c'], ['a', 'b}c']];
    for (const [place, part] of places) {
      await client.ask({ controller: 'index', action: 'create', index: place });
      await client.ask({ controller: 'collection', action: 'create', index: place, collection: part, body: {} });
      await client.result({
        controller: 'document', action: 'createOrReplace', index: place, collection: part, _id: '1', body: { place, part },
      });
    }
    for (const [place, part] of places) {
      const { _source } = await client.result({ controller: 'document', action: 'get', index: place, collection: part, _id: '1' });
      assert.deepEqual([_source.place, _source.part], [place, part]);
    }
  });
});

describe('WebSocket messages', () => {
  const ofLength = (length) => `{"controller":"server","action":"now","fill":"${'x'.repeat(length - 48)}"}`;

  test('1 MiB is fine, one byte more closes with 1009', async () => {
    assert.equal(ofLength(100).length, 100);
    assert.equal((await answer(ofLength(mebi))).status, 200);
    await closesWith(frame(ofLength(mebi + 1)), 1009);
  });

  test('so it is when it comes in fragments', async () => {
    const pieces = (text, count) => {
      const size = Math.ceil(text.length / count);
      return Buffer.concat(Array.from({ length: count }, (_, i) => frame(text.slice(i * size, (i + 1) * size),
        { opcode: i === 0 ? 1 : 0, fin: i === count - 1 })));
    };
    const wire = await upgradeWire(server);
    wire.write(pieces(ofLength(mebi), 17));
    assert.equal((await wire.message()).status, 200);
    wire.end();
    await closesWith(pieces(ofLength(mebi + 1), 17), 1009);
    // Never finished: the limit must strike all the same.
    await closesWith(Buffer.concat(Array.from({ length: 20 }, (_, i) =>
      frame('x'.repeat(65536), { opcode: i === 0 ? 1 : 0, fin: false }))), 1009);
  });

  test('a frame that only announces to be huge closes as soon as it begins', async () => {
    const before = rss(server);
    for (const length of ['7fffffffffffffff', '0000000100000000', '0000000000100001']) {
      await closesWith(Buffer.from(`81ff${length}01020304aabbccdd`, 'hex'), 1009);
    }
    assert.ok(rss(server) - before < 32768);
  });

  test('fragments of one byte, with pings between them, are one message', async () => {
    const text = JSON.stringify(now);
    const wire = await upgradeWire(server);
    for (let i = 0; i < text.length; i++) {
      wire.write(frame(text[i], { opcode: i === 0 ? 1 : 0, fin: i === text.length - 1 }));
      if (i % 10 === 0) wire.write(frame('?', { opcode: 9 }));
    }
    // Pings that come faster than pongs can go may be answered together (RFC 6455, 5.5.3).
    const opcodes = new Set();
    while (opcodes.size < 2) {
      const { opcode, payload } = await wire.frame();
      opcodes.add(opcode);
      if (opcode === 10) assert.equal(payload.toString(), '?');
      else assert.equal(JSON.parse(payload).status, 200);
    }
    assert.deepEqual([...opcodes].sort(), [1, 10]);
    wire.end();
  });

  test('a character cut in two by a fragment is one character', async () => {
    const bytes = Buffer.from('{"controller":"server","action":"now","volatile":{"a":"€"}}');
    const cut = bytes.indexOf(0xe2) + 1;
    const wire = await upgradeWire(server);
    wire.write(frame(bytes.subarray(0, cut), { fin: false }));
    wire.write(frame(bytes.subarray(cut), { opcode: 0 }));
    assert.equal((await wire.message()).volatile.a, '€');
    wire.end();
  });

  test('a frame that comes byte by byte is a frame', async () => {
    const wire = await upgradeWire(server);
    wire.socket.setNoDelay(true);
    for (const byte of frame(JSON.stringify(now))) {
      wire.write(Buffer.from([byte]));
      await sleep(1);
    }
    assert.equal((await wire.message()).status, 200);
    wire.end();
  });

  test('a thousand frames in one segment are a thousand requests', async () => {
    const wire = await upgradeWire(server);
    wire.write(Buffer.concat(Array.from({ length: 1000 }, (_, i) => frame(JSON.stringify({ ...now, requestId: `${i}` })))));
    const ids = new Set();
    for (let i = 0; i < 1000; i++) ids.add((await wire.message()).requestId);
    assert.equal(ids.size, 1000);
    wire.end();
  });

  const violations = {
    'a continuation of nothing': frame('x', { opcode: 0 }),
    'a message begun within a message': Buffer.concat([frame('{', { fin: false }), frame('{}')]),
    'an opcode that does not exist': frame('x', { opcode: 3 }),
    'a control frame that does not exist': frame('x', { opcode: 11 }),
    'a ping in fragments': frame('x', { opcode: 9, fin: false }),
    'a ping of more than 125 bytes': frame('x'.repeat(126), { opcode: 9 }),
    'a close of one byte': frame('x', { opcode: 8 }),
    'a close with a code that does not exist': frame(Buffer.from([0, 1]), { opcode: 8 }),
    'a compressed frame that was not agreed on': Buffer.concat([Buffer.from([0xc1]), frame('{}').subarray(1)]),
    'a frame without a mask': frame('{}', { mask: false }),
    'a length with its highest bit set': Buffer.from('81ff800000000000000001020304', 'hex'),
  };
  for (const [what, bytes] of Object.entries(violations)) {
    test(`${what} closes with 1002`, () => closesWith(bytes, 1002));
  }

  test('a close is answered with its code, and with 1005 by none', async () => {
    for (const code of [1000, 1001, 3000, 4999]) await closesWith(frame(Buffer.from([code >> 8, code & 255]), { opcode: 8 }), code);
    await closesWith(frame('', { opcode: 8 }), undefined);
  });
});

describe('HTTP', () => {
  /** Sends raw bytes; the status of the answer, or undefined when the connection was closed without one. */
  async function statusOf(bytes, ms = 15000) {
    const wire = await connectWire(server);
    wire.write(bytes);
    const status = await within(ms, 'an answer', Promise.race([
      wire.response().then((response) => response.status),
      wire.closed.then(() => undefined),
    ])).catch((error) => {
      if (!wire.ended) throw error;
      return undefined;
    });
    wire.end();
    return status;
  }
  const get = (...lines) => `GET /_now HTTP/1.1\r\nHost: x\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
  const post = (...lines) => get(...lines).replace('GET /_now', 'POST /_query');

  const chunked = '26\r\n{"controller":"server","action":"now"}\r\n0\r\n\r\n';

  test('a chunked body is read, in whatever pieces it comes', async () => {
    const head = post('Content-Type: application/json', 'Transfer-Encoding: chunked');
    assert.equal(await statusOf(head + chunked), 200);
    const odd = '1;a="b;c"\r\n{\r\n0025\r\n"controller":"server","action":"now"}\r\n000\r\nX-Trailer: x\r\n\r\n';
    const wire = await connectWire(server);
    wire.socket.setNoDelay(true);
    for (const byte of Buffer.from(head + odd)) {
      wire.write(Buffer.from([byte]));
      await sleep(0);
    }
    assert.equal((await wire.response()).status, 200);
    wire.write(head + chunked + get());
    for (let i = 0; i < 2; i++) assert.equal((await wire.response()).status, 200);
    wire.end();
  });

  test('a chunked body is bounded, in bytes and in time', async () => {
    const wire = await connectWire(server);
    wire.write(post('Transfer-Encoding: chunked'));
    for (let i = 0; i < 17; i++) wire.write(`10000\r\n${'x'.repeat(65536)}\r\n`);
    const { status, body } = await wire.response();
    assert.deepEqual([status, body.id], [413, 'network.http.request_too_large']);
    await wire.closed;
    wire.end();
  });

  test('a body with two ends, or none that can be told, is refused and what follows is not looked at', async () => {
    const bad = [
      [post('Transfer-Encoding: chunked', 'Content-Length: 5') + chunked, 400],
      [post('Content-Length: 5', 'Transfer-Encoding: chunked') + chunked, 400],
      [post('Transfer-Encoding: gzip, chunked') + chunked, 501],
      [post('Transfer-Encoding: identity') + chunked, 501],
      [post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + chunked, 501],
      [post('Transfer-Encoding : chunked') + chunked, 400],
      [`${post('Transfer-Encoding: chunked')}zz\r\n${chunked}`, 400],
      [`${post('Transfer-Encoding: chunked')}-1\r\n${chunked}`, 400],
      [`${post('Transfer-Encoding: chunked')}ffffffffffffffffff\r\n${chunked}`, 400],
    ];
    for (const [bytes, expected] of bad) {
      const wire = await connectWire(server);
      wire.write(bytes + get());
      const { status, headers, body } = await wire.response();
      assert.deepEqual([status, body.id, headers.connection], [expected, 'network.http.unexpected_error', 'close'], bytes);
      await wire.closed;
      assert.equal(wire.received.length, 0);
      wire.end();
    }
  });

  test('any header may be the last one of a head, and a head may be cut anywhere', async () => {
    for (const last of ['A: b', 'X-Auth: 1', 'X-Forwarded: y', 'H: x', 'Sec-WebSocket: 1', 'Content-Ty: x', 'X-Kuzzle: y']) {
      const head = get(last);
      assert.equal(await statusOf(head), 200, last);
      const wires = await Promise.all(Array.from({ length: head.length - 1 }, () => connectWire(server)));
      wires.forEach((wire, i) => wire.write(head.slice(0, i + 1)));
      await sleep(5);
      wires.forEach((wire, i) => wire.write(head.slice(i + 1)));
      for (const wire of wires) assert.equal((await wire.response()).status, 200);
      wires.forEach((wire) => wire.end());
    }
  });

  test('a thousand pipelined requests are answered in their order', async () => {
    const requests = Array.from({ length: 1000 }, (_, i) => {
      const headers = { 'x-kuzzle-request-id': `p-${i}` };
      if (i % 3 === 0) return httpBytes('GET', '/_now', { headers });
      if (i % 3 === 1) return httpBytes('POST', '/_query', { headers: { ...json, ...headers }, body: JSON.stringify(now) });
      return Buffer.from(`${post('Content-Type: application/json', `X-Kuzzle-Request-Id: p-${i}`, 'Transfer-Encoding: chunked')}${chunked}`);
    });
    const wire = await connectWire(server);
    wire.write(Buffer.concat(requests));
    for (let i = 0; i < requests.length; i++) {
      const { status, body } = await wire.response();
      assert.deepEqual([status, body.requestId], [200, `p-${i}`]);
    }
    // So they are when the API takes longer for one than for the next.
    wire.write(Buffer.concat([
      httpBytes('POST', '/_query', { headers: json, body: storing('{"a":1}', 'pipelined') }),
      httpBytes('GET', `/${index}/${collection}/pipelined`), httpBytes('GET', '/_now'),
    ]));
    const replies = [await wire.response(), await wire.response(), await wire.response()];
    assert.deepEqual(replies.map(({ body }) => body.action), ['createOrReplace', 'get', 'now']);
    assert.equal(replies[1].body.result._source.a, 1);
    wire.end();
  });

  test('a client that ends its side gets the replies to what it has asked', async () => {
    await answer(storing('{"here":true}', 'half'));
    for (let i = 0; i < 20; i++) {
      const wire = await connectWire(server);
      wire.socket.end(Buffer.concat(Array(3).fill(httpBytes('GET', `/${index}/${collection}/half`))));
      for (let reply = 0; reply < 3; reply++) assert.equal((await wire.response()).body.result._id, 'half');
      await wire.closed;
      wire.end();
    }
  });

  test('targets in every form that HTTP knows', async () => {
    const status = (line) => statusOf(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal(await status('GET http://localhost/_now?a=b'), 200);
    assert.equal(await status('OPTIONS *'), 200);
    assert.equal(await status('OPTIONS /any/thing'), 200);
    assert.equal((await exchange(server, 'HEAD', '/')).status, 200);
    assert.equal(await status('GET *'), 400);
    assert.equal(await status('GET now'), 400);
    assert.equal(await status('GET /a%zz'), 404);
    assert.equal(await status('CONNECT host:1'), 400);
    assert.equal(await status('BREW /'), 400);
    assert.equal(await statusOf('GET /_now HTTP/1.0\r\n\r\n'), 200);
    assert.equal(await statusOf('GET /_now HTTP/3.0\r\n\r\n'), 505);
  });

  test('an id in a path is what it was encoded from', async () => {
    for (const id of ['a/b', 'a+b', 'a b', '%2F', 'é', '?#&=', 'a\u0000b', '100%']) {
      await answer(storing('{"here":true}', id));
      const { status, body } = await exchange(server, 'GET', `/${index}/${collection}/${encodeURIComponent(id)}`);
      assert.deepEqual([status, body.result?._id], [200, id]);
    }
    // '+' is a blank in a query string only.
    assert.equal((await exchange(server, 'GET', `/${index}/${collection}/a+b`)).body.result._id, 'a+b');
    const { body } = await exchange(server, 'GET', `/${index}/${collection}/_mGet?ids=a+b`);
    assert.equal(body.result.successes[0]._id, 'a b');
  });

  test('a length that is none, or two of them, is refused', async () => {
    for (const length of ['-1', 'abc', '1e3', '0x10', '+5', '5 5', '']) {
      assert.equal(await statusOf(`${post(`Content-Length: ${length}`)}{}`), 400, length);
    }
    assert.equal(await statusOf(`${post('Content-Length: 2', 'Content-Length: 3')}{}x`), 400);
    for (const length of ['1048577', '99999999999', '9'.repeat(50)]) {
      assert.equal(await statusOf(post(`Content-Length: ${length}`)), 413, length);
    }
  });

  test('heads that are too large are refused', async () => {
    const bombs = [
      get(`X-A: ${'a'.repeat(100000)}`),
      get(...Array.from({ length: 10000 }, (_, i) => `X-${i}: a`)),
      get(`Cookie: ${'a=b; '.repeat(20000)}`),
      get(`Authorization: Bearer ${'x'.repeat(70000)}`),
      `GET /${'x'.repeat(100000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET /_now?${'a=b&'.repeat(30000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    ];
    const statuses = await Promise.all(bombs.map((bomb) => statusOf(bomb)));
    assert.deepEqual(statuses, [431, 431, 431, 431, 414, 414]);
  });

  test('heads that are merely long are read', async () => {
    assert.equal(await statusOf(get(`Authorization: Basic ${'x'.repeat(6000)}`)), 200);
    assert.equal(await statusOf(get(...Array.from({ length: 200 }, (_, i) => `X-${i}: ${'a'.repeat(20)}`))), 200);
  });

  test('many arguments are read, more than anybody needs are refused', async () => {
    const ask = (count) => statusOf(`GET /_now?${Array.from({ length: count }, (_, i) => `a${i}`).join('&')} HTTP/1.1\r\n\r\n`);
    assert.equal(await ask(50), 200);
    assert.equal(await ask(250), 200);
    assert.equal(await ask(300), 400);
    assert.equal(await ask(5000), 414);
  });

  const noise = {
    'random bytes': [Buffer.from([1, 2, 3, 255, 0, 13, 10, 13, 10]), 400],
    'a TLS hello': [Buffer.from('1603010200010001fc0303', 'hex'), 400],
    'HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    'a path with a NUL': ['GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n', 404],
    'a path with half an escape': ['GET /a%2 HTTP/1.1\r\nHost: x\r\n\r\n', 404],
    'a path that climbs': ['GET /../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n', 404],
    'an upgrade without key': [get('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'), 400],
    'an upgrade of another version': [get('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 8'), 426],
    'a line end within a header of ours': [get('X-Kuzzle-Request-Id: a\rSet-Cookie: b'), 400],
    'a NUL in a header': [get('X-A: b\u0000c'), 400],
    'a header without a colon': [get('nonsense'), 400],
    'a folded header': [get('X-A: b\r\n c'), 400],
  };
  for (const [what, [bytes, expected]] of Object.entries(noise)) {
    test(`${what}: ${expected}`, async () => {
      const wire = await connectWire(server);
      wire.write(bytes);
      const { status, headers, body } = await wire.response();
      assert.equal(status, expected);
      assert.equal(body.error?.status ?? body.status, expected);
      assert.equal('set-cookie' in headers, false);
      wire.end();
    });
  }

  test('a client that drips its head, or sends nothing, is sent away in time', async () => {
    const begin = Date.now();
    const wires = await Promise.all(Array.from({ length: 50 }, () => connectWire(server)));
    wires.slice(10).forEach((wire) => wire.write('GET /_now HTTP/1.1\r\nHost: x\r\n'));
    const timer = setInterval(() => wires.slice(10).forEach((wire) => wire.write('X-A: b\r\n')), 500);
    await within(25000, 'the end of all dripping connections', Promise.all(wires.map((wire) => wire.closed)))
      .finally(() => clearInterval(timer));
    assert.ok(Date.now() - begin > 2000, 'honest slow clients need a moment');
    for (const wire of wires.slice(10)) assert.equal((await wire.response()).status, 408);
    wires.forEach((wire) => wire.end());
  });

  test('a body that never comes does not hold up the others', async () => {
    const wires = await Promise.all(Array.from({ length: 50 }, () => connectWire(server)));
    wires.forEach((wire) => wire.write(`${post('Content-Type: application/json', 'Content-Length: 1000000')}{`));
    await assertServes(server);
    wires.forEach((wire) => wire.vanish());
  });

  test('a small body that unpacks to a large one is refused, and not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * mebi)); // 200 KiB
    const twice = gzipSync(gzipSync(Buffer.alloc(900 * mebi)));
    const before = rss(server);
    for (const [encoding, body] of [['gzip', bomb], ['gzip, gzip', twice]]) {
      const { status, body: error } = await exchange(server, 'POST', '/_query', {
        headers: { ...json, 'content-encoding': encoding }, body,
      });
      assert.deepEqual([status, error.id], [413, 'network.http.request_too_large']);
    }
    const grown = rss(server) - before;
    assert.ok(grown < 65536, `${grown} KiB more`);
  });
});

describe('clients that go, and clients that stay', () => {
  test('one that vanishes with its requests on their way takes nobody along', async () => {
    const id = (round, i) => `vanished-${round}-${i}`;
    for (let round = 0; round < 50; round++) {
      const wire = round % 2 === 0 ? await upgradeWire(server) : await connectWire(server);
      for (let i = 0; i < 10; i++) {
        const text = storing('{"left":true}', id(round, i));
        if (round % 2 === 0) wire.write(frame(text));
        else if (i === 0) wire.write(httpBytes('POST', '/_query', { headers: json, body: text }));
      }
      await wire.flushed(); // what was written goes out first
      if (round % 5 === 0) await sleep(1);
      wire.vanish();
    }
    await assertServes(server);
  });

  test('a write whose client left after it was begun is whole or not there', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `left-behind-${i}`);
    for (const [i, id] of ids.entries()) {
      const wire = await upgradeWire(server);
      wire.write(frame(storing('{"left":true}', id)));
      if (i > 0) await sleep(i); // the end may overtake the request's begin, its commit or its reply
      wire.socket.end();
    }
    const mGet = { controller: 'document', action: 'mGet', index, collection, body: { ids } };
    let stored;
    await until('one of them is there', async () => {
      stored = (await client.result(mGet)).successes;
      return stored.length > 0;
    });
    for (const { _source, _version } of stored) assert.deepEqual([_source.left, _version], [true, 1]);
  });

  test('half a frame and then nothing more is forgotten with its connection', async () => {
    const connected = async () => (await client.result({ controller: 'server', action: 'metrics' })).network.connections.websocket;
    await until('those of the tests before have gone', async () => await connected() === 1);
    const wires = [];
    for (let i = 0; i < 20; i++) {
      const wire = await upgradeWire(server);
      wire.write(frame('x'.repeat(500000)).subarray(0, 1000 * i + 1));
      wires.push(wire);
    }
    await until('all have come', async () => await connected() === 21);
    wires.forEach((wire) => wire.vanish());
    await until('all are forgotten', async () => await connected() === 1);
    await assertServes(server);
  });
});

describe('a client that never reads', () => {
  const maxQueuedBytes = mebi;
  let patient;
  let other;

  before(async () => {
    patient = await startServer({ env, config: { kdm: { maxQueuedBytes } } });
    other = await connectRaw(patient);
    await other.ask({ controller: 'index', action: 'create', index });
    await other.ask({ controller: 'collection', action: 'create', index, collection, body: {} });
    await other.result({
      controller: 'document', action: 'create', index, collection, _id: 'large', body: { text: 'x'.repeat(200000) },
    });
  });
  after(async () => {
    await assertServes(patient);
    await other.close();
    await patient.stop();
  });

  /** Others must be served meanwhile. */
  async function assertQuick(ms) {
    const end = Date.now() + ms;
    while (Date.now() < end) {
      const begin = Date.now();
      await other.result(now);
      assert.ok(Date.now() - begin < 1000, `${Date.now() - begin} ms for server:now`);
      await sleep(20);
    }
  }

  test('is closed with 1013 once too much waits for it', async () => {
    const wire = await upgradeWire(patient);
    const before = rss(patient);
    wire.socket.pause();
    wire.write(Buffer.concat(Array.from({ length: 400 }, () =>
      frame(JSON.stringify({ controller: 'document', action: 'get', index, collection, _id: 'large' })))));
    await patient.logged(/closing .*does not read/);
    wire.socket.resume();
    let code;
    for (;;) {
      const { opcode, payload } = await wire.frame();
      if (opcode === 8) {
        code = payload.readUInt16BE(0);
        break;
      }
      JSON.parse(payload); // what came before it is whole
    }
    assert.equal(code, 1013);
    wire.end();
    await assertQuick(200);
    assert.ok(rss(patient) - before < 300000, `${rss(patient) - before} KiB more`);
  });

  test('is not read from either, so that it can ask for no more', async () => {
    const ask = frame(JSON.stringify({ controller: 'server', action: 'openapi' }));
    const wires = await Promise.all(Array.from({ length: 5 }, () => upgradeWire(patient)));
    const before = rss(patient);
    for (const wire of wires) wire.socket.pause();
    const timer = setInterval(() => {
      for (const wire of wires) if (wire.socket.writableLength < mebi) wire.write(Buffer.concat(Array(100).fill(ask)));
    }, 20);
    await assertQuick(3000).finally(() => clearInterval(timer));
    const grown = rss(patient) - before;
    assert.ok(grown < 150000, `${grown} KiB more`);
    wires.forEach((wire) => wire.vanish());
  });

  test('may be an HTTP client too', async () => {
    const wires = await Promise.all(Array.from({ length: 20 }, () => connectWire(patient)));
    const before = rss(patient);
    for (const wire of wires) {
      wire.socket.pause();
      wire.write(Buffer.concat(Array(200).fill(httpBytes('GET', `/${index}/${collection}/large`))));
    }
    await assertQuick(1500);
    const grown = rss(patient) - before;
    assert.ok(grown < 150000, `${grown} KiB more`);
    wires.forEach((wire) => wire.vanish());
  });
});

describe('many clients', () => {
  const hardLimit = Number(/Max open files\s+\S+\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))[1]);
  const count = 10000;

  test('ten thousand idle connections are held and served', { skip: hardLimit < count + 200 && `only ${hardLimit} files may be open` }, async () => {
    const crowded = await startServer({ env });
    const before = rss(crowded);
    const wires = [];
    while (wires.length < count) {
      wires.push(...await Promise.all(Array.from({ length: 100 }, () => upgradeWire(crowded))));
    }
    const each = (rss(crowded) - before) / count;
    assert.ok(each < 40, `${each.toFixed(1)} KiB for each`);
    await assertServes(crowded);
    const some = wires.filter((_, i) => i % 100 === 0);
    some.forEach((wire) => wire.write(frame(JSON.stringify(now))));
    for (const wire of some) assert.equal((await wire.message()).status, 200);
    const begin = Date.now();
    wires.forEach((wire) => wire.vanish());
    await assertServes(crowded);
    assert.ok(Date.now() - begin < 10000);
    await crowded.stop();
  });

  test('beyond the most connections a further one is turned away, until one goes', async () => {
    const small = await startServer({ config: { kdm: { maxConnections: 20 } } });
    const wires = await Promise.all(Array.from({ length: 20 }, () => upgradeWire(small)));
    const surplus = await connectWire(small);
    await within(5000, 'the surplus connection is closed', surplus.closed);
    surplus.end();
    wires.pop().vanish();
    await until('there is room again', () => upgradeWire(small).then((wire) => wires.push(wire), () => false));
    wires.forEach((wire) => wire.end());
    await sleep(50);
    await assertServes(small);
    await small.stop();
  });
});

describe('a client that sends 100,000 requests and does not wait', () => {
  const count = 100000;
  let redis;
  let kdm;
  let other;

  before(async () => {
    redis = await startRedis();
    kdm = await startServer({ env: { ...env, kuzzle_kdm__maxConnectionRequests: '64' }, redis: redis.url, args: ['--request-timeout', '60000'] });
    other = await connectRaw(kdm);
    await other.ask({ controller: 'index', action: 'create', index });
    await other.ask({ controller: 'collection', action: 'create', index, collection, body: {} });
    await other.ask({ controller: 'document', action: 'create', index, collection, _id: 'one', body: {} });
  });
  after(async () => {
    await other.close();
    await kdm.stop();
    await redis.stop();
  });

  test('is read as its requests are done, and gets all answers', async () => {
    const wire = await upgradeWire(kdm);
    const one = frame(JSON.stringify({ controller: 'document', action: 'get', index, collection, _id: 'one' }));
    const before = rss(kdm);
    redis.freeze();
    const part = Buffer.concat(Array.from({ length: 1000 }, () => one));
    for (let i = 0; i < count / 1000; i++) wire.write(part);
    await sleep(500);
    const { api } = await other.result({ controller: 'server', action: 'metrics' });
    redis.thaw();
    assert.ok(api.concurrentRequests >= 64 && api.concurrentRequests < 70, `${api.concurrentRequests} in flight`);
    for (let i = 0; i < count; i++) {
      const { payload } = await wire.frame();
      if (i % 10000 === 0) assert.equal(JSON.parse(payload).status, 200);
    }
    assert.ok(rss(kdm) - before < 100000, `${rss(kdm) - before} KiB more`);
    wire.end();
    await assertServes(kdm);
  });
});
