// protocol.test.mjs - the wire itself: envelopes, error objects, typing of arguments, routes, headers, encodings.
// What the actions do is told elsewhere.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { after, atEnd, before, describe, test } from './lib/test.mjs';
import { assertServes } from './lib/alive.mjs';
import { connectAsker, names } from './lib/ask.mjs';
import { request } from './lib/http.mjs';
import { sleep } from './lib/process.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';
import { connectWire, exchange, frame, httpBytes, upgradeWire } from './lib/wire.mjs';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const node = /^knode-[a-z]+-[a-z]+-\d{1,5}$/;
const now = { controller: 'server', action: 'now' };
const json = { 'content-type': 'application/json' };
const index = 'wire';
const collection = 'things';
const nextId = names('thing');
const { errors: table } = JSON.parse(readFileSync(new URL('../../protocol/errors/kuzzle.json', import.meta.url)));

let server;

before(async () => {
  server = await startServer();
  const client = await connectRaw(server);
  await client.ask({ controller: 'index', action: 'create', index });
  await client.ask({ controller: 'collection', action: 'create', index, collection, body: {} });
  await client.close();
});
atEnd(async () => {
  await assertServes(server);
  await server.stop();
});

function keys(object) {
  return Object.keys(object).sort();
}

/** What was asked for must have failed with this error, which must be complete. */
function assertError(response, id, props) {
  const { error } = response;
  assert.ok(error, `no error: ${JSON.stringify(response).slice(0, 500)}`);
  assert.equal(error.id, id, error.message);
  assert.deepEqual(keys(error), ['code', 'id', 'message', 'props', 'status']);
  assert.equal(error.code, table[id].code);
  assert.equal(error.status, table[id].status);
  assert.equal(response.status, error.status);
  assert.equal(response.result, null);
  assert.ok(typeof error.message === 'string' && error.message !== '');
  assert.ok(Array.isArray(error.props));
  if (props) assert.deepEqual(error.props, props);
}

/** The whole HTTP body must be this bare error object. */
function assertBareError({ status, body, headers }, id) {
  assert.deepEqual(keys(body), ['code', 'id', 'message', 'props', 'status']);
  assert.deepEqual([body.id, body.code, body.status], [id, table[id].code, table[id].status], body.message);
  assert.equal(status, body.status);
  assert.equal(headers['content-encoding'], 'identity');
}

/** Neither id nor code: an error in the envelope itself. */
function assertBareEnvelope(response, status) {
  assert.equal(response.status, status);
  assert.deepEqual(keys(response.error), ['message', 'status']);
  assert.equal(response.error.status, status);
  assert.equal(response.result, null);
}

describe('the envelope over WebSocket', () => {
  let client;

  before(async () => { client = await connectRaw(server); });
  after(() => client.close());

  test('a reply without target has exactly these members', async () => {
    const reply = await client.ask({ ...now, requestId: 'mine' });
    assert.deepEqual(keys(reply), ['action', 'controller', 'error', 'headers', 'node', 'requestId', 'result', 'room',
      'status', 'volatile']);
    assert.match(reply.node, node);
    assert.ok(Number.isInteger(reply.result.now));
    assert.deepEqual({ ...reply, node: '', result: 0 }, {
      action: 'now', controller: 'server', error: null, headers: {}, node: '', requestId: 'mine', result: 0,
      room: 'mine', status: 200, volatile: null,
    });
  });

  test('index and collection are there when the request had them, _id never', async () => {
    const reply = await client.ask({ controller: 'document', action: 'exists', index, collection, _id: 'x' });
    assert.deepEqual([reply.index, reply.collection], [index, collection]);
    assert.equal('_id' in reply, false);
    const listed = await client.ask({ controller: 'collection', action: 'list', index });
    assert.equal(listed.index, index);
    assert.equal('collection' in listed, false);
  });

  test('an action that returns nothing has no result', async () => {
    const reply = await client.ask({ controller: 'index', action: 'create', index: 'nothing' });
    assert.deepEqual(keys(reply), ['action', 'controller', 'error', 'headers', 'index', 'node', 'requestId', 'room',
      'status', 'volatile']);
  });

  test('a failure has a whole error object, a null result, and shows what was asked', async () => {
    const reply = await client.ask({ controller: 'document', action: 'get', index, collection, _id: 'absent' });
    assertError(reply, 'services.storage.not_found');
    assert.deepEqual([reply.controller, reply.action, reply.index, reply.collection, reply.room],
      ['document', 'get', index, collection, reply.requestId]);
  });

  test('an unknown controller and an unknown action are two kinds of 404', async () => {
    assertError(await client.ask({ controller: 'nope', action: 'now' }), 'api.process.controller_not_found', ['nope']);
    assertError(await client.ask({ controller: 'server', action: 'nope' }), 'api.process.action_not_found',
      ['server', 'nope']);
    // Names that every JavaScript object, and many a hash table, would find.
    for (const name of ['__proto__', 'constructor', 'toString', '']) {
      assert.ok((await client.ask({ controller: name, action: name })).error, name);
    }
  });

  test('controller and action are required', async () => {
    assertError(await client.ask({ action: 'now' }), 'api.assert.missing_argument', ['controller']);
    assertError(await client.ask({ controller: 'server' }), 'api.assert.missing_argument', ['action']);
  });

  test('a null in place of what may be absent is as good as nothing', async () => {
    const reply = await client.ask({ ...now, jwt: null, volatile: null, body: null, _id: null, index: null });
    assert.equal(reply.status, 200);
    assert.equal(reply.volatile, null);
    const created = await client.ask({ controller: 'document', action: 'create', index, collection, _id: null, body: {} });
    assert.equal(created.status, 200);
    assert.ok(created.result._id.length > 0);
  });

  test('unknown arguments are ignored', async () => {
    assert.equal((await client.ask({ ...now, verb: 'POST', mode: [1], queuable: true, x: { y: null } })).status, 200);
  });

  test('volatile comes back untouched', async () => {
    const volatile = { sdkInstanceId: 'a"\\\u00e9\ud83d\ude00\u0000', deep: [{ n: 1e-7 }, [], {}, null, false] };
    assert.deepEqual((await client.ask({ ...now, volatile })).volatile, volatile);
    assert.deepEqual((await client.ask({ ...now, action: 'nope', volatile })).volatile, volatile);
    client.send('{"controller":"server","action":"now","requestId":"digits","volatile":{"n":0.10,"big":123456789012345678901}}');
    const wire = await client.next();
    assert.equal(wire.requestId, 'digits');
  });

  for (const requestId of [undefined, null, '', false, 0]) {
    test(`a requestId is made in place of ${JSON.stringify(requestId) ?? 'none'}`, async () => {
      client.send({ ...now, requestId });
      const reply = await client.next();
      assert.match(reply.requestId, uuid);
      assert.equal(reply.room, reply.requestId);
      assert.equal(reply.status, 200);
    });
  }

  test('a requestId of any characters comes back as it is', async () => {
    for (const requestId of ['ünï', '"\\\n', '\u0000', '1', 'x'.repeat(5000), '😀']) {
      const reply = await client.ask({ ...now, requestId });
      assert.equal(reply.room, requestId);
    }
  });

  test('two requests may have the same requestId; both are answered', async () => {
    client.send({ ...now, requestId: 'twin' });
    client.send({ ...now, requestId: 'twin' });
    assert.equal((await client.next()).requestId, 'twin');
    assert.equal((await client.next()).requestId, 'twin');
  });
});

