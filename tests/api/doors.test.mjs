// doors.test.mjs - one asset through several doors: what one changes, all others see.

import assert from 'node:assert/strict';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { connectSdk } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';

const ms = '/api/assetmanagement/v3';
let server;
let kuzzle;

const mind = (method, path, options = {}) => request(server, `${ms}${path}`, { method, ...options });
const enos = async (path, query, body) => {
  const reply = await request(server, path, { method: body === undefined ? 'GET' : 'POST', body, query: { orgId: 'mdsp', ...query } });
  assert.deepEqual([reply.status, reply.body.code], [200, 0], reply.text);
  return reply.body.data;
};
const enosAsset = (assetId) => enos('/asset-service/v2.1/assets', { action: 'get', assetId });

before(async () => {
  server = await startServer();
  kuzzle = await connectSdk(server);
  for (const [id, body] of [
    ['mdsp.machine', { name: 'Machine', variables: [{ name: 'serial', dataType: 'STRING', length: 20 }, { name: 'power', dataType: 'INT', defaultValue: '10' }] }],
    ['mdsp.turbine', { name: 'Turbine', parentTypeId: 'mdsp.machine', variables: [{ name: 'height', dataType: 'DOUBLE' }] }],
  ]) assert.equal((await mind('PUT', `/assettypes/${id}`, { body })).status, 201);
});
atEnd(async () => {
  kuzzle?.disconnect();
  await server?.stop();
});

describe('doors', () => {
  test('a model by MindSphere, an asset by EnOS, an update by Kuzzle that a subscriber hears, read by all', async () => {
    const id = await enos('/asset-service/v2.1/logical-assets', { action: 'create' }, { assetInstance: {
      modelId: 'Turbine', name: { defaultValue: 'T one', i18nValue: { en_US: 'Turbine one' } }, timezone: '+08:00', attributes: { serial: 's1', height: 80 }, tags: { year: '2000' } } });
    const reference = id.slice('Turbine-'.length);
    const heard = [];
    await kuzzle.realtime.subscribe('mdsp', 'assets', { equals: { model: 'Turbine' } }, (notification) => heard.push(notification));
    const before = (await mind('GET', `/assets/${reference}`)).body;
    assert.deepEqual([before.name, before.typeId, before.timezone, before.variables],
      ['T one', 'mdsp.turbine', '+08:00', [{ name: 'serial', value: 's1' }, { name: 'power', value: '10' }, { name: 'height', value: '80' }]]);

    await kuzzle.query({ controller: 'device-manager/assets', action: 'update', engineId: 'mdsp', _id: id, body: { metadata: { height: 81.5 } } });
    const after = (await mind('GET', `/assets/${reference}`)).body;
    assert.deepEqual(after.variables.at(-1), { name: 'height', value: '81.5' });
    assert.ok(after.etag > before.etag, 'who read it before Kuzzle changed it is stale');
    const stale = await mind('PUT', `/assets/${reference}`, { body: { name: 'stale' }, headers: { 'if-match': `${before.etag}` } });
    assert.equal(stale.status, 412);

    const put = await mind('PATCH', `/assets/${reference}`, { body: { name: 'T uno', variables: [{ name: 'serial', value: 's2' }] }, headers: { 'if-match': `${after.etag}` } });
    assert.deepEqual([put.status, put.body.etag], [200, after.etag + 1], put.text);
    const seen = await enosAsset(id);
    assert.deepEqual([seen.name, seen.tags, seen.attributes, seen.modelIdPath],
      [{ defaultValue: 'T uno', i18nValue: { en_US: 'Turbine one' } }, { year: '2000' }, { serial: 's2', power: null, height: null }, '/Machine/Turbine']);
    await enos('/asset-service/v2.1/assets', { action: 'update' }, { asset: { assetId: id, attributes: { power: 12 } } });
    assert.equal((await mind('GET', `/assets/${reference}`)).body.etag, after.etag + 2);
    for (let i = 0; i < 100 && heard.length < 3; i++) await new Promise((done) => { setTimeout(done, 20); });
    assert.deepEqual(heard.map(({ action, result }) => [action, result._id, result._source.metadata.height, result._source.metadata.power]),
      [['update', id, 81.5, 10], ['update', id, null, null], ['update', id, null, 12]]);
    const history = await kuzzle.document.search('mdsp', 'assets-history', { query: { term: { id } } });
    assert.equal(history.total, 4);
  });

  test('a model that inherits is told by EnOS with its path', async () => {
    const model = await enos('/model-service/v2.1/thing-models', { action: 'get', modelId: 'Turbine' });
    assert.deepEqual([model.modelIdPath, Object.keys(model.attributes)], ['/Machine/Turbine', ['serial', 'power', 'height']]);
  });

  test('an asset by MindSphere is one of EnOS, and ActionHub shares its tenant', async () => {
    const root = (await mind('GET', '/assets/root')).body;
    const { assetId } = (await mind('POST', '/assets', { body: { name: 'M', typeId: 'mdsp.turbine', parentId: root.assetId, variables: [{ name: 'power', value: '7' }] } })).body;
    const seen = await enosAsset(`Turbine-${assetId}`);
    assert.deepEqual([seen.name.defaultValue, seen.attributes.power], ['M', 7]);
    assert.equal((await enosAsset(assetId)).assetId, `Turbine-${assetId}`);
    const posted = await request(server, '/assets', { method: 'POST', headers: { 'program-id': 'mdsp' }, body: { assets: [{ asset_id: 'p1', asset_name: 'Product', labels: ['a'] }] } });
    assert.equal(posted.status, 200, posted.text);
    assert.equal((await enosAsset('ActionHubAsset-p1')).attributes.name, 'Product');
    assert.equal((await mind('GET', '/assets/p1')).status, 404, 'its model is no type of MindSphere');
    const { result } = await kuzzle.query({ controller: 'device-manager/assets', action: 'search', engineId: 'mdsp', body: {} });
    assert.ok(result.total >= 3);
  });
});

