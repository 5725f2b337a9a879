// document-search.test.mjs - document:search and document:count, over both protocols.
// What each clause means is tested where it is evaluated (tests/unit/search); here it is the request and the reply.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { connectBoth } from './lib/clients.mjs';
import { request } from './lib/http.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';

const index = 'shop';
const mappings = {
  properties: {
    name: { type: 'text', fields: { raw: { type: 'keyword' } } },
    color: { type: 'keyword' },
    price: { type: 'float' },
    stock: { properties: { count: { type: 'integer' } } },
  },
};
const things = {
  chair: { name: 'a red chair', color: 'red', price: 10.5, stock: { count: 1 } },
  table: { name: 'a red table', color: 'red', price: 99, stock: { count: 0 } },
  lamp: { name: 'one green lamp', color: 'green', price: 5 },
  book: { name: 'a book', color: 'blue', price: 7, unmapped: 'x' },
};
let server;

const ids = ({ hits }) => hits.map(({ _id }) => _id);

describe('searching', () => {
  before(async () => {
    server = await startServer();
    const kuzzle = await connectSdk(server);
    await kuzzle.collection.create(index, 'things', { mappings });
    await kuzzle.collection.create(index, 'more', { mappings });
    await kuzzle.collection.create(index, 'none', { mappings });
    for (const [id, body] of Object.entries(things)) await kuzzle.document.create(index, 'things', body, id);
    await kuzzle.document.create(index, 'more', { name: 'a sofa', color: 'red', price: 300 }, 'sofa');
    await kuzzle.collection.create('depot', 'parts', { mappings: { properties: {
      price: { type: 'integer' }, stock: { type: 'integer' },
      shelves: { type: 'nested', properties: { room: { type: 'keyword' } } } } } });
    await kuzzle.document.create('depot', 'parts', { price: 30, shelves: [{ room: 'a' }, { room: 'b' }] }, 'nail');
    await kuzzle.document.create('depot', 'parts', { price: 50, shelves: { room: 'a' } }, 'hinge');
    kuzzle.disconnect();
  });
  after(() => server.stop());

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let asker;

      connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });

      const search = (body, options) => kuzzle.document.search(index, 'things', body, options);
      const on = (more) => ({ controller: 'document', action: 'search', index, collection: 'things', ...more });

      test('without a query everything is found', async () => {
        for (const body of [undefined, {}, { query: {} }, { query: { match_all: {} } }]) {
          const { hits, total } = await asker.result(on({ body }));
          assert.equal(total, 4);
          assert.deepEqual(hits.map(({ _id }) => _id).sort(), Object.keys(things).sort());
        }
      });

      test('a hit is told with where it comes from', async () => {
        const { hits } = await asker.result(on({ body: { query: { ids: { values: ['lamp'] } } } }));
        const [{ _source: { _kuzzle_info: info, ...source }, ...hit }] = hits;
        assert.equal(info.author, '-1');
        assert.deepEqual(source, things.lamp);
        assert.deepEqual(hit, { _id: 'lamp', _score: 1, index, collection: 'things' });
      });

      test('a write is found at once', async () => {
        await kuzzle.document.create(index, 'none', { color: 'white' }, 'now');
        assert.equal(await kuzzle.document.count(index, 'none', { query: { term: { color: 'white' } } }), 1);
        await kuzzle.document.delete(index, 'none', 'now');
        assert.equal(await kuzzle.document.count(index, 'none'), 0);
      });

      test('queries of many kinds', async () => {
        const cases = [
          [{ term: { color: 'red' } }, ['chair', 'table']],
          [{ terms: { color: ['green', 'blue'] } }, ['book', 'lamp']],
          [{ range: { price: { gt: 5, lte: 10.5 } } }, ['book', 'chair']],
          [{ match: { name: 'RED lamp' } }, ['chair', 'lamp', 'table']],
          [{ match: { name: { query: 'red chair', operator: 'and' } } }, ['chair']],
          [{ match_phrase_prefix: { name: 'a re' } }, ['chair', 'table']],
          [{ exists: { field: 'stock.count' } }, ['chair', 'table']],
          [{ regexp: { color: '.*[eE][dD].*' } }, ['chair', 'table']],
          [{ wildcard: { 'name.raw': '*book' } }, ['book']],
          [{ prefix: { color: 'gr' } }, ['lamp']],
          [{ match: { _id: 'lamp' } }, ['lamp']],
          [{ term: { unmapped: 'x' } }, []],
          [{ multi_match: { query: 'red', type: 'phrase_prefix', fields: ['*'] } }, ['chair', 'table']],
          [{ bool: { must: [{ term: { color: 'red' } }], must_not: { range: { price: { lt: 50 } } } } }, ['table']],
          [{ bool: { should: [{ term: { color: 'blue' } }, { term: { color: 'green' } }] } }, ['book', 'lamp']],
        ];
        for (const [query, expected] of cases) {
          const found = await search({ query });
          assert.deepEqual(ids(found).sort(), expected, JSON.stringify(query));
          assert.equal(found.total, expected.length);
          assert.equal(await kuzzle.document.count(index, 'things', { query }), expected.length);
        }
      });

      test('Koncorde filters', async () => {
        const cases = [
          [{ equals: { color: 'red' } }, ['chair', 'table']],
          [{ and: [{ in: { color: ['red', 'blue'] } }, { range: { price: { gte: 10 } } }] }, ['chair', 'table']],
          [{ not: { exists: 'stock.count' } }, ['book', 'lamp']],
          [{}, ['book', 'chair', 'lamp', 'table']],
        ];
        for (const [query, expected] of cases) {
          const found = await search({ query }, { lang: 'koncorde' });
          assert.deepEqual(ids(found).sort(), expected, JSON.stringify(query));
        }
        await asker.fails(on({ lang: 'koncorde', body: { query: { bool: {} } } }), 400,
          'api.assert.koncorde_restricted_keyword');
        await asker.fails(on({ lang: 'latin', body: {} }), 400, 'api.assert.invalid_argument');
      });

      test('order, page and search_after', async () => {
        const sort = [{ price: 'desc' }, '_id'];
        const { hits } = await asker.result(on({ body: { sort } }));
        assert.deepEqual(hits.map(({ _id }) => _id), ['table', 'chair', 'book', 'lamp']);
        assert.ok(hits.every(({ _score }) => _score === null));
        assert.deepEqual(ids(await search({ sort }, { from: 1, size: 2 })), ['chair', 'book']);
        assert.deepEqual(ids(await search({ sort, search_after: [10.5, 'chair'] })), ['book', 'lamp']);
        assert.deepEqual(ids(await search({ sort: { color: 'asc' }, size: 1 })), ['book']);
        const last = await asker.result(on({ from: 4, body: { sort } }));
        assert.deepEqual([last.hits, last.total], [[], 4]);
        const none = await asker.result(on({ size: 0, body: { sort } }));
        assert.deepEqual([none.hits, none.total], [[], 4]);
      });

      test('the SDK reads page after page', async () => {
        for (const body of [{ sort: [{ price: 'asc' }, '_id'] }, {}]) {
          const seen = [];
          let page = await search(body, { size: 3 });
          while (page) {
            seen.push(...ids(page));
            page = await page.next();
          }
          assert.deepEqual(seen.sort(), Object.keys(things).sort());
        }
      });

      test('what the console sends: sorted by a field some lack', async () => {
        const { total } = await search({ query: {}, sort: { '_kuzzle_info.createdAt': 'desc' } });
        assert.equal(total, 4);
        assert.equal((await search({ query: {}, sort: [] })).total, 4);
      });

      test('parts of the source', async () => {
        const one = { ids: { values: ['chair'] } };
        const source = async (more) => (await asker.result(on({ body: { query: one, ...more } }))).hits[0]._source;
        assert.deepEqual(await source({ _source: ['price', 'stock.*'] }), { price: 10.5, stock: { count: 1 } });
        assert.deepEqual(await source({ _source: { includes: ['stock', 'color'], excludes: ['stock.count'] } }),
          { color: 'red', stock: {} });
        assert.equal(await source({ _source: false }), undefined);
      });

      test('query strings, fuzzy words and distances', async () => {
        assert.deepEqual(ids(await search({ query: { query_string: { query: 'name:red AND NOT table' } } })), ['chair']);
        assert.deepEqual(ids(await search({ query: { simple_query_string: { query: 'gren~1 | boo*' } },
          sort: ['_id'] })), ['book', 'lamp']);
        assert.deepEqual(ids(await search({ query: { fuzzy: { color: 'geen' } } })), ['lamp']);
        await asker.fails(on({ body: { query: { query_string: { query: 'name:(red' } } } }), 400,
          'services.storage.unexpected_bad_request');
      });

      test('what was found is highlighted', async () => {
        const { hits } = await asker.result(on({
          body: { query: { match: { name: 'red' } }, sort: ['_id'], highlight: { fields: { name: {}, color: {} } } } }));
        assert.deepEqual(hits.map(({ highlight }) => highlight),
          [{ name: ['a <em>red</em> chair'] }, { name: ['a <em>red</em> table'] }]);
        const [hit] = (await asker.result(on({ body: { query: { ids: { values: ['lamp'] } }, highlight: { fields: { name: {} } } } }))).hits;
        assert.ok(!('highlight' in hit));
      });

      test('aggregations', async () => {
        const aggs = {
          colors: { terms: { field: 'color' }, aggs: { dearest: { max: { field: 'price' } }, one: { top_hits: { size: 1, _source: 'color' } } } },
          prices: { stats: { field: 'price' } },
        };
        const { aggregations, hits, total } = await asker.result(on({
          size: 0, body: { aggs, post_filter: { term: { color: 'green' } } } }));
        assert.deepEqual(hits, []);
        assert.equal(total, 1, 'the post_filter counts for the hits');
        assert.deepEqual(aggregations.colors.buckets.map(({ key, doc_count: n, dearest }) => [key, n, dearest.value]),
          [['red', 2, 99], ['blue', 1, 7], ['green', 1, 5]]);
        const { max_score: best, hits: [one] } = aggregations.colors.buckets[1].one.hits;
        assert.deepEqual([best, one._score, one._type, one._source], [1, 1, '_doc', { color: 'blue' }]);
        assert.match(one._index, /^&.*\..*/);
        assert.equal(aggregations.prices.count, 4);
        const page = await asker.result(on({ scroll: '1s', size: 3, body: { aggregations: { n: { value_count: { field: 'color' } } } } }));
        assert.deepEqual(page.aggregations, { n: { value: 4 } });
        const rest = await asker.result({ controller: 'document', action: 'scroll', scrollId: page.scrollId });
        assert.equal(rest.hits.length, 1);
        await asker.fails(on({ body: { aggs: { x: { nope: {} } } } }), 400, 'services.storage.unexpected_bad_request');
        await asker.fails(on({ body: { aggs: [] } }), 400, 'services.storage.unexpected_bad_request');
      });

      test('aggregations over several collections are those of all their documents', async () => {
        const targets = [{ index, collections: ['things', 'more', 'none'] }, { index: 'depot', collections: ['parts'] }];
        const ask = (aggs, more = {}) => ({ controller: 'document', action: 'search', targets, ...more, body: { aggs } });
        const { aggregations, hits, total } = await asker.result(ask({
          colors: { terms: { field: 'color', order: { mean: 'desc' }, missing: 'none' }, aggs: { mean: { avg: { field: 'price' } } } },
          dearest: { top_hits: { size: 2, sort: [{ price: 'desc' }], _source: 'price' } },
          shelves: { nested: { path: 'shelves' }, aggs: { rooms: { cardinality: { field: 'shelves.room' } } } },
        }, { size: 2 }));
        assert.deepEqual([hits.length, total], [2, 7]);
        assert.deepEqual(aggregations.colors.buckets.map(({ key, doc_count: n, mean }) => [key, n, mean.value]),
          [['red', 3, 136.5], ['none', 2, 40], ['blue', 1, 7], ['green', 1, 5]]);
        assert.deepEqual(aggregations.dearest.hits.hits.map(({ _id, _index, _source, sort }) => [_id, _index, _source, sort]),
          [['sofa', `&${index}.more`, { price: 300 }, [300]], ['table', `&${index}.things`, { price: 99 }, [99]]]);
        assert.equal(aggregations.dearest.hits.total.value, 7);
        assert.deepEqual(aggregations.shelves, { doc_count: 3, rooms: { value: 2 } });
        const { error } = await asker.ask(ask({ x: { terms: { field: 'name.raw' } }, y: { max: { field: 'stock' } } }));
        assert.deepEqual([error.status, error.id], [400, 'services.storage.unexpected_bad_request']);
        assert.match(error.message, /\[y\].*"stock"/);
        const page = await asker.result(ask({ n: { nested: { path: 'shelves' } } }, { scroll: '10s', size: 4 }));
        const rest = await asker.result({ controller: 'document', action: 'scroll', scrollId: page.scrollId });
        assert.deepEqual([page.aggregations.n.doc_count, rest.hits.length], [3, 3]);
      });

      test('one hit of each color', async () => {
        const body = { collapse: { field: 'color' }, sort: [{ price: 'desc' }] };
        const { hits, total } = await asker.result(on({ body }));
        assert.deepEqual(hits.map(({ _id }) => _id), ['table', 'book', 'lamp']);
        assert.equal(total, 4);
        const across = await asker.result({ controller: 'document', action: 'search', body,
          targets: [{ index, collections: ['things', 'more'] }] });
        assert.deepEqual(across.hits.map(({ _id }) => _id), ['sofa', 'book', 'lamp']);
        assert.equal(across.total, 5);
        await asker.fails(on({ scroll: '1s', body }), 400, 'services.storage.unexpected_bad_request');
      });

      test('one hit of each color, with others of it', async () => {
        const inner = [
          { name: 'cheapest', sort: [{ price: 'asc' }], size: 2, _source: ['price'] },
          { name: 'rest', sort: [{ price: 'asc' }], from: 1, size: 1 },
        ];
        const ask = (innerHits, more) => ({ controller: 'document', action: 'search',
          targets: [{ index, collections: ['things', 'more'] }],
          body: { collapse: { field: 'color', inner_hits: innerHits }, sort: [{ price: 'desc' }], ...more } });
        const { hits, total } = await asker.result(ask(inner));
        assert.deepEqual(hits.map(({ _id, inner_hits: { cheapest, rest } }) => [_id, ids({ hits: cheapest }), ids({ hits: rest })]),
          [['sofa', ['chair', 'table'], ['table']], ['book', ['book'], []], ['lamp', ['lamp'], []]]);
        assert.equal(total, 5);
        assert.deepEqual(hits[0].inner_hits.cheapest[0],
          { _id: 'chair', _score: null, _source: { price: 10.5 }, index, collection: 'things' });
        assert.equal(hits[0].inner_hits.rest[0]._source.name, things.table.name);
        const found = await asker.result(ask({}, { query: { match: { name: 'red' } }, post_filter: { range: { price: { lt: 50 } } } }));
        assert.deepEqual(found.hits.map(({ _id, inner_hits: { color } }) => [_id, ids({ hits: color })]), [['chair', ['chair']]]);
        assert.ok(found.hits[0].inner_hits.color[0]._score > 0);
        await asker.fails(ask({ sort: 'nobody' }), 400, 'services.storage.unexpected_bad_request');
        await asker.fails(ask({ explain: true }), 400, 'services.storage.unexpected_bad_request');
      });

      test('the objects that a nested query matches', async () => {
        const shelves = (query, inner, more) => ({ nested: { path: 'shelves', query, inner_hits: inner, ...more } });
        const ask = (query, more) => ({ controller: 'document', action: 'search', index: 'depot', collection: 'parts', body: { query, ...more } });
        const { hits } = await asker.result(ask(shelves({ term: { 'shelves.room': 'b' } }, {})));
        assert.equal(hits.length, 1);
        const { _source: { price }, inner_hits: { shelves: [found, ...others] } } = hits[0];
        assert.deepEqual([price, others], [30, []]);
        assert.deepEqual(found, { _id: 'nail', _score: found._score, _source: { room: 'b' }, index: 'depot', collection: 'parts' });
        assert.ok(found._score > 0);
        const both = await asker.result(ask({ bool: { should: [
          shelves({ match_all: {} }, { sort: [{ 'shelves.room': 'desc' }], size: 1, _source: ['shelves.room'] }),
          shelves({ term: { 'shelves.room': 'a' } }, { name: 'a', _source: false }),
        ] } }, { sort: ['price'] }));
        assert.deepEqual(both.hits.map(({ inner_hits: inner }) => [inner.shelves, inner.a].map((list) => list.map(({ _source }) => _source))),
          [[[{ room: 'b' }], [undefined]], [[{ room: 'a' }], [undefined]]]);
        const page = await asker.result({ ...ask(shelves({ match_all: {} }, { from: 1 }), { sort: [{ price: 'desc' }] }), size: 1, scroll: '10s' });
        const rest = await asker.result({ controller: 'document', action: 'scroll', scrollId: page.scrollId });
        assert.deepEqual([page, rest].map(({ hits: [{ inner_hits: inner }] }) => inner.shelves.map(({ _source }) => _source)), [[], [{ room: 'b' }]]);
        const refused = (query, more) => asker.fails(ask(query, more), 400, 'services.storage.unexpected_bad_request');
        await refused(shelves({ match_all: {} }, { highlight: {} }));
        await refused(shelves({ match_all: {} }, { sort: 'price' }));
        await refused({ bool: { must: [shelves({ match_all: {} }, {}), shelves({ match_all: {} }, {})] } });
        await refused({ match_all: {} }, { post_filter: shelves({ match_all: {} }, {}) });
        await refused({ match_all: {} }, { aggs: { a: { filter: shelves({ match_all: {} }, {}) } } });
      });

      test('several collections by targets', async () => {
        const targets = [{ index, collections: ['things', 'more'] }, { index, collections: ['none', 'more'] }];
        const body = { query: { term: { color: 'red' } }, sort: [{ price: 'asc' }] };
        const { hits, total } = await asker.result({ controller: 'document', action: 'search', targets, body });
        assert.deepEqual(hits.map(({ _id, collection }) => [_id, collection]),
          [['chair', 'things'], ['table', 'things'], ['sofa', 'more']]);
        assert.equal(total, 3);
      });

      test('targets that are none', async () => {
        const fails = (targets, ...expected) =>
          asker.fails({ controller: 'document', action: 'search', targets }, ...expected);
        await fails([], 400, 'api.assert.empty_argument');
        await fails([{ index }], 400, 'api.assert.missing_argument');
        await fails([{ collections: ['x'] }], 400, 'api.assert.missing_argument');
        await fails([{ index, collections: [] }], 400, 'api.assert.empty_argument');
        await fails([{ index, collections: 'x' }], 400, 'api.assert.invalid_type');
        await fails([{ index: 3, collections: ['x'] }], 400, 'api.assert.invalid_type');
        await fails([7], 400, 'api.assert.invalid_type');
        await fails([{ index, collections: ['nothing'] }], 412, 'services.storage.unknown_collection');
        await fails([{ index: 'nowhere', collections: ['x'] }], 412, 'services.storage.unknown_index');
        await fails([{ index: '%kdm', collections: ['x'] }], 412, 'services.storage.unknown_index');
        // Nobody has rights on a pattern; the action would refuse it too.
        await fails([{ index: 'a*', collections: ['x'] }], 401, 'security.rights.unauthorized');
        await asker.fails(on({ targets: [{ index, collections: ['x'] }] }), 400, 'api.assert.mutually_exclusive');
        const many = [{ index, collections: Array.from({ length: 20000 }, (_, i) => `x${i}`) }];
        const { message } = await fails(many, 400, 'api.assert.invalid_argument');
        assert.match(message, /at most 500/);
      });

      test('requests that can not be', async () => {
        await asker.fails(on({ index: 'nowhere' }), 412, 'services.storage.unknown_index');
        await asker.fails(on({ collection: 'nothing' }), 412, 'services.storage.unknown_collection');
        await asker.fails({ controller: 'document', action: 'search' }, 400, 'api.assert.missing_argument');
        for (const names of [{ index: 'a,b' }, { index: '_all' }, { collection: '*' }])
          await asker.fails(on(names), 400, 'services.storage.invalid_multi_index_collection_usage');
        await asker.fails(on({ body: { nonsense: 1 } }), 400, 'services.storage.invalid_search_query');
        await asker.fails(on({ body: { query: { nonsense: {} } } }), 400, 'services.storage.unknown_query_keyword');
        await asker.fails(on({ body: { query: { term: {} } } }), 400, 'services.storage.unexpected_bad_request');
        await asker.fails(on({ body: { query: { script: { source: 'x' } } } }), 400,
          'services.storage.invalid_query_keyword');
        await asker.fails(on({ body: { sort: [{ nowhere: 'asc' }] } }), 400, 'services.storage.unexpected_bad_request');
        await asker.fails(on({ size: 10001 }), 413, 'services.storage.get_limit_exceeded');
        await asker.fails(on({ from: 9999, size: 2 }), 400, 'services.storage.unexpected_bad_request');
        await asker.fails(on({ scroll: '2m' }), 400, 'services.storage.scroll_duration_too_great');
        await asker.fails(on({ scroll: 'long' }), 400, 'api.assert.invalid_argument');
        await asker.fails(on({ from: 'x' }), 400, 'api.assert.invalid_type');
      });

      test('count takes a query and nothing else', async () => {
        const count = (more) => ({ controller: 'document', action: 'count', index, collection: 'things', ...more });
        assert.deepEqual(await asker.result(count()), { count: 4 });
        assert.deepEqual(await asker.result(count({ body: {} })), { count: 4 });
        assert.deepEqual(
          await asker.result(count({ lang: 'koncorde', body: { query: { equals: { color: 'red' } } } })), { count: 2 });
        await asker.fails(count({ body: { nonsense: 1 } }), 400, 'services.storage.invalid_search_query');
        await asker.fails(count({ body: { query: { nonsense: {} } } }), 400, 'services.storage.unknown_query_keyword');
        await asker.fails(count({ body: { query: 3 } }), 400, 'api.assert.invalid_type');
        await asker.fails(count({ index: 'nowhere' }), 412, 'services.storage.unknown_index');
        await asker.fails(count({ collection: 'nothing' }), 412, 'services.storage.unknown_collection');
      });
    });
  }

  test('GET with searchBody, as curl would ask', async () => {
    const searchBody = JSON.stringify({ query: { term: { color: 'red' } }, sort: ['price'] });
    const { body } = await request(server, `/${index}/things/_search`, { query: { searchBody, size: 1 } });
    assert.deepEqual(ids(body.result), ['chair']);
    assert.equal(body.result.total, 2);
  });

  test('a thousand documents are searched and counted', async () => {
    const kuzzle = await connectSdk(server);
    await kuzzle.collection.create(index, 'many', { mappings });
    for (let i = 0; i < 1000; i += 200)
      await kuzzle.document.mCreate(index, 'many',
        Array.from({ length: 200 }, (_, k) => i + k)
          .map((n) => ({ _id: `n${n}`, body: { price: n, color: `c${n % 7}` } })));
    const found = await kuzzle.document.search(index, 'many',
      { query: { term: { color: 'c3' } }, sort: [{ price: 'desc' }] }, { size: 2 });
    assert.equal(found.total, 143);
    assert.deepEqual(ids(found), ['n997', 'n990']);
    assert.equal(await kuzzle.document.count(index, 'many', {}), 1000);
    kuzzle.disconnect();
  });
});
