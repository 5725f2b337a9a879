// realtime-nodes.test.mjs - rooms over several nodes on one Redis, and what becomes of subscriptions when a node, Redis
// or the connection goes away.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { until, within } from './lib/process.mjs';
import { nexts, subscribe, toldNothing } from './lib/realtime.mjs';
import { askRedis, startRedis } from './lib/redis.mjs';
import { connectSdk } from './lib/sdk.mjs';
import { startNodes, startServer } from './lib/server.mjs';
import { describe, test } from './lib/test.mjs';
import { connectRaw } from './lib/websocket.mjs';

const index = 'rt';
const collection = 'things';

async function prepare(client) {
  await client.result({ controller: 'index', action: 'create', index });
  await client.result({ controller: 'collection', action: 'create', index, collection });
}

const doc = (client, action, args) => client.result({ controller: 'document', action, index, collection, ...args });
const realtime = (client, action, args) => client.result({ controller: 'realtime', action, ...args });
const ids = (list) => list.map(({ result }) => result._id);

/** Runs fn with two nodes and a bare client of each. */
async function withNodes(fn) {
  const nodes = await startNodes(2);
  const [a, b] = await Promise.all(nodes.servers.map((server) => connectRaw(server)));
  await prepare(a);
  try {
    await fn({ ...nodes, a, b });
  } finally {
    for (const client of [a, b]) client.socket.terminate();
  }
  await nodes.stop();
}

describe('two nodes', () => {
  test('a write, a message, a join and a leave on one are told on the other', () => withNodes(async ({ servers, b }) => {
    const { client, roomId } = await subscribe(servers[0], index, collection, { exists: 'n' }, { users: 'all' });
    const node = (await client.ask({ controller: 'server', action: 'now' })).node;
    await doc(b, 'create', { _id: '1', body: { n: 1 } });
    await doc(b, 'update', { _id: '1', body: { n: 2 } });
    await realtime(b, 'publish', { index, collection, body: { n: 3 } });
    await doc(b, 'delete', { _id: '1' });
    const joined = await realtime(b, 'join', { body: { roomId }, users: 'in', volatile: { from: 'b' } });
    assert.equal(joined.channel, `${roomId}-211`);
    b.socket.close();
    const list = await nexts(client, 6);
    assert.deepEqual(list.map(({ action, scope, user }) => `${action} ${scope ?? user}`),
      ['create in', 'update in', 'publish in', 'delete out', 'join in', 'unsubscribe out']);
    assert.deepEqual(list.slice(4).map(({ result, volatile }) => [result.count, volatile.from]), [[2, 'b'], [1, 'b']]);
    assert.ok(list.every((notification) => notification.node === node));
    await toldNothing(client);
    await client.close();
  }));

  test('counts and lists are those of all nodes', () => withNodes(async ({ servers, a, b }) => {
    const one = await subscribe(servers[0], index, collection, { exists: 'n' });
    const two = await subscribe(servers[1], index, collection, { exists: 'n' });
    const three = await subscribe(servers[1], index, 'other', {});
    assert.equal(one.roomId, two.roomId);
    for (const client of [a, b]) {
      assert.deepEqual(await realtime(client, 'count', { body: { roomId: one.roomId } }), { count: 2 });
      assert.deepEqual(await realtime(client, 'list'),
        { [index]: { other: { [three.roomId]: 1 }, [collection]: { [one.roomId]: 2 } } });
    }
    await one.client.close();
    await until('the count falls', async () => (await realtime(b, 'count', { body: { roomId: one.roomId } })).count === 1, 5000);
    await two.client.close();
    await three.client.close();
    await until('the list is empty', async () => Object.keys(await realtime(a, 'list')).length === 0, 5000);
  }));

  test('a node that is killed takes its connections out of the counts within seconds', () => withNodes(async ({ servers, a }) => {
    const one = await subscribe(servers[0], index, collection, {});
    const two = await subscribe(servers[1], index, collection, {});
    assert.equal((await realtime(a, 'count', { body: { roomId: one.roomId } })).count, 2);
    const began = Date.now();
    await servers[1].kill();
    await until('the count falls', async () => (await realtime(a, 'count', { body: { roomId: one.roomId } })).count === 1, 9000);
    assert.ok(Date.now() - began < 12000);
    const failure = await a.failure({ controller: 'realtime', action: 'join', body: { roomId: 'e'.repeat(64) } });
    assert.equal(failure.id, 'core.realtime.room_not_found');
    two.client.socket.terminate();
    await servers[1].start();
    const again = await subscribe(servers[1], index, collection, {});
    assert.equal((await realtime(a, 'count', { body: { roomId: one.roomId } })).count, 2);
    await again.client.close();
    await one.client.close();
  }));

  test('a node that stops takes them out at once', () => withNodes(async ({ servers, a }) => {
    const one = await subscribe(servers[0], index, collection, {});
    await subscribe(servers[1], index, collection, {});
    await servers[1].stop({ keep: true });
    assert.equal((await realtime(a, 'count', { body: { roomId: one.roomId } })).count, 1);
    await servers[1].start();
    await one.client.close();
  }));

  test('Redis forgets all rooms, and is told again', () => withNodes(async ({ redis, servers, b }) => {
    const one = await subscribe(servers[0], index, collection, {});
    await askRedis(redis.socket, `EVAL "for _, k in ipairs(redis.call('KEYS', 'kdm:{rt}:*')) do redis.call('DEL', k) end" 0`);
    await until('the count is back', async () => (await realtime(b, 'count', { body: { roomId: one.roomId } })).count === 1, 6000);
    await one.client.close();
  }));
});

