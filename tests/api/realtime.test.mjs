// realtime.test.mjs - subscriptions and notifications of one node, on the wire. What reference kuzzle-protocol.md 8 says.

import assert from 'node:assert/strict';
import { request } from './lib/http.mjs';
import { nexts, subscribe, told, toldNothing } from './lib/realtime.mjs';
import { startServer } from './lib/server.mjs';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { connectRaw } from './lib/websocket.mjs';

const index = 'rt';
let server;
let writer;

before(async () => {
  server = await startServer();
  writer = await connectRaw(server);
  await writer.result({ controller: 'index', action: 'create', index });
});

atEnd(async () => {
  await writer.close();
  await server.stop();
});

let serial = 0;
/** A collection of the test's own. */
async function freshCollection() {
  serial += 1;
  const collection = `c${serial}`;
  await writer.result({ controller: 'collection', action: 'create', index, collection });
  return collection;
}

const doc = (action, collection, args) =>
  writer.result({ controller: 'document', action, index, collection, ...args });
const realtime = (client, action, args) => client.result({ controller: 'realtime', action, ...args });
const without = (object, ...names) =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

/** Runs fn with a subscriber of a fresh collection. */
async function withSubscriber(body, options, fn) {
  const collection = await freshCollection();
  const subscriber = await subscribe(server, index, collection, body, options);
  try {
    await fn(subscriber, collection);
  } finally {
    await subscriber.client.close();
  }
}

