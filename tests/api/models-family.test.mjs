// models-family.test.mjs - asset models that inherit from others, and models that are locked on a version.

import assert from 'node:assert/strict';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const controller = 'device-manager/models';
let server;
let client;

const model = (name, metadataMappings, more = {}) => ({ engineGroup: 'commons', model: name, metadataMappings, measures: [], ...more });
const write = (body, more = {}) => client.result({ controller, action: 'writeAsset', body, ...more });
const fails = (body, more = {}) => client.failure({ controller, action: 'writeAsset', body, ...more });
const stored = async (name) => (await client.result({
  controller: 'document', action: 'get', index: 'device-manager', collection: 'models', _id: `model-asset-${name}`,
}))._source;
const keys = async (name) => Object.keys((await stored(name)).asset.metadataMappings);

before(async () => {
  server = await startServer();
  client = await connectRaw(server);
  await client.result({ controller: 'device-manager/engine', action: 'create', index: 'fleet' });
  await write(model('Ship', { name: { type: 'keyword' } }, { defaultValues: { name: 'no name' }, measures: [{ name: 'speed', type: 'temperature' }] }));
  await write(model('Sail', { area: { type: 'integer' } }, { parentModel: 'Ship' }));
  await write(model('Sloop', { masts: { type: 'integer' } }, { parentModel: 'Sail', defaultValues: { masts: 1 } }));
});
atEnd(async () => {
  await client?.close();
  await server?.stop();
});

describe('asset models that inherit', () => {
  test('hold what they inherit and what is their own', async () => {
    const sloop = await stored('Sloop');
    assert.deepEqual(Object.keys(sloop.asset.metadataMappings), ['name', 'area', 'masts']);
    assert.deepEqual(sloop.asset.defaultMetadata, { name: 'no name', masts: 1 });
    assert.deepEqual(sloop.asset.measures, [{ name: 'speed', type: 'temperature' }]);
    assert.equal(sloop.dialect.parent, 'Sail');
    assert.deepEqual(Object.keys(sloop.dialect.own.metadataMappings), ['masts']);
    const { _source } = await client.result({
      controller: 'device-manager/assets', action: 'create', engineId: 'fleet', body: { model: 'Sloop', reference: 'a', metadata: { area: 5 } },
    });
    assert.deepEqual(_source.metadata, { name: 'no name', area: 5, masts: 1 });
    assert.ok(!('dialect' in await stored('Ship')));
  });

  test('follow their parent in the same commit, and so do their assets', async () => {
    await write(model('Ship', { name: { type: 'keyword' }, length: { type: 'float' } }, { defaultValues: { length: 12 }, measures: [{ name: 'speed', type: 'temperature' }] }));
    assert.deepEqual(await keys('Sail'), ['name', 'length', 'area']);
    assert.deepEqual(await keys('Sloop'), ['name', 'length', 'area', 'masts']);
    const { _source } = await client.result({ controller: 'device-manager/assets', action: 'get', engineId: 'fleet', _id: 'Sloop-a' });
    assert.deepEqual(_source.metadata, { name: 'no name', length: 12, area: 5, masts: 1 });
  });

  test('keep their parent when they are written without one, and can not change it', async () => {
    await write(model('Sail', { area: { type: 'integer' }, colour: { type: 'keyword' } }));
    assert.deepEqual(await keys('Sloop'), ['name', 'length', 'area', 'colour', 'masts']);
    assert.equal((await fails(model('Sail', {}, { parentModel: 'Sloop' }))).status, 400);
    await client.result({ controller, action: 'updateAsset', engineGroup: 'commons', model: 'Sail', body: { metadataMappings: { wind: { type: 'integer' } } } });
    assert.deepEqual(Object.keys((await stored('Sail')).dialect.own.metadataMappings), ['area', 'colour', 'wind']);
    assert.deepEqual(await keys('Sloop'), ['name', 'length', 'area', 'colour', 'wind', 'masts']);
  });

  test('refuse what contradicts the family, and then nothing is stored', async () => {
    const before = [await stored('Ship'), await stored('Sloop')];
    assert.equal((await fails(model('Ghost', {}, { parentModel: 'Nobody' }))).status, 404);
    const up = await fails(model('Sloop', { name: { type: 'keyword', ignore_above: 9 } }));
    assert.equal(up.status, 409);
    const down = await fails(model('Ship', { masts: { type: 'keyword' } }));
    assert.equal(down.status, 409);
    assert.deepEqual([await stored('Ship'), await stored('Sloop')], before);
  });

  test('a model that others inherit from can not be deleted', async () => {
    const error = await client.failure({ controller, action: 'deleteAsset', _id: 'model-asset-Sail' });
    assert.equal(error.status, 409);
    await client.result({ controller, action: 'deleteAsset', _id: 'model-asset-Sloop' });
    await client.result({ controller, action: 'deleteAsset', _id: 'model-asset-Sail' });
  });

  test('no deeper than 32', async () => {
    await write(model('L1', {}));
    let error;
    for (let i = 2; i <= 40 && !error; i++) error = (await client.ask({ controller, action: 'writeAsset', body: model(`L${i}`, {}, { parentModel: `L${i - 1}` }) })).error;
    assert.equal(error?.status, 400);
    assert.equal((await stored('L32')).dialect.parent, 'L31');
  });
});

describe('ifMatch', () => {
  test('writes only the version it names', async () => {
    const { _version } = await write(model('Locked', { a: { type: 'keyword' } }));
    assert.equal((await fails(model('Locked', {}), { ifMatch: _version + 1 })).status, 412);
    assert.equal((await fails(model('Absent', {}), { ifMatch: 1 })).status, 412);
    const both = await Promise.all([1, 2, 3].map(() => client.ask({ controller, action: 'writeAsset', ifMatch: _version, body: model('Locked', { a: { type: 'keyword' } }) })));
    assert.deepEqual(both.map((reply) => reply.status).sort(), [200, 412, 412]);
  });
});
