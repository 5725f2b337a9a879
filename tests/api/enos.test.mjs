// enos.test.mjs - the EnOS door: assets of an organization, in its own words.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const engineId = 'o1';
const model = {
  engineGroup: 'commons', model: 'Turbine', defaultValues: { power: 1 }, measures: [{ name: 'wind', type: 'temperature' }],
  metadataMappings: {
    power: { type: 'integer' }, name: { type: 'keyword' }, on: { type: 'boolean' },
    blade: { properties: { length: { type: 'float' } } }, mode: { type: 'keyword' },
  },
  metadataDetails: {
    mode: { editorHint: { type: 'optionSelector', values: ['slow', 'fast'] }, locales: { en: { friendlyName: 'Mode', description: '' } } },
  },
};
const all = { power: 5, name: 'n', on: false, blade: { length: 2 }, mode: 'slow' };
let server;
let client;

const assets = (query, asset, options) => request(server, '/asset-service/v2.1/assets', {
  method: 'POST', query: { action: 'update', orgId: engineId, ...query }, body: asset === undefined ? undefined : { asset }, ...options,
});
const update = async (asset, query = {}) => (await assets(query, asset)).body;
const get = async (assetId, orgId = engineId) => (await request(server, '/asset-service/v2.1/assets', {
  query: { action: 'get', orgId, assetId },
})).body;
const logical = async (action, body, query = {}) => (await request(server, '/asset-service/v2.1/logical-assets', {
  method: 'POST', query: { action, orgId: engineId, ...query }, body,
})).body;
const stored = async (_id) => client.result({ controller: 'document', action: 'get', index: engineId, collection: 'assets', _id });

async function make(reference) {
  const { _id } = await client.result({
    controller: 'device-manager/assets', action: 'create', engineId, body: { model: 'Turbine', reference },
  });
  return _id;
}

before(async () => {
  server = await startServer();
  client = await connectRaw(server);
  for (const index of [engineId, 'o2']) await client.result({ controller: 'device-manager/engine', action: 'create', index });
  await client.result({ controller: 'device-manager/models', action: 'writeAsset', body: model });
});
atEnd(async () => {
  await client?.close();
  await server?.stop();
});