describe('notifications of documents', () => {
  test('a creation, with every field', () => withSubscriber({}, {}, async ({ client, channel, roomId }, collection) => {
    const volatile = { mine: [1, { two: '3' }] };
    const created = await writer.ask({
      controller: 'document', action: 'create', index, collection, _id: 'x', body: { a: 1.10 }, volatile,
      timestamp: 1234567890123,
    });
    const notification = await client.next();
    const { changeId, ...rest } = notification;
    assert.match(changeId, /^\d+\.0\.[0-9a-f]{8}$/);
    assert.deepEqual(rest, {
      type: 'document', status: 200, action: 'create', event: 'write', scope: 'in', controller: 'document', index,
      collection, protocol: 'websocket', timestamp: 1234567890123, volatile, requestId: created.requestId,
      node: created.node, room: channel,
      result: { _id: 'x', _version: 1, _source: created.result._source },
    });
    assert.match(roomId, /^[0-9a-f]{64}$/);
    assert.equal(channel, `${roomId}-311`);
    await toldNothing(client);
  }));

  test('each way of writing', () => withSubscriber({}, {}, async ({ client }, collection) => {
    const seen = async () => {
      const { action, event, scope, controller, result } = await client.next();
      return { action, event, scope, controller, result: { ...result, _source: without(result._source ?? {}, '_kuzzle_info') } };
    };
    const written = (action, result) => ({ action, event: 'write', scope: 'in', controller: 'document', result });

    await doc('createOrReplace', collection, { _id: 'a', body: { n: 1 } });
    assert.deepEqual(await seen(), written('create', { _id: 'a', _version: 1, created: true, _source: { n: 1 } }));
    await doc('createOrReplace', collection, { _id: 'a', body: { n: 2 } });
    assert.deepEqual(await seen(), written('replace', { _id: 'a', _version: 2, created: false, _source: { n: 2 } }));
    await doc('replace', collection, { _id: 'a', body: { n: 3, m: { o: 1 } } });
    const replaced = await client.next();
    assert.deepEqual(replaced.result, { _id: 'a', _source: { n: 3, m: { o: 1 } } });
    assert.equal(replaced.action, 'replace');
    await doc('update', collection, { _id: 'a', body: { m: { p: 2 } } });
    assert.deepEqual(await seen(),
      written('update', { _id: 'a', _source: { n: 3, m: { o: 1, p: 2 } }, _updatedFields: ['m.p'] }));
    await doc('deleteFields', collection, { _id: 'a', body: { fields: ['n'] } });
    assert.deepEqual(await seen(), written('update', { _id: 'a', _source: { m: { o: 1, p: 2 } } }));
    await doc('upsert', collection, { _id: 'b', body: { changes: { k: 1 } } });
    assert.deepEqual(await seen(), written('create', { _id: 'b', _version: 1, _source: { k: 1 } }));
    await doc('upsert', collection, { _id: 'b', body: { changes: { k: 2 } } });
    assert.deepEqual(await seen(), written('update', { _id: 'b', _source: { k: 2 }, _updatedFields: ['k'] }));
    await doc('delete', collection, { _id: 'b' });
    assert.deepEqual(await seen(), {
      action: 'delete', event: 'delete', scope: 'out', controller: 'document',
      result: { _id: 'b', _version: 2, _source: { k: 2 } },
    });
    await toldNothing(client);
  }));

  test('each way of writing many', () => withSubscriber({}, {}, async ({ client }, collection) => {
    const documents = (n) => ({ documents: ['a', 'b'].map((_id) => ({ _id, body: { n } })) });
    const seen = async () => {
      const list = (await nexts(client, 2)).sort((x, y) => (x.result._id < y.result._id ? -1 : 1));
      return list.map(({ action, result }) => ({ action, ...without(result, '_source'), n: result._source.n }));
    };
    const each = (item) => ['a', 'b'].map((_id) => ({ _id, ...item }));

    await doc('mCreate', collection, { body: documents(1) });
    assert.deepEqual(await seen(), each({ action: 'create', n: 1, _version: 1, created: true, result: 'created', status: 201 }));
    await doc('mCreateOrReplace', collection, { body: documents(2) });
    assert.deepEqual(await seen(), each({ action: 'replace', n: 2, _version: 2, created: false, result: 'updated', status: 200 }));
    await doc('mReplace', collection, { body: documents(3) });
    assert.deepEqual(await seen(), each({ action: 'replace', n: 3, _version: 3, created: false, result: 'updated', status: 200 }));
    await doc('mUpdate', collection, { body: documents(4) });
    assert.deepEqual(await seen(), each({ action: 'update', n: 4, _updatedFields: ['n'] }));
    await doc('mUpsert', collection, { body: { documents: ['a', 'b'].map((_id) => ({ _id, changes: { n: 5 } })) } });
    assert.deepEqual(await seen(), each({ action: 'update', n: 5, _updatedFields: ['n'] }));
    await doc('updateByQuery', collection, { body: { query: {}, changes: { n: 6 } } });
    assert.deepEqual(await seen(), each({ action: 'update', n: 6, _updatedFields: ['n'] }));
    await doc('mDelete', collection, { body: { ids: ['a'] } });
    await doc('deleteByQuery', collection, { body: { query: {} } });
    assert.deepEqual(await seen(), ['a', 'b'].map((_id) => ({ action: 'delete', _id, n: 6, _version: 6 })));
    await toldNothing(client);
  }));

  test('bulk tells only when it is asked to', () => withSubscriber({}, {}, async ({ client }, collection) => {
    const bulk = (action, args) => writer.result({ controller: 'bulk', action, index, collection, ...args });

    await bulk('import', { body: { bulkData: [{ index: { _id: 'a' } }, { n: 1 }] } });
    await bulk('write', { _id: 'b', body: { n: 1 } });
    await bulk('mWrite', { body: { documents: [{ _id: 'c', body: { n: 1 } }] } });
    await bulk('updateByQuery', { body: { query: {}, changes: { n: 2 } } });
    await toldNothing(client);
    await bulk('write', { _id: 'b', notify: true, body: { n: 3 } });
    await bulk('mWrite', { notify: true, body: { documents: [{ _id: 'd', body: { n: 1 } }] } });
    const list = await nexts(client, 2);
    assert.deepEqual(list.map(({ controller, action, result }) => [controller, action, result._id]),
      [['bulk', 'replace', 'b'], ['bulk', 'create', 'd']]);
    await bulk('deleteByQuery', { body: { query: {} } });
    await toldNothing(client);
  }));

  test('silent writes are not told, but count for what leaves a scope', () =>
    withSubscriber({ equals: { n: 1 } }, {}, async ({ client }, collection) => {
      await doc('create', collection, { _id: 'a', body: { n: 1 }, silent: true });
      await toldNothing(client);
      await doc('update', collection, { _id: 'a', body: { n: 2 } });
      const { scope, action, result } = await client.next();
      assert.deepEqual([scope, action, result._id, result._source.n], ['out', 'update', 'a', 2]);
      await doc('update', collection, { _id: 'a', body: { n: 1 } });
      assert.equal((await client.next()).scope, 'in');
      await doc('delete', collection, { _id: 'a', silent: true });
      await toldNothing(client);
    }));

  test('a document enters, stays in, leaves and comes back', () =>
    withSubscriber({ range: { n: { gte: 10 } } }, {}, async ({ client }, collection) => {
      const scopes = async () => (await told(client)).map(({ scope, action }) => `${action} ${scope}`);

      await doc('create', collection, { _id: 'a', body: { n: 1 } });
      assert.deepEqual(await scopes(), []);
      await doc('update', collection, { _id: 'a', body: { n: 10 } });
      await doc('update', collection, { _id: 'a', body: { n: 11 } });
      await doc('update', collection, { _id: 'a', body: { n: 2 } });
      await doc('update', collection, { _id: 'a', body: { n: 3 } });
      await doc('replace', collection, { _id: 'a', body: { n: 20 } });
      await doc('replace', collection, { _id: 'a', body: { m: 1 } });
      await doc('delete', collection, { _id: 'a' });
      assert.deepEqual(await scopes(), ['update in', 'update in', 'update out', 'replace in', 'replace out']);
    }));

  test('by a filter on the id', () => withSubscriber({ ids: { values: ['a'] } }, {}, async ({ client }, collection) => {
    await doc('create', collection, { _id: 'b', body: {} });
    await doc('create', collection, { _id: 'a', body: {} });
    assert.deepEqual((await told(client)).map(({ result }) => result._id), ['a']);
  }));

  test('the device manager notifies as the document controller, with what has changed', async () => {
    const engine = { controller: 'device-manager/engine', index: 'tenant-rt' };
    await writer.result({ ...engine, action: 'create' });
    await writer.result({
      controller: 'device-manager/models', action: 'writeAsset',
      body: { engineGroup: 'commons', model: 'Rt', metadataMappings: { size: { type: 'integer' } }, defaultValues: {}, measures: [] },
    });
    const { client } = await subscribe(server, 'tenant-rt', 'assets');
    const assets = (action, args) =>
      writer.result({ controller: 'device-manager/assets', action, engineId: 'tenant-rt', ...args });
    await assets('create', { body: { model: 'Rt', reference: '1', metadata: { size: 1 } } });
    await assets('update', { _id: 'Rt-1', body: { metadata: { size: 2 } } });
    await assets('delete', { _id: 'Rt-1' });
    const list = await told(client);
    assert.deepEqual(list.map(({ controller, action, scope }) => [controller, action, scope]),
      [['document', 'create', 'in'], ['document', 'update', 'in'], ['document', 'delete', 'out']]);
    assert.ok(list[1].result._updatedFields.includes('metadata.size'), JSON.stringify(list[1].result));
    await client.close();
  });

  test('over HTTP they are told with that protocol', () => withSubscriber({}, {}, async ({ client }, collection) => {
    await request(server, `/${index}/${collection}/h/_create`, { method: 'POST', body: { a: 1 } });
    assert.equal((await client.next()).protocol, 'http');
  }));
});

