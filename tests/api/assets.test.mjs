// assets.test.mjs - assets of the device manager: their life, their history, and what comes at once.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { connectSdk } from './lib/sdk.mjs';
import { startNodes, startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const controller = 'device-manager/assets';
const singular = 'device-manager/asset';
const engineId = 'tenant-a';
const kdmd = process.env.KDMD ?? fileURLToPath(new URL('../../build/test/kdmd', import.meta.url));
const enrich = join(dirname(kdmd), 'plugins', 'enrich.so');
let server;
let client;
let serial = 0;

const container = {
  engineGroup: 'commons',
  model: 'Container',
  metadataMappings: {
    weight: { type: 'integer' },
    height: { type: 'integer' },
    trailer: { properties: { weight: { type: 'integer' }, capacity: { type: 'integer' } } },
    person: { properties: { company: { type: 'keyword' } } },
    place: { type: 'geo_point' },
    tags: { type: 'keyword' },
  },
  defaultValues: { height: 20, 'person.company': 'Firebird' },
  measures: [{ name: 'temperatureExt', type: 'temperature' }, { name: 'position', type: 'position' }],
  locales: { en: { friendlyName: 'Container', description: 'A box' } },
};

/** A tenant with the model Container, ready for assets. */
async function prepare(to, index = engineId, group = 'commons') {
  await to.result({ controller: 'device-manager/engine', action: 'create', index, group });
  await to.result({ controller: 'device-manager/models', action: 'writeAsset', body: container });
}

/** A new asset; its whole _source by its id. */
async function newAsset(metadata = {}, to = client) {
  const reference = `R${serial++}`;
  return to.result({ controller, action: 'create', engineId, body: { model: 'Container', reference, metadata } });
}

const get = async (_id, to = client) => (await to.result({ controller, action: 'get', engineId, _id }))._source;
const update = (_id, metadata, to = client) => to.result({ controller, action: 'update', engineId, _id, body: { metadata } });
const versionOf = async (_id, to = client) => (await to.result({
  controller: 'document', action: 'get', index: engineId, collection: 'assets', _id,
}))._version;

/** An asset's history, newest first as clients read it. */
async function historyOf(id, to = client) {
  const { hits } = await to.result({
    controller: 'document', action: 'search', index: engineId, collection: 'assets-history', size: 1000,
    body: { query: { term: { id } }, sort: { '_kuzzle_info.createdAt': 'desc' } },
  });
  return hits.map(({ _source }) => _source);
}

function assertFalling(numbers) {
  for (let i = 1; i < numbers.length; i++) assert.ok(numbers[i - 1] > numbers[i], `${numbers[i - 1]}, ${numbers[i]}`);
}

describe('assets', () => {
  before(async () => {
    server = await startServer();
    client = await connectRaw(server);
    await prepare(client);
  });
  after(async () => {
    await client.close();
    await server.stop();
  });

  describe('create', () => {
    test('fills in the model, its defaults and its slots', async () => {
      const answer = await client.ask({
        controller, action: 'create', engineId, body: { model: 'Container', reference: 'first', metadata: { weight: 5 } },
      });
      assert.deepEqual(Object.keys(answer.result).sort(), ['_id', '_source']); // no _version
      assert.equal(answer.index, engineId);
      assert.equal(answer.collection, 'assets');
      const { _id, _source } = answer.result;
      const { _kuzzle_info: info, ...asset } = _source;
      assert.equal(_id, 'Container-first');
      assert.deepEqual(asset, {
        groups: [], lastMeasuredAt: null, linkedDevices: [], softTenant: [], model: 'Container', reference: 'first',
        measures: { temperatureExt: null, position: null },
        metadata: { weight: 5, height: 20, trailer: null, person: { company: 'Firebird' }, place: null, tags: null },
        modelLocales: container.locales,
      });
      assert.deepEqual({ ...info, createdAt: 0 }, { author: '-1', createdAt: 0, updatedAt: null, updater: null });
    });

    test('writes a history entry that names all metadata, nulls too, in the order of the model', async () => {
      const { _id, _source } = await newAsset({ weight: 1, trailer: { capacity: 2 } });
      const [entry, ...older] = await historyOf(_id);
      assert.equal(older.length, 0);
      assert.equal(entry.id, _id);
      assert.deepEqual(entry.event, {
        name: 'metadata',
        metadata: { names: ['weight', 'height', 'trailer.capacity', 'person.company', 'place', 'tags'] },
      });
      assert.deepEqual(entry.asset, _source);
      assert.equal(entry._kuzzle_info.author, null);
      assert.equal(entry.timestamp, entry._kuzzle_info.createdAt);
    });

    test('over HTTP and with the SDK', async () => {
      const { status, body } = await request(server, `/_/device-manager/${engineId}/assets`, {
        method: 'POST', body: { model: 'Container', reference: 'http' },
      });
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.result._id, 'Container-http');
      const kuzzle = await connectSdk(server);
      const { result } = await kuzzle.query({
        controller: singular, action: 'create', index: engineId, body: { model: 'Container', reference: 'sdk' },
      });
      assert.equal(result._id, 'Container-sdk');
      kuzzle.disconnect();
    });

    test('refusals', async () => {
      const ask = (more, body) => client.failure({ controller, action: 'create', engineId, body: { model: 'Container', reference: 'no', ...body }, ...more });
      assert.equal((await ask({}, { reference: 'first' })).id, 'services.storage.document_already_exists');
      const strict = await ask({}, { metadata: { unknown: 1 } });
      assert.equal(strict.id, 'services.storage.strict_mapping_rejection');
      assert.match(strict.message, /"unknown" is not present in collection "tenant-a:assets"/);
      assert.equal((await ask({}, { metadata: { weight: 'heavy' } })).id, 'services.storage.unexpected_bad_request');
      assert.equal((await ask({}, { model: 'Nobody' })).message, 'Unknown Asset model "Nobody".');
      const engine = await ask({ engineId: 'nowhere' });
      assert.equal(engine.status, 404);
      assert.equal(engine.message, 'Document "engine-device-manager--nowhere" not found in "device-manager":"config".');
      assert.equal((await ask({}, { model: undefined })).message, 'Missing argument "body.model".');
      assert.equal((await ask({}, { metadata: [] })).id, 'api.assert.invalid_type');
      assert.equal((await client.failure({ controller, action: 'create', engineId })).id, 'api.assert.body_required');
      assert.equal((await client.failure({ controller, action: 'create', body: {} })).message, 'Missing argument "engineId".');
      assert.equal((await client.failure({ controller, action: 'get', engineId, _id: 'Container-no' })).status, 404);
      assert.deepEqual(await historyOf('Container-no'), []);
    });

    test('a model of another group is unknown here', async () => {
      await client.result({
        controller: 'device-manager/models', action: 'writeAsset', body: { engineGroup: 'air', model: 'Balloon' },
      });
      const error = await client.failure({ controller, action: 'create', engineId, body: { model: 'Balloon', reference: '1' } });
      assert.equal(error.message, 'Unknown Asset model "Balloon".');
    });
  });

  describe('update', () => {
    test('merges metadata, keeps the rest, and always tells _version', async () => {
      const { _id, _source } = await newAsset({ trailer: { weight: 1, capacity: 2 }, tags: ['a', 'b'] });
      const answer = await client.ask({
        controller, action: 'update', engineId, _id,
        body: { metadata: { trailer: { weight: 9 }, tags: ['c'], height: null }, model: 'ignored', reference: 7 },
      });
      assert.equal(answer.status, 200, JSON.stringify(answer.error));
      assert.equal(answer.index, engineId);
      assert.equal(answer.collection, 'assets');
      const { _kuzzle_info: info, ...asset } = answer.result._source;
      const { _kuzzle_info: created, ...before } = _source;
      assert.deepEqual(asset, { ...before, metadata: { ...before.metadata, trailer: { weight: 9, capacity: 2 }, tags: ['c'], height: null } });
      assert.equal(answer.result._version, 2);
      assert.deepEqual(info, { ...created, updatedAt: info.updatedAt, updater: '-1' });
      assert.deepEqual(await get(_id), answer.result._source);
    });

    test('writes history: the names of what was applied, and the whole asset', async () => {
      const { _id } = await newAsset();
      const { _source } = await update(_id, { trailer: { weight: 9 }, height: null, tags: ['x', 'y'] });
      const [entry, first, ...older] = await historyOf(_id);
      assert.equal(older.length, 0);
      assert.deepEqual(entry.event, { name: 'metadata', metadata: { names: ['trailer.weight', 'height', 'tags'] } });
      assert.deepEqual(entry.asset, _source);
      assert.equal(first.asset.metadata.height, 20);
    });

    test('dates of a history never repeat, however fast', async () => {
      const { _id } = await newAsset();
      for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 20 }, (_, i) => update(_id, { weight: i })));
      const history = await historyOf(_id);
      assert.equal(history.length, 101);
      assertFalling(history.map(({ _kuzzle_info: { createdAt } }) => createdAt));
      const updatedAt = (await get(_id))._kuzzle_info.updatedAt;
      assert.equal(history[0]._kuzzle_info.createdAt, updatedAt);
      assert.ok(Math.abs(Date.now() - updatedAt) < 2000);
    });

    test('refuses what the mapping does not take, and changes nothing', async () => {
      const { _id, _source } = await newAsset();
      const fail = (body, more = {}) => client.failure({ controller, action: 'update', engineId, _id, body, ...more });
      assert.equal((await fail({ metadata: { unknown: 1 } })).id, 'services.storage.strict_mapping_rejection');
      assert.equal((await fail({ metadata: { trailer: { unknown: 1 } } })).id, 'services.storage.strict_mapping_rejection');
      assert.equal((await fail({ metadata: { weight: 'heavy' } })).id, 'services.storage.unexpected_bad_request');
      assert.equal((await fail({ metadata: { place: { lat: 1 } } })).status, 400);
      assert.equal((await fail({ metadata: [] })).id, 'api.assert.invalid_type');
      assert.equal((await fail({ metadata: 'text' })).id, 'api.assert.invalid_type');
      for (const body of [{}, { metadata: null }]) {
        const error = await fail(body);
        assert.equal(error.id, 'api.assert.missing_argument');
        assert.equal(error.message, 'Missing argument "body.metadata".');
      }
      assert.equal((await fail(undefined)).message, 'The request must specify a body.');
      const missing = await fail({ metadata: {} }, { _id: 'Container-nobody' });
      assert.equal(missing.message, 'Document "Container-nobody" not found in "tenant-a":"assets".');
      assert.equal((await fail({ metadata: {} }, { engineId: 'nowhere' })).id, 'services.storage.unknown_index');
      assert.equal((await fail({ metadata: {} }, { engineId: '%kdm' })).id, 'services.storage.unknown_index');
      assert.equal((await fail({}, { _id: undefined, engineId: undefined })).message, 'Missing argument "_id".');
      assert.equal((await fail({}, { engineId: undefined })).message, 'Missing argument "engineId".');
      assert.deepEqual(await get(_id), _source);
      assert.equal((await historyOf(_id)).length, 1);
    });

    test('more metadata than any mapping holds is refused quickly', async () => {
      const { _id } = await newAsset();
      const metadata = Object.fromEntries(Array.from({ length: 60000 }, (_, i) => [`k${i}`, i]));
      const begin = Date.now();
      for (const action of ['update', 'replaceMetadata']) {
        assert.equal((await client.failure({ controller, action, engineId, _id, body: { metadata } })).status, 400);
      }
      for (const action of ['create', 'upsert']) {
        const body = { model: 'Container', reference: 'big', metadata };
        assert.equal((await client.failure({ controller, action, engineId, body })).status, 400);
      }
      assert.ok(Date.now() - begin < 5000, `${Date.now() - begin} ms`);
    });

    test('an empty change is a change', async () => {
      const { _id } = await newAsset();
      assert.equal((await update(_id, {}))._version, 2);
      assert.deepEqual((await historyOf(_id))[0].event.metadata.names, []);
    });

    test('half a geo point is merged with the other half', async () => {
      const { _id } = await newAsset({ place: { lat: 1, lon: 2 } });
      assert.deepEqual((await update(_id, { place: { lat: 5 } }))._source.metadata.place, { lat: 5, lon: 2 });
      const { status } = await client.failure({ controller, action: 'update', engineId, _id, body: { metadata: { place: { lat: 95 } } } });
      assert.equal(status, 400);
    });

    test('numbers, escapes and U+0000 come back as they were sent', async () => {
      const { _id } = await newAsset();
      const company = 'a\u0000b "c" \\ \u2028 é';
      const { _source } = await update(_id, { person: { company }, weight: 7 });
      assert.equal(_source.metadata.person.company, company);
      assert.equal((await historyOf(_id))[0].asset.metadata.person.company, company);
    });

    test('over HTTP: refresh and invalid arguments of old clients do no harm', async () => {
      const { _id } = await newAsset();
      const path = `/_/device-manager/${engineId}/assets/${_id}`;
      const { status, body } = await request(server, path, {
        method: 'PUT', query: { refresh: 'wait_for' }, body: { metadata: { weight: 3 } },
      });
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.result._source.reference, _id.slice('Container-'.length)); // the whole asset
      for (const retryOnConflict of ['5', 'many', '-1', '1e99', '']) {
        const answer = await request(server, path, { method: 'PUT', query: { retryOnConflict }, body: { metadata: { weight: 4 } } });
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
      }
      for (const retryOnConflict of [7, 'x', {}, [], null, true]) {
        await client.result({ controller, action: 'update', engineId, _id, retryOnConflict, body: { metadata: { weight: 5 } } });
      }
    });
  });

  describe('update as the page of 1.x says', () => {
    test('any part of an asset; _source holds the changes unless source is set', async () => {
      const { _id } = await newAsset({ weight: 1 });
      const body = { metadata: { weight: 2 }, softTenant: ['s'], _kuzzle_info: { author: 'me' } };
      const answer = await client.ask({ controller: singular, action: 'update', index: engineId, _id, body });
      assert.equal(answer.status, 200, JSON.stringify(answer.error));
      assert.equal(answer.controller, 'device-manager/assets');
      const { _kuzzle_info: info, ...changes } = answer.result._source;
      assert.deepEqual(changes, { metadata: { weight: 2 }, softTenant: ['s'] });
      assert.equal(info.author, '-1');
      assert.equal(answer.result._version, 2);
      assert.equal(answer.result._id, _id);
      const whole = await client.result({ controller: singular, action: 'update', index: engineId, _id, source: true, body: { metadata: { height: 1 } } });
      assert.deepEqual(whole._source, await get(_id));
      assert.deepEqual(whole._source.softTenant, ['s']);
      assert.equal(whole._version, 3);
    });

    test('without metadata, of either controller', async () => {
      const { _id } = await newAsset();
      const partial = await client.result({ controller: singular, action: 'update', index: engineId, _id, body: { softTenant: ['a'] } });
      assert.deepEqual(partial._source.softTenant, ['a']);
      assert.equal(partial._source.metadata, undefined);
      const whole = await client.result({ controller, action: 'update', engineId, _id, body: { softTenant: ['b'] } });
      assert.deepEqual(whole._source.softTenant, ['b']);
      assert.equal(whole._source.metadata.height, 20); // the plural controller shows the whole asset
      assert.deepEqual((await historyOf(_id))[0].event, { name: 'metadata', metadata: { names: [] } });
      const error = await client.failure({ controller: singular, action: 'update', index: engineId, _id, body: { nothing: 1 } });
      assert.equal(error.id, 'services.storage.strict_mapping_rejection');
      assert.equal((await client.failure({ controller: singular, action: 'update', index: engineId, _id, body: {} })).message,
        'Missing argument "body.metadata".');
    });

    test('the tenant is engineId, or else index', async () => {
      const { _id } = await newAsset();
      for (const where of [{ index: engineId }, { engineId }, { engineId, index: 'elsewhere' }]) {
        await client.result({ controller: singular, action: 'update', _id, body: { metadata: { weight: 1 } }, ...where });
        await client.result({ controller, action: 'update', _id, body: { metadata: { weight: 1 } }, ...where });
      }
      assert.equal((await client.failure({ controller: singular, action: 'update', _id, body: {} })).message, 'Missing argument "engineId".');
    });

    test('over HTTP the changes only for those who show that they are of 1.x', async () => {
      const { _id } = await newAsset();
      const put = async (query, body) => (await request(server, `/_/device-manager/${engineId}/assets/${_id}`, { method: 'PUT', query, body })).body.result._source;
      assert.equal((await put({}, { metadata: { weight: 1 } })).model, 'Container');
      assert.equal((await put({ retryOnConflict: '3' }, { metadata: { weight: 1 } })).model, undefined);
      assert.equal((await put({ retryOnConflict: '3', source: '' }, { metadata: { weight: 1 } })).model, 'Container');
      assert.equal((await put({}, { softTenant: [] })).model, undefined);
      assert.equal((await put({ source: 'true' }, { softTenant: [] })).model, 'Container');
    });

    test('create, search and delete have their old names too', async () => {
      const { _id } = await client.result({ controller: singular, action: 'create', index: engineId, body: { model: 'Container', reference: 'old' } });
      const { total } = await client.result({ controller: singular, action: 'search', index: engineId, body: { query: { ids: { values: [_id] } } } });
      assert.equal(total, 1);
      await client.result({ controller: singular, action: 'delete', index: engineId, _id });
      assert.equal((await client.failure({ controller: singular, action: 'get', index: engineId, _id })).id, 'api.process.action_not_found');
    });
  });

  describe('upsert', () => {
    test('creates, then updates', async () => {
      const ask = (metadata) => client.result({ controller, action: 'upsert', engineId, body: { model: 'Container', reference: 'up', metadata } });
      const made = await ask({ weight: 1 });
      assert.deepEqual(Object.keys(made).sort(), ['_id', '_source']);
      assert.equal(made._source.metadata.height, 20);
      const changed = await ask({ height: 2 });
      assert.deepEqual(changed._source.metadata, { ...made._source.metadata, height: 2 });
      assert.deepEqual((await historyOf('Container-up')).map(({ event }) => event.metadata.names.length), [1, 6]);
      const { status, body } = await request(server, `/_/device-manager/${engineId}/assets`, {
        method: 'PUT', body: { model: 'Container', reference: 'up', metadata: { height: 3 } },
      });
      assert.equal(status, 200);
      assert.equal(body.result._source.metadata.height, 3);
    });

    test('at once: one creates, the others update', async () => {
      const metadata = Object.keys(container.metadataMappings).filter((key) => ['weight', 'height'].includes(key));
      await Promise.all(Array.from({ length: 10 }, (_, i) => client.result({
        controller, action: 'upsert', engineId, body: { model: 'Container', reference: 'many', metadata: { [metadata[i % 2]]: 5 } },
      })));
      const asset = await get('Container-many');
      assert.equal(asset.metadata.weight, 5);
      assert.equal(asset.metadata.height, 5);
      assert.equal(await versionOf('Container-many'), 10);
    });

    test('refusals', async () => {
      const ask = (more, body) => client.failure({ controller, action: 'upsert', engineId, body: { model: 'Container', reference: 'x', metadata: {}, ...body }, ...more });
      assert.equal((await ask({ engineId: 'nowhere' })).status, 404);
      assert.equal((await ask({}, { metadata: undefined })).message, 'Missing argument "body.metadata".');
      assert.equal((await ask({}, { model: 'Nobody' })).status, 404);
    });
  });

  describe('replaceMetadata', () => {
    test('replaces whole values and drops keys that neither asset nor model has', async () => {
      const { _id } = await newAsset({ trailer: { weight: 1, capacity: 2 } });
      const { _source } = await client.result({
        controller, action: 'replaceMetadata', engineId, _id, body: { metadata: { trailer: { weight: 3 }, unknown: 1 } },
      });
      assert.deepEqual(_source.metadata.trailer, { weight: 3 });
      assert.ok(!('unknown' in _source.metadata));
      assert.equal(_source.metadata.height, 20);
      const { createdAt, updatedAt, ...who } = _source._kuzzle_info;
      assert.deepEqual(who, { author: null, updater: null });
      assert.equal(createdAt, updatedAt);
      const history = await historyOf(_id);
      assert.deepEqual(history[0].event.metadata.names, ['trailer.weight', 'unknown']);
      assert.deepEqual(history[0].asset, _source);
      assertFalling(history.map(({ _kuzzle_info: info }) => info.createdAt));
    });

    test('over HTTP; refusals', async () => {
      const { _id } = await newAsset();
      const path = (id) => `/_/device-manager/${engineId}/assets/${id}/metadata`;
      const { status } = await request(server, path(_id), { method: 'PATCH', body: { metadata: { weight: 2 } } });
      assert.equal(status, 200);
      assert.equal((await request(server, path('nobody'), { method: 'PATCH', body: { metadata: {} } })).status, 404);
      const bad = await request(server, path(_id), { method: 'PATCH', body: { metadata: { weight: 'x' } } });
      assert.equal(bad.body.error.id, 'services.storage.unexpected_bad_request');
    });
  });

  describe('delete', () => {
    const link = (_id, device) => client.result({
      controller: 'document', action: 'update', index: engineId, collection: 'assets', _id,
      body: { linkedDevices: [{ _id: device, measureNames: [] }] },
    });

    test('leaves the history and no entry of its own', async () => {
      const { _id } = await newAsset();
      const answer = await client.ask({ controller, action: 'delete', engineId, _id });
      assert.equal(answer.status, 200);
      assert.ok(!('result' in answer));
      assert.equal((await historyOf(_id)).length, 1);
      assert.equal((await client.failure({ controller, action: 'delete', engineId, _id })).id, 'services.storage.not_found');
    });

    test('unlinks its devices, each with an entry; strict refuses', async () => {
      const { _id } = await newAsset();
      for (const index of ['device-manager', engineId]) {
        await client.result({
          controller: 'document', action: 'create', index, collection: 'devices', _id: 'D-linked',
          body: { model: 'D', reference: 'linked', engineId, assetId: _id },
        });
      }
      await link(_id, 'D-linked');
      const error = await client.failure({ controller, action: 'delete', engineId, _id, strict: true });
      assert.equal(error.status, 400);
      assert.equal(error.message, `Asset "${_id}" is still linked to devices.`);
      const http = await request(server, `/_/device-manager/${engineId}/assets/${_id}`, { method: 'DELETE', query: { strict: 'false' } });
      assert.equal(http.status, 400); // over HTTP a flag is true when it is there
      await client.result({ controller, action: 'delete', engineId, _id, strict: false });
      for (const index of ['device-manager', engineId]) {
        const { _source } = await client.result({ controller: 'document', action: 'get', index, collection: 'devices', _id: 'D-linked' });
        assert.equal(_source.assetId, null);
        assert.equal(_source.engineId, engineId);
      }
      const [entry] = await historyOf(_id);
      assert.deepEqual(entry.event, { name: 'unlink', unlink: { deviceId: 'D-linked' } });
      assert.deepEqual(entry.asset.linkedDevices, []);
    });

    describe('with more devices than one commit frees', () => {
      const count = 400;
      const names = (prefix) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

      const newLinked = async (devices) => {
        const { _id } = await newAsset();
        for (const index of ['device-manager', engineId]) {
          for (let from = 0; from < count; from += 200) {
            await client.result({
              controller: 'document', action: 'mCreate', index, collection: 'devices', strict: true, body: {
                documents: devices.slice(from, from + 200).map((device) => (
                  { _id: device, body: { model: 'D', reference: device, engineId, assetId: _id } })) },
            });
          }
        }
        await client.result({
          controller: 'document', action: 'update', index: engineId, collection: 'assets', _id,
          body: { linkedDevices: devices.map((device) => ({ _id: device, measureNames: [] })) },
        });
        return _id;
      };

      test('frees all of them, in their order, and goes', async () => {
        const devices = names('Many');
        const _id = await newLinked(devices);
        assert.ok(!('result' in await client.ask({ controller, action: 'delete', engineId, _id })));
        assert.equal((await client.failure({ controller, action: 'get', engineId, _id })).status, 404);
        for (const index of ['device-manager', engineId]) {
          for (let from = 0; from < count; from += 200) {
            const { successes } = await client.result({ controller: 'document', action: 'mGet', index, collection: 'devices',
              body: { ids: devices.slice(from, from + 200) } });
            assert.equal(successes.length, 200);
            assert.ok(successes.every(({ _source }) => _source.assetId === null && _source.engineId === engineId));
            assert.deepEqual([...new Set(successes.map(({ _source }) => _source._kuzzle_info.updater))], ['-1']);
          }
        }
        const unlinked = (await historyOf(_id)).filter(({ event }) => event.name === 'unlink');
        assert.deepEqual(unlinked.map(({ event }) => event.unlink.deviceId), devices.toReversed());
        assert.deepEqual(unlinked.map(({ asset }) => asset.linkedDevices.length), devices.map((_, i) => i));
        assertFalling(unlinked.map(({ timestamp }) => timestamp));
      });

      test('leaves another alone that takes its place meanwhile', async () => {
        const _id = await newLinked(names('Other'));
        const linked = async () => (await client.ask({ controller, action: 'get', engineId, _id })).result?._source.linkedDevices.length ?? 0;
        const deleted = client.ask({ controller, action: 'delete', engineId, _id });
        while (await linked() === count);
        await client.result({ controller: 'document', action: 'createOrReplace', index: engineId, collection: 'assets', _id,
          body: { model: 'Container', reference: 'another', linkedDevices: [] } });
        assert.equal((await deleted).error, null);
        assert.equal((await client.result({ controller, action: 'get', engineId, _id }))._source.reference, 'another');
      });
    });

    test('a device that is not there does not keep it', async () => {
      const { _id } = await newAsset();
      await link(_id, 'D-nobody');
      await client.result({ controller, action: 'delete', engineId, _id });
      assert.equal((await client.failure({ controller, action: 'get', engineId, _id })).status, 404);
    });
  });

  describe('get and search', () => {
    test('get', async () => {
      const { _id, _source } = await newAsset();
      const answer = await client.ask({ controller, action: 'get', engineId, _id });
      assert.deepEqual(answer.result, { _id, _source });
      assert.equal(answer.index, engineId);
      const { body } = await request(server, `/_/device-manager/${engineId}/assets/${_id}`);
      assert.deepEqual(body.result, { _id, _source });
      assert.equal((await client.failure({ controller, action: 'get', engineId: 'nowhere', _id })).id, 'services.storage.unknown_index');
      assert.equal((await client.failure({ controller, action: 'get', engineId: 'device-manager', _id })).id, 'services.storage.unknown_collection');
    });

    test('search tells hits, total and fetched', async () => {
      const ids = [];
      for (const weight of [101, 102, 103]) ids.push((await newAsset({ weight }))._id);
      const body = { query: { range: { 'metadata.weight': { gt: 100, lt: 110 } } }, sort: [{ 'metadata.weight': 'desc' }] };
      const answer = await client.ask({ controller, action: 'search', engineId, body, size: 2, from: 1 });
      const { hits, total, fetched } = answer.result;
      assert.equal(total, 3);
      assert.equal(fetched, 2);
      assert.deepEqual(hits.map(({ _id }) => _id), [ids[1], ids[0]]);
      assert.deepEqual(Object.keys(hits[0]).sort(), ['_id', '_score', '_source', 'collection', 'index']);
      assert.equal(hits[0].index, engineId);
      assert.equal(hits[0].collection, 'assets');
      assert.equal(answer.collection, 'assets');
      const { aggregations } = await client.result({
        controller, action: 'search', engineId, body: { ...body, aggregations: { mean: { avg: { field: 'metadata.weight' } } } }, size: 0 });
      assert.deepEqual(aggregations, { mean: { value: 102 } });
      assert.equal('aggregations' in answer.result, false);
      const koncorde = { controller, action: 'search', engineId, lang: 'koncorde', body: { query: { equals: { 'metadata.weight': 102 } } } };
      assert.equal((await client.result(koncorde)).total, 1);
      assert.equal((await client.failure({ ...koncorde, lang: 'elasticsearch' })).id, 'services.storage.unknown_query_keyword');
      assert.equal((await client.failure({ ...koncorde, lang: 'sql' })).id, 'api.assert.invalid_argument');
    });

    test('GET takes its body from searchBody', async () => {
      const { _id } = await newAsset({ weight: 777 });
      const path = `/_/device-manager/${engineId}/assets/_search`;
      const { status, body } = await request(server, path, {
        query: { searchBody: JSON.stringify({ query: { term: { 'metadata.weight': 777 } } }) },
      });
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(body.result.hits.map((hit) => hit._id), [_id]);
      const post = await request(server, path, { method: 'POST', body: { query: { term: { 'metadata.weight': 777 } } } });
      assert.equal(post.body.result.total, 1);
    });
  });

  describe('updateModelLocales', () => {
    test('copies the texts of the model to its assets, languages that were there stay', async () => {
      const { _id } = await newAsset();
      const before = (await historyOf(_id)).length;
      await client.result({
        controller: 'device-manager/models', action: 'writeAsset',
        body: { ...container, locales: { fr: { friendlyName: 'Conteneur', description: 'Une boîte' } } },
      });
      const entries = (await historyOf(_id)).length;
      assert.equal(entries, before + 1); // of the model's propagation
      const result = await client.result({ controller, action: 'updateModelLocales', model: 'Container' });
      const { engineIndex, result: { errors, successes } } = result.find((item) => item.engineIndex === engineId);
      assert.equal(engineIndex, engineId);
      assert.deepEqual(errors, []);
      const mine = successes.find((item) => item._id === _id);
      assert.equal(mine.status, 200);
      assert.equal(mine._version, await versionOf(_id));
      assert.deepEqual((await get(_id)).modelLocales, { ...container.locales, fr: { friendlyName: 'Conteneur', description: 'Une boîte' } });
      assert.equal((await historyOf(_id)).length, entries);
      const error = await client.failure({ controller, action: 'updateModelLocales', model: 'Nobody' });
      assert.equal(error.status, 500);
      assert.equal(error.message, "cannot set an error as a request's response");
    });

    test('reaches every asset once, more than fit into one commit or page, in all tenants', async () => {
      const index = 'tenant-many';
      await client.result({ controller: 'device-manager/engine', action: 'create', index });
      const locales = { en: { friendlyName: 'Many', description: 'Of them' } };
      await client.result({
        controller: 'device-manager/models', action: 'writeAsset',
        body: { engineGroup: 'commons', model: 'Many', metadataMappings: { n: { type: 'integer' } } },
      });
      const ids = Array.from({ length: 700 }, (_, i) => `Many-${i}`).sort();
      const documents = [
        ...ids.map((_id) => ({ _id, body: { model: 'Many', reference: _id, modelLocales: { de: { friendlyName: 'Viele' } } } })),
        ...ids.map((_id) => ({ _id: `x${_id}`, body: { model: 'Other', reference: _id } })),
      ];
      for (let i = 0; i < documents.length; i += 200) {
        await client.result({
          controller: 'bulk', action: 'mWrite', index, collection: 'assets', body: { documents: documents.slice(i, i + 200) },
        });
      }
      await client.result({
        controller: 'device-manager/models', action: 'writeAsset',
        body: { engineGroup: 'commons', model: 'Many', metadataMappings: { n: { type: 'integer' } }, locales },
      });
      const result = await client.result({ controller, action: 'updateModelLocales', model: 'Many' });
      assert.deepEqual(result.map(({ engineIndex }) => engineIndex), [engineId, index]);
      assert.deepEqual(result[0].result, { errors: [], successes: [] });
      assert.deepEqual(result[1].result.successes.map(({ _id }) => _id).sort(), ids);
      assert.ok(result[1].result.successes.every(({ _version, status }) => _version === 3 && status === 200));
      const { hits } = await client.result({ controller: 'document', action: 'search', index, collection: 'assets', size: 1400, body: {} });
      for (const { _id, _source } of hits) {
        const expected = _source.model === 'Many' ? { de: { friendlyName: 'Viele' }, ...locales } : undefined;
        assert.deepEqual(_source.modelLocales, expected, _id);
      }
    });
  });
});