describe('EnOS: update asset', () => {
  test('a patch changes what is given and keeps the rest', async () => {
    const id = await make('p1');
    const reply = await update({
      assetId: id, modelId: 'Turbine', attributes: { power: 7, on: '' }, description: 'd', timezone: '+08:00',
      name: { defaultValue: 'one', i18nValue: { en_US: 'English name ', zh_CN: '一' } }, tags: { year: '2000', author: 'c' },
    });
    assert.deepEqual({ ...reply, requestId: '' }, { code: 0, msg: 'OK', requestId: '' });
    assert.match(reply.requestId, /^[0-9a-f-]{36}$/);
    await update({ assetId: id, tags: { year: '2001' }, description: null, attributes: { name: 'x' } }, { isPatchUpdate: 'True' });
    assert.deepEqual((await get(id)).data, {
      assetId: id, orgId: engineId, name: { defaultValue: 'one', i18nValue: { en_US: 'English name ', zh_CN: '一' } },
      description: 'd', attributes: { power: 7, name: 'x', on: null, blade: null, mode: null }, timezone: '+08:00',
      modelId: 'Turbine', modelIdPath: '/Turbine', tags: { year: '2001', author: 'c' },
    });
  });

  test('a full update clears what is not given, and needs every attribute', async () => {
    const id = await make('f1');
    await update({ assetId: id, name: { defaultValue: 'x' }, tags: { a: 'b' }, timezone: 'Asia/Shanghai', description: 'd' });
    for (const attributes of [undefined, { ...all, mode: undefined }, { ...all, name: null }, { ...all, more: 1 }]) {
      const reply = await update({ assetId: id, attributes }, { isPatchUpdate: false });
      assert.deepEqual([reply.code, reply.msg], [12958, 'Asset validate failed']);
    }
    assert.equal((await stored(id))._version, 2);
    assert.equal((await update({ assetId: id, attributes: all }, { isPatchUpdate: 'false' })).code, 0);
    const { data } = await get(id);
    assert.deepEqual([data.name, data.description, data.timezone, data.tags, data.attributes],
      [{ defaultValue: 'f1', i18nValue: {} }, null, null, {}, all]);
  });

  test('updateMode overwrite needs name and time zone, tagDelete removes tags alone', async () => {
    const id = await make('m1');
    const whole = { assetId: id, attributes: all, tags: { a: '1', b: '2' } };
    assert.equal((await update(whole, { updateMode: 'overwrite' })).code, 99400);
    assert.equal((await update({ ...whole, name: { defaultValue: 'n' }, timezone: '+00:00' }, { updateMode: 'overwrite' })).code, 0);
    assert.equal((await update({ assetId: id, tagKeys: [] }, { updateMode: 'tagDelete' })).code, 99400);
    assert.equal((await update({ assetId: id, tagKeys: ['a', 'z'], name: 5 }, { updateMode: 'tagDelete' })).code, 0);
    assert.deepEqual((await get(id)).data.tags, { b: '2' });
  });

  test('of a name that stands twice in a map the last counts', async () => {
    const id = await make('twice');
    const body = `{"asset":{"assetId":"no"},"asset":{"assetId":"${id}","attributes":{"power":"bad","power":3,"blade":{"length":"bad","length":4}},
      "tags":{"k":5,"k":"v"},"name":{"defaultValue":1,"defaultValue":"N","i18nValue":{"en_US":7,"en_US":"E"}}}}`;
    const reply = await assets({}, undefined, { body, headers: { 'content-type': 'application/json' } });
    assert.equal(reply.body.code, 0, reply.text);
    const { data } = await get(id);
    assert.deepEqual([data.attributes.power, data.attributes.blade, data.tags, data.name], [3, { length: 4 }, { k: 'v' }, { defaultValue: 'N', i18nValue: { en_US: 'E' } }]);
  });

  test('an empty switch is none, and no tag ends in white space of any script', async () => {
    const id = await make('blank');
    for (const query of [{ isPatchUpdate: '' }, { updateMode: '' }]) assert.equal((await update({ assetId: id }, query)).code, 99400);
    for (const value of [' a', 'a\t', '\u00a0a', 'a\u3000', '\u2028', '\u1680a', 'a\u0085']) assert.equal((await update({ assetId: id, tags: { k: value } })).code, 99400, JSON.stringify(value));
    assert.equal((await update({ assetId: id, tags: { k: 'a\u3000b', empty: '' } })).code, 0);
  });

  test('verifies attributes against the model before anything is written', async () => {
    const id = await make('v1');
    for (const attributes of [{ power: '7' }, { power: 2 ** 40 }, { on: 1 }, { mode: 'odd' }, { blade: { width: 1 } }, { unknown: 1 }]) {
      const reply = await update({ assetId: id, attributes, tags: { never: 'stored' } });
      assert.equal(reply.code, 12958, JSON.stringify(attributes));
      assert.match(reply.submsg, /^attributes\./);
    }
    assert.equal((await stored(id))._version, 1);
  });

  test('tells what is wrong with the arguments, with status 200', async () => {
    const id = await make('a1');
    for (const [query, asset, code] of [
      [{ action: 'make' }, { assetId: id }, 99400], [{ orgId: '' }, { assetId: id }, 99400],
      [{}, { assetId: 'nobody' }, 12404], [{ orgId: 'o2' }, { assetId: id }, 12404], [{ orgId: 'o3' }, { assetId: id }, 12404],
      [{ orgId: '%kdm' }, { assetId: id }, 12404],
      [{}, {}, 99400], [{}, [], 99400], [{ isPatchUpdate: 'maybe' }, { assetId: id }, 99400], [{ updateMode: 'x' }, { assetId: id }, 99400],
      [{}, { assetId: id, name: 'plain' }, 99400], [{}, { assetId: id, name: { i18nValue: {} } }, 99400],
      [{}, { assetId: id, timezone: '+25:00' }, 99400], [{}, { assetId: id, tags: { year: 2000 } }, 99400],
      [{}, { assetId: id, attributes: [] }, 99400], [{}, { assetId: id, modelId: 'Other' }, 99400],
    ]) {
      const { status, body } = await assets(query, asset);
      assert.equal(status, 200);
      assert.equal(body.code, code, `${JSON.stringify([query, asset])}: ${JSON.stringify(body)}`);
      assert.ok(!('data' in body));
    }
    for (const body of ['', '{', '[]', '"x"', Buffer.from('{"asset":{"assetId":"\xff"}}', 'latin1')]) {
      assert.equal((await assets({}, undefined, { body, headers: { 'content-type': 'application/json' } })).body.code, 99400, body);
    }
    assert.equal((await stored(id))._version, 1);
  });

  test('an empty update succeeds; a bare reference that is unique names the asset', async () => {
    const id = await make('unique');
    assert.equal((await update({ assetId: id })).code, 0);
    assert.equal((await stored(id))._version, 1);
    assert.equal((await get('unique')).data.assetId, id);
    assert.equal((await update({ assetId: 'unique', attributes: { power: 9 } })).code, 0);
    assert.equal((await stored(id))._source.metadata.power, 9);
  });

  test('Kuzzle sees the change, with its history, and its own changes keep the names', async () => {
    const id = await make('k1');
    await update({ assetId: id, name: { defaultValue: 'kept' }, attributes: { power: 2 } });
    await client.result({ controller: 'device-manager/assets', action: 'update', engineId, _id: id, body: { metadata: { name: 'by kuzzle' } } });
    const { data } = await get(id);
    assert.deepEqual([data.name.defaultValue, data.attributes.power, data.attributes.name], ['kept', 2, 'by kuzzle']);
    const history = await client.result({
      controller: 'document', action: 'search', index: engineId, collection: 'assets-history', body: { query: { term: { id } } },
    });
    assert.equal(history.total, 3);
  });
});

