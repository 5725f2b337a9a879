// models.test.mjs - models of assets, devices, groups and measures, and what follows from writing them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { connectSdk } from './lib/sdk.mjs';
import { until } from './lib/process.mjs';
import { startNodes, startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const controller = 'device-manager/models';
const integer = { type: 'integer' };
const keyword = { type: 'keyword' };
let server;
let client;
let serial = 0;

/** A name that no other test has. */
const newName = (begin = 'Model') => `${begin}N${serial++}`;

const write = (body, to = client) => to.result({ controller, action: 'writeAsset', body: { engineGroup: 'commons', ...body } });
const refuse = (body) => client.failure({ controller, action: 'writeAsset', body: { engineGroup: 'commons', ...body } });
const mappingOf = (index, collection, to = client) =>
  to.result({ controller: 'collection', action: 'getMapping', index, collection });
const createAsset = (engineId, model, reference, metadata = {}, to = client) =>
  to.result({ controller: 'device-manager/assets', action: 'create', engineId, body: { model, reference, metadata } });
const getAsset = async (engineId, _id, to = client) =>
  (await to.result({ controller: 'device-manager/assets', action: 'get', engineId, _id }))._source;

async function historyOf(index, id, to = client) {
  const { hits } = await to.result({
    controller: 'document', action: 'search', index, collection: 'assets-history', size: 1000,
    body: { query: { term: { id } }, sort: { '_kuzzle_info.createdAt': 'asc' } },
  });
  return hits.map(({ _source }) => _source);
}

describe('models', () => {
  before(async () => {
    server = await startServer();
    client = await connectRaw(server);
    await client.result({ controller: 'device-manager/engine', action: 'create', index: 'tenant' });
    await client.result({ controller: 'device-manager/engine', action: 'create', index: 'tenant-air', group: 'air' });
  });

  after(async () => {
    await client.close();
    await server.stop();
  });

  test('what is no measure of a model is told by its place', async () => {
    for (const [measures, place, expected] of [
      [['x'], 'measures[0]', 'object'], [[null], 'measures[0]', 'object'], [[[1]], 'measures[0]', 'object'],
      [[{ name: 'a', type: 5 }], 'measures[0].type', 'string'],
    ]) {
      for (const action of ['writeAsset', 'writeDevice']) {
        const body = { engineGroup: 'commons', model: newName(), metadataMappings: {}, measures };
        const error = await client.failure({ controller, action, body });
        assert.deepEqual([error.status, error.id, ...error.props], [400, 'api.assert.invalid_type', place, expected]);
      }
    }
  });

  describe('writeAsset, as its page says', () => {
    const body = (model) => ({
      engineGroup: 'commons',
      model,
      metadataMappings: { weightOfPage: integer, companyOfPage: { properties: { name: keyword } } },
      defaultValues: { weightOfPage: 20, 'companyOfPage.name': 'Firebird' },
      metadataDetails: { weightOfPage: { group: 'sizes', locales: { en: { friendlyName: 'Weight', description: '' } } } },
      metadataGroups: { sizes: { locales: { en: { groupFriendlyName: 'Sizes', description: '' } } } },
      measures: [{ name: 'temperatureExt', type: 'temperature' }],
    });

    for (const asked of ['device-manager/assets', 'device-manager/models']) {
      test(`asked of ${asked}`, async () => {
        const model = newName();
        const answer = await client.ask({ controller: asked, action: 'writeAsset', body: body(model) });
        assert.equal(answer.status, 200, JSON.stringify(answer));
        assert.equal(answer.controller, 'device-manager/models');
        assert.equal(answer.action, 'writeAsset');
        const { _id, _source, _version, created } = answer.result;
        assert.equal(_id, `model-asset-${model}`);
        assert.equal(_version, 1);
        assert.equal(created, true);
        const { defaultValues, engineGroup, ...rest } = body(model);
        assert.equal(_source.type, 'asset');
        assert.equal(_source.engineGroup, engineGroup);
        assert.deepEqual(_source.asset, { ...rest, defaultMetadata: defaultValues, tooltipModels: {}, locales: {} });
        const { createdAt, updatedAt, ...who } = _source._kuzzle_info;
        assert.deepEqual(who, { author: null, updater: null });
        assert.equal(createdAt, updatedAt);
      });
    }

    test('over HTTP and with the SDK', async () => {
      const model = newName();
      const { status, body: answer } = await request(server, '/_/device-manager/models/assets', {
        method: 'POST', body: body(model),
      });
      assert.equal(status, 200, JSON.stringify(answer));
      assert.equal(answer.controller, 'device-manager/models');
      assert.equal(answer.result._id, `model-asset-${model}`);
      const kuzzle = await connectSdk(server);
      const { result } = await kuzzle.query({
        controller: 'device-manager/assets', action: 'writeAsset', body: { ...body(model), locales: { en: {} } },
      });
      assert.equal(result._version, 2);
      assert.equal(result.created, false);
      kuzzle.disconnect();
    });

    test('a conflict is a 409 that says what, and nothing is written', async () => {
      const model = newName();
      await write({ model, metadataMappings: { conflictSize: integer } });
      const error = await refuse({ model, metadataMappings: { conflictSize: keyword } });
      assert.equal(error.status, 409);
      assert.equal(error.message, 'New assets mappings are causing conflicts');
      assert.equal(error.id, undefined);
      assert.deepEqual(error.chunks, [{
        conflicts: [{ currentType: 'integer', newType: 'keyword', path: 'asset.metadataMappings.conflictSize.type' }],
        modelType: 'asset', newModel: model, sourceModel: model,
      }]);
      const { _source } = await client.result({ controller, action: 'getAsset', model });
      assert.deepEqual(_source.asset.metadataMappings, { conflictSize: integer });
    });
  });

  describe('checks', () => {
    test('names are PascalCase', async () => {
      for (const [action, kind, more] of [
        ['writeAsset', 'Asset', { engineGroup: 'commons' }], ['writeDevice', 'Device', { measures: [] }],
        ['writeGroup', 'Group', { engineGroup: 'commons' }],
      ]) {
        const error = await client.failure({ controller, action, body: { model: 'plane', ...more } });
        assert.equal(error.status, 400);
        assert.equal(error.message, `${kind} model "plane" must be PascalCase.`);
      }
    });

    test('measure names stand once', async () => {
      const measures = [{ name: 'a', type: 'temperature' }, { name: 'a', type: 'humidity' }];
      const error = await refuse({ model: newName(), measures });
      assert.equal(error.status, 400);
      assert.equal(error.message, 'Asset model measures contain one or multiple duplicate measure name');
      assert.deepEqual(error.duplicates, ['a']);
      const device = await client.failure({ controller, action: 'writeDevice', body: { model: newName(), measures } });
      assert.match(device.message, /^Device model measures contain/);
    });

    test('defaults are mapped', async () => {
      const error = await refuse({ model: newName(), metadataMappings: { a: integer }, defaultValues: { b: { c: 1 } } });
      assert.equal(error.status, 400);
      assert.equal(error.message, 'The default value "b.c" is not in the metadata mappings.');
    });

    test('measure types exist', async () => {
      const model = newName();
      const measures = [{ name: 'a', type: 'nothing' }];
      const error = await refuse({ model, measures });
      assert.equal(error.status, 500);
      assert.equal(error.message, `Cannot find measure "nothing" declared in asset "${model}"`);
      assert.equal((await refuse({ model, measures: [{ name: 'a' }] })).message,
        `Cannot find measure "undefined" declared in asset "${model}"`);
      const device = await client.failure({ controller, action: 'writeDevice', body: { model, measures } });
      assert.match(device.message, /declared in device/);
    });

    test('arguments are there, and of their types', async () => {
      const missing = await client.failure({ controller, action: 'writeAsset', body: { model: 'A' } });
      assert.equal(missing.id, 'api.assert.missing_argument');
      assert.equal(missing.message, 'Missing argument "body.engineGroup".');
      assert.equal((await client.failure({ controller, action: 'writeAsset' })).id, 'api.assert.body_required');
      assert.equal((await refuse({ model: 7 })).id, 'api.assert.invalid_type');
      assert.equal((await refuse({ model: 'A', metadataMappings: [] })).id, 'api.assert.invalid_type');
      assert.equal((await client.failure({ controller, action: 'writeDevice', body: { model: 'A' } })).message,
        'Missing argument "body.measures".');
    });

    test('what no mapping could hold is refused quickly', async () => {
      const many = (count, make) => Array.from({ length: count }, (_, i) => make(i));
      const fields = Object.fromEntries(many(20000, (i) => [`f${i}`, integer]));
      const begin = Date.now();
      for (const body of [
        { metadataMappings: fields },
        { metadataMappings: Object.fromEntries(many(6000, (i) => [`g${i}`, integer])) },
        { measures: many(20000, (i) => ({ name: `m${i}`, type: 'temperature' })) },
        { metadataMappings: { where: { type: 'geo_point' } }, defaultValues: Object.fromEntries(many(300, (i) => [`where.x${i}`, 1])) },
      ]) {
        const { status } = await refuse({ model: 'TooMuch', ...body });
        assert.ok(status === 400 || status === 500, `${status}`);
      }
      assert.ok(Date.now() - begin < 10000, `${Date.now() - begin} ms`);
    });

    test('a huge document that a client puts among the models does no harm', async () => {
      const put = { controller: 'document', action: 'createOrReplace', index: 'device-manager', collection: 'models' };
      const body = {
        type: 'asset', engineGroup: 'commons',
        asset: { model: 'Huge', metadataMappings: Object.fromEntries(Array.from({ length: 30000 }, (_, i) => [`h${i}`, integer])) },
      };
      await client.result({ ...put, _id: 'model-asset-Huge', body });
      await write({ model: newName() });
      await client.result({ controller: 'device-manager/engine', action: 'update', index: 'tenant' });
      await client.result({ controller, action: 'deleteAsset', _id: 'model-asset-Huge' });
    });

    test('measures hold nothing but name and type', async () => {
      const error = await refuse({ model: newName(), measures: [{ name: 'a', type: 'temperature', more: 1 }] });
      assert.equal(error.id, 'services.storage.strict_mapping_rejection');
    });

    test('defaultMetadata stands for defaultValues', async () => {
      const model = newName();
      const { _source } = await write({ model, metadataMappings: { ofSynonym: integer }, defaultMetadata: { ofSynonym: 4 } });
      assert.deepEqual(_source.asset.defaultMetadata, { ofSynonym: 4 });
    });

    test('a mapping that no tenant takes is refused before anything is written', async () => {
      const model = newName();
      const error = await refuse({ model, metadataMappings: { odd: { type: 'colour' } } });
      assert.equal(error.status, 500);
      assert.match(error.message, /^Failed to create the collection \[assets\] for engine \[tenant/);
      assert.equal((await client.failure({ controller, action: 'getAsset', model })).status, 404);
    });

    test('a type that a deleted model left behind in a tenant refuses, and nothing is written', async () => {
      const [first, second] = [newName(), newName()];
      await write({ model: first, metadataMappings: { leftBehind: integer } });
      await client.result({ controller, action: 'deleteAsset', _id: `model-asset-${first}` });
      const error = await refuse({ model: second, metadataMappings: { leftBehind: keyword } });
      assert.equal(error.status, 500);
      assert.match(error.message, /leftBehind/);
      assert.equal((await client.failure({ controller, action: 'getAsset', model: second })).status, 404);
    });

    test('of two models in conflict that are written at once one is stored', async () => {
      const answers = await Promise.all([integer, keyword, { type: 'date' }].map((type) => client.ask({
        controller, action: 'writeAsset',
        body: { engineGroup: 'commons', model: newName(), metadataMappings: { atOnce: type } },
      })));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409]);
    });
  });

  describe('writeMeasure', () => {
    test('stores the type, with an empty schema when there is none', async () => {
      const type = newName('measure');
      const { _id, _source } = await client.result({
        controller, action: 'writeMeasure', body: { type, valuesMappings: { [`${type}Value`]: { type: 'float' } } },
      });
      assert.equal(_id, `model-measure-${type}`);
      assert.deepEqual(_source.measure, {
        type, valuesMappings: { [`${type}Value`]: { type: 'float' } }, validationSchema: {}, valuesDetails: {}, locales: {},
      });
      const { properties } = await mappingOf('tenant', 'measures');
      assert.deepEqual(properties.values.properties[`${type}Value`], { type: 'float' });
    });

    test('refuses what is no schema', async () => {
      const error = await client.failure({
        controller, action: 'writeMeasure',
        body: { type: 'odd', valuesMappings: {}, validationSchema: { properties: { a: { type: 'text' } } } },
      });
      assert.equal(error.status, 400);
      assert.equal(error.message, 'Provided schema is not valid');
      assert.equal(error.schemaErrors[0].instancePath, '/properties/a/type');
    });

    test('tells conflicts with the text of assets', async () => {
      const error = await client.failure({
        controller, action: 'writeMeasure', body: { type: 'heat', valuesMappings: { temperature: integer } },
      });
      assert.equal(error.status, 409);
      assert.equal(error.message, 'New assets mappings are causing conflicts');
      assert.equal(error.chunks[0].conflicts[0].path, 'measure.valuesMappings.temperature.type');
      assert.equal(error.chunks[0].modelType, 'measure');
    });

    test('a slot has the values of its type in every tenant', async () => {
      const type = newName('measure');
      const model = newName();
      await client.result({ controller, action: 'writeMeasure', body: { type, valuesMappings: { [type]: integer } } });
      await write({ model, measures: [{ name: `${type}Slot`, type }] });
      const { properties } = await mappingOf('tenant', 'assets');
      assert.deepEqual(properties.measures.properties[`${type}Slot`].properties.values.properties[type], integer);
      const history = await mappingOf('tenant', 'assets-history');
      assert.ok(history.properties.asset.properties.measures.properties[`${type}Slot`]);
    });
  });

  describe('mappings of tenants', () => {
    test('follow the models of their group and of commons', async () => {
      const [common, air] = [newName('common'), newName('air')];
      await write({ model: newName(), metadataMappings: { [common]: integer } });
      await write({ model: newName(), engineGroup: 'air', metadataMappings: { [air]: keyword } });
      const [tenant, tenantAir] = await Promise.all(['tenant', 'tenant-air'].map((index) => mappingOf(index, 'assets')));
      assert.deepEqual(tenant.properties.metadata.properties[common], integer);
      assert.equal(tenant.properties.metadata.properties[air], undefined);
      assert.deepEqual(tenantAir.properties.metadata.properties[common], integer);
      assert.deepEqual(tenantAir.properties.metadata.properties[air], keyword);
    });

    test('device models shape devices of tenants and platform, group models all groups', async () => {
      const name = newName('shared');
      await client.result({
        controller, action: 'writeDevice',
        body: { model: newName(), metadataMappings: { [name]: keyword }, measures: [{ name: `${name}Slot`, type: 'battery' }] },
      });
      await client.result({
        controller, action: 'writeGroup',
        body: { model: newName(), engineGroup: 'nobody', metadataMappings: { [name]: { type: 'geo_point' } } },
      });
      for (const index of ['device-manager', 'tenant', 'tenant-air']) {
        const { properties } = await mappingOf(index, 'devices');
        assert.deepEqual(properties.metadata.properties[name], keyword);
        assert.ok(properties.measures.properties[`${name}Slot`].properties.values.properties.battery);
      }
      const { properties } = await mappingOf('tenant', 'assets-groups');
      assert.deepEqual(properties.metadata.properties[name], { type: 'geo_point' });
    });

    test('a tenant that is made later has them too', async () => {
      const name = newName('later');
      await write({ model: newName(), metadataMappings: { [name]: integer } });
      await client.result({ controller: 'device-manager/engine', action: 'create', index: 'tenant-later' });
      const { properties } = await mappingOf('tenant-later', 'assets');
      assert.deepEqual(properties.metadata.properties[name], integer);
      await client.result({ controller: 'device-manager/engine', action: 'delete', index: 'tenant-later' });
    });
  });

  describe('updateAsset', () => {
    test('merges, by the caller, and tells the whole document', async () => {
      const model = newName();
      const [old, more] = [newName('old'), newName('more')];
      await write({
        model, metadataMappings: { [old]: integer }, defaultValues: { [old]: 1 },
        measures: [{ name: 'one', type: 'temperature' }],
        tooltipModels: { key: { tooltipLabel: 'x', content: [] } }, locales: { en: { friendlyName: 'A' } },
      });
      for (const asked of ['device-manager/models', 'device-manager/assets']) {
        const { result, index, collection } = await client.ask({
          controller: asked, action: 'updateAsset', engineGroup: 'commons', model,
          body: { metadataMappings: { [more]: keyword }, defaultValues: { [more]: 'x' }, locales: { fr: { friendlyName: 'B' } } },
        });
        assert.equal(result._id, `model-asset-${model}`);
        assert.equal(index, 'device-manager');
        assert.equal(collection, 'models');
        assert.deepEqual(result._source.asset.metadataMappings, { [old]: integer, [more]: keyword });
        assert.deepEqual(result._source.asset.defaultMetadata, { [old]: 1, [more]: 'x' });
        assert.deepEqual(result._source.asset.locales, { en: { friendlyName: 'A' }, fr: { friendlyName: 'B' } });
        assert.deepEqual(result._source.asset.measures, [{ name: 'one', type: 'temperature' }]);
        assert.deepEqual(result._source.asset.tooltipModels, {});
        assert.equal(result._source._kuzzle_info.updater, '-1');
        assert.equal(result._source._kuzzle_info.author, null);
        assert.equal(typeof result._version, 'number');
      }
    });

    test('over HTTP with PATCH and with the documented PUT; no body is fine', async () => {
      const model = newName();
      await write({ model });
      for (const method of ['PATCH', 'PUT']) {
        const { status, body } = await request(server, `/_/device-manager/models/assets/${model}`, {
          method, query: { engineGroup: 'commons' }, body: {},
        });
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(body.action, 'updateAsset');
      }
      await client.result({ controller, action: 'updateAsset', engineGroup: 'commons', model });
    });

    test('cannot take keys away, writeAsset can', async () => {
      const model = newName();
      const [stays, goes] = [newName('stays'), newName('goes')];
      await write({ model, metadataMappings: { [stays]: integer, [goes]: integer } });
      const updated = await client.result({
        controller, action: 'updateAsset', engineGroup: 'commons', model, body: { metadataMappings: { [stays]: integer } },
      });
      assert.deepEqual(Object.keys(updated._source.asset.metadataMappings), [stays, goes]);
      const written = await write({ model, metadataMappings: { [stays]: integer } });
      assert.deepEqual(Object.keys(written._source.asset.metadataMappings), [stays]);
      const { properties } = await mappingOf('tenant', 'assets');
      assert.deepEqual(properties.metadata.properties[goes], integer); // mappings only grow
    });

    test('a list of measures replaces the stored one', async () => {
      const model = newName();
      await write({ model, measures: [{ name: 'one', type: 'temperature' }] });
      const { _source } = await client.result({
        controller, action: 'updateAsset', engineGroup: 'commons', model, body: { measures: [{ name: 'two', type: 'battery' }] },
      });
      assert.deepEqual(_source.asset.measures, [{ name: 'two', type: 'battery' }]);
    });

    test('refusals: unknown model, conflict with another text, defaults of its own body', async () => {
      const model = newName();
      const name = newName('kept');
      await write({ model, metadataMappings: { [name]: integer }, tooltipModels: { key: { tooltipLabel: 'x' } } });
      const ask = { controller, action: 'updateAsset', engineGroup: 'commons', model };
      const unknown = await client.failure({ ...ask, model: 'Nobody' });
      assert.equal(unknown.status, 404);
      assert.equal(unknown.message, 'Unknown Asset model "Nobody".');
      const conflict = await client.failure({ ...ask, body: { metadataMappings: { [name]: keyword } } });
      assert.equal(conflict.status, 409);
      assert.equal(conflict.message, 'Assets mappings are causing conflicts');
      assert.equal((await client.failure({ ...ask, body: { defaultValues: { nothing: 1 } } })).status, 400);
      const { _source } = await client.result({ controller, action: 'getAsset', model });
      assert.deepEqual(_source.asset.tooltipModels, { key: { tooltipLabel: 'x' } }); // a refusal changes nothing
    });
  });

  describe('reading', () => {
    const found = [];

    before(async () => {
      for (const [group, model] of [['commons', 'ReadB'], ['commons', 'ReadA'], ['air', 'ReadC']]) {
        await write({ model, engineGroup: group });
        found.push(model);
      }
      await client.result({ controller, action: 'writeDevice', body: { model: 'ReadDevice', measures: [] } });
      await client.result({ controller, action: 'writeGroup', body: { model: 'ReadGroup', engineGroup: 'air' } });
    });

    test('get tells a hit', async () => {
      const hit = await client.result({ controller, action: 'getAsset', model: 'ReadA' });
      assert.deepEqual(Object.keys(hit).sort(), ['_id', '_score', '_source', 'collection', 'index']);
      assert.equal(hit._id, 'model-asset-ReadA');
      assert.equal(hit.index, 'device-manager');
      assert.equal(hit.collection, 'models');
      assert.equal((await client.result({ controller, action: 'getDevice', model: 'ReadDevice' }))._source.type, 'device');
      assert.equal((await client.result({ controller, action: 'getGroup', model: 'ReadGroup' }))._source.engineGroup, 'air');
      assert.equal((await client.result({ controller, action: 'getMeasure', type: 'battery' }))._id, 'model-measure-battery');
    });

    test('get knows groups, and what there is not', async () => {
      assert.equal((await client.result({ controller, action: 'getAsset', model: 'ReadC', engineGroup: 'air' }))._id,
        'model-asset-ReadC');
      assert.equal((await client.result({ controller, action: 'getAsset', model: 'ReadA', engineGroup: 'air' }))._id,
        'model-asset-ReadA');
      for (const [ask, message] of [
        [{ action: 'getAsset', model: 'ReadC' }, 'Unknown Asset model "ReadC".'],
        [{ action: 'getDevice', model: 'ReadA' }, 'Unknown Device model "ReadA".'],
        [{ action: 'getGroup', model: 'No' }, 'Unknown Group model "No".'],
        [{ action: 'getMeasure', type: 'no' }, 'Unknown Measure type "no".'],
      ]) {
        const error = await client.failure({ controller, ...ask });
        assert.equal(error.status, 404);
        assert.equal(error.message, message);
        assert.equal(error.id, undefined);
      }
    });

    test('over HTTP: one by its singular name, many by the plural', async () => {
      for (const [path, count] of [
        ['asset/ReadA', 0], ['device/ReadDevice', 0], ['group/ReadGroup', 0], ['measure/position', 0],
        ['assets?engineGroup=air', 3], ['devices', 1], ['groups?engineGroup=air', 1], ['measures', 5],
      ]) {
        const { status, body } = await request(server, `/_/device-manager/models/${path}`);
        assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`);
        assert.equal(body.controller, controller);
        if (count === 0) assert.equal(body.result.collection, 'models');
        else assert.ok(body.result.models.length >= count, path);
      }
    });

    test('lists are sorted, of the group and of commons', async () => {
      const names = async (engineGroup) => {
        const { models, total } = await client.result({ controller, action: 'listAssets', engineGroup });
        assert.equal(total, models.length);
        return models.map(({ _source }) => _source.asset.model);
      };
      const [commons, air] = [await names('commons'), await names('air')];
      assert.deepEqual(commons, [...commons].sort());
      assert.deepEqual(commons.filter((name) => name.startsWith('Read')), ['ReadA', 'ReadB']);
      assert.deepEqual(air.filter((name) => name.startsWith('Read')), ['ReadA', 'ReadB', 'ReadC']);
      const groups = await client.result({ controller, action: 'listGroups', engineGroup: 'commons' });
      assert.ok(!groups.models.some(({ _source }) => _source.group.model === 'ReadGroup'));
      assert.ok((await client.result({ controller, action: 'listDevices' })).models.some(({ _id }) => _id === 'model-device-ReadDevice'));
      assert.equal((await client.failure({ controller, action: 'listAssets' })).message, 'Missing argument "engineGroup".');
    });

    test('search is a query besides kind and group', async () => {
      const result = await client.result({
        controller, action: 'searchAssets', engineGroup: 'commons',
        body: { query: { prefix: { 'asset.model': 'Read' } }, sort: { 'asset.model': 'desc' } }, size: 1,
      });
      assert.equal(result.total, 2);
      assert.equal(result.fetched, 1);
      assert.equal(result.hits[0]._source.asset.model, 'ReadB');
      const { hits } = await client.result({ controller, action: 'searchMeasures', body: { query: { match_all: {} } }, size: 3, from: 1 });
      assert.equal(hits.length, 3);
      const { status, body } = await request(server, '/_/device-manager/models/devices/_search', {
        method: 'POST', body: { query: { term: { 'device.model': 'ReadDevice' } } },
      });
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.result.total, 1);
      const { aggregations, fetched } = await client.result({
        controller, action: 'searchAssets', engineGroup: 'commons', size: 0,
        body: { query: { prefix: { 'asset.model': 'Read' } }, aggs: { names: { terms: { field: 'asset.model' } } } },
      });
      assert.deepEqual(aggregations.names.buckets.map(({ key, doc_count: n }) => [key, n]), [['ReadA', 1], ['ReadB', 1]]);
      assert.equal(fetched, 0);
      const error = await client.failure({ controller, action: 'searchGroups', engineGroup: 'air', body: { query: { equals: { a: 1 } } } });
      assert.equal(error.id, 'services.storage.unknown_query_keyword'); // Koncorde is not understood here
    });

    test('delete takes any model\'s id once', async () => {
      await write({ model: 'ReadGone' });
      const answer = await client.ask({ controller, action: 'deleteDevice', _id: 'model-asset-ReadGone' });
      assert.equal(answer.status, 200);
      assert.ok(!('result' in answer));
      const error = await client.failure({ controller, action: 'deleteAsset', _id: 'model-asset-ReadGone' });
      assert.equal(error.id, 'services.storage.not_found');
      assert.equal(error.message, 'Document "model-asset-ReadGone" not found in "device-manager":"models".');
      const http = await request(server, '/_/device-manager/models/measure/no', { method: 'DELETE' });
      assert.equal(http.status, 404);
    });
  });

  describe('propagation to existing assets', () => {
    test('reaches all of them, in all tenants of the group, with one history entry each', async () => {
      const model = newName();
      const [kept, fresh, dropped] = [newName('kept'), newName('fresh'), newName('dropped')];
      await write({ model, metadataMappings: { [kept]: integer, [dropped]: integer } });
      for (let i = 0; i < 25; i++) await createAsset('tenant', model, `${i}`, { [kept]: i, [dropped]: i });
      await createAsset('tenant-air', model, 'air', { [kept]: null });
      await write({
        model, metadataMappings: { [kept]: integer, [fresh]: keyword }, defaultValues: { [kept]: 7, [fresh]: 'new' },
      });
      for (let i = 0; i < 25; i++) {
        const asset = await getAsset('tenant', `${model}-${i}`);
        assert.deepEqual(asset.metadata, { [kept]: i, [fresh]: 'new' });
        const history = await historyOf('tenant', `${model}-${i}`);
        assert.equal(history.length, 2);
        assert.deepEqual(history[1].event, { name: 'metadata', metadata: { names: [kept, fresh] } });
        assert.deepEqual(history[1].asset, asset);
        assert.equal(history[1]._kuzzle_info.author, null);
      }
      assert.deepEqual((await getAsset('tenant-air', `${model}-air`)).metadata, { [kept]: null, [fresh]: 'new' });
    });

    test('a model of a group leaves assets of other groups alone', async () => {
      const model = newName();
      const name = newName('grouped');
      await write({ model, engineGroup: 'commons', metadataMappings: { [name]: integer } });
      await createAsset('tenant', model, '1');
      await createAsset('tenant-air', model, '1');
      await write({ model, engineGroup: 'air', metadataMappings: { [`${name}B`]: integer } });
      assert.deepEqual((await getAsset('tenant', `${model}-1`)).metadata, { [name]: null });
      assert.deepEqual((await getAsset('tenant-air', `${model}-1`)).metadata, { [`${name}B`]: null });
    });

    test('more than fit into one commit, while they are being updated', async () => {
      const model = newName();
      const [counted, fresh] = [newName('counted'), newName('fresh')];
      await write({ model, metadataMappings: { [counted]: integer } });
      const ids = Array.from({ length: 450 }, (_, i) => `${i}`);
      await Promise.all(ids.map((reference) => createAsset('tenant', model, reference, { [counted]: 0 })));
      const updates = ids.slice(0, 60).map((reference) => client.result({
        controller: 'device-manager/assets', action: 'update', engineId: 'tenant', _id: `${model}-${reference}`,
        body: { metadata: { [counted]: 1 } },
      }));
      await Promise.all([...updates, write({
        model, metadataMappings: { [counted]: integer, [fresh]: integer }, defaultValues: { [fresh]: 5 },
      })]);
      for (const reference of ids) {
        const { metadata } = await getAsset('tenant', `${model}-${reference}`);
        assert.deepEqual(metadata, { [counted]: Number(reference) < 60 ? 1 : 0, [fresh]: 5 });
      }
      const { count } = await client.result({
        controller: 'document', action: 'count', index: 'tenant', collection: 'assets-history',
        body: { query: { term: { 'asset.model': model } } },
      });
      assert.equal(count, 450 + 60 + 450);
    });

    test('is finished by another node when the one that began it dies', async () => {
      const nodes = await startNodes(2);
      const [one, two] = await Promise.all(nodes.servers.map((node) => connectRaw(node)));
      await one.result({ controller: 'device-manager/engine', action: 'create', index: 'tenant' });
      await write({ model: 'Survivor', metadataMappings: { a: integer } }, one);
      const many = 2000; // several commits
      const ids = Array.from({ length: many }, (_, i) => `${i}`);
      await Promise.all(ids.map((reference) => createAsset('tenant', 'Survivor', reference, {}, one)));
      const answer = write({ model: 'Survivor', metadataMappings: { a: integer, b: integer }, defaultValues: { b: 1 } }, one);
      answer.catch(() => {}); // it dies
      const followed = async () => (await two.result({
        controller: 'document', action: 'count', index: 'tenant', collection: 'assets', body: { query: { term: { 'metadata.b': 1 } } },
      })).count;
      await until('some have followed', followed);
      await nodes.servers[0].kill();
      const then = await followed();
      assert.ok(then < many, `all ${then} had followed before the node died`);
      await until('all have followed', async () => await followed() === many, 40000);
      const { count } = await two.result({
        controller: 'document', action: 'count', index: 'tenant', collection: 'assets-history', body: {},
      });
      assert.equal(count, 2 * many); // one entry for each creation, one for each that followed
      await two.close();
      await nodes.stop();
    });
  });

  describe('written as documents', () => {
    const target = { controller: 'document', index: 'device-manager', collection: 'models' };
    const put = (action, _id, body, more = {}) => client.ask({ ...target, action, _id, body, ...more });
    const asset = (model, metadataMappings) => ({ type: 'asset', engineGroup: 'commons', asset: { model, metadataMappings, measures: [] } });
    const group = (model, metadataMappings) => ({ type: 'group', engineGroup: 'commons', group: { model, metadataMappings } });
    const stored = async (_id) => (await client.ask({ ...target, action: 'get', _id })).result?._source;

    /** A field that a stored asset model has as an integer. */
    async function takenField() {
      const model = newName();
      const field = newName('taken');
      await write({ model, metadataMappings: { [field]: integer } });
      return { model, field, id: `model-asset-${model}` };
    }

    function assertConflict({ error, status }, { field, model }, newModel, kind = 'asset', word = 'assets') {
      assert.equal(status, 409, JSON.stringify(error));
      assert.equal(error.message, `New ${word} mappings are causing conflicts`);
      assert.deepEqual(error.chunks, [{
        conflicts: [{ currentType: 'integer', newType: 'keyword', path: `${kind}.metadataMappings.${field}.type` }],
        modelType: kind, newModel, sourceModel: model,
      }]);
    }

    for (const action of ['create', 'createOrReplace']) {
      test(`${action} is refused when it contradicts another model`, async () => {
        const taken = await takenField();
        const model = newName();
        assertConflict(await put(action, `model-asset-${model}`, asset(model, { [taken.field]: keyword })), taken, model);
        assert.equal(await stored(`model-asset-${model}`), undefined);
        assert.equal((await put(action, `model-asset-${model}`, asset(model, { [taken.field]: integer }))).status, 200);
      });
    }

    test('replace and update are refused when they contradict what they replace', async () => {
      const taken = await takenField();
      const body = asset(taken.model, { [taken.field]: keyword });
      assertConflict(await put('replace', taken.id, body), taken, taken.model);
      assertConflict(await put('update', taken.id, body), taken, taken.model);
      assertConflict(await put('upsert', taken.id, { changes: body }), taken, taken.model);
      const other = newName();
      assertConflict(await put('upsert', `model-asset-${other}`, { changes: { type: 'asset' }, default: asset(other, { [taken.field]: keyword }) }), taken, other);
      const query = { query: { equals: { 'asset.model': taken.model } }, changes: body };
      assertConflict(await put('updateByQuery', undefined, query, { lang: 'koncorde' }), taken, taken.model);
      assert.deepEqual((await stored(taken.id)).asset.metadataMappings, { [taken.field]: integer });
    });

    test('groups, devices and measures are told by their own names', async () => {
      const field = newName('ofGroup');
      const model = newName();
      assert.equal((await put('create', `model-group-${model}`, group(model, { [field]: integer }))).status, 200);
      const second = newName();
      assertConflict(await put('create', `model-group-${second}`, group(second, { [field]: keyword })), { field, model }, second, 'group', 'group');
      const device = (name, type) => ({ type: 'device', device: { model: name, metadataMappings: { [field]: type }, measures: [] } });
      assert.equal((await put('create', `model-device-${model}`, device(model, integer))).status, 200);
      assert.equal((await put('create', `model-device-${second}`, device(second, keyword))).error.message,
        'New devices mappings are causing conflicts');
      const measure = (type) => ({ type: 'measure', measure: { type: field, valuesMappings: { v: type } } });
      assert.equal((await put('create', `model-measure-${field}`, measure(integer))).status, 200);
      const { error } = await put('replace', `model-measure-${field}`, measure(keyword));
      assert.equal(error.message, 'New measures mappings are causing conflicts');
      assert.equal(error.chunks[0].conflicts[0].path, 'measure.valuesMappings.v.type');
    });

    test('m* actions store all or nothing, and their documents agree with each other', async () => {
      const taken = await takenField();
      const names = Array.from({ length: 4 }, () => newName());
      const field = newName('among');
      const documents = (list) => ({ documents: list.map(([name, mappings]) => ({ _id: `model-asset-${name}`, body: asset(name, mappings) })) });
      const good = [names[0], { [newName('good')]: integer }];
      for (const action of ['mCreate', 'mCreateOrReplace']) {
        assertConflict(await put(action, undefined, documents([good, [names[1], { [taken.field]: keyword }]])), taken, names[1]);
        assertConflict(await put(action, undefined, documents([[names[2], { [field]: integer }], [names[3], { [field]: keyword }]])),
          { field, model: names[2] }, names[3]);
      }
      for (const name of names) assert.equal(await stored(`model-asset-${name}`), undefined);
      for (const action of ['mReplace', 'mUpdate'])
        assertConflict(await put(action, undefined, documents([[taken.model, { [taken.field]: keyword }]])), taken, taken.model);
      const { result } = await put('mCreate', undefined, documents([good, [names[1], { [taken.field]: integer }]]));
      assert.equal(result.successes.length, 2);
    });

    test('documents without a type are nobody\'s business', async () => {
      const taken = await takenField();
      const { asset: content } = asset(taken.model, { [taken.field]: keyword });
      assert.equal((await put('create', newName('untyped'), { asset: content })).status, 200);
      assert.equal((await put('update', taken.id, { asset: { metadataMappings: { [taken.field]: keyword } } })).status, 200);
      await put('createOrReplace', taken.id, { engineGroup: 'commons' });
    });

    test('a twin without measures is one that has none', async () => {
      const model = newName();
      const field = newName('bare');
      const answer = await put('create', `model-asset-${model}`, { type: 'asset', asset: { model, metadataMappings: { [field]: integer } } });
      assert.equal(answer.status, 200, JSON.stringify(answer.error));
      assert.equal((await put('update', `model-asset-${model}`, { type: 'asset' })).status, 200);
      assert.equal((await put('create', newName('empty'), { type: 'asset' })).status, 200);
    });

    test('measures are of types that there are', async () => {
      const model = newName();
      const body = asset(model, {});
      body.asset.measures.push({ name: 'a', type: 'nothing' });
      const { error } = await put('create', `model-asset-${model}`, body);
      assert.equal(error.status, 500);
      assert.equal(error.message, `Cannot find measure "nothing" declared in asset "${model}"`);
    });

    test('of two in conflict that are written at once one is stored', async () => {
      const field = newName('raced');
      const answers = await Promise.all([integer, keyword, { type: 'date' }].map((type) => {
        const model = newName();
        return put('create', `model-asset-${model}`, asset(model, { [field]: type }));
      }));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409]);
    });

    test('changes of more than fits into one commit are refused as a whole', async () => {
      const details = { padding: 'x'.repeat(200000) };
      const names = Array.from({ length: 6 }, () => newName());
      for (const model of names) {
        const body = asset(model, { [newName('large')]: integer });
        body.asset.metadataDetails = details;
        await client.result({ ...target, action: 'create', _id: `model-asset-${model}`, body });
      }
      const documents = names.map((model) => ({ _id: `model-asset-${model}`, body: { engineGroup: 'air' } }));
      const { error } = await put('mUpdate', undefined, { documents });
      assert.equal(error.id, 'services.storage.commit_too_large');
      assert.equal((await stored(documents[0]._id)).engineGroup, 'commons');
      const { result } = await put('mUpdate', undefined, { documents: documents.slice(0, 5) });
      assert.equal(result.successes.length, 5);
    });

    const ways = {
      update: (id, changes) => put('update', id, changes),
      upsert: (id, changes) => put('upsert', id, { changes }),
      mUpdate: (id, changes) => put('mUpdate', undefined, { documents: [{ _id: id, body: changes }] }),
      mUpsert: (id, changes) => put('mUpsert', undefined, { documents: [{ _id: id, changes }] }),
      updateByQuery: (id, changes) => put('updateByQuery', undefined, { query: { ids: { values: [id] } }, changes }),
    };
    for (const [name, change] of Object.entries(ways)) {
      test(`after ${name} the tenants' mappings follow`, async () => {
        const taken = await takenField();
        const field = newName('followed');
        const answer = await change(taken.id, { type: 'asset', asset: { metadataMappings: { [field]: keyword } } });
        assert.equal(answer.status, 200, JSON.stringify(answer.error));
        assert.deepEqual(answer.result.errors ?? [], []);
        await until('the mapping follows', async () =>
          (await mappingOf('tenant', 'assets')).properties.metadata.properties[field]?.type === 'keyword');
      });
    }

    test('deleteFields brings the mappings up to the models too', async () => {
      const model = newName();
      const field = newName('late');
      await put('create', `model-asset-${model}`, asset(model, { [field]: integer }));
      const before = (await mappingOf('tenant', 'assets')).properties.metadata.properties;
      assert.equal(before[field], undefined); // create and replace leave it to whoever creates
      assert.equal((await put('deleteFields', `model-asset-${model}`, { fields: ['asset.measures'] })).status, 200);
      await until('the mapping follows', async () =>
        (await mappingOf('tenant', 'assets')).properties.metadata.properties[field]?.type === 'integer');
    });
  });

  describe('configurations written without an id', () => {
    const create = (index, body) => client.result({ controller: 'document', action: 'create', index, collection: 'config', body });

    test('are called by type and name', async () => {
      await client.result({ controller: 'index', action: 'create', index: 'configured' });
      await client.result({ controller: 'collection', action: 'create', index: 'configured', collection: 'config' });
      assert.equal((await create('configured', { type: 'engine', engine: { name: 'myEngine One' } }))._id, 'engine--my-engine-one');
      assert.equal((await create('configured', { type: 'device-manager', name: 'Main' }))._id, 'device-manager--main');
      const again = await client.failure({ controller: 'document', action: 'create', index: 'configured', collection: 'config', body: { type: 'device-manager', name: 'main' } });
      assert.equal(again.id, 'services.storage.document_already_exists');
      const { successes } = await client.result({
        controller: 'document', action: 'mCreate', index: 'configured', collection: 'config',
        body: { documents: [{ body: { type: 'engine', engine: { name: 'Many' } } }, { body: { type: 'other', name: 'x' } }] },
      });
      assert.equal(successes[0]._id, 'engine--many');
      assert.match(successes[1]._id, /^[\w-]{20}$/);
    });

    test('have any id when they have no name, or far too long a one', async () => {
      assert.match((await create('configured', { type: 'engine' }))._id, /^[\w-]{20}$/);
      assert.match((await create('configured', { type: 'engine', name: 'x'.repeat(600) }))._id, /^[\w-]{20}$/);
    });
  });
});
