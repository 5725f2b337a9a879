// scroll.test.mjs - searches that are fetched page by page: document:scroll, collection:scrollSpecifications.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { connectAsker } from './lib/ask.mjs';
import { connectBoth } from './lib/clients.mjs';
import { sleep } from './lib/process.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { startNodes, startServer } from './lib/server.mjs';

const index = 'books';
const count = 25;
let server;

const ids = (hits) => hits.map(({ _id }) => _id);
const name = (i) => `b${String(i).padStart(2, '0')}`;
const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

describe('scrolling', () => {
  before(async () => {
    server = await startServer();
    const kuzzle = await connectSdk(server);
    for (const collection of ['novels', 'plays'])
      await kuzzle.collection.create(index, collection, { mappings: { properties: { n: { type: 'integer' }, kind: { type: 'keyword' } } } });
    await kuzzle.document.mCreate(index, 'novels', numbers(0, count).map((n) => ({ _id: name(n), body: { n, kind: 'novel', more: { a: 1, b: 2 } } })));
    await kuzzle.document.mCreate(index, 'plays', [{ _id: 'p1', body: { n: 100 } }, { _id: 'p2', body: { n: -1 } }]);
    kuzzle.disconnect();
  });
  after(() => server.stop());

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let asker;

      connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });

      const search = (more, body = { sort: [{ n: 'asc' }] }) => asker.result(
        { controller: 'document', action: 'search', index, collection: 'novels', scroll: '10s', size: 10, body, ...more });
      const scroll = (scrollId, more) => asker.result({ controller: 'document', action: 'scroll', scrollId, ...more });
      const unknown = (scrollId, controller = 'document', action = 'scroll') => asker.fails(
        { controller, action, scrollId }, 404, 'services.storage.unknown_scroll_id');

      test('pages follow each other and the last one ends it', async () => {
        const first = await search();
        assert.equal(first.total, count);
        assert.equal(first.remaining, 15);
        assert.deepEqual(ids(first.hits), numbers(0, 10).map(name));
        const second = await scroll(first.scrollId);
        assert.deepEqual(ids(second.hits), numbers(10, 20).map(name));
        assert.deepEqual([second.total, second.remaining], [count, 5]);
        assert.deepEqual(Object.keys(second).sort(), ['hits', 'remaining', 'scrollId', 'total']);
        const [hit] = second.hits;
        assert.deepEqual([hit.index, hit.collection, hit._score, hit._source.n], [index, 'novels', null, 10]);
        const third = await scroll(second.scrollId, { scroll: '1m' });
        assert.deepEqual(ids(third.hits), numbers(20, 25).map(name));
        assert.equal(third.remaining, 0);
        await unknown(third.scrollId);
      });

      test('the SDK goes on until all are there', async () => {
        let page = await kuzzle.document.search(index, 'novels', { sort: [{ n: 'desc' }] }, { scroll: '5s', size: 7 });
        const seen = [];
        while (page) {
          seen.push(...ids(page.hits));
          page = await page.next();
        }
        assert.deepEqual(seen, numbers(0, count).reverse().map(name));
      });

      test('after a first page with everything there is one empty page', async () => {
        const { scrollId, remaining, hits } = await search({ size: 100 });
        assert.deepEqual([hits.length, remaining], [count, 0]);
        const next = await scroll(scrollId);
        assert.deepEqual([next.hits, next.remaining, next.total], [[], 0, count]);
        await unknown(scrollId);
      });

      test('order and ids are frozen, sources are those of now, deleted ones are left out', async () => {
        const made = numbers(50, 54);
        await kuzzle.document.mCreate(index, 'novels', made.map((n) => ({ _id: name(n), body: { n, kind: 'draft' } })));
        const { scrollId, total } = await search({ size: 1 }, { query: { term: { kind: 'draft' } }, sort: ['n'] });
        assert.equal(total, 4);
        await kuzzle.document.update(index, 'novels', 'b51', { n: 0, kind: 'done' });
        await kuzzle.document.delete(index, 'novels', 'b52');
        await kuzzle.document.create(index, 'novels', { n: 51, kind: 'draft' }, 'b99');
        const pages = [await scroll(scrollId), await scroll(scrollId), await scroll(scrollId)];
        assert.deepEqual(pages.map(({ hits }) => ids(hits)), [['b51'], [], ['b53']]);
        assert.deepEqual(pages.map(({ remaining }) => remaining), [2, 1, 0]);
        assert.equal(pages[0].hits[0]._source.kind, 'done');
        await kuzzle.document.mDelete(index, 'novels', ['b50', 'b51', 'b53', 'b99']);
      });

      test('what is shown of a hit stays as the search asked for it', async () => {
        const { scrollId, hits: first } = await search({}, { _source: ['more.a'], query: { term: { kind: 'novel' } } });
        const { hits } = await scroll(scrollId);
        assert.deepEqual(hits[0]._source, { more: { a: 1 } });
        assert.ok(first[0]._score > 0);
        assert.equal(hits[0]._score, first[0]._score);
        for (const [lang, query] of [['elasticsearch', { term: { kind: 'novel' } }], ['koncorde', { equals: { kind: 'novel' } }]]) {
          const marked = await search({ lang }, { query, highlight: { fields: { kind: {} } } });
          const next = await scroll(marked.scrollId);
          assert.deepEqual([marked, next].map((page) => page.hits.map(({ highlight }) => highlight)),
            [10, 10].map((length) => Array(length).fill({ kind: ['<em>novel</em>'] })));
        }
      });

      test('several collections are scrolled as one', async () => {
        const targets = [{ index, collections: ['novels', 'plays'] }];
        const { scrollId, hits, total } = await search({ index: undefined, collection: undefined, targets, size: 20 });
        assert.equal(total, count + 2);
        assert.equal(hits[0].collection, 'plays');
        const rest = await scroll(scrollId);
        assert.deepEqual([rest.hits.length, rest.hits.at(-1)._id, rest.hits.at(-1).collection], [7, 'p1', 'plays']);
      });

      test('a collection that goes away takes its hits along', async () => {
        const collection = `short-${protocol}`;
        await kuzzle.collection.create(index, collection, { mappings: {} });
        await kuzzle.document.mCreate(index, collection, [{ body: {} }, { body: {} }, { body: {} }]);
        const { scrollId } = await search({ collection, size: 1 }, {});
        await asker.result({ controller: 'collection', action: 'delete', index, collection });
        const { hits, remaining } = await scroll(scrollId);
        assert.deepEqual([hits, remaining], [[], 1]);
      });

      test('what can not be scrolled is refused', async () => {
        const whole = { controller: 'document', action: 'search', index, collection: 'novels', body: { sort: ['n'] }, scroll: '5s' };
        await asker.fails({ ...whole, size: 0 }, 400, 'services.storage.unexpected_bad_request');
        await asker.fails({ ...whole, from: 1 }, 400, 'services.storage.unexpected_bad_request');
        await asker.fails({ ...whole, body: { sort: ['n'], search_after: [3] } }, 400, 'services.storage.unexpected_bad_request');
        await asker.fails({ ...whole, scroll: '2m' }, 400, 'services.storage.scroll_duration_too_great');
        await asker.fails({ ...whole, scroll: 'soon' }, 400, 'api.assert.invalid_argument');
        const { scrollId } = await search();
        await asker.fails({ controller: 'document', action: 'scroll', scrollId, scroll: '61s' }, 400,
          'services.storage.scroll_duration_too_great');
        assert.equal((await scroll(scrollId)).hits.length, 10);
      });

      test('an id that is none is unknown, whatever it is', async () => {
        for (const id of ['x', 'x'.repeat(20), 'x'.repeat(5000), '{scroll}', '\u0000'.repeat(20)]) await unknown(id);
        await asker.fails({ controller: 'document', action: 'scroll' }, 400, 'api.assert.missing_argument');
      });

      test('its time runs out, and each page prolongs it', async () => {
        const { scrollId } = await search({ scroll: '400ms', size: 5 });
        const other = await search({ scroll: '400ms' });
        await sleep(250);
        await scroll(scrollId, { scroll: '1s' });
        await sleep(450);
        await unknown(other.scrollId);
        assert.equal((await scroll(scrollId)).hits.length, 5);
      });

      test('specifications are searched and scrolled too', async () => {
        for (const n of numbers(0, 3))
          await kuzzle.collection.updateSpecifications(index, `s${n}`, { fields: { a: { type: 'string' } } });
        const controller = 'collection';
        const found = await asker.result({ controller, action: 'searchSpecifications', body: { query: { term: { collection: 's1' } } } });
        assert.equal(found.total, 1);
        assert.equal(found.hits[0]._id, `${index}#s1`);
        assert.deepEqual(found.hits[0]._source.validation, { fields: { a: { type: 'string' } } });
        assert.deepEqual(Object.keys(found).sort(), ['hits', 'total']);
        const { scrollId, total } = await asker.result({ controller, action: 'searchSpecifications', size: 2, scroll: '5s', body: { sort: ['collection'] } });
        assert.equal(total, 3);
        await unknown(scrollId); // another kind of cursor
        const next = await asker.result({ controller, action: 'scrollSpecifications', scrollId });
        assert.deepEqual(ids(next.hits), [`${index}#s2`]);
        await unknown(scrollId, controller, 'scrollSpecifications');
        await kuzzle.collection.searchSpecifications({ sort: ['collection'] }, { scroll: '5s', size: 2 })
          .then((page) => page.next()).then(({ hits }) => assert.equal(hits.length, 1));
      });
    });
  }

  test('how many are open is bounded, and expired ones make room', async () => {
    const asker = await connectAsker(server, 'websocket');
    const search = { controller: 'document', action: 'search', index, collection: 'novels', scroll: '2s', size: 1 };
    const answers = await Promise.all(numbers(0, 520).map(() => asker.ask(search)));
    const refused = answers.filter(({ error }) => error);
    assert.ok(refused.length >= 20 && refused.length < 60, `${refused.length} were refused`);
    assert.ok(refused.every(({ error }) => error.id === 'services.storage.too_many_operations'));
    assert.match(refused[0].error.message, /too many scrolls are open/);
    await sleep(2100);
    await asker.result(search);
    await asker.close();
  });

  test('another node goes on with it', async () => {
    const nodes = await startNodes(2);
    const [here, there] = await Promise.all(nodes.servers.map((node) => connectAsker(node, 'websocket')));
    await here.result({ controller: 'collection', action: 'create', index, collection: 'novels', body: {} });
    const documents = numbers(0, 5).map((n) => ({ _id: name(n), body: {} }));
    await here.result({ controller: 'document', action: 'mCreate', index, collection: 'novels', body: { documents } });
    const { scrollId } = await here.result({ controller: 'document', action: 'search', index, collection: 'novels', scroll: '5s', size: 3 });
    const { hits } = await there.result({ controller: 'document', action: 'scroll', scrollId });
    assert.deepEqual(ids(hits), numbers(3, 5).map(name));
    await here.fails({ controller: 'document', action: 'scroll', scrollId }, 404, 'services.storage.unknown_scroll_id');
    await here.close();
    await there.close();
    await nodes.stop();
  });
});