describe('what is refused before any operation', () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  const json = { 'content-type': 'application/json' };
  const large = JSON.stringify({ name: 'y'.repeat(2 << 20) });
  const cases = (path, method = 'POST') => [
    ['too large', path, { method, body: large, headers: json }, 413],
    ['badly packed', path, { method, body: '{}', headers: { ...json, 'content-encoding': 'gzip' } }, 400],
    ['of an unknown packing', path, { method, body: '{}', headers: { ...json, 'content-encoding': 'foo' } }, 400],
    ['of a target that is too long', `${path}?x=${'y'.repeat(20000)}`, { method }, 414],
    ['no text', `${path}?x=%ff`, { method, body: '{}', headers: json }, undefined],
  ];

  test('has a fresh logref by MindSphere, which stands in the log', async () => {
    const seen = new Set();
    for (const [what, path, options, status] of [...cases(`${ms}/assettypes/mdsp.x`, 'PUT'), ['no path', `${ms}/nothing`, {}, 404],
      ['without a boundary', `${ms}/files`, { method: 'POST', body: 'x', headers: { 'content-type': 'multipart/form-data' } }, 400], ['no asset', `${ms}/assets/nobody`, {}, 404]]) {
      const reply = await request(server, path, options);
      assert.equal(reply.status, status ?? 400, `${what}: ${reply.text}`);
      const [{ code, logref, message }] = reply.body.errors;
      assert.match(logref, uuid, what);
      assert.match(code, /^mdsp\.core\.generic\./);
      assert.doesNotMatch(message, /HTTP request cannot|No route/, what);
      await server.logged(new RegExp(`info .*mindsphere: request ${logref} .* ${reply.status}`, 'i'));
      seen.add(logref);
    }
    assert.equal(seen.size, 8);
  });

  test('has a requestId by EnOS, and a detail by ActionHub', async () => {
    for (const [what, path, options, status] of cases('/asset-service/v2.1/assets')) {
      const reply = await request(server, path, options);
      assert.deepEqual([reply.status, reply.body.code], [status ?? 200, 99400], `${what}: ${reply.text}`);
      assert.match(reply.body.requestId, uuid, what);
      assert.doesNotMatch(reply.body.submsg, /HTTP request cannot|No route/, what);
    }
    for (const [what, path, options, status] of cases('/assets')) {
      const reply = await request(server, path, options);
      assert.deepEqual([reply.status, typeof reply.body.detail], [status ?? 400, 'string'], `${what}: ${reply.text}`);
    }
  });
});