describe('options', () => {
  for (const [scope, seen, digits] of [
    ['all', ['in', 'out'], '311'], ['in', ['in'], '312'], ['out', ['out'], '313'], ['none', [], '31'],
  ]) {
    test(`scope ${scope}`, () => withSubscriber({ exists: 'a' }, { scope }, async ({ client, channel, roomId }, collection) => {
      assert.equal(channel, `${roomId}-${digits}`);
      await doc('create', collection, { _id: 'x', body: { a: 1 } });
      await doc('delete', collection, { _id: 'x' });
      assert.deepEqual((await told(client)).map((notification) => notification.scope), seen);
    }));
  }

  for (const [users, seen, digit] of [
    ['all', ['in', 'out'], 1], ['in', ['in'], 2], ['out', ['out'], 3], ['none', [], 3],
  ]) {
    test(`users ${users}`, () => withSubscriber({}, { users, volatile: { me: 1 } }, async ({ client, channel, roomId }, collection) => {
      assert.equal(channel, `${roomId}-${digit}11`);
      const other = await connectRaw(server);
      await realtime(other, 'subscribe', { index, collection, body: {}, volatile: { who: 'other' }, timestamp: 77 });
      await realtime(other, 'subscribe', { index, collection, body: {}, scope: 'in', volatile: { who: 'again' } });
      const node = (await other.ask({ controller: 'realtime', action: 'unsubscribe', body: { roomId }, timestamp: 78 })).node;
      const list = await nexts(client, seen.length);
      const common = {
        type: 'user', status: 200, controller: 'realtime', index, collection, volatile: { who: 'other' }, node, room: channel,
      };
      const expected = {
        in: { ...common, user: 'in', action: 'subscribe', protocol: 'websocket', timestamp: 77, result: { count: 2 } },
        out: { ...common, user: 'out', action: 'unsubscribe', protocol: null, timestamp: 78, result: { count: 1 } },
      };
      assert.deepEqual(list, seen.map((user) => expected[user]));
      await toldNothing(client);
      await other.close();
    }));
  }

  test('users "out" and "none" have one name, and each hears what it asked for', async () => {
    const collection = await freshCollection();
    const none = await subscribe(server, index, collection, {}, { users: 'none' });
    const out = await subscribe(server, index, collection, {}, { users: 'out' });
    const both = await subscribe(server, index, collection, {}, { users: 'none' });
    await realtime(both.client, 'subscribe', { index, collection, body: {}, users: 'out' });
    assert.equal(none.channel, out.channel);
    const leaver = await subscribe(server, index, collection);
    await leaver.client.close();
    assert.equal((await out.client.next()).user, 'out');
    assert.equal((await both.client.next()).user, 'out');
    await doc('create', collection, { _id: 'x', body: {} });
    assert.equal((await told(none.client)).length, 1);
    assert.equal((await told(both.client)).length, 1);
    for (const { client } of [none, out, both]) await client.close();
  });

  test('a newcomer hears of itself when its channel was there, the first one does not', async () => {
    const collection = await freshCollection();
    const first = await subscribe(server, index, collection, {}, { users: 'all' });
    await toldNothing(first.client);
    const second = await subscribe(server, index, collection, {}, { users: 'all' });
    for (const { client } of [first, second]) {
      const { user, result } = await client.next();
      assert.deepEqual([user, result.count], ['in', 2]);
    }
    await second.client.close();
    assert.equal((await first.client.next()).user, 'out');
    await toldNothing(first.client);
    await first.client.close();
  });

  test('one connection in several channels of a room gets one frame each, and one when it subscribes twice', async () => {
    const collection = await freshCollection();
    const { client, roomId } = await subscribe(server, index, collection, { exists: 'a' });
    const again = await realtime(client, 'subscribe', { index, collection, body: { exists: 'a' } });
    const inOnly = await realtime(client, 'subscribe', { index, collection, body: { exists: 'a' }, scope: 'in' });
    assert.equal(again.roomId, roomId);
    assert.equal(inOnly.roomId, roomId);
    await doc('create', collection, { _id: 'x', body: { a: 1 } });
    assert.deepEqual((await told(client)).map(({ room }) => room).sort(), [`${roomId}-311`, `${roomId}-312`]);
    assert.deepEqual(await realtime(client, 'count', { body: { roomId } }), { count: 1 });
    await realtime(client, 'unsubscribe', { body: { roomId } });
    await doc('create', collection, { _id: 'y', body: { a: 1 } });
    await toldNothing(client);
    await client.close();
  });
});

