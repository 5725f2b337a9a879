// assets-many.test.mjs - mUpsert: many assets at once, each stored with its history or refused by itself.

import assert from 'node:assert/strict';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { startNodes } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const controller = 'device-manager/assets';
const engineId = 'fleet';
let nodes;
let client;

const mUpsert = (assets, to = client) => to.result({ controller, action: 'mUpsert', engineId, body: { assets } });
const count = async (collection, query = { match_all: {} }) => (await client.result({
  controller: 'document', action: 'count', index: engineId, collection, body: { query },
})).count;
const get = async (_id) => client.result({ controller: 'document', action: 'get', index: engineId, collection: 'assets', _id });
const crate = (reference, metadata) => ({ model: 'Crate', reference, metadata });

before(async () => {
  nodes = await startNodes(2);
  client = await connectRaw(nodes.servers[0]);
  await client.result({ controller: 'device-manager/engine', action: 'create', index: engineId });
  await client.result({
    controller: 'device-manager/models', action: 'writeAsset', body: {
      engineGroup: 'commons', model: 'Crate', defaultValues: { weight: 5 }, measures: [],
      metadataMappings: { weight: { type: 'integer' }, label: { type: 'keyword' }, place: { type: 'geo_point' } },
    },
  });
});
atEnd(async () => {
  await client?.close();
  await nodes?.stop();
});

describe('device-manager/assets:mUpsert', () => {
  test('makes what is new and merges into what is there', async () => {
    const first = await mUpsert([crate('a', { label: 'one' }), crate('b')]);
    assert.deepEqual(first.errors, []);
    assert.deepEqual(first.successes, [
      { _id: 'Crate-a', created: true, _version: 1 }, { _id: 'Crate-b', created: true, _version: 1 }]);
    const second = await mUpsert([crate('b', { label: 'two' }), crate('c', { weight: 9 })]);
    assert.deepEqual(second.successes.map((row) => row.created), [false, true]);
    assert.deepEqual((await get('Crate-b'))._source.metadata, { weight: 5, label: 'two', place: null });
    assert.deepEqual((await get('Crate-c'))._source.metadata, { weight: 9, label: null, place: null });
  });

  test('refuses single assets, and stores the others', async () => {
    const reply = await mUpsert([crate('d', { weight: 'heavy' }), crate('e'), { model: 'Nobody', reference: 'x' }]);
    assert.deepEqual(reply.successes.map((row) => row._id), ['Crate-e']);
    assert.deepEqual(reply.errors.map((row) => [row._id, row.index, row.status]), [['Crate-d', 0, 400], ['Nobody-x', 2, 404]]);
    assert.match(reply.errors[1].reason, /Nobody/);
  });

  test('merges the entries of one asset in their order', async () => {
    const before = await count('assets-history', { term: { id: 'Crate-f' } });
    const reply = await mUpsert([crate('f', { label: 'x', weight: 1 }), crate('g'), crate('f', { weight: 2 })]);
    assert.deepEqual(reply.successes.map((row) => row._id), ['Crate-f', 'Crate-g', 'Crate-f']);
    assert.deepEqual((await get('Crate-f'))._source.metadata, { weight: 2, label: 'x', place: null });
    assert.equal(await count('assets-history', { term: { id: 'Crate-f' } }) - before, 1);
  });

  test('stores a thousand with their history, far beyond one commit', async () => {
    const assets = Array.from({ length: 1000 }, (_, i) => crate(`many-${i}`, { weight: i }));
    const reply = await mUpsert(assets);
    assert.equal(reply.successes.filter((row) => row.created).length, 1000);
    assert.equal(await count('assets', { prefix: { reference: 'many-' } }), 1000);
    assert.equal(await count('assets-history', { prefix: { id: 'Crate-many-' } }), 1000);
    assert.equal((await get('Crate-many-777'))._source.metadata.weight, 777);
  });

  test('an empty list is fine', async () => {
    assert.deepEqual(await mUpsert([]), { errors: [], successes: [] });
  });

  test('an entry that is none is refused by itself', async () => {
    const reply = await mUpsert([5, crate('good'), null, { model: 'Crate' }, crate('b', 5), { model: 3, reference: 'b' }, crate(''), crate('a', [1]), crate('fine')]);
    assert.deepEqual(reply.successes.map((row) => row._id), ['Crate-good', 'Crate-fine']);
    assert.deepEqual(reply.errors.map((row) => [row._id, row.index, row.status, /body\.assets\[\d\][.a-z]*/.exec(row.reason)[0]]), [
      [null, 0, 400, 'body.assets[0]'], [null, 2, 400, 'body.assets[2]'], [null, 3, 400, 'body.assets[3].reference'], [null, 4, 400, 'body.assets[4].metadata'],
      [null, 5, 400, 'body.assets[5].model'], [null, 6, 400, 'body.assets[6].reference'], [null, 7, 400, 'body.assets[7].metadata']]);
    assert.deepEqual(await client.failure({ controller, action: 'mUpsert', engineId, body: { assets: 'x' } }).then(({ status, id }) => [status, id]), [400, 'api.assert.invalid_type']);
  });

  test('what stands again is an update', async () => {
    const reply = await mUpsert([crate('again', { weight: 1 }), crate('other'), crate('again', { weight: 2 })]);
    assert.deepEqual(reply.successes.map((row) => row.created), [true, true, false]);
  });

  test('an empty reference is refused by create and upsert as well', async () => {
    for (const action of ['create', 'upsert']) {
      const error = await client.failure({ controller, action, engineId, body: { model: 'Crate', reference: '' } });
      assert.deepEqual([error.status, error.id], [400, 'api.assert.missing_argument'], action);
    }
  });

  test('loses no change when two nodes write the same assets', async () => {
    const other = await connectRaw(nodes.servers[1]);
    const rounds = 6;
    const assets = (metadata) => Array.from({ length: 300 }, (_, i) => crate(`both-${i}`, metadata));
    await mUpsert(assets({}));
    await Promise.all(Array.from({ length: rounds }, (_, i) =>
      mUpsert(assets(i % 2 ? { weight: 100 + i } : { label: `r${i}` }), i % 2 ? other : client)));
    for (const i of [0, 150, 299]) {
      const asset = await get(`Crate-both-${i}`);
      assert.equal(asset._version, 1 + rounds);
      assert.ok(asset._source.metadata.weight > 100 && /^r\d$/.test(asset._source.metadata.label));
    }
    assert.equal(await count('assets-history', { prefix: { id: 'Crate-both-' } }), 300 * (1 + rounds));
    await other.close();
  });
});