describe('labels of ActionHub that are no strings', () => {
  const headers = { 'program-id': 'labels' };
  const _id = 'ActionHubAsset-mixed';
  const post = async (...labels) => assert.equal((await request(server, '/assets', { method: 'POST', headers, body: { assets: [{ asset_id: 'mixed', asset_name: 'M', labels }] } })).status, 200);
  const shown = async () => (await request(server, '/assets', { headers })).body.items[0].labels;
  const inEnos = (query, body) => enos('/asset-service/v2.1/assets', { orgId: 'labels', ...query }, body);
  const write = (metadata) => kuzzle.query({ controller: 'device-manager/assets', action: 'update', engineId: 'labels', _id, body: { metadata } });

  test('are told until somebody writes others, by whichever door', async () => {
    await post('a', { k: 1 }, 5);
    assert.deepEqual(await shown(), ['a', { k: 1 }, 5]);
    await write({ name: 'N' });
    assert.deepEqual(await shown(), ['a', { k: 1 }, 5], 'another attribute leaves them alone');
    await write({ labels: ['p', 'q'] });
    assert.deepEqual(await shown(), ['p', 'q']);
    await post('a', { k: 1 }, 5);
    await inEnos({ action: 'update' }, { asset: { assetId: _id, attributes: { labels: ['r'] } } });
    assert.deepEqual(await shown(), ['r']);
    await post('r', null);
    await post('r');
    assert.deepEqual(await shown(), ['r']);
    await write({ labels: 'single' });
    assert.deepEqual(await shown(), ['single']);
  });

  test('are no attribute of the model, so EnOS can replace all there are', async () => {
    await post('a', { k: 1 });
    assert.deepEqual((await inEnos({ action: 'get', assetId: _id })).attributes, { name: 'M', labels: ['a'] });
    await inEnos({ action: 'update', isPatchUpdate: false }, { asset: { assetId: _id, attributes: { name: 'E', labels: ['e'] } } });
    assert.deepEqual(await shown(), ['e']);
  });

  test('are neither found nor listed', async () => {
    await post('five', 5, true, { k: 'deep' });
    const found = async (search) => (await request(server, '/assets', { headers, query: { search } })).body.total;
    assert.deepEqual([await found('five'), await found('5'), await found('true'), await found('deep')], [1, 0, 0, 0]);
    assert.deepEqual((await request(server, '/labels', { headers })).body.items, [{ label: 'five', weight: 1 }]);
  });
});

describe('lists of many assets', () => {
  const count = 10003;
  const headers = { 'program-id': 'many' };
  const number = (i) => String(i).padStart(5, '0');
  before(async () => {
    for (let at = 0; at < count; at += 5000) {
      const assets = Array.from({ length: Math.min(5000, count - at) }, (_, i) => ({ asset_id: number(at + i), asset_name: 'n', labels: [`l${number(at + i)}`] }));
      assert.equal((await request(server, '/assets', { method: 'POST', headers, body: { assets } })).status, 200);
    }
  });

  test('ActionHub goes beyond the ten thousandth, and to an empty page past the end', async () => {
    const page = async (path, query) => (await request(server, path, { headers, query })).body;
    const last = await page('/assets', { page: 101, size: 100 });
    assert.deepEqual([last.items.map(({ asset_id: id }) => id), last.total], [['10000', '10001', '10002'], count]);
    for (const number of [102, 1e6, 1e9]) assert.deepEqual(await page('/assets', { page: number, size: 100 }), { items: [], total: count, page: number, size: 100 });
  });

  test('MindSphere does as well', async () => {
    for (const number of [50, 99999, 999999999]) {
      const { status, text, body } = await mind('GET', '/assets', { query: { page: number, size: 200 } });
      assert.deepEqual([status, body._embedded?.assets, body.page?.number], [200, [], number], text);
    }
  });
});

describe('device-manager/models:share', () => {
  const share = (_id, tenants) => kuzzle.query({ controller: 'device-manager/models', action: 'share', _id, body: { tenants } });
  const asked = (path, options = {}) => request(server, `${ms}${path}`, options);

  test('lets other tenants see a type, and derive from it, but not change it', async () => {
    const shown = { includeShared: true };
    const body = { name: 'Mine', parentTypeId: 'mdsp.machine' };
    const derive = (query) => asked('/assettypes/other.mine', { method: 'PUT', body, query });
    assert.equal((await derive(shown)).status, 400);
    const { result } = await share('model-asset-Machine', ['other']);
    assert.deepEqual(result._source.dialect.mindsphere.sharedWith, ['other']);
    assert.equal((await derive({})).status, 400);
    assert.equal((await derive(shown)).status, 201);
    assert.deepEqual((await mind('GET', '/assettypes/mdsp.machine')).body.sharing, { modes: ['SHARER'] });
    assert.equal((await mind('GET', '/assettypes/mdsp.machine')).body.etag, 0);
    const put = await mind('PUT', '/assettypes/mdsp.machine', { body: { name: 'Machine', variables: (await mind('GET', '/assettypes/mdsp.machine')).body.variables }, headers: { 'if-match': '0' } });
    assert.deepEqual([put.status, put.body.sharing], [200, { modes: ['SHARER'] }], put.text);
    await share('model-asset-Machine', []);
    assert.deepEqual((await mind('GET', '/assettypes/mdsp.machine')).body.sharing, { modes: [] });
  });

  test('refuses what can not be shared', async () => {
    await assert.rejects(share('model-asset-Nobody', []), { id: 'services.storage.not_found' });
    await assert.rejects(share('model-asset-Machine', ['NO INDEX']), { id: 'api.assert.invalid_argument' });
    await assert.rejects(share('model-asset-Machine', [3]), { id: 'api.assert.invalid_argument' });
    await assert.rejects(share('model-asset-ActionHubAsset', []), { id: 'api.assert.invalid_argument' });
  });
});

