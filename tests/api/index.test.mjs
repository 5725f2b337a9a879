// index.test.mjs - the controller index.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { names, rejects } from './lib/ask.mjs';
import { connectBoth } from './lib/clients.mjs';
import { request } from './lib/http.mjs';
import { askRedis, startRedis } from './lib/redis.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';

const nextName = names('tenant');
let server;

describe('indexes', () => {
  before(async () => { server = await startServer(); });
  after(() => server.stop());

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let asker;

      connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });

      const on = (action, more = {}) => ({ controller: 'index', action, ...more });

      test('create answers without a result, twice is refused', async () => {
        const index = nextName();
        const response = await asker.ask(on('create', { index }));
        assert.equal(response.status, 200);
        assert.equal('result' in response, false);
        const error = await asker.fails(on('create', { index }), 412, 'services.storage.index_already_exists');
        assert.deepEqual(error.props, ['public', index]);
        assert.equal(await kuzzle.index.exists(index), true);
      });

      test('names that can not be', async () => {
        const long = 'x'.repeat(127);
        for (const index of ['Upper', 'a b', 'a\\b', 'a"', '<', 'a|b', 'tab\t', '#', '.', '..', '&', '_all', long])
          await asker.fails(on('create', { index }), 400, 'services.storage.invalid_index_name');
        await asker.fails(on('create'), 400, 'api.assert.missing_argument');
        await asker.fails(on('create', { index: '' }), 400, 'api.assert.missing_argument');
      });

      test("Kuzzle's private index can not be made", async () => {
        const error = await asker.fails(on('create', { index: 'kuzzle' }), 412,
          'services.storage.index_already_exists');
        assert.deepEqual(error.props, ['private', 'kuzzle']);
      });

      test('exists never fails for a name', async () => {
        for (const index of ['nowhere', 'NOT VALID', '%kdm', '*'])
          assert.equal(await asker.result(on('exists', { index })), false);
      });

      test('delete takes all with it', async () => {
        const index = nextName();
        await kuzzle.collection.create(index, 'c');
        await kuzzle.document.create(index, 'c', {}, 'x');
        assert.deepEqual(await asker.result(on('delete', { index })), { acknowledged: true });
        assert.equal(await kuzzle.index.exists(index), false);
        await rejects(kuzzle.document.get(index, 'c', 'x'), 412, 'services.storage.unknown_index');
        await kuzzle.index.create(index);
        assert.deepEqual((await kuzzle.collection.list(index)).collections, []);
        await kuzzle.collection.create(index, 'c');
        assert.equal(await kuzzle.document.exists(index, 'c', 'x'), false);
      });

      test('delete of an unknown one is a 412', async () => {
        for (const index of ['nowhere', '%kdm'])
          await asker.fails(on('delete', { index }), 412, 'services.storage.unknown_index');
      });

      test('list is sorted and can count', async () => {
        const [a, b] = [`${protocol}-list-a`, `${protocol}-list-b`];
        await kuzzle.collection.create(b, 'one');
        await kuzzle.collection.create(b, 'two');
        await kuzzle.index.create(a);
        const indexes = await kuzzle.index.list();
        assert.ok(indexes.includes(a) && indexes.includes(b));
        assert.deepEqual(indexes, [...indexes].sort());
        assert.ok(indexes.every((name) => !name.startsWith('%')));
        const { collections } = await asker.result(on('list', { countCollection: true }));
        assert.deepEqual([collections[a], collections[b]], [0, 2]);
        assert.equal((await asker.result(on('list'))).collections, undefined);
      });

      test('mDelete deletes those that are there', async () => {
        const [a, b] = [nextName(), nextName()];
        await kuzzle.index.create(a);
        await kuzzle.collection.create(b, 'c');
        assert.deepEqual((await kuzzle.index.mDelete([a, 'nowhere', b, a])).sort(), [a, b].sort());
        assert.equal(await kuzzle.index.exists(b), false);
        assert.deepEqual(await asker.result(on('mDelete', { body: { indexes: [] } })), { deleted: [] });
        await asker.fails(on('mDelete', { body: { indexes: 'x' } }), 400, 'api.assert.invalid_type');
        await asker.fails(on('mDelete', { body: { indexes: [1] } }), 400, 'api.assert.invalid_type');
        await asker.fails(on('mDelete', { body: {} }), 400, 'api.assert.missing_argument');
      });

      test('stats tell sizes', async () => {
        const index = nextName();
        await kuzzle.collection.create(index, 'full');
        await kuzzle.collection.create(index, 'void');
        await kuzzle.document.mCreate(index, 'full',
          Array.from({ length: 10 }, () => ({ body: { text: 'x'.repeat(1000) } })));
        const { indexes, size } = await asker.result(on('stats'));
        const own = indexes.find(({ name }) => name === index);
        const [full, empty] = own.collections;
        assert.deepEqual([full.name, full.documentCount], ['full', 10]);
        assert.ok(full.size >= 10000);
        assert.deepEqual([empty.name, empty.documentCount, empty.size], ['void', 0, 0]);
        assert.equal(own.size, full.size);
        assert.equal(size, indexes.reduce((sum, one) => sum + one.size, 0));
      });
    });
  }

  test('mDelete leaves nothing of made-up names', async () => {
    const redis = await startRedis();
    const own = await startServer({ redis: redis.url });
    const kuzzle = await connectSdk(own);
    await kuzzle.index.create('present');
    const keys = await askRedis(redis.socket, 'DBSIZE');
    assert.deepEqual(await kuzzle.index.mDelete(['made-up', 'present', 'NO NAME']), ['present']);
    assert.equal(await askRedis(redis.socket, 'DBSIZE'), keys);
    kuzzle.disconnect();
    await own.stop();
    await redis.stop();
  });

  test('of many creates at once one succeeds', async () => {
    const kuzzle = await connectSdk(server);
    const index = nextName();
    const tries = await Promise.allSettled(Array.from({ length: 30 }, () => kuzzle.index.create(index)));
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
    kuzzle.disconnect();
  });

  test('routes, as curl would ask', async () => {
    const index = nextName();
    assert.equal((await request(server, `/${index}/_create`, { method: 'POST' })).status, 200);
    assert.equal((await request(server, `/${index}/_exists`)).body.result, true);
    assert.ok((await request(server, '/_list?countCollection')).body.result.collections);
    assert.ok((await request(server, '/_storageStats')).body.result.indexes);
    assert.equal((await request(server, `/${index}`, { method: 'DELETE' })).status, 200);
    const deleted = await request(server, '/_mDelete', { method: 'DELETE', body: { indexes: ['x'] } });
    assert.deepEqual(deleted.body.result, { deleted: [] });
    assert.equal((await request(server, `/${index}/_autoRefresh`)).body.error.id, 'api.process.action_not_found');
  });
});