describe('errors in the envelope', () => {
  const wrong = {
    'a requestId that is a number': { requestId: 12 },
    'a requestId that is an object': { requestId: {} },
    'a jwt that is a number': { jwt: 1 },
    'a controller that is a number': { controller: 1 },
    'an action that is an array': { action: ['now'] },
    'a volatile that is a text': { volatile: 'x' },
    'a volatile that is an array': { volatile: [] },
    'a body that is a text': { body: 'x' },
    'a body that is a number': { body: 3 },
    'a body that is true': { body: true },
  };

  for (const protocol of ['websocket', 'http']) {
    describe(`over ${protocol}`, () => {
      let answer;
      let close = async () => {};

      before(async () => {
        if (protocol === 'http') {
          answer = async (text) => (await exchange(server, 'POST', '/_query', { headers: json, body: text })).body;
          return;
        }
        const client = await connectRaw(server);
        close = () => client.close();
        answer = (text) => {
          client.send(text);
          return client.next();
        };
      });
      after(() => close());

      for (const [what, change] of Object.entries(wrong)) {
        if (protocol === 'http' && 'requestId' in change) continue; // replaced by the connection's own
        test(`${what} is a bare 400`, async () => {
          const reply = await answer(JSON.stringify({ ...now, ...change }));
          assertBareEnvelope(reply, 400);
          assert.match(reply.requestId, uuid);
        });
      }

      for (const text of ['[]', '12', '"text"', 'true', 'null', '[{"controller":"server","action":"now"}]']) {
        test(`a payload ${text} is a bare 500`, async () => {
          const reply = await answer(text);
          // Over HTTP "null" is no body at all, so nothing is missing but the controller.
          if (protocol === 'http' && text === 'null') assert.ok([400, 500].includes(reply.status));
          else assertBareEnvelope(reply, 500);
        });
      }
    });
  }

  test('over WebSocket a wrong envelope keeps its requestId, wherever it stands', async () => {
    const client = await connectRaw(server);
    for (const text of ['{"requestId":"r1","controller":1,"action":"now"}', '{"controller":1,"action":"now","requestId":"r1"}']) {
      client.send(text);
      assert.equal((await client.next()).requestId, 'r1');
    }
    await client.close();
  });

  test('what is no JSON is answered without a room, and the socket stays open', async () => {
    const client = await connectRaw(server);
    for (const text of ['{', 'hello', '{"a":1,}', "{'a':1}", '{"a":01}', '{"a":NaN}', '\ufeff{}', '{"controller":"server"} x']) {
      client.send(text);
      const reply = await client.next();
      assert.equal(reply.error.id, 'network.websocket.unexpected_error', text);
      assert.equal(reply.status, 400);
      assert.match(reply.requestId, uuid);
      assert.equal('room' in reply, false);
      assert.equal(reply.controller, null);
      assert.equal(reply.action, null);
    }
    assert.equal((await client.ask(now)).status, 200);
    await client.close();
  });

  test('targets and index or collection exclude each other', async () => {
    for (const protocol of ['websocket', 'http']) {
      const asker = await connectAsker(server, protocol);
      const targets = [{ index, collections: [collection] }];
      for (const other of ['index', 'collection']) {
        const reply = await asker.ask({ ...now, targets, [other]: 'x' });
        assertError(reply, 'api.assert.mutually_exclusive', ['targets', other]);
      }
      assert.equal((await asker.ask({ ...now, targets: [], index: 'x', collection: 'y' })).status, 200);
      assert.equal((await asker.ask({ ...now, targets })).status, 200);
      await asker.close();
    }
  });
});