describe('rooms', () => {
  test('equal filters are one room, on an index that is none too', async () => {
    const one = await subscribe(server, 'nowhere', 'Never', { and: [{ exists: 'a' }, { equals: { b: 1 } }] });
    const two = await subscribe(server, 'nowhere', 'Never', { and: [{ equals: { b: 1 } }, { exists: 'a' }] });
    const other = await subscribe(server, 'nowhere', 'other', { and: [{ exists: 'a' }, { equals: { b: 1 } }] });
    assert.equal(one.roomId, two.roomId);
    assert.notEqual(one.roomId, other.roomId);
    assert.deepEqual(await realtime(one.client, 'count', { body: { roomId: one.roomId } }), { count: 2 });
    await two.client.close();
    await other.client.close();
    assert.deepEqual(await realtime(one.client, 'count', { body: { roomId: one.roomId } }), { count: 1 });
    await one.client.close();
    assert.deepEqual(await realtime(writer, 'count', { body: { roomId: one.roomId } }), { count: 0 });
  });

  test('join', async () => {
    const collection = await freshCollection();
    const { client, roomId } = await subscribe(server, index, collection, { exists: 'a' }, { users: 'all' });
    const joiner = await connectRaw(server);
    const joined = await realtime(joiner, 'join', { body: { roomId }, scope: 'in' });
    assert.deepEqual([joined.roomId, joined.channel], [roomId, `${roomId}-312`]);
    assert.deepEqual((await client.next()).action, 'join');
    await doc('create', collection, { _id: 'x', body: { a: 1 } });
    assert.equal((await joiner.next()).room, joined.channel);
    const failure = await joiner.failure({ controller: 'realtime', action: 'join', body: { roomId: 'f'.repeat(64) } });
    assert.deepEqual([failure.status, failure.id], [404, 'core.realtime.room_not_found']);
    await joiner.close();
    await client.close();
  });

  test('list, and the collections with rooms', async () => {
    const collection = await freshCollection();
    const one = await subscribe(server, index, collection, { exists: 'a' });
    const two = await subscribe(server, index, collection, { exists: 'b' });
    const three = await subscribe(server, index, 'unstored', { exists: 'b' });
    const list = await realtime(writer, 'list');
    assert.deepEqual(list[index][collection], { [one.roomId]: 1, [two.roomId]: 1 });
    assert.deepEqual(list[index].unstored, { [three.roomId]: 1 });
    const http = await request(server, '/_listSubscriptions');
    assert.deepEqual(http.body.result, list);
    const names = async (type) => (await writer.result({ controller: 'collection', action: 'list', index, type })).collections
      .filter(({ name }) => name === collection || name === 'unstored').map(({ name, type: is }) => `${name} ${is}`);
    assert.deepEqual(await names('all'), [`${collection} stored`, `${collection} realtime`, 'unstored realtime']);
    assert.deepEqual(await names('stored'), [`${collection} stored`]);
    assert.deepEqual(await names('realtime'), [`${collection} realtime`, 'unstored realtime']);
    const metrics = await writer.result({ controller: 'server', action: 'metrics' });
    assert.deepEqual(metrics.realtime, { rooms: 3, subscriptions: 3 });
    for (const { client } of [one, two, three]) await client.close();
    assert.deepEqual(await realtime(writer, 'list'), {});
  });

  test('a connection that goes takes its subscriptions along', async () => {
    const collection = await freshCollection();
    const watcher = await subscribe(server, index, collection, {}, { users: 'out' });
    const { client } = await subscribe(server, index, collection, {}, { volatile: { name: 'gone' } });
    client.socket.terminate();
    const { user, volatile, result, protocol } = await watcher.client.next();
    assert.deepEqual({ user, volatile, result, protocol }, { user: 'out', volatile: { name: 'gone' }, result: { count: 1 }, protocol: null });
    await watcher.client.close();
  });
});

