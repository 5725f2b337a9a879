// collection.test.mjs - the controller collection: life, mappings, settings, lists.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { names, rejects } from './lib/ask.mjs';
import { connectBoth } from './lib/clients.mjs';
import { request } from './lib/http.mjs';
import { until } from './lib/process.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { startNodes, startServer } from './lib/server.mjs';

const index = 'library';
const nextName = names('books');
const keyword = { type: 'keyword' };
let server;

describe('collections', () => {
  before(async () => { server = await startServer(); });
  after(() => server.stop());

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let asker;

      connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });
      before(async () => { if (!await kuzzle.index.exists(index)) await kuzzle.index.create(index); });

      const on = (action, collection, more = {}) => ({ controller: 'collection', action, index, collection, ...more });

      describe('create', () => {
        test('a collection with a mapping', async () => {
          const name = nextName();
          assert.deepEqual(
            await asker.result(on('create', name, { body: { mappings: { properties: { title: keyword } } } })),
            { acknowledged: true });
          assert.equal(await kuzzle.collection.exists(index, name), true);
          assert.deepEqual(await kuzzle.collection.getMapping(index, name),
            { dynamic: 'false', properties: { title: keyword } });
        });

        test('a bare mapping, as older clients send it', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name, { dynamic: 'strict', properties: { title: keyword } });
          assert.deepEqual(await kuzzle.collection.getMapping(index, name),
            { dynamic: 'strict', properties: { title: keyword } });
        });

        test('nothing at all', async () => {
          for (const body of [undefined, {}, { mappings: {} }, { settings: {} }]) {
            const name = nextName();
            await asker.result(on('create', name, { body }));
            assert.deepEqual(await kuzzle.collection.getMapping(index, name), { dynamic: 'false', properties: {} });
          }
        });

        test('makes its index when that is missing', async () => {
          const made = `${protocol}-made-by-the-way`;
          await kuzzle.collection.create(made, 'first');
          assert.equal(await kuzzle.index.exists(made), true);
        });

        test('an existing one is updated', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name, { mappings: { properties: { a: keyword } } });
          await kuzzle.document.create(index, name, { a: 'x' }, 'kept');
          assert.deepEqual(
            await asker.result(on('create', name, { body: { mappings: { properties: { b: keyword } } } })),
            { acknowledged: true });
          assert.deepEqual((await kuzzle.collection.getMapping(index, name)).properties, { a: keyword, b: keyword });
          assert.equal(await kuzzle.document.exists(index, name, 'kept'), true);
          await asker.fails(on('create', name, { body: { mappings: { properties: { a: { type: 'long' } } } } }), 400,
            'services.storage.cannot_change_mapping');
        });

        test('of many at once one makes it and the others update it', async () => {
          const name = nextName();
          await Promise.all(Array.from({ length: 20 }, (_, i) =>
            kuzzle.collection.create(index, name, { mappings: { properties: { [`f${i}`]: keyword } } })));
          const { properties } = await kuzzle.collection.getMapping(index, name);
          assert.equal(Object.keys(properties).length, 20);
        });

        test('names that can not be', async () => {
          for (const name of ['Upper', 'a b', 'a/b', 'a*', 'a,b', '%a', 'x'.repeat(127), '_all', 'a:b', 'É']) {
            const error = await asker.fails(on('create', name), 400, 'services.storage.invalid_collection_name');
            assert.deepEqual(error.props, [name]);
            const wrong = await asker.fails({ ...on('create', 'x'), index: name }, 400,
              'services.storage.invalid_index_name');
            assert.deepEqual(wrong.props, [name]);
          }
          await asker.fails(on('create', '_kuzzle_keep'), 400, 'services.storage.collection_reserved');
          await asker.fails({ ...on('create', 'x'), index: 'kuzzle' }, 412, 'services.storage.index_already_exists');
        });

        test('names that can be', async () => {
          for (const name of ['_a', '-a', '@a', 'é{1}', '漢', 'x'.repeat(126), "it's", '~', '(a)']) {
            await asker.result(on('create', name));
            assert.equal(await kuzzle.collection.exists(index, name), true, name);
          }
        });

        test('mappings that can not be', async () => {
          const refused = {
            'services.storage.invalid_mapping': [
              { foo: 1 }, { dynamic: 'maybe' }, { properties: { a: { nonsense: {} } } },
            ],
            'services.storage.invalid_mapping_type': [{ properties: { a: { type: 'nonsense' } } }],
          };
          const accepted = new Set(['services.storage.invalid_mapping', 'services.storage.invalid_mapping_type',
            'services.storage.wrong_mapping_property', 'services.storage.unexpected_properties']);
          for (const mappings of Object.values(refused).flat()) {
            const { error } = await asker.ask(on('create', 'refused', { body: { mappings } }));
            assert.equal(error?.status, 400, JSON.stringify(mappings));
            assert.ok(accepted.has(error.id), error.id);
          }
          assert.equal(await kuzzle.collection.exists(index, 'refused'), false);
          await asker.fails(on('create', 'refused', { body: { mappings: { foo: {} } } }), 400,
            'services.storage.invalid_mapping');
          await asker.fails(on('create', 'refused', { body: { mappings: { properties: { a: { type: 'x' } } } } }), 400,
            'services.storage.invalid_mapping_type');
        });

        test('body must be an object', async () => {
          await asker.fails(on('create', 'x', { body: { mappings: 'x' } }), 400, 'api.assert.invalid_type');
          await asker.fails({ controller: 'collection', action: 'create', index }, 400, 'api.assert.missing_argument');
        });
      });

      describe('update', () => {
        test('adds fields, replaces _meta and dynamic', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name, { mappings: { _meta: { v: 1 }, properties: { a: keyword } } });
          const more = { _meta: { w: 2 }, dynamic: 'strict', properties: { b: { type: 'date' } } };
          assert.equal(await asker.result(on('update', name, { body: { mappings: more } })), null);
          assert.deepEqual(await kuzzle.collection.getMapping(index, name),
            { _meta: { w: 2 }, dynamic: 'strict', properties: { a: keyword, b: { type: 'date' } } });
        });

        test('what is there is not checked again', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name);
          await kuzzle.document.create(index, name, { other: 1 }, 'old');
          await kuzzle.collection.update(index, name, { mappings: { dynamic: 'strict', properties: { a: keyword } } });
          assert.equal((await kuzzle.document.get(index, name, 'old'))._source.other, 1);
        });

        test('a mapping that becomes dynamic takes up what is there, and so it does when asked to', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name);
          const documents = Array.from({ length: 450 }, (_, n) => ({ _id: `d${n}`, body: { [`late${n % 3}`]: 'v', n } }));
          documents.push({ _id: 'odd', body: { n: 'no number' } });
          await kuzzle.document.mCreate(index, name, documents.slice(0, 200));
          await kuzzle.document.mCreate(index, name, documents.slice(200, 400));
          await kuzzle.document.mCreate(index, name, documents.slice(400));
          const fields = async () => Object.keys((await kuzzle.collection.getMapping(index, name)).properties).sort();
          assert.deepEqual(await fields(), []);
          await kuzzle.collection.update(index, name, { mappings: { dynamic: 'true' } });
          await until('the mapping has the fields', async () => (await fields()).length === 4, 20000);
          assert.deepEqual(await fields(), ['late0', 'late1', 'late2', 'n']);
          const found = await kuzzle.document.search(index, name, { query: { match: { late1: 'v' } } });
          assert.equal(found.total, 150);
          await kuzzle.collection.update(index, name, { mappings: { dynamic: 'false' } });
          await kuzzle.document.create(index, name, { more: 'v' });
          await kuzzle.collection.update(index, name, { mappings: { dynamic: 'strict' } });
          await asker.result(on('update', name, { body: { mappings: { dynamic: 'true' }, reindexCollection: true } }));
          await until('the mapping has the last field', async () => (await fields()).includes('more'), 20000);
        });

        test('a field keeps its type', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name, { mappings: { properties: { a: keyword } } });
          const error = await asker.fails(
            on('update', name, { body: { mappings: { properties: { a: { type: 'date' } } } } }), 400,
            'services.storage.cannot_change_mapping');
          assert.deepEqual(error.props, ['a']);
          assert.deepEqual((await kuzzle.collection.getMapping(index, name)).properties, { a: keyword });
        });

        test('mappings and settings go together or not at all', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name);
          await asker.fails(on('update', name,
            { body: { settings: { number_of_replicas: 2 }, mappings: { properties: { a: { type: 'x' } } } } }), 400,
          'services.storage.invalid_mapping_type');
          await asker.fails(on('update', name,
            { body: { settings: { no_such: 2 }, mappings: { properties: { a: keyword } } } }), 400,
          'services.storage.unexpected_bad_request');
          assert.equal((await asker.result(on('getSettings', name))).number_of_replicas, '1');
          assert.deepEqual((await kuzzle.collection.getMapping(index, name)).properties, {});
        });

        test('an unknown one is a 412', async () => {
          await asker.fails(on('update', 'nothing', { body: { mappings: {} } }), 412,
            'services.storage.unknown_collection');
          await asker.fails({ ...on('update', 'x', { body: { mappings: {} } }), index: 'nowhere' }, 412,
            'services.storage.unknown_index');
        });

        test('updateMapping answers with the mapping', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name, { mappings: { properties: { a: keyword } } });
          assert.deepEqual(await asker.result(on('updateMapping', name, { body: { properties: { b: keyword } } })),
            { dynamic: 'false', properties: { a: keyword, b: keyword } });
          await asker.fails(on('updateMapping', name, { body: { nonsense: 1 } }), 400,
            'services.storage.invalid_mapping');
          await asker.fails(on('updateMapping', name), 400, 'api.assert.body_required');
        });
      });

      describe('getMapping and getSettings', () => {
        test('_kuzzle_info is shown when asked for', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name);
          const { properties } = await kuzzle.collection.getMapping(index, name, { includeKuzzleMeta: true });
          assert.deepEqual(properties._kuzzle_info, { properties: {
            author: keyword, createdAt: { type: 'date' }, updatedAt: { type: 'date' }, updater: keyword,
          } });
        });

        test('a mapping comes back as it went in', async () => {
          const mappings = {
            dynamic: 'true', _meta: { anything: [1, { x: null }] },
            properties: {
              title: { type: 'text', fields: { raw: { type: 'keyword', ignore_above: 20 } } },
              place: { type: 'geo_point' }, tags: keyword,
              author: { dynamic: 'strict', properties: { name: keyword, born: { type: 'date', format: 'yyyy' } } },
              parts: { type: 'nested', properties: { n: { type: 'integer' } } },
              blob: { type: 'object', enabled: false },
            },
          };
          const name = nextName();
          await kuzzle.collection.create(index, name, { mappings });
          assert.deepEqual(await kuzzle.collection.getMapping(index, name), mappings);
        });

        test('settings are texts, with defaults', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name);
          assert.deepEqual(await asker.result(on('getSettings', name)),
            { number_of_shards: '1', number_of_replicas: '1' });
          await kuzzle.collection.update(index, name,
            { settings: { number_of_replicas: 2, 'index.refresh_interval': '5s' } });
          assert.deepEqual(await asker.result(on('getSettings', name)),
            { number_of_shards: '1', number_of_replicas: '2', refresh_interval: '5s' });
        });

        test('settings of a new one', async () => {
          const name = nextName();
          const settings = { index: { number_of_shards: 3 }, analysis: { analyzer: { x: { type: 'custom', n: 1 } } } };
          await kuzzle.collection.create(index, name, { settings });
          const shown = await asker.result(on('getSettings', name));
          assert.equal(shown.number_of_shards, '3');
          assert.deepEqual(shown.analysis, { analyzer: { x: { type: 'custom', n: '1' } } });
          await asker.fails(on('update', name, { body: { settings: { number_of_shards: 4 } } }), 400,
            'services.storage.unexpected_bad_request');
          await asker.fails(on('create', nextName(), { body: { settings: { number_of_shards: 'many' } } }), 400,
            'services.storage.unexpected_bad_request');
          await asker.fails(on('create', nextName(), { body: { settings: { nonsense: 1 } } }), 400,
            'services.storage.unexpected_bad_request');
        });
      });

      describe('exists and list', () => {
        test('exists never fails for a name', async () => {
          for (const [where, name] of [[index, 'nothing'], ['nowhere', 'x'], ['NOT VALID', '*'], ['%kdm', 'x']])
            assert.equal(await asker.result({ ...on('exists', name), index: where }), false);
        });

        test('list is sorted, and can be read page by page', async () => {
          const own = `${protocol}-listed`;
          for (const name of ['c', 'a', 'b', 'd']) await kuzzle.collection.create(own, name);
          const all = await kuzzle.collection.list(own);
          assert.equal(all.type, 'all');
          assert.deepEqual(all.collections, ['a', 'b', 'c', 'd'].map((name) => ({ name, type: 'stored' })));
          const list = (more) => asker.result({ controller: 'collection', action: 'list', index: own, ...more });
          const page = await list({ from: 1, size: 2 });
          assert.deepEqual(page.collections.map(({ name }) => name), ['b', 'c']);
          assert.deepEqual([page.from, page.size], [1, 2]);
          assert.deepEqual((await list({ from: 3 })).collections.map(({ name }) => name), ['d']);
          assert.deepEqual((await list({ from: 9, size: 9 })).collections, []);
          assert.equal((await list({ type: 'stored' })).collections.length, 4);
          assert.deepEqual((await list({ type: 'realtime' })).collections, []);
          assert.equal((await list({ type: 'realtime' })).type, 'realtime');
        });

        test('list needs an index that is there, and a type that is one', async () => {
          await rejects(kuzzle.collection.list('nowhere'), 412, 'services.storage.unknown_index');
          await asker.fails({ controller: 'collection', action: 'list', index, type: 'other' }, 400,
            'api.assert.invalid_argument');
        });

        test('an index without collections has an empty list', async () => {
          const empty = `${protocol}-empty`;
          await kuzzle.index.create(empty);
          assert.deepEqual((await kuzzle.collection.list(empty)).collections, []);
        });
      });

      describe('delete, truncate, refresh', () => {
        test('delete takes it away with its documents', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name);
          await kuzzle.document.create(index, name, {}, 'x');
          assert.equal(await asker.result(on('delete', name)), null);
          assert.equal(await kuzzle.collection.exists(index, name), false);
          assert.equal(await kuzzle.index.exists(index), true);
          await kuzzle.collection.create(index, name);
          assert.equal(await kuzzle.document.exists(index, name, 'x'), false);
        });

        test('truncate keeps mapping and settings', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name,
            { mappings: { properties: { a: keyword } }, settings: { number_of_replicas: 0 } });
          await kuzzle.document.mCreate(index, name, Array.from({ length: 100 }, (_, i) => ({ body: { i } })));
          await kuzzle.document.create(index, name, {}, 'x');
          assert.deepEqual(await asker.result(on('truncate', name)), { acknowledged: true });
          assert.equal(await kuzzle.document.exists(index, name, 'x'), false);
          assert.deepEqual((await kuzzle.collection.getMapping(index, name)).properties, { a: keyword });
          assert.equal((await asker.result(on('getSettings', name))).number_of_replicas, '0');
          assert.equal((await kuzzle.document.create(index, name, {}, 'x'))._version, 1);
        });

        test('refresh is fine with any that is there', async () => {
          const name = nextName();
          await kuzzle.collection.create(index, name);
          assert.equal(await asker.result(on('refresh', name)), null);
        });

        test('an unknown one is a 412', async () => {
          for (const action of ['delete', 'truncate', 'refresh', 'getMapping', 'getSettings']) {
            await asker.fails(on(action, 'nothing'), 412, 'services.storage.unknown_collection');
            await asker.fails({ ...on(action, 'x'), index: 'nowhere' }, 412, 'services.storage.unknown_index');
            await asker.fails({ ...on(action, 'x'), index: '%kdm' }, 412, 'services.storage.unknown_index');
          }
        });
      });
    });
  }

  test('routes, as curl would ask', async () => {
    const at = async (path, options) => (await request(server, `/${index}/curl${path}`, options)).body;

    assert.deepEqual((await at('', { method: 'PUT', body: { mappings: { properties: { a: keyword } } } })).result,
      { acknowledged: true });
    assert.equal((await at('', { method: 'POST', body: { mappings: { properties: { b: keyword } } } })).result, null);
    assert.deepEqual((await at('/_mapping')).result.properties, { a: keyword, b: keyword });
    assert.ok((await at('/_mapping?includeKuzzleMeta')).result.properties._kuzzle_info);
    assert.ok((await at('/_mapping', { method: 'PUT', body: { properties: { c: keyword } } })).result.properties.c);
    assert.equal((await at('/_settings')).result.number_of_shards, '1');
    assert.equal((await at('/_exists')).result, true);
    assert.equal((await at('/_refresh', { method: 'POST' })).result, null);
    assert.deepEqual((await at('/_truncate', { method: 'DELETE' })).result, { acknowledged: true });
    assert.equal((await at('', { method: 'DELETE' })).result, null);
    const list = await request(server, `/${index}/_list?from=0&size=1&type=stored`);
    assert.equal(list.body.result.collections.length, 1);
  });
});