describe('order', () => {
  test('writers on both nodes at once: every change once, in the order of its versions, on both', () => withNodes(async ({ servers, a, b }) => {
    const rounds = 150;
    const hearers = [await subscribe(servers[0], index, collection), await subscribe(servers[1], index, collection)];
    const documents = ['x', 'y', 'z'];
    for (const _id of documents) await doc(a, 'create', { _id, body: { n: 0 } });
    const work = [];
    for (const client of [a, b]) {
      for (const _id of documents) {
        work.push((async () => {
          for (let i = 0; i < rounds; i += 1) await doc(client, 'update', { _id, body: { [`f${i % 7}`]: i }, retryOnConflict: 50 });
        })());
      }
    }
    await Promise.all(work);
    const total = documents.length * (1 + 2 * rounds);
    for (const { client } of hearers) {
      const list = await nexts(client, total);
      await toldNothing(client);
      const sequences = list.map(({ changeId }) => Number(changeId.split('.')[0]));
      assert.deepEqual(sequences, [...sequences].sort((p, q) => p - q));
      assert.equal(new Set(list.map(({ changeId }) => changeId)).size, total);
      const last = await Promise.all(documents.map((_id) => doc(a, 'get', { _id })));
      for (const { _id, _source } of last) {
        const own = list.filter(({ result }) => result._id === _id);
        assert.equal(own.length, 1 + 2 * rounds);
        assert.deepEqual(own.at(-1).result._source, _source);
      }
      await client.close();
    }
  }));
});