describe('publish', () => {
  test('goes to those whose filter matches the message', () => withSubscriber({ equals: { a: 1 } }, {}, async ({ client, channel }, collection) => {
    const volatile = { v: 1 };
    await realtime(writer, 'publish', { index, collection, body: { a: 2 } });
    assert.deepEqual(await realtime(writer, 'publish', { index, collection, _id: 'msg', body: { a: 1, b: [2] }, volatile, timestamp: 5, requestId: 'pub' }),
      { published: true });
    const { changeId, node, ...rest } = await client.next();
    const { createdAt } = rest.result._source._kuzzle_info;
    assert.ok(Math.abs(Date.now() - createdAt) < 5000);
    assert.ok(changeId && node);
    assert.deepEqual(rest, {
      type: 'document', status: 200, action: 'publish', event: 'publish', scope: 'in', controller: 'realtime', index,
      collection, protocol: 'websocket', timestamp: 5, volatile, requestId: 'pub', room: channel,
      result: { _id: 'msg', _source: { a: 1, b: [2], _kuzzle_info: { author: '-1', createdAt } } },
    });
    await realtime(writer, 'publish', { index, collection, body: { a: 1 } });
    assert.equal('_id' in (await client.next()).result, false);
    await request(server, `/${index}/${collection}/_publish`, { method: 'POST', body: { a: 1 } });
    assert.equal((await client.next()).protocol, 'http');
  }));

  test('is not for those who want what leaves a scope', () => withSubscriber({}, { scope: 'out' }, async ({ client }, collection) => {
    await realtime(writer, 'publish', { index, collection, body: {} });
    await toldNothing(client);
  }));

  test('keeps to the specifications of the collection', async () => {
    const collection = await freshCollection();
    await writer.result({
      controller: 'collection', action: 'updateSpecifications', index, collection,
      body: { strict: true, fields: { a: { mandatory: true, type: 'integer' } } },
    });
    const failure = await writer.failure({ controller: 'realtime', action: 'publish', index, collection, body: { a: 'x' } });
    assert.equal(failure.status, 400);
    assert.match(failure.id, /^validation\.check\./);
    assert.deepEqual(await realtime(writer, 'publish', { index, collection, body: { a: 1 } }), { published: true });
  });
});