describe('a verb that a door does not know on its path', () => {
  const actionhub = ({ status, headers, text, body }, allow) => {
    assert.deepEqual([status, headers.get('allow')], [405, allow], text);
    assert.deepEqual(body, { detail: 'Method Not Allowed' });
  };
  const enosRefuses = ({ status, headers, text, body }, allow) => {
    assert.deepEqual([status, headers.get('allow'), body.code, body.msg], [405, allow, 99400, 'Invalid arguments'], text);
    assert.match(body.requestId, /^[0-9a-f-]{36}$/);
  };
  let prefixed;

  before(async () => {
    prefixed = await startServer({ config: { dialects: { actionhub: { prefix: '/hub' }, enos: { prefix: '/enos' } } } });
  });
  atEnd(() => prefixed?.stop());

  test('is refused where Kuzzle has no such route, in the words of the vendor and with those it knows', async () => {
    const ask = (method, path, options = {}) => request(server, path, { method, ...options });
    actionhub(await ask('PATCH', '/assets', { body: {} }), 'GET, POST');
    actionhub(await ask('PATCH', '/labels?', { body: '{', headers: { 'content-type': 'application/json' } }), 'GET, PUT');
    actionhub(await ask('POST', '/program', { body: {} }), 'GET, PUT');
    enosRefuses(await ask('PATCH', '/asset-service/v2.1/assets?action=update', { body: {} }), 'GET, POST');
    enosRefuses(await ask('GET', '/apim-token-service/v2.0/token/get'), 'POST');
    const head = await ask('HEAD', '/assets');
    assert.deepEqual([head.status, head.headers.get('allow'), head.text], [405, 'GET, POST', '']);
    const { status, headers, body } = await mind('POST', '/assettypes/mdsp.machine', { body: {} });
    assert.deepEqual([status, headers.get('allow')], [405, 'GET, PUT, PATCH, DELETE']);
    assert.deepEqual(body.errors.map(({ code }) => code), ['mdsp.core.generic.methodNotAllowed']);
    assert.match(body.errors[0].logref, /^[0-9a-f-]{36}$/);
  });

  test('stays Kuzzle\'s where it has a route, and so does a path of nobody', async () => {
    const gone = await request(server, '/assets', { method: 'DELETE' });
    assert.deepEqual([gone.status, gone.body.controller, gone.body.action], [412, 'index', 'delete'], gone.text);
    const none = await request(server, '/programs/x', { method: 'PATCH', body: {} });
    assert.deepEqual([none.status, none.body.error.id, none.headers.get('allow')], [404, 'network.http.url_not_found', null]);
  });

  test('is refused behind a prefix whatever Kuzzle has, and other paths there are not found', async () => {
    const ask = (method, path) => request(prefixed, path, { method });
    actionhub(await ask('DELETE', '/hub/assets'), 'GET, POST');
    actionhub(await ask('PUT', '/hub/program/status'), 'GET');
    enosRefuses(await ask('DELETE', '/enos/asset-service/v2.1/assets'), 'GET, POST');
    const none = await ask('GET', '/hub/nothing');
    assert.deepEqual([none.status, none.body, none.headers.get('allow')], [404, { detail: 'Not Found' }, null]);
    const other = await ask('GET', '/enos/nothing');
    assert.deepEqual([other.status, other.body.code], [404, 99400]);
    assert.equal((await ask('PATCH', '/assets')).body.error.id, 'network.http.url_not_found');
  });
});

test('a path or a query that is no UTF-8 is refused by every door', async () => {
  for (const [path, status] of [
    ['/asset-service/v2.1/assets?action=get&orgId=mdsp&assetId=%ff', 200], ['/model-service/v2.1/thing-models?action=get&orgId=mdsp&modelId=%c3', 200],
    ['/assets?search=%ed%a0%80', 400], ['/labels?%ff=1', 400], [`${ms}/assets/%ff`, 400], [`${ms}/assettypes?filter=%ff`, 400],
  ]) {
    const reply = await request(server, path, { headers: { 'program-id': 'mdsp' } });
    assert.equal(reply.status, status, reply.text);
    assert.match(reply.text, /path and query must be UTF-8/);
    assert.ok(status === 400 || reply.body.code === 99400, reply.text);
  }
  const nul = await request(server, '/asset-service/v2.1/assets?action=get&orgId=mdsp&assetId=%00%22', {});
  assert.deepEqual([nul.status, nul.body.code], [200, 12404], nul.text);
  assert.equal((await request(server, '/assets?search=%00%22%5C*', { headers: { 'program-id': 'mdsp' } })).body.total, 0);
});