describe('events', () => {
  test('a plugin enriches the metadata before, and stores a trace after', async () => {
    const other = await startServer({
      config: {
        kdm: { plugins: [enrich] },
        plugins: { enrich: { member: 'tags', value: 'plugin', index: 'traces', collection: 'edits' } },
      },
    });
    const to = await connectRaw(other);
    await prepare(to);
    await to.result({ controller: 'index', action: 'create', index: 'traces' });
    await to.result({ controller: 'collection', action: 'create', index: 'traces', collection: 'edits' });
    const { _id } = await newAsset({}, to);
    const { _source } = await update(_id, { weight: 4 }, to);
    assert.equal(_source.metadata.weight, 4);
    assert.equal(_source.metadata.tags, 'plugin');
    assert.deepEqual((await historyOf(_id, to))[0].event.metadata.names, ['weight', 'tags']);
    const partial = await to.result({ controller: singular, action: 'update', index: engineId, _id, body: { softTenant: ['x'] } });
    assert.deepEqual(partial._source.metadata, { tags: 'plugin' });
    assert.deepEqual(partial._source.softTenant, ['x']);
    const { hits } = await to.result({ controller: 'document', action: 'search', index: 'traces', collection: 'edits', body: {} });
    assert.equal(hits.length, 2);
    assert.equal(hits[0]._source.assetId, _id);
    assert.deepEqual(hits[0]._source.metadata, { weight: 4, tags: 'plugin' });
    await to.close();
    await other.stop();
  });
});