describe('what is refused', () => {
  const refusals = [
    ['a bad scope', { scope: 'some' }, 400, 'core.realtime.invalid_scope'],
    ['bad users', { users: 'everybody' }, 400, 'core.realtime.invalid_users'],
    ['a bad filter', { body: { exists: 'a', equals: { b: 1 } } }, 400, 'api.assert.koncorde_dsl_error'],
    ['no body', { body: null }, 400, 'api.assert.body_required'],
    ['no collection', { collection: null }, 400, 'api.assert.missing_argument'],
    ['an index of the server\'s own', { index: '%kuzzle' }, 400, 'services.storage.invalid_index_name'],
    ['a name that is too long', { collection: 'x'.repeat(127) }, 400, 'services.storage.invalid_collection_name'],
    ['a name with a blank', { collection: 'a b' }, 400, 'services.storage.invalid_collection_name'],
    ['a since of the wrong type', { since: 5 }, 400, 'api.assert.invalid_type'],
  ];
  for (const [name, args, status, id] of refusals) {
    test(`subscribe with ${name}`, async () => {
      const failure = await writer.failure({ controller: 'realtime', action: 'subscribe', index, collection: 'c', body: {}, ...args });
      assert.deepEqual([failure.status, failure.id], [status, id]);
    });
  }

  test('more conditions than are allowed', async () => {
    const values = Array.from({ length: 101 }, (_, i) => `v${i}`);
    const failure = await writer.failure({ controller: 'realtime', action: 'subscribe', index, collection: 'c', body: { in: { f: values } } });
    assert.deepEqual([failure.status, failure.id], [400, 'api.assert.koncorde_dsl_error']);
  });

  test('publishing into the server\'s own index', async () => {
    const failure = await writer.failure({ controller: 'realtime', action: 'publish', index: '%kuzzle', collection: 'users', body: {} });
    assert.equal(failure.id, 'services.storage.invalid_index_name');
  });

  test('leaving a room that one is not in', async () => {
    const failure = await writer.failure({ controller: 'realtime', action: 'unsubscribe', body: { roomId: 'a'.repeat(64) } });
    assert.deepEqual([failure.status, failure.id, failure.props[1]], [412, 'core.realtime.not_subscribed', 'a'.repeat(64)]);
  });

  test('HTTP, by which nothing could be told later', async () => {
    for (const action of ['subscribe', 'join', 'unsubscribe']) {
      const { status, body } = await request(server, '/_query', {
        method: 'POST',
        body: { controller: 'realtime', action, index, collection: 'c', body: { roomId: 'a' } },
      });
      assert.deepEqual([status, body.error.id, body.error.props[0]], [500, 'api.assert.unsupported_protocol', 'http']);
    }
  });

  test('more rooms than are allowed', async () => {
    const small = await startServer({ config: { limits: { subscriptionRooms: 2 } } });
    const { client } = await subscribe(small, index, 'c', { exists: 'a' });
    await realtime(client, 'subscribe', { index, collection: 'c', body: { exists: 'b' } });
    const failure = await client.failure({ controller: 'realtime', action: 'subscribe', index, collection: 'c', body: { exists: 'd' } });
    assert.deepEqual([failure.status, failure.id], [413, 'core.realtime.too_many_rooms']);
    await realtime(client, 'subscribe', { index, collection: 'c', body: { exists: 'a' }, scope: 'in' }); // no new room
    await client.close();
    await small.stop();
  });
});

