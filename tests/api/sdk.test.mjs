// sdk.test.mjs - the real SDK, over both of its protocols: what its controllers call, and what a restart does to it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { assertServes } from './lib/alive.mjs';
import { names } from './lib/ask.mjs';
import { sleep, until, within } from './lib/process.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';

const mappings = { properties: { driver: { type: 'keyword' }, age: { type: 'integer' } } };

describe('the SDK', () => {
  const nextIndex = names('sdk');
  let server;

  before(async () => { server = await startServer(); });
  after(async () => {
    await assertServes(server);
    await server.stop();
  });

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let index;
      const collection = 'taxis';

      before(async () => {
        kuzzle = await connectSdk(server, protocol);
        index = nextIndex();
        await kuzzle.index.create(index);
        await kuzzle.collection.create(index, collection, { mappings });
      });
      after(() => kuzzle.disconnect());

      test('server', async () => {
        assert.ok(Math.abs(await kuzzle.server.now() - Date.now()) < 60000);
        assert.equal(await kuzzle.server.adminExists(), false);
        assert.ok((await kuzzle.server.info()).serverInfo.kuzzle.version);
        assert.ok((await kuzzle.server.getConfig()).limits);
        assert.ok(Array.isArray((await kuzzle.server.getStats(0, Date.now())).hits));
        assert.ok(Array.isArray((await kuzzle.server.getAllStats()).hits));
        assert.equal(typeof await kuzzle.server.getLastStats(), 'object');
      });

      test('auth, as the anonymous user', async () => {
        assert.equal((await kuzzle.auth.getCurrentUser())._id, '-1');
        assert.equal((await kuzzle.auth.checkToken('nonsense')).valid, false);
        assert.ok(Array.isArray(await kuzzle.auth.getMyRights()));
        assert.equal(kuzzle.jwt, null);
      });

      test('index', async () => {
        const name = nextIndex();
        await kuzzle.index.create(name);
        assert.equal(await kuzzle.index.exists(name), true);
        assert.ok((await kuzzle.index.list()).includes(name));
        await kuzzle.index.delete(name);
        assert.equal(await kuzzle.index.exists(name), false);
        const others = [nextIndex(), nextIndex()];
        for (const other of others) await kuzzle.index.create(other);
        assert.deepEqual((await kuzzle.index.mDelete(others)).sort(), others);
        await assert.rejects(kuzzle.index.create(index), { status: 412, id: 'services.storage.index_already_exists' });
      });

      test('collection', async () => {
        await kuzzle.collection.create(index, 'short', mappings); // the old form: bare mappings
        assert.equal(await kuzzle.collection.exists(index, 'short'), true);
        const { collections } = await kuzzle.collection.list(index);
        assert.deepEqual(collections.map(({ name }) => name).sort(), ['short', collection]);
        await kuzzle.collection.update(index, 'short', { mappings: { properties: { extra: { type: 'date' } } } });
        const { properties } = await kuzzle.collection.getMapping(index, 'short');
        assert.deepEqual(Object.keys(properties).sort(), ['age', 'driver', 'extra']);
        await kuzzle.document.create(index, 'short', { driver: 'x' });
        await kuzzle.collection.refresh(index, 'short');
        await kuzzle.collection.truncate(index, 'short');
        assert.equal(await kuzzle.document.count(index, 'short'), 0);
        await kuzzle.collection.delete(index, 'short');
        assert.equal(await kuzzle.collection.exists(index, 'short'), false);
      });

      test('document: one', async () => {
        const { document } = kuzzle;
        const created = await document.create(index, collection, { driver: 'Sue', age: 40 }, 'one', { refresh: 'wait_for' });
        assert.deepEqual([created._id, created._version, created._source.driver], ['one', 1, 'Sue']);
        assert.ok((await document.create(index, collection, { driver: 'X' }))._id.length > 10);
        assert.equal(await document.exists(index, collection, 'one'), true);
        assert.equal((await document.get(index, collection, 'one'))._source.age, 40);
        assert.equal((await document.update(index, collection, 'one', { age: 41 }, { source: true, retryOnConflict: 3 }))._source.driver, 'Sue');
        assert.equal((await document.replace(index, collection, 'one', { driver: 'Bob' }))._source.age, undefined);
        assert.equal((await document.createOrReplace(index, collection, 'one', { driver: 'Ann' }))._version, 4);
        assert.equal((await document.upsert(index, collection, 'two', { age: 1 }, { default: { driver: 'New' }, source: true }))._source.driver, 'New');
        assert.deepEqual(Object.keys((await document.deleteFields(index, collection, 'two', ['age'], { source: true }))._source)
          .filter((name) => name !== '_kuzzle_info'), ['driver']);
        assert.equal(await document.delete(index, collection, 'one'), 'one');
        await assert.rejects(document.get(index, collection, 'one'), { status: 404, id: 'services.storage.not_found' });
      });

      test('document: many', async () => {
        const { document } = kuzzle;
        const ids = ['m1', 'm2', 'm3'];
        const bodies = (driver) => ids.map((_id) => ({ _id, body: { driver } }));
        assert.equal((await document.mCreate(index, collection, bodies('a'))).successes.length, 3);
        assert.equal((await document.mCreate(index, collection, bodies('a'))).errors.length, 3);
        assert.equal((await document.mUpdate(index, collection, bodies('b'))).successes.length, 3);
        assert.equal((await document.mReplace(index, collection, bodies('c'))).successes.length, 3);
        assert.equal((await document.mCreateOrReplace(index, collection, bodies('d'))).successes.length, 3);
        const { successes, errors } = await document.mGet(index, collection, [...ids, 'none']);
        assert.deepEqual([successes.map(({ _source }) => _source.driver), errors], [['d', 'd', 'd'], ['none']]);
        assert.deepEqual((await document.mDelete(index, collection, ids)).successes.sort(), ids);
        await assert.rejects(document.mDelete(index, collection, ids, { strict: true }), (error) => {
          assert.deepEqual([error.id, error.count, error.errors.length], ['api.process.incomplete_multiple_request', 3, 3]);
          return true;
        });
      });

      test('document: search and count', async () => {
        const documents = Array.from({ length: 12 }, (_, i) => ({ _id: `s${i}`, body: { driver: 'searched', age: i } }));
        await kuzzle.document.mCreate(index, collection, documents);
        const query = { query: { term: { driver: 'searched' } } };
        assert.equal(await kuzzle.document.count(index, collection, query), 12);
        const found = [];
        let page = await kuzzle.document.search(index, collection, { ...query, sort: [{ age: 'asc' }] }, { size: 5, from: 0 });
        assert.equal(page.total, 12);
        for (let pages = 0; page && pages < 5; pages++) {
          found.push(...page.hits.map(({ _source }) => _source.age));
          page = await page.next();
        }
        assert.deepEqual(found, documents.map((_, i) => i));
        const koncorde = await kuzzle.document.search(index, collection, { query: { range: { age: { gte: 10 } } } }, { lang: 'koncorde' });
        assert.equal(koncorde.total, 2);
      });

      test('query passes anything on, and brings the whole response', async () => {
        const response = await kuzzle.query({ controller: 'server', action: 'now', volatile: { mine: 1 } });
        assert.deepEqual([response.status, response.error, response.controller, response.action], [200, null, 'server', 'now']);
        assert.equal(response.volatile.mine, 1);
        assert.match(response.volatile.sdkName, /^js@7\./);
        await assert.rejects(kuzzle.query({ controller: 'document', action: 'get', index, collection, _id: 'none' }),
          { status: 404, id: 'services.storage.not_found' });
        const engines = await kuzzle.query({ controller: 'device-manager/engine', action: 'list' });
        assert.ok(Array.isArray(engines.result.engines));
      });

      test('what is not built yet is an error that says so', async () => {
        await assert.rejects(kuzzle.query({ controller: 'ms', action: 'ping' }), { status: 501, id: 'api.process.not_implemented' });
      });

      test('odd ids arrive as they are', async () => {
        for (const id of ['a b', 'é€😀', 'a?b=c&d', '100%', '#x', 'a+b', "it's", 'a;b', '{x}']) {
          const { _id } = await kuzzle.document.createOrReplace(index, collection, id, { driver: id });
          assert.equal(_id, id);
          assert.equal((await kuzzle.document.get(index, collection, id))._source.driver, id);
        }
      });
    });
  }

  test('what the SDK asks for at once is answered, each with its own', async () => {
    const kuzzle = await connectSdk(server);
    const index = nextIndex();
    await kuzzle.index.create(index);
    await kuzzle.collection.create(index, 'many', { mappings });
    const ids = Array.from({ length: 500 }, (_, i) => `id-${i}`);
    const replies = await Promise.all(ids.map((id, age) => kuzzle.document.create(index, 'many', { age }, id)));
    replies.forEach((reply, i) => assert.deepEqual([reply._id, reply._source.age], [`id-${i}`, i]));
    kuzzle.disconnect();
  });

  test('a wrong envelope rejects the promise: no request hangs', async () => {
    const kuzzle = await connectSdk(server);
    await assert.rejects(within(3000, 'an answer', kuzzle.query({ controller: 'server', action: 'now', body: 'text' })),
      { status: 400 });
    kuzzle.disconnect();
  });

  test('its pings are answered, so that an idle SDK stays connected', async () => {
    const kuzzle = await connectSdk(server, 'websocket', { pingInterval: 200 });
    let lost = 0;
    kuzzle.on('networkError', () => { lost++; });
    kuzzle.on('disconnected', () => { lost++; });
    await sleep(1500);
    assert.equal(lost, 0);
    assert.ok(await kuzzle.server.now());
    kuzzle.disconnect();
  });
});

