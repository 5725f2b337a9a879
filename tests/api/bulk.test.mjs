// bulk.test.mjs - bulk:import, bulk:write and bulk:mWrite.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from './lib/test.mjs';
import { connectBoth } from './lib/clients.mjs';
import { protocolNames } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';

const index = 'depot';
let server;

describe('bulk', () => {
  before(async () => { server = await startServer(); });
  after(() => server.stop());

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let asker;
      const collection = `goods-${protocol}`;

      connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });
      before(() => kuzzle.collection.create(index, collection, { mappings: { properties: { n: { type: 'integer' } } } }));
      beforeEach(() => kuzzle.collection.truncate(index, collection));

      const on = (action, body, more = {}) => ({ controller: 'bulk', action, index, collection, body, ...more });
      const source = async (id) => (await kuzzle.document.get(index, collection, id))._source;
      const load = (bulkData, more) => asker.result(on('import', { bulkData }, more));

      test('write stores what it is given, metadata and all', async () => {
        const body = { n: 1, _kuzzle_info: { author: 'someone', createdAt: 12 } };
        assert.deepEqual(await asker.result(on('write', body, { _id: 'a' })), { _id: 'a', _source: body, _version: 1 });
        assert.deepEqual(await asker.result(on('write', { n: 2 }, { _id: 'a' })), { _id: 'a', _source: { n: 2 }, _version: 2 });
        assert.deepEqual(await source('a'), { n: 2 });
        const { _id } = await kuzzle.bulk.write(index, collection, { n: 3 });
        assert.deepEqual(await source(_id), { n: 3 });
        await asker.fails(on('write', { n: 'x' }), 400, 'services.storage.unexpected_bad_request');
        await asker.fails(on('write', {}, { _id: 'x'.repeat(513) }), 400, 'services.storage.unexpected_bad_request');
        await asker.fails(on('write', {}, { index: 'nowhere' }), 412, 'services.storage.unknown_index');
      });

      test('a document with odd metadata can be searched and updated', async () => {
        for (const [id, info] of [['a', 5], ['b', null], ['c', { createdAt: 'never' }], ['d', []]])
          await asker.result(on('write', { n: 1, _kuzzle_info: info }, { _id: id }));
        const { total } = await kuzzle.document.search(index, collection, { query: { range: { '_kuzzle_info.createdAt': { gt: 0 } } }, sort: ['_kuzzle_info.createdAt'] });
        assert.equal(total, 0);
        for (const id of ['a', 'b', 'c', 'd']) await kuzzle.document.update(index, collection, id, { n: 2 });
        assert.equal((await source('a'))._kuzzle_info.updater, '-1');
      });

      test('mWrite stores any number as they are', async () => {
        const documents = Array.from({ length: 1200 }, (_, n) => ({ _id: `d${n}`, body: { n, _kuzzle_info: { author: 'x' } } }));
        const { errors, successes } = await asker.result(on('mWrite', { documents }));
        assert.deepEqual(errors, []);
        assert.equal(successes.length, 1200);
        assert.deepEqual(successes[7], { _id: 'd7', _source: documents[7].body, _version: 1 });
        assert.equal(await kuzzle.document.count(index, collection), 1200);
      });

      test('mWrite tells what it could not store, and the last of the same id wins', async () => {
        const documents = [{ _id: 'a', body: { n: 1 } }, { body: 1 }, { _id: 3, body: {} }, { _id: 'b', body: { n: 'x' } }, { _id: 'a', body: { n: 2 } }, { body: {} }];
        const { errors, successes } = await asker.result(on('mWrite', { documents }));
        assert.deepEqual(errors.map(({ status }) => status), [400, 400, 400]);
        assert.equal(successes.length, 3);
        assert.deepEqual(await source('a'), { n: 2 });
        await asker.fails(on('mWrite', { documents }, { strict: true }), 400, 'api.process.incomplete_multiple_request');
        await asker.fails(on('mWrite', { documents: [{ _source: {} }] }), 400, 'api.assert.unexpected_argument');
      });

      test('import does each order by itself', async () => {
        await kuzzle.document.mCreate(index, collection, [{ _id: 'there', body: { n: 1 } }, { _id: 'old', body: { n: 1, m: 1 } }]);
        const { errors, successes } = await load([
          { index: { _id: 'new' } }, { n: 1 },
          { index: { _id: 'there' } }, { n: 2 },
          { create: { _id: 'made' } }, { n: 3 },
          { create: { _id: 'old' } }, { n: 4 },
          { update: { _id: 'old' } }, { doc: { n: 5 } },
          { update: { _id: 'nobody' } }, { doc: { n: 6 } },
          { update: { _id: 'upserted' } }, { doc: { n: 7 }, upsert: { n: 8 } },
          { delete: { _id: 'nobody-either' } },
          { index: { _id: 'bad' } }, { n: 'x' },
          { create: {} }, { n: 9 },
        ]);
        assert.deepEqual(successes.map((item) => { const [[name, { _id, status }]] = Object.entries(item); return [name, _id.length === 20 ? '*' : _id, status]; }), [
          ['index', 'new', 201], ['index', 'there', 200], ['create', 'made', 201], ['update', 'old', 200],
          ['update', 'upserted', 201], ['create', '*', 201],
        ]);
        assert.deepEqual(errors.map((item) => { const [[name, { _id, status, _source, error }]] = Object.entries(item); return [name, _id, status, _source, error?.type]; }), [
          ['create', 'old', 409, { n: 4 }, 'version_conflict_engine_exception'],
          ['update', 'nobody', 404, { n: 6 }, 'document_missing_exception'],
          ['delete', 'nobody-either', 404, undefined, undefined],
          ['index', 'bad', 400, { n: 'x' }, 'mapper_parsing_exception'],
        ]);
        const { _kuzzle_info: made, ...rest } = await source('new');
        assert.deepEqual(rest, { n: 1 });
        assert.deepEqual([made.author, made.updatedAt, made.updater], ['-1', null, null]);
        const { _kuzzle_info: changed, ...old } = await source('old');
        assert.deepEqual(old, { n: 5, m: 1 });
        assert.equal(changed.updater, '-1');
        assert.equal((await source('upserted')).n, 8);
        assert.equal(await kuzzle.document.count(index, collection), 6);
      });

      test('orders about the same document follow each other', async () => {
        const { errors, successes } = await load([
          { create: { _id: 'a' } }, { n: 1 },
          { update: { _id: 'a' } }, { doc: { m: 2 } },
          { create: { _id: 'a' } }, { n: 3 },
          { delete: { _id: 'b' } },
          { index: { _id: 'b' } }, { n: 4 },
          { index: { _id: 'c' } }, { n: 5 },
          { delete: { _id: 'c' } },
          { delete: { _id: 'c' } },
        ]);
        assert.deepEqual(successes.map((item) => Object.values(item)[0].status), [201, 200, 201, 201, 200]);
        assert.deepEqual(errors.map((item) => Object.values(item)[0].status), [409, 404, 404]);
        const { n, m } = await source('a');
        assert.deepEqual([n, m], [1, 2]);
        assert.equal((await source('b')).n, 4);
        assert.equal(await kuzzle.document.exists(index, collection, 'c'), false);
      });

      test('index and type that an order names do not matter', async () => {
        await load([{ index: { _id: 'a', _index: '%kuzzle', _type: 'validations' } }, { n: 1 }]);
        assert.equal((await source('a')).n, 1);
      });

      test('many orders are done, in several commits', async () => {
        const bulkData = Array.from({ length: 2000 }, (_, n) => [{ index: { _id: `d${n}` } }, { n }]).flat();
        const { errors, successes } = await kuzzle.bulk.import(index, collection, bulkData);
        assert.deepEqual([errors.length, successes.length], [0, 2000]);
        assert.equal(await kuzzle.document.count(index, collection), 2000);
      });

      test('strict, an import that is not whole is an error, and what was done stays', async () => {
        const bulkData = [{ index: { _id: 'a' } }, { n: 1 }, { update: { _id: 'b' } }, { doc: {} }];
        const error = await asker.fails(on('import', { bulkData }, { strict: true }), 400, 'api.process.incomplete_multiple_request');
        assert.equal(error.count, 1);
        assert.equal((await source('a')).n, 1);
      });

      test('an empty one does nothing, a malformed one is refused as a whole', async () => {
        assert.deepEqual(await load([]), { errors: [], successes: [] });
        const wrong = [
          [1], [{}], [{ index: {}, create: {} }, {}], [{ unheard: {} }, {}], [{ index: 1 }, {}], [{ index: {} }],
          [{ index: {} }, 1], [{ update: {} }, { doc: {} }], [{ delete: {} }], [{ update: { _id: 'a' } }, {}],
          [{ update: { _id: 'a' } }, { doc: {}, upsert: 1 }], [{ index: { _id: {} } }, {}],
        ];
        for (const bulkData of wrong)
          await asker.fails(on('import', { bulkData: [{ index: { _id: 'x' } }, {}, ...bulkData] }), 400, 'services.storage.unexpected_bad_request');
        await asker.fails(on('import', { bulkData: [{ update: { _id: 'a' } }, { script: 'x' }] }), 400, 'services.storage.invalid_query_keyword');
        await asker.fails(on('import', {}), 400, 'api.assert.missing_argument');
        await asker.fails(on('import', { bulkData: [] }, { index: 'nowhere' }), 412, 'services.storage.unknown_index');
        assert.equal(await kuzzle.document.count(index, collection), 0);
      });

      test('a dynamic mapping takes up what an import brings', async () => {
        const name = `dynamic-${protocol}`;
        await kuzzle.collection.create(index, name, { mappings: { dynamic: 'true' } });
        await asker.result(on('import', { bulkData: [{ index: {} }, { a: 1 }, { index: {} }, { b: 'x' }, { index: {} }, { a: 'no number' }] }, { collection: name }));
        const { properties } = await kuzzle.collection.getMapping(index, name);
        assert.deepEqual([properties.a.type, properties.b.type], ['long', 'text']);
        assert.equal(await kuzzle.document.count(index, name), 2);
      });
    });
  }
});