describe('EnOS: logical assets and models', () => {
  test('creates with the defaults of the model, updates and deletes', async () => {
    const made = await logical('create', { assetInstance: { modelId: 'Turbine', name: { defaultValue: 'new' }, timezone: '+01:00', attributes: { mode: 'fast' } } });
    assert.equal(made.code, 0);
    assert.match(made.data, /^Turbine-[A-Za-z0-9]{8}$/);
    const { data } = await get(made.data);
    assert.deepEqual([data.name.defaultValue, data.attributes.mode, data.attributes.power], ['new', 'fast', 1]);
    assert.equal((await logical('update', { assetUpdateVo: { assetId: made.data, attributes: { power: 'x' } } })).code, 17958);
    assert.equal((await logical('update', { assetUpdateVo: { assetId: made.data, attributes: { power: 3 } } })).code, 0);
    assert.equal((await logical('update', { assetUpdateVo: { assetId: made.data, attributes: all } }, { isPatchUpdate: false })).code, 99400);
    assert.equal((await logical('update', { assetUpdateVo: { assetId: 'nobody' } })).code, 17404);
    assert.equal((await logical('update', { assetUpdateVo: { assetId: made.data, modelId: 'Turbine' } })).code, 0);
    assert.equal((await logical('update', { assetUpdateVo: { assetId: made.data, modelId: 'Other' } })).code, 99400);
    assert.equal((await logical('delete', { assetId: made.data })).code, 0);
    assert.equal((await get(made.data)).code, 12404);
    assert.equal((await logical('delete', undefined, { assetId: made.data })).code, 17404);
  });

  test('refuses what can not be made', async () => {
    const name = { defaultValue: 'x' };
    for (const [assetInstance, code] of [
      [{ modelId: 'Nobody', name, timezone: '+01:00' }, 99404], [{ modelId: 'Turbine', timezone: '+01:00' }, 99400],
      [{ modelId: 'Turbine', name }, 99400], [{ name, timezone: '+01:00' }, 99400],
      [{ modelId: 'Turbine', name, timezone: '+01:00', attributes: { power: 'x' } }, 17986], [undefined, 99400],
    ]) assert.equal((await logical('create', { assetInstance })).code, code, JSON.stringify(assetInstance));
  });

  test('tells a model', async () => {
    const ask = async (query) => (await request(server, '/model-service/v2.1/thing-models', { query: { action: 'get', ...query } })).body;
    const { data } = await ask({ orgId: engineId, modelId: 'Turbine' });
    assert.deepEqual(Object.fromEntries(Object.entries(data.attributes).map(([key, { dataType }]) => [key, dataType])),
      { power: 'INT', name: 'STRING', on: 'BOOL', blade: 'STRUCT', mode: 'ENUM' });
    assert.deepEqual(JSON.parse(data.attributes.mode.dataDefinition), { values: ['slow', 'fast'] });
    assert.deepEqual(data.attributes.mode.name, { defaultValue: 'mode', i18nValue: { en_US: 'Mode' } });
    assert.deepEqual(Object.keys(data.measurepoints), ['wind']);
    assert.equal((await ask({ orgId: engineId, modelId: 'Nobody' })).code, 99404);
    assert.equal((await ask({ orgId: 'o9', modelId: 'Turbine' })).code, 99404);
  });

  test('other methods on its paths are Kuzzle\'s', async () => {
    const { body } = await request(server, '/asset-service/v2.1/assets', { method: 'DELETE' });
    assert.equal(body.controller, 'document');
  });
});

