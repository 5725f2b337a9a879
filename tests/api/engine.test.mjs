// engine.test.mjs - tenants of the device manager, and what stands before the first request.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { startNodes, startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const controller = 'device-manager/engine';
const platform = 'device-manager';
const collections = ['assets', 'assets-history', 'assets-groups', 'devices', 'measures'];
let server;
let client;

const mappingOf = (index, collection, to = client) =>
  to.result({ controller: 'collection', action: 'getMapping', index, collection });

describe('the platform', () => {
  before(async () => {
    server = await startServer();
    client = await connectRaw(server);
  });
  after(async () => {
    await client.close();
    await server.stop();
  });

  test('has its collections, strict, and its document', async () => {
    const { collections: all } = await client.result({ controller: 'collection', action: 'list', index: platform });
    assert.deepEqual(all.map(({ name }) => name), ['config', 'devices', 'models', 'payloads']);
    for (const { name } of all) assert.equal((await mappingOf(platform, name)).dynamic, 'strict');
    const { _source } = await client.result({
      controller: 'document', action: 'get', index: platform, collection: 'config', _id: 'plugin--device-manager',
    });
    assert.deepEqual(_source['device-manager'], { provisioningStrategy: 'auto' });
    assert.equal(_source._kuzzle_info.author, null);
  });

  test('has the built-in measures', async () => {
    const { models, total } = await client.result({ controller: 'device-manager/models', action: 'listMeasures' });
    assert.equal(total, 5);
    assert.deepEqual(models.map(({ _id }) => _id),
      ['battery', 'humidity', 'movement', 'position', 'temperature'].map((type) => `model-measure-${type}`));
    const { measure } = models[3]._source;
    assert.deepEqual(measure.valuesMappings,
      { position: { type: 'geo_point' }, accuracy: { type: 'float' }, altitude: { type: 'float' } });
    assert.equal(measure.valuesDetails.position.en.unit, '(lat,lon)');
    assert.equal(models[2]._source.measure.valuesDetails.movement.en.unit, undefined);
    assert.equal(models[4]._source.measure.valuesDetails.temperature.fr.unit, '°C');
  });

  test('a second start changes nothing and is quick', async () => {
    const other = await startServer();
    const get = { controller: 'document', action: 'get', index: platform, collection: 'models', _id: 'model-measure-battery' };
    let to = await connectRaw(other);
    await to.result({ controller, action: 'create', index: 'tenant' });
    const first = await to.result(get);
    await to.close();
    await other.stop({ keep: true });
    await other.start();
    to = await connectRaw(other);
    assert.deepEqual(await to.result(get), first);
    assert.deepEqual(await to.result({ controller, action: 'exists', index: 'tenant' }), { exists: true });
    await to.close();
    await other.stop();
  });

  test('nodes that start at once on an empty Redis make it once', async () => {
    const nodes = await startNodes(3);
    for (const node of nodes.servers) {
      const to = await connectRaw(node);
      const { models } = await to.result({ controller: 'device-manager/models', action: 'listMeasures' });
      assert.equal(models.length, 5);
      const { _version } = await to.result({
        controller: 'document', action: 'get', index: platform, collection: 'models', _id: 'model-measure-battery',
      });
      assert.equal(_version, 1);
      await to.close();
    }
    await nodes.stop();
  });

  test('the configuration names the index and adds to mappings', async () => {
    const other = await startServer({
      config: {
        plugins: {
          'device-manager': {
            adminIndex: 'platform',
            engineCollections: {
              asset: { mappings: { properties: { custom: { type: 'keyword', fields: { text: { type: 'text' } } } } } },
              device: { mappings: { properties: { custom: { type: 'keyword' } } } },
            },
          },
        },
      },
    });
    const to = await connectRaw(other);
    assert.equal((await mappingOf('platform', 'devices', to)).properties.custom.type, 'keyword');
    await to.result({ controller, action: 'create', index: 'tenant' });
    assert.equal((await mappingOf('tenant', 'assets', to)).properties.custom.fields.text.type, 'text');
    assert.equal((await mappingOf('tenant', 'assets-history', to)).properties.asset.properties.custom.type, 'keyword');
    assert.equal((await mappingOf('tenant', 'devices', to)).properties.custom.type, 'keyword');
    await to.close();
    await other.stop();
  });
});