describe('Redis goes away', () => {
  /** Writes documents one after the other, again until each is acknowledged; returns the ids. */
  async function write(client, prefix, count, pauseMs) {
    const written = [];
    for (let i = 0; i < count; i += 1) {
      const _id = `${prefix}${i}`;
      for (;;) {
        const { error } = await client.ask({ controller: 'document', action: 'createOrReplace', index, collection, _id, body: { i } }, 30000);
        if (!error) break;
        assert.equal(error.status, 503, error.message);
        await sleep(50);
      }
      written.push(_id);
      await sleep(pauseMs);
    }
    return written;
  }

  for (const [what, strike] of [
    ['killed and restarted', async (redis) => {
      await redis.kill();
      await sleep(700);
      await redis.start();
    }],
    ['frozen for a while', async (redis) => {
      redis.freeze();
      await sleep(1500);
      redis.thaw();
    }],
  ]) {
    test(`${what} under subscribers: nothing is missed, nothing comes twice`, () => withNodes(async ({ redis, servers, a, b }) => {
      const hearers = [await subscribe(servers[0], index, collection), await subscribe(servers[1], index, collection)];
      const writing = Promise.all([write(a, 'a', 60, 20), write(b, 'b', 60, 20)]);
      await sleep(300);
      await strike(redis);
      const written = (await writing).flat();
      for (const { client } of hearers) {
        const heard = [];
        while (new Set(ids(heard)).size < written.length) heard.push(await client.next(8000));
        assert.equal(new Set(heard.map(({ changeId }) => changeId)).size, heard.length);
        for (const prefix of ['a', 'b']) {
          const own = [...new Set(ids(heard).filter((id) => id.startsWith(prefix)))];
          assert.deepEqual(own, written.filter((id) => id.startsWith(prefix)));
        }
      }
      await until('the count is back', async () => {
        const { result } = await a.ask({ controller: 'realtime', action: 'count', body: { roomId: hearers[0].roomId } });
        return result?.count === 2;
      }, 8000);
      for (const { client } of hearers) await client.close();
    }));
  }

  test('subscribing while it is away is a 503, and leaves nothing behind', async () => {
    const redis = await startRedis();
    const server = await startServer({ redis: redis.url });
    const client = await connectRaw(server);
    await redis.kill();
    const failure = await client.failure({ controller: 'realtime', action: 'subscribe', index: 'i', collection: 'c', body: {} }, 20000);
    assert.deepEqual([failure.status, failure.id], [503, 'services.cache.not_connected']);
    const { realtime: counts } = await client.result({ controller: 'server', action: 'metrics' });
    assert.deepEqual(counts, { rooms: 0, subscriptions: 0 });
    await redis.start();
    await until('it can again', async () => !(await client.ask({ controller: 'realtime', action: 'subscribe', index: 'i', collection: 'c', body: {} })).error, 10000);
    await client.close();
    await server.stop();
    await redis.stop();
  });

  test('since survives restarts of kdmd and of Redis, and is a gap when Redis has lost that commit', async () => {
    const redis = await startRedis();
    const server = await startServer({ redis: redis.url });
    server.keepPort();
    let writer = await connectRaw(server);
    await prepare(writer);
    const first = await subscribe(server, index, collection);
    await doc(writer, 'create', { _id: '1', body: {} });
    const { changeId } = await first.client.next();
    await doc(writer, 'create', { _id: '2', body: {} });
    await server.kill();
    await redis.kill();
    await redis.start();
    await server.start();
    const second = await subscribe(server, index, collection, {}, { since: changeId });
    assert.equal(second.gap, false);
    const [{ result, changeId: lost }] = await nexts(second.client, 1);
    assert.equal(result._id, '2');
    await server.kill();
    // Another history: the same sequences, other commits.
    await askRedis(redis.socket, 'FLUSHALL');
    await server.start();
    writer = await connectRaw(server);
    await prepare(writer);
    for (let i = 0; i < 5; i += 1) await doc(writer, 'create', { _id: `other${i}`, body: {} });
    const third = await subscribe(server, index, collection, {}, { since: lost });
    assert.equal(third.gap, true);
    await third.client.close();
    await writer.close();
    await server.stop();
    await redis.stop();
  });
});

test('an index that was quiet for so long that its feed is empty is no gap, and a write at that moment is told', async () => {
  const redis = await startRedis();
  const server = await startServer({ redis: redis.url });
  const writer = await connectRaw(server);
  await prepare(writer);
  const first = await subscribe(server, index, collection);
  await doc(writer, 'create', { _id: '1', body: {} });
  const { changeId } = await first.client.next();
  const emptied = () => askRedis(redis.socket, `EVAL "for _, k in ipairs(redis.call('KEYS', 'kdm:*:f')) do redis.call('XTRIM', k, 'MAXLEN', '0') end" 0`);
  await emptied();
  for (const since of [changeId, undefined]) {
    const again = await subscribe(server, index, collection, {}, { since });
    assert.equal(again.gap, since === undefined ? undefined : false);
    await again.client.close();
  }
  // Subscribing and writing at once, many times: each subscriber is told of all that is committed after its answer.
  for (let i = 0; i < 30; i += 1) {
    await emptied();
    const [{ client }] = await Promise.all([
      subscribe(server, index, collection, {}, i % 2 === 0 ? { since: changeId } : {}),
      doc(writer, 'create', { _id: `at-once-${i}`, body: {} }),
    ]);
    await doc(writer, 'create', { _id: `after-${i}`, body: {} });
    let told;
    do told = (await client.next()).result._id; while (told !== `after-${i}`);
    await client.close();
  }
  assert.doesNotMatch(server.log, /cut off under a client/);
  await first.client.close();
  await writer.close();
  await server.stop();
  await redis.stop();
});

