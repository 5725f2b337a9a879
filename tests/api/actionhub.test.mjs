// actionhub.test.mjs - the ActionHub door: assets of a program in bulk.

import assert from 'node:assert/strict';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

let server;
let client;

const post = (body, { program = 'shop1', headers = {}, to = server } = {}) => request(to, '/assets', {
  method: 'POST', body, headers: { ...(program && { 'program-id': program }), ...headers },
});
const stored = async (id, index = 'shop1') => (await client.result({
  controller: 'document', action: 'get', index, collection: 'assets', _id: `ActionHubAsset-${id}`,
}));

before(async () => {
  server = await startServer();
  client = await connectRaw(server);
});
atEnd(async () => {
  await client?.close();
  await server?.stop();
});

describe('ActionHub: POST /assets', () => {
  test('makes program, model and assets from a request alone', async () => {
    const reply = await post({ assets: [{ asset_id: 'a', asset_name: 'One', labels: ['red', 'sale', 'red'] }, { asset_id: 632910392 }] });
    assert.deepEqual([reply.status, reply.body], [200, { result: 'success' }]);
    assert.deepEqual((await stored('a'))._source.metadata, { name: 'One', labels: ['red', 'sale', 'red'] });
    assert.deepEqual((await stored('632910392'))._source.metadata, { name: null, labels: [] });
  });

  test('an update keeps what is not given, null clears, labels are replaced', async () => {
    await post({ assets: [{ asset_id: 'u', asset_name: 'N', labels: ['x'] }] });
    await post({ assets: [{ asset_id: 'u', asset_name: 'M' }] });
    assert.deepEqual((await stored('u'))._source.metadata.labels, ['x']);
    await post({ assets: [{ asset_id: 'u', asset_name: null, labels: null }, { asset_id: 'u', labels: ['y', { deep: [1] }, 5] }] });
    const { metadata, dialect } = (await stored('u'))._source;
    assert.deepEqual([metadata, dialect], [{ name: null, labels: ['y'] }, { labels: ['y', { deep: [1] }, 5] }]);
    assert.equal((await stored('u'))._version, 3);
  });

  test('two thousand in one request', async () => {
    const assets = Array.from({ length: 2000 }, (_, i) => ({ asset_id: `n${i}`, asset_name: `Name ${i}`, labels: [`l${i % 7}`] }));
    assert.equal((await post({ assets }, { program: 'shop2' })).status, 200);
    const { count } = await client.result({ controller: 'document', action: 'count', index: 'shop2', collection: 'assets', body: { query: { term: { 'metadata.labels': 'l3' } } } });
    assert.equal(count, 286);
    assert.equal((await stored('n1999', 'shop2'))._source.metadata.name, 'Name 1999');
  });

  test('tells every violation, header and body, and writes nothing', async () => {
    const reply = await post({ assets: [{ asset_id: 'never' }, { asset_name: 5 }, 7] }, { program: null });
    assert.equal(reply.status, 422);
    assert.deepEqual(reply.body.detail.map(({ loc, type }) => [loc, type]), [
      [['header', 'program-id'], 'value_error.missing'], [['body', 'assets', 1, 'asset_id'], 'value_error.missing'], [['body', 'assets', 2], 'type_error.dict']]);
    assert.equal((await post({ assets: [{ asset_id: 'never' }, {}] })).status, 422);
    await assert.rejects(stored('never'));
    for (const [body, loc] of [['', ['body']], ['{', ['body', 1]], ['[]', ['body']]]) {
      const { status, body: { detail } } = await post(body, { headers: { 'content-type': 'application/json' } });
      assert.deepEqual([status, detail[0].loc], [422, loc], body);
    }
    assert.equal((await post('{"assets":[]}', { headers: { 'content-type': 'text/plain' } })).body.detail[0].type, 'type_error.dict');
    assert.equal((await post({ assets: [] })).status, 200);
  });

  test('a program that can be none is unknown, and a body that is too large is told in its words', async () => {
    for (const program of ['Upper', 'a b', '%kdm', 'x'.repeat(200)]) {
      const { status, body } = await post({ assets: [] }, { program });
      assert.deepEqual([status, body], [404, { detail: 'Program not found' }], program);
    }
    const large = await post({ assets: [{ asset_id: 'x', asset_name: 'y'.repeat(2 << 20) }] });
    assert.equal(large.status, 413);
    assert.equal(typeof large.body.detail, 'string');
  });

  test('other methods on the path are Kuzzle\'s', async () => {
    const { body } = await request(server, '/assets', { method: 'DELETE' });
    assert.equal(body.controller, 'index');
  });

  test('subscribers of Kuzzle hear of it', async () => {
    await post({ assets: [{ asset_id: 'heard' }] }, { program: 'shop3' });
    const { channel } = await client.result({ controller: 'realtime', action: 'subscribe', index: 'shop3', collection: 'assets', body: {} });
    await post({ assets: [{ asset_id: 'heard', asset_name: 'now' }] }, { program: 'shop3' });
    const message = await client.next();
    assert.equal(message.room, channel);
    assert.equal(message.result._source.metadata.name, 'now');
    assert.deepEqual(message.result._updatedFields, ['metadata.name']);
  });
});

describe('ActionHub: keys', () => {
  let closed;
  before(async () => {
    closed = await startServer({ config: { dialects: { actionhub: { keys: [{ key: 'k1', programs: ['shop1'] }, { key: 'root', admin: true }] } } } });
  });
  atEnd(() => closed?.stop());

  test('a key opens its programs, and strangers get 403 before their body is read', async () => {
    const as = (key, program = 'shop1', body = '{') => post(body, { to: closed, program, headers: { 'content-type': 'application/json', ...(key && { 'actionhub-key': key }) } });
    for (const reply of [await as(), await as('no'), await as('k1', 'shop9')]) {
      assert.deepEqual([reply.status, reply.body], [403, { detail: 'Could not validate API KEY' }]);
    }
    assert.equal((await as('k1')).status, 422);
    for (const key of [undefined, 'no', 'k1']) {
      const { status, body: { detail } } = await as(key, null, '{"assets":[]}');
      assert.deepEqual([status, detail[0].loc, detail.length], [422, ['header', 'program-id'], 1], `without a program, by ${key}`);
    }
    assert.equal((await as('root', 'shop9')).status, 422);
  });
});