describe('engines', () => {
  before(async () => {
    server = await startServer();
    client = await connectRaw(server);
  });
  after(async () => {
    await client.close();
    await server.stop();
  });

  test('create makes index, collections and document', async () => {
    const result = await client.result({ controller, action: 'create', index: 'made' });
    assert.deepEqual(result, { collections: ['config', ...collections], index: 'made' });
    const list = await client.result({ controller: 'collection', action: 'list', index: 'made' });
    assert.deepEqual(list.collections.map(({ name }) => name), ['config', ...collections].sort());
    const { _source } = await client.result({
      controller: 'document', action: 'get', index: platform, collection: 'config', _id: 'engine-device-manager--made',
    });
    assert.deepEqual(_source.engine, { group: 'commons', index: 'made', name: 'device-manager' });
    assert.equal(_source.type, 'engine-device-manager');
    assert.equal(_source._kuzzle_info.author, null);
  });

  test('create over HTTP takes the group from the query', async () => {
    const { status, body } = await request(server, '/_/device-manager/engine/grouped', {
      method: 'POST', query: { group: 'air_quality' },
    });
    assert.equal(status, 200, JSON.stringify(body));
    const { engines } = (await request(server, '/_/device-manager/engines')).body.result;
    assert.deepEqual(engines.find(({ index }) => index === 'grouped'),
      { group: 'air_quality', index: 'grouped', name: 'device-manager' });
  });

  test('create turns an existing index into a tenant and keeps what is in it', async () => {
    await client.result({ controller: 'index', action: 'create', index: 'old' });
    await client.result({ controller: 'collection', action: 'create', index: 'old', collection: 'own' });
    await client.result({
      controller: 'document', action: 'create', index: 'old', collection: 'own', _id: 'x', body: { a: 1 },
    });
    await client.result({ controller, action: 'create', index: 'old' });
    const { _source } = await client.result({
      controller: 'document', action: 'get', index: 'old', collection: 'own', _id: 'x',
    });
    assert.equal(_source.a, 1);
  });

  test('create refuses a tenant that is there and names that no index can have', async () => {
    const { status, message, id } = await client.failure({ controller, action: 'create', index: 'made' });
    assert.equal(status, 400);
    assert.equal(id, undefined);
    assert.equal(message, 'Device-manager engine on index "made" already exists');
    for (const index of ['Upper', '%kdm', 'a/b']) {
      assert.equal((await client.failure({ controller, action: 'create', index })).status, 400);
    }
    assert.equal((await client.failure({ controller, action: 'create' })).message, 'Missing argument "index".');
  });

  test('create refuses the platform index, whose collections a tenant there would take along', async () => {
    const error = await client.failure({ controller, action: 'create', index: platform });
    assert.deepEqual([error.status, error.id], [400, 'api.assert.invalid_argument']);
  });

  test('update makes the index of a tenant again when it was deleted on its own', async () => {
    await client.result({ controller, action: 'create', index: 'lost' });
    await client.result({ controller: 'index', action: 'delete', index: 'lost' });
    await client.result({ controller, action: 'update', index: 'lost' });
    assert.equal((await mappingOf('lost', 'assets')).dynamic, 'strict');
  });

  test('create refuses a collection whose mapping can not become what it must be, and makes nothing', async () => {
    await client.result({
      controller: 'collection', action: 'create', index: 'clash', collection: 'assets',
      body: { mappings: { properties: { model: { type: 'integer' } } } },
    });
    const { status, message } = await client.failure({ controller, action: 'create', index: 'clash' });
    assert.equal(status, 500);
    assert.match(message, /^Failed to create the collection \[assets\] for engine \[clash\]: .*model/);
    const { collections: left } = await client.result({ controller: 'collection', action: 'list', index: 'clash' });
    assert.deepEqual(left.map(({ name }) => name), ['assets']);
    assert.deepEqual(await client.result({ controller, action: 'exists', index: 'clash' }), { exists: false });
  });

  test('two that create the same tenant at once: one succeeds', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => client.ask({ controller, action: 'create', index: 'race' })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400, 400, 400]);
  });

  test('update applies the models again, with the group of the request', async () => {
    await client.result({ controller, action: 'create', index: 'updated' });
    await client.result({ controller: 'collection', action: 'delete', index: 'updated', collection: 'measures' });
    const result = await client.result({ controller, action: 'update', index: 'updated', group: 'other' });
    assert.deepEqual(result, { collections, index: 'updated' });
    assert.equal((await mappingOf('updated', 'measures')).dynamic, 'strict');
    const { engines } = await client.result({ controller, action: 'list' });
    assert.equal(engines.find(({ index }) => index === 'updated').group, 'commons');
    const { status, message } = await client.failure({ controller, action: 'update', index: 'nobody' });
    assert.equal(status, 404);
    assert.equal(message, 'Device-manager engine on index "nobody" does not exists');
  });

  test('delete leaves index and config, and frees the devices', async () => {
    await client.result({ controller, action: 'create', index: 'gone' });
    for (let i = 0; i < 5; i++) {
      const source = { model: 'D', reference: `${i}`, engineId: i < 3 ? 'gone' : 'made', assetId: 'x' };
      await client.result({
        controller: 'document', action: 'create', index: platform, collection: 'devices', _id: `D-${i}`, body: source,
      });
    }
    const result = await client.result({ controller, action: 'delete', index: 'gone' });
    assert.deepEqual(result, { collections, index: 'gone' });
    const list = await client.result({ controller: 'collection', action: 'list', index: 'gone' });
    assert.deepEqual(list.collections.map(({ name }) => name), ['config']);
    for (let i = 0; i < 5; i++) {
      const { _source } = await client.result({
        controller: 'document', action: 'get', index: platform, collection: 'devices', _id: `D-${i}`,
      });
      assert.equal(_source.engineId, i < 3 ? null : 'made');
      assert.equal(_source.assetId, i < 3 ? null : 'x');
    }
    assert.deepEqual(await client.result({ controller, action: 'exists', index: 'gone' }), { exists: false });
    assert.equal((await client.failure({ controller, action: 'delete', index: 'gone' })).status, 404);
  });

  test('delete frees all devices, more than fit into one commit or page, and no others', async () => {
    await client.result({ controller, action: 'create', index: 'crowd' });
    const documents = Array.from({ length: 1400 }, (_, i) => ({
      _id: `C-${i}`, body: { model: 'D', reference: `c${i}`, engineId: i % 2 ? 'crowd' : 'made', assetId: 'x' },
    }));
    for (let i = 0; i < documents.length; i += 200) {
      await client.result({
        controller: 'bulk', action: 'mWrite', index: platform, collection: 'devices', body: { documents: documents.slice(i, i + 200) },
      });
    }
    await client.result({ controller, action: 'delete', index: 'crowd' });
    const { hits } = await client.result({
      controller: 'document', action: 'search', index: platform, collection: 'devices', size: 1500, body: { query: { prefix: { reference: 'c' } } },
    });
    assert.equal(hits.length, 1400);
    for (const { _id, _source } of hits) {
      assert.equal(_source.engineId, Number(_id.slice(2)) % 2 ? null : 'made', _id);
    }
  });

  test('a tenant made by one node is one for the other at once', async () => {
    const nodes = await startNodes(2);
    const [one, two] = await Promise.all(nodes.servers.map((node) => connectRaw(node)));
    await one.result({ controller, action: 'create', index: 'shared' });
    assert.deepEqual(await two.result({ controller, action: 'exists', index: 'shared' }), { exists: true });
    assert.equal((await two.failure({ controller, action: 'create', index: 'shared' })).status, 400);
    await Promise.all([one.close(), two.close()]);
    await nodes.stop();
  });
});