describe('200 updates of one asset at once, each with a key of its own', () => {
  const keys = Array.from({ length: 200 }, (_, i) => `key${i}`);
  const wide = { engineGroup: 'commons', model: 'Wide', metadataMappings: Object.fromEntries(keys.map((key) => [key, { type: 'integer' }])) };

  /** Over `connections` connections, spread over the servers. */
  async function run(servers, connections) {
    const clients = await Promise.all(Array.from({ length: connections }, (_, i) => connectRaw(servers[i % servers.length])));
    await clients[0].result({ controller: 'device-manager/engine', action: 'create', index: engineId });
    await clients[0].result({ controller: 'device-manager/models', action: 'writeAsset', body: wide });
    await clients[0].result({ controller, action: 'create', engineId, body: { model: 'Wide', reference: '1' } });
    const answers = await Promise.all(keys.map((key, i) => clients[i % connections].ask({
      controller, action: 'update', engineId, _id: 'Wide-1', body: { metadata: { [key]: i } },
    }, 30000)));
    for (const { status, error } of answers) assert.equal(status, 200, JSON.stringify(error));
    assert.deepEqual(answers.map(({ result }) => result._version).sort((a, b) => a - b), keys.map((_, i) => i + 2));
    const { _source, _version } = await clients[0].result({
      controller: 'document', action: 'get', index: engineId, collection: 'assets', _id: 'Wide-1',
    });
    assert.deepEqual(_source.metadata, Object.fromEntries(keys.map((key, i) => [key, i])));
    assert.equal(_version, 201);
    const history = await historyOf('Wide-1', clients[0]);
    assert.equal(history.length, 201);
    assertFalling(history.map(({ _kuzzle_info: { createdAt } }) => createdAt));
    // The history is the order in which they happened: each entry has one key more than the one before.
    const counts = history.map(({ asset }) => Object.values(asset.metadata).filter((value) => value !== null).length);
    assert.deepEqual(counts, history.map((_, i) => 200 - i));
    await Promise.all(clients.map((one) => one.close()));
  }

  test('on one node', async () => {
    const node = await startServer();
    await run([node], 40);
    await node.stop();
  });

  test('on two nodes that share a Redis', async () => {
    const nodes = await startNodes(2);
    await run(nodes.servers, 40);
    await nodes.stop();
  });
});
