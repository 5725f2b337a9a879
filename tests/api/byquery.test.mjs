// byquery.test.mjs - documents deleted and changed by a query: a few (document:*) and any number (bulk:*).

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from './lib/test.mjs';
import { connectAsker } from './lib/ask.mjs';
import { connectBoth } from './lib/clients.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { sleep, until } from './lib/process.mjs';
import { startNodes, startServer } from './lib/server.mjs';

const index = 'farm';
const mappings = { properties: { kind: { type: 'keyword' }, n: { type: 'integer' }, note: { type: 'keyword' } } };
const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
let server;

/** Fills a collection with `count` documents; n counts up, kind is even or odd. */
async function fill(kuzzle, collection, count) {
  if (await kuzzle.collection.exists(index, collection)) await kuzzle.collection.truncate(index, collection);
  else await kuzzle.collection.create(index, collection, { mappings });
  for (let at = 0; at < count; at += 2000) {
    const documents = numbers(at, Math.min(at + 2000, count))
      .map((n) => ({ _id: `d${n}`, body: { n, kind: n % 2 ? 'odd' : 'even', _kuzzle_info: { author: 'me' } } }));
    await kuzzle.bulk.mWrite(index, collection, documents);
  }
}

describe('writing by a query', () => {
  before(async () => { server = await startServer(); });
  after(() => server.stop());

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let asker;
      const collection = `animals-${protocol}`;

      connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });
      beforeEach(() => fill(kuzzle, collection, 20));

      const on = (action, body, more = {}, controller = 'document') => ({ controller, action, index, collection, body, ...more });
      const count = (query) => kuzzle.document.count(index, collection, query && { query });
      const odd = { term: { kind: 'odd' } };

      test('deleteByQuery deletes what matches and tells which', async () => {
        const { documents, ids } = await asker.result(on('deleteByQuery', { query: odd }));
        assert.deepEqual([...ids].sort(), numbers(0, 20).filter((n) => n % 2).map((n) => `d${n}`).sort());
        assert.deepEqual(documents.map(Object.keys), ids.map(() => ['_id']));
        assert.equal(await count(), 10);
        assert.deepEqual(await asker.result(on('deleteByQuery', { query: odd })), { documents: [], ids: [] });
      });

      test('with source it gives them back, with lang it takes Koncorde', async () => {
        const { documents } = await asker.result(
          on('deleteByQuery', { query: { and: [{ equals: { kind: 'odd' } }, { range: { n: { lt: 3 } } }] } }, { source: true, lang: 'koncorde' }));
        assert.deepEqual(documents.map(({ _source: { n } }) => n), [1]);
        assert.deepEqual(await kuzzle.document.deleteByQuery(index, collection, { query: { term: { n: 2 } } }), ['d2']);
      });

      test('without a query it deletes all', async () => {
        const { ids } = await asker.result(on('deleteByQuery'));
        assert.equal(ids.length, 20);
        assert.equal(await count(), 0);
      });

      test('updateByQuery merges changes into what matches', async () => {
        const { errors, successes } = await asker.result(
          on('updateByQuery', { query: odd, changes: { note: 'seen', kind: 'strange' } }));
        assert.deepEqual(errors, []);
        assert.equal(successes.length, 10);
        assert.deepEqual(Object.keys(successes[0]).sort(), ['_id', '_version', 'status']);
        assert.deepEqual([successes[0]._version, successes[0].status], [2, 200]);
        assert.equal(await count({ term: { kind: 'strange' } }), 10);
        const { _source } = await kuzzle.document.get(index, collection, 'd1');
        assert.equal(_source.n, 1);
        assert.equal(_source._kuzzle_info.author, 'me');
        assert.equal(_source._kuzzle_info.updater, '-1');
        assert.equal(typeof _source._kuzzle_info.updatedAt, 'number');
      });

      test('it shows the documents with source and tells those that can not be stored', async () => {
        const shown = await asker.result(on('updateByQuery', { query: { ids: { values: ['d4'] } }, changes: { note: 'x' } }, { source: true }));
        assert.equal(shown.successes[0]._source.note, 'x');
        assert.equal(shown.successes[0]._source.n, 4);
        const { errors, successes } = await asker.result(on('updateByQuery', { query: { range: { n: { lt: 2 } } }, changes: { n: 'many' } }));
        assert.equal(successes.length, 0);
        assert.deepEqual(errors.map(({ status }) => status), [400, 400]);
        assert.equal(typeof errors[0].reason, 'string');
        assert.equal(errors[0].document._source.n, 'many');
        assert.equal(await count({ range: { n: { lt: 2 } } }), 2);
      });

      test('new fields go into a dynamic mapping', async () => {
        await kuzzle.collection.update(index, collection, { mappings: { dynamic: 'true' } });
        await asker.result(on('updateByQuery', { query: odd, changes: { weight: 12 } }));
        assert.equal(await count({ term: { weight: 12 } }), 10);
        const { properties } = await kuzzle.collection.getMapping(index, collection);
        assert.equal(properties.weight.type, 'long');
        await kuzzle.collection.delete?.(index, collection);
      });

      test('more than may be written are refused and none is changed', async () => {
        await fill(kuzzle, collection, 402);
        for (const [action, changes] of [['deleteByQuery'], ['updateByQuery', { note: 'x' }]])
          await asker.fails(on(action, { query: odd, changes }), 413, 'services.storage.write_limit_exceeded');
        assert.equal(await count(), 402);
        assert.equal(await count({ exists: { field: 'note' } }), 0);
        const { ids } = await asker.result(on('deleteByQuery', { query: { bool: { must: [odd, { range: { n: { lt: 400 } } }] } } }));
        assert.equal(ids.length, 200);
      });

      test('what is no query is refused', async () => {
        for (const [controller, action] of [['document', 'deleteByQuery'], ['document', 'updateByQuery'], ['bulk', 'deleteByQuery'], ['bulk', 'updateByQuery']]) {
          const changes = action === 'updateByQuery' ? { changes: {} } : {};
          const ask = (body, more = {}) => on(action, { ...changes, ...body }, more, controller);
          await asker.fails(ask({ query: { unheard: {} } }), 400, 'services.storage.unknown_query_keyword');
          await asker.fails(ask({ query: 1 }), 400, 'api.assert.invalid_type');
          await asker.fails(ask({ query: {} }, { index: 'nowhere' }), 412, 'services.storage.unknown_index');
          await asker.fails(ask({ query: {} }, { collection: 'nothing' }), 412, 'services.storage.unknown_collection');
        }
        await asker.fails(on('deleteByQuery', odd), 400, 'services.storage.invalid_search_query');
        await asker.fails(on('updateByQuery', { changes: {} }), 400, 'api.assert.missing_argument');
        await asker.fails(on('updateByQuery', { query: {} }), 400, 'api.assert.missing_argument');
        await asker.fails(on('deleteByQuery', undefined, {}, 'bulk'), 400, 'api.assert.body_required');
        assert.equal(await count(), 20);
      });

      test('in bulk any number is deleted and counted', async () => {
        await fill(kuzzle, collection, 12000);
        assert.deepEqual(await asker.result(on('deleteByQuery', { query: { range: { n: { gte: 3000 } } } }, {}, 'bulk')), { deleted: 9000 });
        assert.deepEqual(await asker.result(on('deleteByQuery', { query: odd }, {}, 'bulk')), { deleted: 1500 });
        assert.equal(await count(), 1500);
        assert.equal(await count(odd), 0);
        assert.equal(await kuzzle.bulk.deleteByQuery(index, collection, { query: {} }), 1500);
        assert.equal(await count(), 0);
        assert.deepEqual(await asker.result(on('deleteByQuery', { query: {} }, {}, 'bulk')), { deleted: 0 });
      });

      test('in bulk any number is changed, without metadata', async () => {
        await fill(kuzzle, collection, 3000);
        assert.deepEqual(await asker.result(on('updateByQuery', { query: odd, changes: { note: 'n'.repeat(2000) } }, {}, 'bulk')), { updated: 1500 });
        assert.equal(await count({ exists: { field: 'note' } }), 1500);
        const { _source, _version } = await kuzzle.document.get(index, collection, 'd1');
        assert.deepEqual(_source._kuzzle_info, { author: 'me' });
        assert.equal(_version, 2);
        await asker.fails(on('updateByQuery', { query: odd, changes: { n: 'many' } }, {}, 'bulk'), 400, 'services.storage.unexpected_bad_request');
      });
    });
  }

  test('each document is changed by exactly one of many that come at once', async () => {
    const kuzzle = await connectSdk(server);
    const collection = 'crowd';
    await fill(kuzzle, collection, 100);
    const asker = await connectAsker(server, 'websocket');
    const take = (note) => asker.result({
      controller: 'document', action: 'updateByQuery', index, collection,
      body: { query: { bool: { must_not: { exists: { field: 'note' } } } }, changes: { note } },
    });
    const takers = numbers(0, 8).map(String);
    const taken = await Promise.all(takers.map(take));
    const all = taken.flatMap(({ successes }) => successes.map(({ _id }) => _id));
    assert.equal(all.length, 100);
    assert.equal(new Set(all).size, 100);
    for (const [i, { successes }] of taken.entries())
      assert.equal(await kuzzle.document.count(index, collection, { query: { term: { note: takers[i] } } }), successes.length);
    const gone = await Promise.all(numbers(0, 8).map(() => kuzzle.document.deleteByQuery(index, collection, {})));
    assert.equal(gone.flat().length, 100);
    await asker.close();
    kuzzle.disconnect();
  });

  test('a bulk change goes on elsewhere when its node dies', async () => {
    const nodes = await startNodes(2);
    const [first, second] = nodes.servers;
    const [one, two] = [await connectSdk(first), await connectSdk(second)];
    const collection = 'herd';
    await fill(one, collection, 20000);
    one.bulk.updateByQuery(index, collection, {}, { note: 'done' }).catch(() => {});
    while (await two.document.count(index, collection, { query: { exists: { field: 'note' } } }) === 0);
    await first.kill();
    const end = Date.now() + 30000;
    let done = 0;
    while (done < 20000 && Date.now() < end) {
      await sleep(250);
      done = await two.document.count(index, collection, { query: { term: { note: 'done' } } });
    }
    assert.equal(done, 20000);
    two.disconnect();
    one.disconnect();
    await nodes.stop();
  });

  test('a bulk deletion misses nothing when Redis is killed meanwhile', async () => {
    const nodes = await startNodes(1);
    const [node] = nodes.servers;
    const kuzzle = await connectSdk(node);
    const collection = 'herd';
    await fill(kuzzle, collection, 20000);
    kuzzle.bulk.deleteByQuery(index, collection, { query: {} }).catch(() => {});
    await until('it has begun', async () => (await kuzzle.document.count(index, collection)) < 20000);
    await nodes.redis.kill();
    await nodes.redis.start();
    const end = Date.now() + 20000;
    let left = 20000;
    while (left > 0 && Date.now() < end) left = await kuzzle.document.count(index, collection).catch(() => left);
    assert.equal(left, 0);
    kuzzle.disconnect();
    await nodes.stop();
  });

  test('a bulk change goes on at once when its only node is killed and started again', async () => {
    const alone = await startServer();
    const kuzzle = await connectSdk(alone);
    const collection = 'herd';
    await fill(kuzzle, collection, 20000);
    kuzzle.bulk.deleteByQuery(index, collection, { query: {} }).catch(() => {});
    await until('it has begun', async () => (await kuzzle.document.count(index, collection)) < 20000);
    kuzzle.disconnect();
    await alone.kill();
    await alone.start();
    const again = await connectSdk(alone);
    const end = Date.now() + 5000; // less than a lease
    let left = 20000;
    while (left > 0 && Date.now() < end) left = await again.document.count(index, collection);
    assert.equal(left, 0);
    again.disconnect();
    await alone.stop();
  });
});