describe('keep-alive and order over WebSocket', () => {
  test('{"p":1} is answered with {"p":2}, exactly', async () => {
    const wire = await upgradeWire(server);
    for (const ping of ['{"p":1}', '{ "p" : 1 }']) wire.write(frame(ping));
    assert.equal((await wire.frame()).payload.toString(), '{"p":2}');
    assert.equal((await wire.frame()).payload.toString(), '{"p":2}');
    wire.write(frame('{"p":2}'));
    assert.ok((await wire.message()).error); // no ping: an ordinary request without controller
    wire.end();
  });

  test('a ping is answered with a pong that brings its bytes back', async () => {
    const wire = await upgradeWire(server);
    for (const bytes of ['', 'hello', 'x'.repeat(125)]) {
      wire.write(frame(bytes, { opcode: 9 }));
      const pong = await wire.frame();
      assert.deepEqual([pong.opcode, pong.payload.toString()], [10, bytes]);
    }
    wire.write(frame('unasked', { opcode: 10 })); // a pong nobody waits for is let pass
    wire.write(frame('{"p":1}'));
    assert.equal((await wire.frame()).payload.toString(), '{"p":2}');
    wire.end();
  });

  test('frames of the server are unmasked text', async () => {
    const wire = await upgradeWire(server);
    wire.write(frame(JSON.stringify(now)));
    const { opcode, fin, payload } = await wire.frame();
    assert.deepEqual([opcode, fin], [1, true]);
    assert.equal(JSON.parse(payload).status, 200);
    wire.end();
  });

  test('a binary frame that holds JSON is a request like any other', async () => {
    const wire = await upgradeWire(server);
    wire.write(frame(JSON.stringify(now), { opcode: 2 }));
    assert.equal((await wire.message()).status, 200);
    wire.end();
  });

  test('an empty message is ignored', async () => {
    const wire = await upgradeWire(server);
    wire.write(Buffer.concat([frame(''), frame('', { opcode: 2 }), frame('{"p":1}')]));
    assert.equal((await wire.frame()).payload.toString(), '{"p":2}');
    wire.end();
  });

  test('a close is answered with a close', async () => {
    const wire = await upgradeWire(server);
    wire.write(frame(Buffer.from([0x03, 0xe8]), { opcode: 8 }));
    assert.equal(await wire.closeCode(), 1000);
    await wire.closed;
    wire.end();
  });

  test('any path can be upgraded and a subprotocol asked for is echoed', async () => {
    const client = await connectRaw({ wsUrl: `${server.wsUrl}/any/path?x=1` });
    assert.equal((await client.ask(now)).status, 200);
    await client.close();
    const wire = await connectWire(server);
    wire.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
      + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mine\r\n\r\n');
    const { status, headers } = await wire.response({ bodiless: true });
    assert.equal(status, 101);
    assert.equal(headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal(headers['sec-websocket-protocol'], 'mine');
    wire.end();
  });

  test('replies may overtake each other: what is quick does not wait for what is slow', async () => {
    const wire = await upgradeWire(server);
    const write = { controller: 'document', action: 'createOrReplace', index, collection, _id: 'order', body: {} };
    // In one segment, so that the server has both at once. The write waits for the disk.
    wire.write(Buffer.concat([{ ...write, requestId: 'slow' }, { ...now, requestId: 'quick' }]
      .map((message) => frame(JSON.stringify(message)))));
    assert.equal((await wire.message()).requestId, 'quick');
    assert.equal((await wire.message()).requestId, 'slow');
    wire.end();
  });

  test('of a thousand requests at once each gets exactly one reply', async () => {
    const client = await connectRaw(server);
    const replies = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.ask(i % 3 === 0
      ? { ...now, requestId: `r${i}` }
      : { controller: 'document', action: 'exists', index, collection, _id: `x${i}`, requestId: `r${i}` })));
    replies.forEach((reply, i) => assert.deepEqual([reply.requestId, reply.status], [`r${i}`, 200]));
    await sleep(50);
    assert.deepEqual(client.messages, []);
    await client.close();
  });
});

describe('who asks', () => {
  const bad = ['nonsense', 'kauth-nonsense', 'a.b.c', 'kapikey-x', 'kauth-eyJhbGciOiJIUzI1NiJ9.eyJfaWQiOiJ4In0.AAAA'];

  for (const protocol of ['websocket', 'http']) {
    test(`a token that nobody gave out is refused over ${protocol}, whatever is asked`, async () => {
      const asker = await connectAsker(server, protocol);
      for (const jwt of bad) {
        assertError(await asker.ask({ ...now, jwt }), 'security.token.invalid');
        assertError(await asker.ask({ controller: 'nope', action: 'nope', jwt }), 'security.token.invalid');
      }
      const checked = await asker.result({ controller: 'auth', action: 'checkToken', body: { token: bad[0] } });
      assert.equal(checked.valid, false);
      await asker.close();
    });
  }

  test('over HTTP the token comes in a header or the query string, and the header wins', async () => {
    const ask = (path, headers) => exchange(server, 'GET', path, { headers });
    assertError((await ask('/_now', { authorization: 'Bearer nonsense' })).body, 'security.token.invalid');
    assertError((await ask('/_now', { authorization: 'bEARER nonsense' })).body, 'security.token.invalid');
    assertError((await ask('/_now?jwt=nonsense', {})).body, 'security.token.invalid');
    assert.equal((await ask('/_now', { authorization: 'Basic dTpw' })).status, 200);
    assert.equal((await ask('/_now?jwt=', {})).status, 200);
    const { status } = await ask('/_now', { authorization: 'Bearer nonsense' });
    assert.equal(status, 401);
  });

  test('a cookie is a token too, but not together with another', async () => {
    const ask = (headers) => exchange(server, 'GET', '/_now', { headers });
    assertError((await ask({ cookie: 'authToken=nonsense' })).body, 'security.token.invalid');
    assert.equal((await ask({ cookie: 'authToken=null' })).status, 200);
    assert.equal((await ask({ cookie: 'other=1' })).status, 200);
    assertError((await ask({ cookie: 'authToken=a', authorization: 'Bearer b' })).body,
      'security.token.verification_error');
    const client = await connectRaw(server, { headers: { cookie: 'authToken=nonsense' } });
    assertError(await client.ask(now), 'security.token.invalid');
    await client.close();
  });

  test('without a token one is the anonymous user', async () => {
    const client = await connectRaw(server);
    assert.equal((await client.result({ controller: 'auth', action: 'getCurrentUser' }))._id, '-1');
    await client.close();
  });
});

describe('SDKs', () => {
  const ok = ['js@7.17.1', 'js@7', 'js@10.0.0', 'csharp@2.0.0', 'cpp@2', 'java@3.1', 'android@5', 'go@3', 'php@4',
    'unknown@1', 'js', '@', 'js@x', ''];
  const old = [['js@6.2.2', '7'], ['js@1', '7'], ['csharp@1.9', '2'], ['cpp@1', '2'], ['java@2', '3'], ['android@4', '5'],
    ['go@2.0', '3'], ['php@3', '4']];

  test('one that is too old is told so', async () => {
    const client = await connectRaw(server);
    for (const sdkName of ok) {
      assert.equal((await client.ask({ ...now, volatile: { sdkName } })).status, 200, sdkName);
    }
    for (const [sdkName, wanted] of old) {
      const reply = await client.ask({ ...now, volatile: { sdkName } });
      assertError(reply, 'api.process.incompatible_sdk_version');
      assert.ok(reply.error.props.includes(wanted), sdkName);
      assert.deepEqual(reply.volatile, { sdkName });
    }
    assertError(await client.ask({ ...now, volatile: { sdkVersion: '7.17.1' } }), 'api.process.incompatible_sdk_version');
    await client.close();
  });

  test('unless strictSdkVersion is off', async () => {
    const lenient = await startServer({ config: { server: { strictSdkVersion: false } } });
    const client = await connectRaw(lenient);
    assert.equal((await client.ask({ ...now, volatile: { sdkName: 'js@6', sdkVersion: '1' } })).status, 200);
    await client.close();
    await lenient.stop();
  });
});