test('who may not subscribe to a collection does not see its rooms, and is not let in', async () => {
  const guarded = await startServer({ args: ['--limits.loginsPerSecond', '1000'] });
  const client = await connectRaw(guarded);
  const login = async (username) => (await client.result({
    controller: 'auth', action: 'login', strategy: 'local', body: { username, password: 'p' },
  })).jwt;
  const credentials = (username) => ({ local: { username, password: 'p' } });
  await client.result({
    controller: 'security', action: 'createFirstAdmin', _id: 'root', reset: true,
    body: { content: {}, credentials: credentials('root') },
  });
  const jwt = await login('root');
  const security = (action, args) => client.result({ controller: 'security', action, jwt, ...args });
  await security('createRole', { _id: 'watch', body: { controllers: { realtime: { actions: { '*': true } } } } });
  await security('createProfile', {
    _id: 'watch', body: { policies: [{ roleId: 'watch', restrictedTo: [{ index: 'mine' }, { index: 'half', collections: ['open'] }] }] },
  });
  await security('createUser', { _id: 'eve', body: { content: { profileIds: ['watch'] }, credentials: credentials('eve') } });
  const eve = await login('eve');
  for (const [to, collection] of [['mine', 'a'], ['mine', 'b'], ['half', 'open'], ['half', 'shut'], ['theirs', 'c']])
    await client.result({ controller: 'realtime', action: 'subscribe', index: to, collection, body: {}, jwt });
  const shown = async (token) => Object.entries(await client.result({ controller: 'realtime', action: 'list', jwt: token }))
    .map(([name, collections]) => [name, ...Object.keys(collections)]);
  assert.deepEqual(await shown(jwt), [['half', 'open', 'shut'], ['mine', 'a', 'b'], ['theirs', 'c']]);
  assert.deepEqual(await shown(eve), [['half', 'open'], ['mine', 'a', 'b']]);
  const refused = await client.failure({ controller: 'realtime', action: 'subscribe', index: 'half', collection: 'shut', body: {}, jwt: eve });
  assert.equal(refused.status, 403);
  await client.close();
  await guarded.stop();
});

describe('since', () => {
  const ids = (list) => list.map(({ result }) => result._id);

  test('what was committed behind it is told first, then what comes', async () => {
    const collection = await freshCollection();
    const first = await subscribe(server, index, collection, { exists: 'a' });
    assert.equal('gap' in first, false);
    await doc('create', collection, { _id: '1', body: { a: 1 } });
    const { changeId } = await first.client.next();
    await first.client.close();
    await doc('create', collection, { _id: '2', body: { a: 1 } });
    await doc('create', collection, { _id: 'x', body: { b: 1 } });
    await doc('delete', collection, { _id: '1' });
    await realtime(writer, 'publish', { index, collection, _id: 'm', body: { a: 1 } });
    const later = await subscribe(server, index, collection, { exists: 'a' }, { since: changeId });
    assert.equal(later.gap, false);
    await doc('create', collection, { _id: '3', body: { a: 1 } });
    const list = await nexts(later.client, 4);
    assert.deepEqual(ids(list), ['2', '1', 'm', '3']);
    assert.deepEqual(list.map(({ scope }) => scope), ['in', 'out', 'in', 'in']);
    assert.ok(list.every(({ room }) => room === later.channel));
    await toldNothing(later.client);
    // From the answer's own id on, everything comes again.
    const again = await subscribe(server, index, collection, { exists: 'a' }, { since: first.changeId });
    assert.deepEqual(ids(await nexts(again.client, 5)), ['1', '2', '1', 'm', '3']);
    await toldNothing(again.client);
    await later.client.close();
    await again.client.close();
  });

  test('in the middle of a commit of many', async () => {
    const collection = await freshCollection();
    const first = await subscribe(server, index, collection);
    const documents = Array.from({ length: 20 }, (_, i) => ({ _id: `d${i}`, body: { i } }));
    await doc('mCreate', collection, { body: { documents } });
    const all = await nexts(first.client, 20);
    const later = await subscribe(server, index, collection, {}, { since: all[6].changeId });
    assert.deepEqual(ids(await nexts(later.client, 13)), ids(all.slice(7)));
    await toldNothing(later.client);
    await first.client.close();
    await later.client.close();
  });

  test('one that the feed does not hold is a gap', async () => {
    const collection = await freshCollection();
    await doc('create', collection, { _id: 'a', body: {} });
    const { client, changeId } = await subscribe(server, index, collection);
    const [sequence, part, digest] = changeId.split('.');
    const other = digest === '00000001' ? '00000002' : '00000001';
    for (const since of [`${Number(sequence) + 1000}.0.${digest}`, `${sequence}.${part}.${other}`, 'nonsense', '',
      '1.0.123456789', '99999999999999999999.0.00000000', '-1.0.00000000', '1.0', 'é']) {
      const { gap, changeId: now } = await realtime(client, 'subscribe', { index, collection, body: {}, since });
      assert.equal(gap, true, since);
      assert.equal(now, changeId);
    }
    await doc('create', collection, { _id: 'b', body: {} });
    assert.deepEqual(ids(await told(client)), ['b']);
    await client.close();
  });
});