describe('EnOS: signed requests', () => {
  const app = { accessKey: 'key', secretKey: 'secret', orgs: ['o1'] };
  const sha = (text) => createHash('sha256').update(text).digest('hex');
  let closed;

  before(async () => {
    closed = await startServer({ config: { dialects: { enos: { apps: [app] } } } });
  });
  atEnd(() => closed?.stop());

  const token = async (encryption, timestamp = String(Date.now())) => request(closed, '/apim-token-service/v2.0/token/get', {
    method: 'POST', body: { appKey: 'key', encryption: encryption ?? sha(`key${timestamp}secret`), timestamp },
  });

  function signed(accessToken, { query = {}, timestamp = String(Date.now()), secret = 'secret' } = {}) {
    const all_ = { action: 'get', orgId: 'o1', assetId: 'a b', ...query };
    const params = Object.keys(all_).sort().map((name) => name + all_[name]).join('');
    return request(closed, '/asset-service/v2.1/assets', {
      query: all_,
      headers: { 'apim-accesstoken': accessToken, 'apim-timestamp': timestamp, 'apim-signature': sha(accessToken + params + timestamp + secret) },
    });
  }

  test('a token is given for the secret, and signs calls', async () => {
    const { status, body } = await token();
    assert.equal(status, 200);
    assert.ok(body.data.expire > 0 && body.data.expire <= 7200);
    assert.equal((await token()).body.data.accessToken, body.data.accessToken);
    assert.equal((await signed(body.data.accessToken)).body.code, 12404);
    assert.equal((await signed(body.data.accessToken, { query: { orgId: 'o2' } })).body.code, 99403);
  });

  test('refuses strangers with 401', async () => {
    const good = (await token()).body.data.accessToken;
    for (const reply of [
      await token('wrong'), await token(undefined, String(Date.now() - 600000)), await token(undefined, 'x'),
      await signed('f'.repeat(64)), await signed(good, { secret: 'other' }), await signed(good, { timestamp: String(Date.now() - 600000) }),
      await request(closed, '/asset-service/v2.1/assets', { query: { action: 'get', orgId: 'o1', assetId: 'a' } }),
    ]) assert.equal(reply.status, 401, reply.text);
    assert.ok(!closed.log.includes('secret'));
  });

  test('a wrong configuration keeps the server from starting', async () => {
    await assert.rejects(startServer({ config: { dialects: { enos: { apps: [{ accessKey: 'x' }] } } } }), /secretKey/);
  });
});