describe('typing of arguments', () => {
  /** Over WebSocket, and over POST /_query, which is typed alike. */
  const strict = [
    ['a text that is a number', { action: 'get', _id: 42 }, 'api.assert.invalid_type', ['_id', 'string']],
    ['an index that is a number', { action: 'get', index: 42, _id: 'x' }, 'api.assert.invalid_type', ['index', 'string']],
    ['an index that is an object', { action: 'get', index: {}, _id: 'x' }, 'api.assert.invalid_type', ['index', 'string']],
    ['a collection that is an array', { action: 'get', collection: [], _id: 'x' }, 'api.assert.invalid_type', ['collection', 'string']],
    ['no collection', { action: 'get', collection: undefined, _id: 'x' }, 'api.assert.missing_argument', ['collection']],
    ['no _id', { action: 'get' }, 'api.assert.missing_argument', ['_id']],
    ['a null _id', { action: 'get', _id: null }, 'api.assert.missing_argument', ['_id']],
    ['a boolean that is a text', { action: 'mGet', strict: 'true', body: { ids: [] } }, 'api.assert.invalid_type', ['strict', 'boolean']],
    ['a boolean that is a number', { action: 'mGet', strict: 1, body: { ids: [] } }, 'api.assert.invalid_type', ['strict', 'boolean']],
    ['an integer that is a word', { action: 'search', size: 'ten', body: {} }, 'api.assert.invalid_type', ['size', 'integer']],
    ['an integer with a fraction', { action: 'search', size: 1.5, body: {} }, 'api.assert.invalid_type', ['size', 'integer']],
    ['an integer that is not safe', { action: 'search', from: 9007199254740993, body: {} }, 'api.assert.invalid_type', ['from', 'integer']],
    ['an integer that is true', { action: 'search', size: true, body: {} }, 'api.assert.invalid_type', ['size', 'integer']],
    ['an integer that is an array', { action: 'search', size: [1], body: {} }, 'api.assert.invalid_type', ['size', 'integer']],
    ['no body', { action: 'create' }, 'api.assert.body_required', []],
    ['a body that is an array', { action: 'create', body: [] }, 'api.assert.invalid_type', ['body', 'object']],
    ['no body where a member of it is needed', { action: 'mDelete' }, 'api.assert.body_required', []],
    ['a member of the body that is missing', { action: 'mDelete', body: {} }, 'api.assert.missing_argument', ['body.ids']],
    ['a member of the body of the wrong type', { action: 'mDelete', body: { ids: 'a,b' } }, 'api.assert.invalid_type', ['body.ids', 'array']],
    ['a member of the body that is JSON text', { action: 'mDelete', body: { ids: '["a"]' } }, 'api.assert.invalid_type', ['body.ids', 'array']],
    ['an unknown lang', { action: 'search', lang: 'sql', body: {} }, 'api.assert.invalid_argument', undefined],
    ['a lang that is a number', { action: 'search', lang: 1, body: {} }, 'api.assert.invalid_type', ['lang', 'string']],
    ['a scroll that is a number', { action: 'search', scroll: 1, body: {} }, 'api.assert.invalid_type', ['scroll', 'string']],
    ['a null text', { action: 'update', _id: 'x', refresh: null, body: {} }, 'api.assert.invalid_type', ['refresh', 'string']],
  ];
  const fine = [
    ['numbers as text', { action: 'search', from: '0', size: '5', body: {} }],
    ['a number with a zero fraction', { action: 'search', size: 5.0, body: {} }],
    ['a null boolean', { action: 'mGet', strict: null, body: { ids: ['absent'] } }],
    ['ids as an array', { action: 'mGet', ids: ['a', 'b'] }],
    ['ids as a list with commas', { action: 'mGet', ids: 'a,b' }],
    ['both languages', { action: 'search', lang: 'koncorde', body: {} }],
    ['refresh wait_for', { action: 'createOrReplace', _id: 'refreshed', refresh: 'wait_for', body: {} }],
  ];

  for (const protocol of ['websocket', 'http']) {
    describe(`over ${protocol === 'http' ? 'POST /_query' : protocol}`, () => {
      let asker;

      before(async () => { asker = await connectAsker(server, protocol); });
      after(() => asker.close());

      for (const [what, args, id, props] of strict) {
        test(`${what}: ${id}`, async () => {
          assertError(await asker.ask({ controller: 'document', index, collection, ...args }), id, props);
        });
      }
      for (const [what, args] of fine) {
        test(`${what}: fine`, async () => {
          const reply = await asker.ask({ controller: 'document', index, collection, ...args });
          assert.equal(reply.error, null, reply.error?.message);
        });
      }
    });
  }

  test('a list with commas is a list', async () => {
    const client = await connectRaw(server);
    const { errors } = await client.result({ controller: 'document', action: 'mExists', index, collection, ids: 'no1,no2' });
    assert.deepEqual(errors, ['no1', 'no2']);
    await client.close();
  });

  describe('over plain HTTP', () => {
    const base = `/${index}/${collection}`;

    test('a boolean counts by its presence', async () => {
      assert.equal((await exchange(server, 'GET', `${base}/_mGet?ids=absent`)).status, 200);
      for (const flag of ['strict', 'strict=', 'strict=true', 'strict=false', 'strict=0']) {
        const { body } = await exchange(server, 'GET', `${base}/_mGet?ids=absent&${flag}`);
        assert.equal(body.error?.id, 'api.process.incomplete_multiple_request', flag);
        assert.deepEqual(keys(body.error), ['code', 'count', 'errors', 'id', 'message', 'props', 'status']);
        assert.equal(body.error.count, 1);
        assert.equal(body.result, null);
      }
    });

    test('numbers are numeric texts', async () => {
      assert.equal((await exchange(server, 'POST', `${base}/_search?from=0&size=1`, { headers: json, body: '{}' })).status, 200);
      for (const bad of ['size=ten', 'size=', 'size=1x', 'size=0x10', 'size=1&size=2']) {
        const { body } = await exchange(server, 'POST', `${base}/_search?${bad}`, { headers: json, body: '{}' });
        assertError(body, 'api.assert.invalid_type', ['size', 'integer']);
      }
    });

    test('arrays may be a list with commas, repeated, or JSON text', async () => {
      for (const ids of ['ids=a,b', 'ids=a&ids=b', `ids=${encodeURIComponent('["a","b"]')}`]) {
        const { body } = await exchange(server, 'GET', `${base}/_mGet?${ids}`);
        assert.deepEqual(body.result.errors, ['a', 'b'], ids);
      }
    });

    test('objects may be JSON text', async () => {
      const search = (text) => exchange(server, 'GET', `${base}/_search?searchBody=${encodeURIComponent(text)}&size=0`);
      assert.equal((await search('{"query":{"ids":{"values":["nobody"]}}}')).body.result.total, 0);
      assertError((await search('[]')).body, 'api.assert.invalid_type');
      assertError((await search('{')).body, 'api.assert.invalid_type');
    });

    test('members of the body are typed as strictly as anywhere', async () => {
      const { body } = await exchange(server, 'DELETE', `${base}/_mDelete`, { headers: json, body: '{"ids":"a,b"}' });
      assertError(body, 'api.assert.invalid_type', ['body.ids', 'array']);
    });
  });
});