describe('a restart of the server', () => {
  const options = { autoReconnect: true, reconnectionDelay: 100 };
  const index = 'restart';
  const place = [index, 'c'];
  let server;
  let kuzzle;

  before(async () => {
    server = await startServer();
    server.keepPort();
    kuzzle = await connectSdk(server, 'websocket', options);
    await kuzzle.index.create(index);
    await kuzzle.collection.create(...place, { mappings });
  });
  after(async () => {
    kuzzle.disconnect();
    await assertServes(server);
    await server.stop();
  });

  // Its events are no help here: the SDK emits each at most once a second.
  const lost = () => until('the SDK has lost its connection', () => !kuzzle.connected);
  const backAgain = () => until('the SDK is back', () => kuzzle.connected, 15000);

  for (const [how, end] of [['stopped', () => server.stop({ keep: true })], ['killed', () => server.kill()]]) {
    test(`the SDK comes back to a server that was ${how}, and all is there`, async () => {
      await kuzzle.document.createOrReplace(...place, how, { driver: how });
      await end();
      await lost();
      await server.start();
      await backAgain();
      assert.equal((await kuzzle.document.get(...place, how))._source.driver, how);
    });

    test(`requests on their way when it is ${how} are answered or rejected, none hangs, and what was answered is kept`, async () => {
      const count = 300;
      const outcomes = Array.from({ length: count }, (_, age) =>
        kuzzle.document.create(...place, { age }, `${how}-${age}`).then(() => 'stored', () => 'rejected'));
      await outcomes[0];
      await end();
      const settled = await within(5000, 'the end of all requests', Promise.all(outcomes));
      await server.start();
      await backAgain();
      const { successes } = await kuzzle.document.mGet(...place, settled.map((_, i) => `${how}-${i}`));
      const there = new Set(successes.map(({ _id }) => _id));
      settled.forEach((outcome, i) => {
        if (outcome === 'stored') assert.ok(there.has(`${how}-${i}`), `${how}-${i} was acknowledged and is gone`);
      });
      assert.ok(settled.includes('stored'));
    });
  }

  test('over HTTP the next request simply works', async () => {
    const http = await connectSdk(server, 'http');
    await http.server.now();
    await server.stop({ keep: true });
    await assert.rejects(http.server.now());
    await server.start();
    assert.ok(await http.server.now());
    http.disconnect();
  });
});
