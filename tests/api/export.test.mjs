// export.test.mjs - document:export: what a search finds, as a file over HTTP.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { connectSdk } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const index = 'office';
const collection = 'files';
const url = `/${index}/${collection}/_export`;
let server;

const get = (query = {}) => request(server, url, { query: Object.fromEntries(
  Object.entries(query).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])) });
const post = (body, query = {}) => request(server, url, { method: 'POST', body, query });
const lines = (text) => {
  assert.ok(text.endsWith('\n'));
  return text.slice(0, -1).split('\n');
};

describe('exporting', () => {
  before(async () => {
    server = await startServer();
    const kuzzle = await connectSdk(server);
    await kuzzle.collection.create(index, collection, {
      mappings: { properties: { name: { type: 'keyword' }, n: { type: 'integer' }, where: { properties: { city: { type: 'keyword' } } } } },
    });
    const documents = Array.from({ length: 25 }, (_, n) => ({ _id: `f${n}`, body: { name: `file ${n}`, n, where: { city: n % 2 ? 'Lyon' : 'Nice' } } }));
    await kuzzle.document.mCreate(index, collection, documents);
    await kuzzle.document.update(index, collection, 'f0', { n: null, extra: [1, 2], name: 'line\nof "é" \u2028' });
    kuzzle.disconnect();
  });
  after(() => server.stop());

  test('lines of JSON: the collection, then each document', async () => {
    const { status, headers, text } = await get();
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'html/text');
    assert.equal(headers.get('content-disposition'), `attachment; filename="${index}-${collection}.jsonl"`);
    const [first, ...rest] = lines(text).map((line) => JSON.parse(line));
    assert.deepEqual(first, { collection, index, type: 'collection' });
    assert.equal(rest.length, 25);
    const { _id, body } = rest.find((item) => item._id === 'f3');
    assert.deepEqual([_id, body.name, body.n, body.where], ['f3', 'file 3', 3, { city: 'Lyon' }]);
    assert.equal(rest.find((item) => item._id === 'f0').body.name, 'line\nof "é" \u2028');
  });

  test('a query narrows it, over GET and POST, in both languages', async () => {
    const query = { range: { n: { gte: 20 } } };
    for (const answer of [await get({ query }), await post({ query }), await get({ query: { and: [query] }, lang: 'koncorde' })]) {
      assert.equal(answer.status, 200);
      assert.deepEqual(lines(answer.text).slice(1).map((line) => JSON.parse(line)._id), ['f20', 'f21', 'f22', 'f23', 'f24']);
    }
    const { text } = await post({ query, fields: ['where.city'] });
    assert.deepEqual(JSON.parse(lines(text)[1]), { _id: 'f20', body: { where: { city: 'Nice' } } });
  });

  test('CSV has all mapped fields, or those that are asked for', async () => {
    const { headers, text } = await get({ format: 'csv', query: { ids: { values: ['f1', 'f2'] } } });
    assert.equal(headers.get('content-type'), 'text/csv');
    assert.equal(headers.get('content-disposition'), `attachment; filename="${index}-${collection}.csv"`);
    assert.deepEqual(lines(text), ['_id,name,n,where.city', 'f1,file 1,1,Lyon', 'f2,file 2,2,Nice']);
    const few = await post({ fields: ['n', '_id', 'where', 'nothing', 'extra'], fieldsName: { n: 'number', _id: 'id' }, query: { ids: { values: ['f0', 'f1'] } } },
      { format: 'csv', separator: ';' });
    assert.deepEqual(lines(few.text).sort(), ['f0;;[OBJECT];;[OBJECT]', 'f1;1;[OBJECT];;', 'id;number;where;nothing;extra']);
  });

  test('an empty one has its head', async () => {
    const query = { term: { name: 'nobody' } };
    assert.equal(lines((await get({ query })).text).length, 1);
    assert.deepEqual(lines((await get({ query, format: 'csv' })).text), ['_id,name,n,where.city']);
  });

  test('POST /_query gives the file too', async () => {
    const whole = await request(server, '/_query', { method: 'POST', body: { controller: 'document', action: 'export', index, collection, format: 'csv' } });
    assert.equal(lines(whole.text).length, 27); // a value with a line end is not quoted
  });

  test('what is wrong is told as JSON', async () => {
    const fails = async (answer, status, id) => {
      const { status: shown, body } = await answer;
      assert.deepEqual([shown, body.error.id], [status, id], body.error.message);
    };
    await fails(get({ format: 'xml' }), 400, 'api.assert.invalid_argument');
    await fails(get({ query: '{' }), 400, 'api.assert.invalid_type');
    await fails(get({ query: { unheard: {} } }), 400, 'services.storage.unknown_query_keyword');
    await fails(get({ fields: [1] }), 400, 'api.assert.invalid_type');
    await fails(request(server, `/${index}/nothing/_export`), 412, 'services.storage.unknown_collection');
    await fails(request(server, `/nowhere/${collection}/_export`), 412, 'services.storage.unknown_index');
    await fails(request(server, '/%25kuzzle/validations/_export'), 412, 'services.storage.unknown_index');
  });

  test('it is there over HTTP alone', async () => {
    const client = await connectRaw(server);
    const { id } = await client.failure({ controller: 'document', action: 'export', index, collection });
    assert.equal(id, 'api.assert.unsupported_protocol');
    await client.close();
  });

  test('a file of some megabytes arrives whole', async () => {
    const kuzzle = await connectSdk(server);
    await kuzzle.collection.create(index, 'large', { mappings: {} });
    for (let at = 0; at < 40; at++)
      await kuzzle.bulk.mWrite(index, 'large', Array.from({ length: 100 }, (_, n) => ({ _id: `l${at * 100 + n}`, body: { text: 'x'.repeat(2000) } })));
    kuzzle.disconnect();
    const { status, text } = await request(server, `/${index}/large/_export`);
    assert.equal(status, 200);
    assert.equal(lines(text).length, 4001);
    assert.ok(text.length > 8e6);
  });

  test('others are answered while it is made', async () => {
    const kuzzle = await connectSdk(server);
    await kuzzle.collection.create(index, 'wide', { mappings: { dynamic: 'false', properties: {} } });
    const body = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`field ${n}`, `value ${n}`]));
    for (let at = 0; at < 40; at++)
      await kuzzle.bulk.mWrite(index, 'wide', Array.from({ length: 150 }, (_, n) => ({ _id: `w${at * 150 + n}`, body })));
    kuzzle.disconnect();
    const client = await connectRaw(server);
    let going = true;
    let longest = 0;
    const others = (async () => {
      while (going) {
        const begun = performance.now();
        await client.result({ controller: 'server', action: 'now' });
        longest = Math.max(longest, performance.now() - begun);
      }
    })();
    const begun = performance.now();
    const { text } = await request(server, `/${index}/wide/_export`, { query: { format: 'csv', fields: '["field 7"]' } });
    const whole = performance.now() - begun;
    going = false;
    await others;
    await client.close();
    assert.equal(lines(text).length, 6001);
    assert.ok(longest < whole / 3, `${longest} of ${whole} ms`);
  });
});