describe('HTTP: routes', () => {
  test('POST /_query does what a message would', async () => {
    const { status, body } = await request(server, '/_query', { method: 'POST', body: { ...now, volatile: { a: 1 } } });
    assert.equal(status, 200);
    assert.deepEqual(keys(body), ['action', 'controller', 'error', 'headers', 'node', 'requestId', 'result', 'status', 'volatile']);
    assert.deepEqual(body.volatile, { a: 1 });
    const none = await exchange(server, 'POST', '/_query', { headers: json });
    assertError(none.body, 'api.assert.missing_argument', ['controller']);
  });

  for (const [method, path] of [['GET', '/_healthcheck'], ['GET', '/_ready'], ['HEAD', '/']]) {
    test(`${method} ${path} is answered to anybody`, async () => {
      const { status, body, headers } = await exchange(server, method, path,
        { headers: { authorization: 'Bearer nonsense' } });
      assert.equal(status, 200);
      assert.match(headers['x-kuzzle-node'], node);
      if (method === 'HEAD') return;
      assert.deepEqual([body.controller, body.action, body.error, body.status], [null, null, null, 200]);
      assert.ok(body.result === null || keys(body.result).length === 0);
    });
  }

  test('GET / is server:info', async () => {
    const { body } = await exchange(server, 'GET', '/');
    assert.deepEqual([body.controller, body.action, body.status], ['server', 'info', 200]);
    assert.ok(body.result.serverInfo.kuzzle.version);
  });

  test('a path without a route is a 404 that names it', async () => {
    for (const path of ['/nope', '/a/b/c/d/e/f/g', '/_query', '/caf%C3%A9', '/a%20b/c']) {
      const { status, body } = await exchange(server, 'GET', path);
      assert.equal(status, 404);
      assertError(body, 'network.http.url_not_found', [decodeURIComponent(path)]);
      assert.deepEqual([body.controller, body.action], [null, null]);
    }
  });

  test('empty segments and a slash at the end do not matter', async () => {
    for (const path of ['/_now/', '//_now', '/_now//', '///_now///']) {
      assert.equal((await exchange(server, 'GET', path)).body.action, 'now', path);
    }
  });

  test('a word of the API wins over a parameter, without a way back', async () => {
    const { body } = await exchange(server, 'GET', '/users/x/_mappings/y');
    assertError(body, 'network.http.url_not_found');
  });

  test('segments are decoded, and parameters win over the query string', async () => {
    const id = 'a b?d&e;f=%é+"#';
    const path = `/${index}/${collection}/${encodeURIComponent(id)}`;
    const made = await exchange(server, 'PUT', `${path}?_id=other&index=other`, { headers: json, body: '{"v":1}' });
    assert.equal(made.status, 200);
    assert.equal(made.body.result._id, id);
    assert.equal(made.body.index, index);
    assert.equal((await exchange(server, 'GET', path)).body.result._source.v, 1);
  });

  test('the query string changes neither controller nor action nor the envelope', async () => {
    const { status, body } = await exchange(server, 'GET',
      '/_now?controller=index&action=list&requestId=mine&volatile={}&body={}');
    assert.equal(status, 200);
    assert.deepEqual([body.controller, body.action, body.volatile], ['server', 'now', null]);
    assert.match(body.requestId, uuid);
  });

  test('a route to an action that does not exist is a 404 of the action', async () => {
    const ghosts = readGhosts();
    assert.ok(ghosts.length > 0);
    for (const [verb, path] of ghosts) {
      const { body } = await exchange(server, verb, path.replace(/:\w+/g, 'x'), { headers: json, body: '{}' });
      assertError(body, 'api.process.action_not_found');
    }
  });

  for (const verb of ['TRACE', 'PROPFIND', 'CONNECT', 'BREW']) {
    test(`the verb ${verb} is refused`, async () => {
      const { status, body } = await exchange(server, verb, '/_now');
      assert.equal(status, 400);
      assert.equal((body.error ?? body).id, 'network.http.unsupported_verb');
    });
  }

  test('HEAD of a route that is none is a 404 without body', async () => {
    const wire = await connectWire(server);
    wire.write(Buffer.concat([httpBytes('HEAD', '/_now'), httpBytes('GET', '/_now')]));
    assert.equal((await wire.response({ bodiless: true })).status, 404);
    assert.equal((await wire.response()).body.action, 'now');
    wire.end();
  });
});