describe('collections of a server with a common mapping', () => {
  test('every new one has it', async () => {
    const common = await startServer({ config: { services: { storageEngine: { commonMapping: {
      dynamic: 'strict', properties: { common: keyword },
    } } } } });
    const kuzzle = await connectSdk(common);
    await kuzzle.collection.create(index, 'one',
      { mappings: { properties: { own: keyword, common: { type: 'date' } } } });
    assert.deepEqual(await kuzzle.collection.getMapping(index, 'one'),
      { dynamic: 'strict', properties: { own: keyword, common: keyword } });
    await kuzzle.collection.create(index, 'two', { mappings: { dynamic: 'false' } });
    assert.deepEqual(await kuzzle.collection.getMapping(index, 'two'),
      { dynamic: 'false', properties: { common: keyword } });
    kuzzle.disconnect();
    await common.stop();
  });
});

describe('collections of two nodes', () => {
  test('each knows at once what the other did', async () => {
    const nodes = await startNodes(2);
    const [first, second] = await Promise.all(nodes.servers.map((node) => connectSdk(node)));
    await first.collection.create(index, 'shared', { mappings: { properties: { a: keyword } } });
    await second.collection.update(index, 'shared', { mappings: { dynamic: 'strict', properties: { b: keyword } } });
    assert.deepEqual((await first.collection.getMapping(index, 'shared')).properties, { a: keyword, b: keyword });
    await rejects(first.document.create(index, 'shared', { c: 1 }), 400, 'services.storage.strict_mapping_rejection');
    await first.collection.delete(index, 'shared');
    assert.equal(await second.collection.exists(index, 'shared'), false);
    await rejects(second.document.create(index, 'shared', {}), 412, 'services.storage.unknown_collection');
    first.disconnect();
    second.disconnect();
    await nodes.stop();
  });
});