describe('the SDK', () => {
  test('every option, and what the SDK itself does with them', async () => {
    const server = await startServer();
    const writer = await connectRaw(server);
    await prepare(writer);
    const kuzzle = await connectSdk(server);
    const other = await connectSdk(server);
    const heard = { self: [], others: [], users: [] };
    const filter = { equals: { color: 'red' } };
    const roomId = await kuzzle.realtime.subscribe(index, collection, filter, (n) => heard.self.push(n));
    await kuzzle.realtime.subscribe(index, collection, filter, (n) => heard.others.push(n), { subscribeToSelf: false, scope: 'in' });
    await kuzzle.realtime.subscribe(index, collection, filter, (n) => heard.users.push(n), { users: 'all', scope: 'none', volatile: { me: true } });
    assert.equal(await kuzzle.realtime.count(roomId), 1);
    await other.realtime.subscribe(index, collection, filter, () => {}, { volatile: { hello: 1 } });
    await kuzzle.document.create(index, collection, { color: 'red' }, 'own');
    await other.document.create(index, collection, { color: 'red' }, 'theirs');
    await other.document.update(index, collection, 'theirs', { color: 'blue' });
    await other.realtime.publish(index, collection, { color: 'red', said: 'hi' });
    await until('all came', () => heard.self.length === 4 && heard.others.length === 2 && heard.users.length === 1, 5000);
    assert.deepEqual(heard.self.map(({ action, scope }) => `${action} ${scope}`), ['create in', 'create in', 'update out', 'publish in']);
    assert.deepEqual(heard.others.map(({ action }) => action), ['create', 'publish']);
    assert.deepEqual([heard.users[0].user, heard.users[0].volatile.hello, heard.users[0].result.count], ['in', 1, 2]);
    other.disconnect();
    await until('it left', () => heard.users.length === 2, 5000);
    assert.equal(heard.users[1].user, 'out');
    await kuzzle.realtime.unsubscribe(roomId);
    await doc(writer, 'create', { _id: 'late', body: { color: 'red' } });
    assert.equal(await kuzzle.realtime.count(roomId), 0);
    assert.equal(heard.self.length, 4);
    kuzzle.disconnect();
    await writer.close();
    await server.stop();
  });

  test('comes back by itself when the server was restarted', async () => {
    const server = await startServer();
    server.keepPort();
    let writer = await connectRaw(server);
    await prepare(writer);
    const kuzzle = await connectSdk(server, 'websocket', { autoReconnect: true, reconnectionDelay: 100 });
    const heard = [];
    await kuzzle.realtime.subscribe(index, collection, {}, ({ result }) => heard.push(result._id));
    await doc(writer, 'create', { _id: '1', body: {} });
    await until('the first', () => heard.length === 1, 5000);
    const reconnected = new Promise((resolve) => { kuzzle.once('reconnected', resolve); });
    await server.kill();
    await server.start();
    await within(8000, 'the SDK is back', reconnected);
    writer = await connectRaw(server);
    await until('it has subscribed again', async () => {
      const list = await realtime(writer, 'list');
      return Object.values(list[index]?.[collection] ?? {}).some((count) => count === 1);
    }, 12000);
    await doc(writer, 'create', { _id: '2', body: {} });
    await until('the second', () => heard.includes('2'), 5000);
    kuzzle.disconnect();
    await writer.close();
    await server.stop();
  });
});