function readGhosts() {
  const file = new URL('../../protocol/kuzzle/', import.meta.url);
  return ['security', 'server', 'index', 'collection', 'document', 'admin', 'auth', 'bulk', 'cluster', 'debug', 'ms', 'realtime']
    .flatMap((name) => JSON.parse(readFileSync(new URL(`${name}.json`, file))).ghosts ?? []);
}

describe('HTTP: headers', () => {
  const origin = 'https://app.example';

  test('those that are always there', async () => {
    const { headers } = await exchange(server, 'GET', '/_now');
    assert.match(headers['x-kuzzle-node'], node);
    assert.match(headers['x-kuzzle-request-id'], uuid);
    assert.match(headers['content-type'], /^application\/json/);
    assert.equal(headers['content-encoding'], 'identity');
    assert.equal(headers['accept-encoding'], 'gzip,deflate,identity');
    assert.equal(headers['access-control-allow-methods'], 'GET,POST,PUT,PATCH,DELETE,OPTIONS,HEAD');
    assert.equal(headers['access-control-allow-headers'], 'Content-Type, Access-Control-Allow-Headers, Authorization, '
      + 'X-Requested-With, Content-Encoding, Content-Length, X-Kuzzle-Volatile');
    assert.equal(headers['access-control-allow-credentials'], 'true');
    assert.equal('access-control-allow-origin' in headers, false);
  });

  test('a request id, also where the API is not asked', async () => {
    for (const [method, path, options] of [['OPTIONS', '/any', {}], ['POST', '/_query', { headers: json, body: '{' }],
      ['POST', '/_query', { headers: { 'content-type': 'text/odd' }, body: 'x' }]]) {
      const { headers } = await exchange(server, method, path, options);
      assert.match(headers['x-kuzzle-request-id'], uuid, `${method} ${path}`);
    }
  });

  test('an origin is echoed, also to a preflight on any path and behind an error', async () => {
    for (const [method, path] of [['GET', '/_now'], ['OPTIONS', '/any/path/at/all'], ['OPTIONS', '/_query'], ['GET', '/nope']]) {
      const { headers, status } = await exchange(server, method, path, { headers: { origin } });
      assert.equal(headers['access-control-allow-origin'], origin);
      assert.equal(headers.vary, 'Origin');
      assert.equal(headers['access-control-allow-credentials'], 'true');
      if (method === 'OPTIONS') assert.equal(status, 200);
    }
  });

  test('an error before there is a request is for all origins', async () => {
    const { headers } = await exchange(server, 'POST', '/_query', { headers: json, body: '{' });
    assert.equal(headers['access-control-allow-origin'], '*');
  });

  test('the request id is the given one', async () => {
    const { headers, body } = await exchange(server, 'POST', '/_query', {
      headers: { ...json, 'X-Kuzzle-Request-Id': 'from-the-header' },
      body: JSON.stringify({ ...now, requestId: 'from-the-body' }),
    });
    assert.equal(headers['x-kuzzle-request-id'], 'from-the-header');
    assert.equal(body.requestId, 'from-the-header');
  });

  test('without one, the id in body and header is the same, and new each time', async () => {
    const wire = await connectWire(server);
    wire.write(Buffer.concat([httpBytes('GET', '/_now'), httpBytes('GET', '/_now')]));
    const first = await wire.response();
    const second = await wire.response();
    for (const { headers, body } of [first, second]) assert.equal(headers['x-kuzzle-request-id'], body.requestId);
    assert.notEqual(first.body.requestId, second.body.requestId);
    wire.end();
  });

  test('volatile data comes in a header', async () => {
    const volatile = { a: [1, { b: 'c' }] };
    const ask = (text) => exchange(server, 'GET', '/_now', { headers: { 'X-Kuzzle-Volatile': text } });
    assert.deepEqual((await ask(JSON.stringify(volatile))).body.volatile, volatile);
    assertError((await ask('{oops')).body, 'network.http.volatile_parse_failed');
    assertBareEnvelope((await ask('[1]')).body, 400);
    assertBareEnvelope((await ask('"text"')).body, 400);
  });

  test('an SDK that is too old is told so over HTTP too', async () => {
    const { body } = await exchange(server, 'GET', '/_now', { headers: { 'X-Kuzzle-Volatile': '{"sdkName":"js@6.0.0"}' } });
    assertError(body, 'api.process.incompatible_sdk_version');
  });

  test('only listed origins may ask, over both protocols', async () => {
    const picky = await startServer({ config: { http: { accessControlAllowOrigin: `${origin}, https://other.example` } } });
    for (const good of [origin, 'https://other.example']) {
      const { status, headers } = await exchange(picky, 'GET', '/_now', { headers: { origin: good } });
      assert.deepEqual([status, headers['access-control-allow-origin']], [200, good]);
    }
    assert.equal((await exchange(picky, 'GET', '/_now')).status, 200);
    const refused = await exchange(picky, 'GET', '/_now', { headers: { origin: 'https://evil.example' } });
    assertError(refused.body, 'api.process.unauthorized_origin', ['https://evil.example']);
    assert.equal('access-control-allow-origin' in refused.headers, false);
    const client = await connectRaw(picky, { headers: { origin: 'https://evil.example' } });
    assertError(await client.ask(now), 'api.process.unauthorized_origin');
    await client.close();
    const friend = await connectRaw(picky, { headers: { origin } });
    assert.equal((await friend.ask(now)).status, 200);
    await friend.close();
    await picky.stop();
  });
});

describe('HTTP: bodies', () => {
  /** Creates a document of this body; what was stored. */
  async function stored(headers, body) {
    const response = await exchange(server, 'POST', `/${index}/${collection}/${nextId()}/_create`, { headers, body });
    assert.equal(response.status, 200, response.text);
    const { _kuzzle_info: info, ...rest } = response.body.result._source;
    return rest;
  }
  const send = (headers, body) => exchange(server, 'POST', '/_query', { headers, body });

  test('JSON, also without a Content-Type and with a charset', async () => {
    for (const headers of [json, {}, { 'content-type': 'application/json; charset=utf-8' },
      { 'content-type': 'application/json;charset="UTF-8"' }, { 'content-type': 'Application/JSON' }]) {
      assert.deepEqual(await stored(headers, '{"a":[1,"é"]}'), { a: [1, 'é'] });
    }
  });

  test('what is no JSON is a bare error with its beginning', async () => {
    const text = `{"a": oops ${'x'.repeat(100)}`;
    const response = await send(json, text);
    assertBareError(response, 'network.http.body_parse_failed');
    assert.deepEqual(response.body.props, [text.slice(0, 50)]);
    assertBareError(await send(json, '{"a":"\xff\xfe'), 'network.http.body_parse_failed');
  });

  test('other content types and charsets are refused', async () => {
    assertBareError(await send({ 'content-type': 'text/plain' }, 'x'), 'network.http.unsupported_content');
    assertBareError(await send({ 'content-type': 'application/xml' }, '<a/>'), 'network.http.unsupported_content');
    assertBareError(await send({ 'content-type': 'application/json; charset=latin1' }, '{}'), 'network.http.unsupported_charset');
  });

  test('a form is an object of texts, a repeated name an array', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    assert.deepEqual(await stored(headers, 'name=J%C3%B6rg+M&age=42&tag=a&tag=b&empty=&bare'),
      { name: 'Jörg M', age: '42', tag: ['a', 'b'], empty: '', bare: '' });
    assert.deepEqual(await stored({ 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' }, 'a=b'), { a: 'b' });
  });

  test('a multipart form brings texts and files', async () => {
    const form = new FormData();
    form.append('name', 'Jörg "x"');
    form.append('upload', new Blob([Uint8Array.of(0, 255, 13, 10, 45, 45)], { type: 'image/png' }), 'a b.png');
    const path = `/${index}/${collection}/${nextId()}/_create`;
    const response = await fetch(server.url + path, { method: 'POST', body: form });
    const { result } = await response.json();
    assert.equal(result._source.name, 'Jörg "x"');
    assert.deepEqual(result._source.upload, { filename: 'a b.png', encoding: 'image/png', file: 'AP8NCi0t' });
  });

  test('a broken multipart form is refused', async () => {
    for (const [type, body] of [
      ['multipart/form-data', 'x'],
      ['multipart/form-data; boundary=b', 'no boundary at all'],
      ['multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nnever ended'],
    ]) {
      assertBareError(await send({ 'content-type': type }, body), 'network.http.unexpected_error');
    }
  });

  test('an empty body is none', async () => {
    const { body } = await exchange(server, 'POST', `/${index}/${collection}/_create`, { headers: json, body: '' });
    assertError(body, 'api.assert.body_required');
  });

  test('compressed bodies are taken apart, the last layer first', async () => {
    const text = '{"text":"compressed"}';
    const doc = { text: 'compressed' };
    const layers = [
      ['gzip', gzipSync(text)], ['deflate', deflateSync(text)], ['identity', text], ['GZIP', gzipSync(text)],
      ['gzip, deflate', deflateSync(gzipSync(text))], ['deflate,gzip, identity', gzipSync(deflateSync(text))],
      ['gzip,gzip,gzip', gzipSync(gzipSync(gzipSync(text)))],
    ];
    for (const [encoding, bytes] of layers) {
      assert.deepEqual(await stored({ ...json, 'content-encoding': encoding }, bytes), doc, encoding);
    }
  });

  test('encodings that are unknown, too many or broken are refused', async () => {
    const encoded = (encoding, body) => send({ ...json, 'content-encoding': encoding }, body);
    assertBareError(await encoded('br', 'x'), 'network.http.unsupported_compression');
    assertBareError(await encoded('gzip,gzip,gzip,gzip', 'x'), 'network.http.too_many_encodings');
    assertBareError(await encoded('gzip', '{"not":"gzip"}'), 'network.http.unexpected_error');
    assertBareError(await encoded('deflate', 'x'), 'network.http.unexpected_error');
    assertBareError(await encoded('gzip', gzipSync('{"a":1}').subarray(0, 15)), 'network.http.unexpected_error');
  });

  test('a body of 1 MiB is taken, one byte more is not', async () => {
    const fill = (length) => `{"controller":"server","action":"now","fill":"${'x'.repeat(length - 48)}"}`;
    assert.equal(fill(100).length, 100);
    assert.equal((await send(json, fill(1 << 20))).status, 200);
    assertBareError(await send(json, fill((1 << 20) + 1)), 'network.http.request_too_large');
  });

  test('a client may wait for "100 Continue"', async () => {
    const wire = await connectWire(server);
    const body = JSON.stringify(now);
    wire.write(httpBytes('POST', '/_query', { headers: { ...json, expect: '100-continue', 'content-length': body.length } }));
    assert.equal((await wire.response()).status, 100);
    wire.write(body);
    assert.equal((await wire.response()).status, 200);
    wire.end();
  });
});

describe('HTTP: replies', () => {
  const long = '/_publicApi';

  test('pretty is indented by two blanks and means the same', async () => {
    for (const query of ['pretty', 'pretty=', 'pretty=false']) {
      const { text, body } = await exchange(server, 'GET', `/_now?${query}`);
      assert.equal(text, JSON.stringify(body, null, 2));
    }
    const failed = await exchange(server, 'GET', '/nope?pretty');
    assert.equal(failed.text, JSON.stringify(failed.body, null, 2));
  });

  test('they are encoded as the client prefers', async () => {
    const cases = [
      ['gzip', 'gzip'], ['deflate', 'deflate'], ['gzip, deflate', 'gzip'], ['deflate, gzip', 'gzip'],
      ['gzip;q=0.3, deflate;q=0.8', 'deflate'], ['gzip, deflate;q=0.1', 'deflate'], ['br', 'identity'],
      ['identity', 'identity'], ['', 'identity'], ['gzip;q=0.5, br;q=0.9', 'gzip'],
    ];
    const plain = (await exchange(server, 'GET', long)).body.result;
    for (const [accept, expected] of cases) {
      const { headers, bytes } = await exchange(server, 'GET', long, { headers: { 'accept-encoding': accept } });
      assert.equal(headers['content-encoding'], expected, accept);
      const decode = { gzip: gunzipSync, deflate: inflateSync, identity: (same) => same }[expected];
      assert.deepEqual(JSON.parse(decode(bytes)).result, plain);
    }
  });

  test('a server that compresses nothing says so', async () => {
    const plain = await startServer({ config: { server: { protocols: { http: { allowCompression: false } } } } });
    const { headers } = await exchange(plain, 'GET', long, { headers: { 'accept-encoding': 'gzip' } });
    assert.deepEqual([headers['content-encoding'], headers['accept-encoding']], ['identity', 'identity']);
    const refused = await exchange(plain, 'POST', '/_query', {
      headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(JSON.stringify(now)),
    });
    assert.equal(refused.status, 400);
    await plain.stop();
  });

  test('a raw reply is the bare value over HTTP, and an object with a room over WebSocket', async () => {
    const { body } = await exchange(server, 'GET', '/_openapi');
    assert.equal(body.swagger, '2.0');
    assert.equal('requestId' in body, false);
    const client = await connectRaw(server);
    client.send({ controller: 'server', action: 'openapi', requestId: 'raw' });
    const { room, ...document } = await client.next();
    assert.equal(room, 'raw');
    assert.deepEqual(document, body);
    await client.close();
  });

  test('a raw text is text over HTTP, and a JSON text over WebSocket', async () => {
    const { text } = await exchange(server, 'GET', '/_openapi?format=yaml');
    assert.match(text, /^swagger: /);
    const client = await connectRaw(server);
    client.send({ controller: 'server', action: 'openapi', format: 'yaml' });
    assert.equal(await client.next(), text);
    await client.close();
  });

  test('a raw action that fails answers with an envelope', async () => {
    const { body } = await exchange(server, 'GET', '/_openapi?format=xml');
    assert.ok(body.error);
    assert.equal(body.action, 'openapi');
  });

  test('the HTTP status is that of the envelope', async () => {
    const { status, body } = await exchange(server, 'GET', `/${index}/${collection}/absent`);
    assert.deepEqual([status, body.status], [404, 404]);
  });
});

describe('HTTP: connections', () => {
  test('one is kept for the next request', async () => {
    const wire = await connectWire(server);
    for (let i = 0; i < 20; i++) {
      wire.write(httpBytes('GET', '/_now'));
      const { status, headers } = await wire.response();
      assert.deepEqual([status, headers.connection], [200, 'keep-alive']);
      wire.write(httpBytes('POST', '/_query', { headers: json, body: JSON.stringify(now) }));
      assert.equal((await wire.response()).status, 200);
    }
    wire.end();
  });

  test('one is closed when the client says so, or speaks HTTP/1.0', async () => {
    const wire = await connectWire(server);
    wire.write(httpBytes('GET', '/_now', { headers: { connection: 'close' } }));
    assert.equal((await wire.response()).status, 200);
    await wire.closed;
    wire.end();
    const old = await connectWire(server);
    old.write('GET /_now HTTP/1.0\r\n\r\n');
    assert.equal((await old.response()).status, 200);
    await old.closed;
    old.end();
  });

  test('requests without a body may be sent ahead; replies come in their order', async () => {
    const wire = await connectWire(server);
    const paths = Array.from({ length: 50 }, (_, i) => `/${index}/${collection}/ahead-${i}/_exists`);
    wire.write(Buffer.concat(paths.map((path, i) => httpBytes('GET', path, { headers: { 'X-Kuzzle-Request-Id': `p${i}` } }))));
    for (let i = 0; i < paths.length; i++) assert.equal((await wire.response()).body.requestId, `p${i}`);
    wire.end();
  });

  test('a request with a body sent ahead is answered or clearly refused', async () => {
    const wire = await connectWire(server);
    const post = httpBytes('POST', '/_query', { headers: json, body: JSON.stringify(now) });
    wire.write(Buffer.concat([post, post, post]));
    assert.equal((await wire.response()).status, 200);
    const second = await wire.response();
    if (second.status !== 200) {
      assert.equal(second.body.id, 'network.http.unexpected_error');
      assert.equal(second.headers.connection, 'close');
      await wire.closed;
    }
    wire.end();
  });

  test('a head that comes byte by byte is a head', async () => {
    const wire = await connectWire(server);
    for (const byte of httpBytes('POST', '/_query', { headers: json, body: JSON.stringify(now) })) {
      wire.write(Buffer.from([byte]));
      if (byte === 10) await sleep(1);
    }
    assert.equal((await wire.response()).status, 200);
    wire.end();
  });
});

describe('limits of a connection', () => {
  test('messages beyond the rate limit are answered with 429, without room, and not executed', async () => {
    const limited = await startServer({ config: { websocket: { rateLimit: 5 } } });
    const client = await connectRaw(limited);
    for (let i = 0; i < 30; i++) client.send({ ...now, requestId: `r${i}` });
    const replies = [];
    for (let i = 0; i < 30; i++) replies.push(await client.next());
    const good = replies.filter(({ status }) => status === 200);
    const bad = replies.filter(({ status }) => status === 429);
    assert.equal(good.length + bad.length, 30);
    assert.ok(good.length >= 5 && good.length <= 10, `${good.length} passed`); // two seconds at most
    for (const reply of bad) {
      assertError(reply, 'network.websocket.ratelimit_exceeded');
      assert.match(reply.requestId, uuid);
      assert.equal('room' in reply, false);
    }
    await client.close();
    await limited.stop();
  });

  test('a client that says nothing is closed, one that pings is not', async () => {
    const impatient = await startServer({ config: { websocket: { idleTimeout: 1500 } } });
    const silent = await connectRaw(impatient);
    const lively = await connectRaw(impatient);
    const timer = setInterval(() => lively.send('{"p":1}'), 300);
    const begin = Date.now();
    await silent.closed;
    const took = Date.now() - begin;
    assert.ok(took >= 1400 && took < 5000, `closed after ${took} ms`);
    await sleep(1000);
    clearInterval(timer);
    assert.equal((await lively.ask(now)).status, 200);
    await lively.close();
    await impatient.stop();
  });
});
