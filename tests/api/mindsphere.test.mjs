// mindsphere.test.mjs - the MindSphere door: asset types, aspect types and their versions.

import assert from 'node:assert/strict';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const prefix = '/api/assetmanagement/v3';
let server;
let client;

const call = (method, path, { to = server, ...options } = {}) => request(to, `${prefix}${path}`, { method, ...options });
const put = (id, body, headers = {}, query = {}) => call('PUT', `/assettypes/${id}`, { body, headers, query });
const get = (id, query = {}, headers = {}) => call('GET', `/assettypes/${id}`, { query, headers });
const aspect = (id, body, headers = {}) => call('PUT', `/aspecttypes/${id}`, { body, headers });
const codes = (reply) => reply.body.errors.map(({ code }) => code.replace('mdsp.core.generic.', ''));
const messages = (reply) => reply.body.errors.map(({ message }) => message).join('\n');
const model = async (name) => (await client.result({
  controller: 'document', action: 'get', index: 'device-manager', collection: 'models', _id: `model-asset-${name}`,
}))._source;
const text = (name, more = {}) => ({ name, dataType: 'STRING', ...more });

before(async () => {
  server = await startServer();
  client = await connectRaw(server);
});
atEnd(async () => {
  await client?.close();
  await server?.stop();
});

describe('MindSphere: PUT asset type', () => {
  test('creates a type, its model and its tenant', async () => {
    const reply = await put('mdsp.X_Wing', {
      name: 'X-Wing', description: 'fast', variables: [text('colour', { length: 20, defaultValue: 'red', searchable: true }),
        { name: 'speed', dataType: 'DOUBLE', unit: 'm/s', defaultValue: 20 }],
    });
    assert.equal(reply.status, 201, reply.text);
    assert.equal(reply.headers.get('etag'), '"0"');
    assert.equal(reply.headers.get('location'), `${server.url}${prefix}/assettypes/mdsp.X_Wing`);
    assert.deepEqual(reply.body, {
      name: 'X-Wing', parentTypeId: 'core.basicasset', description: 'fast', instantiable: true, scope: 'private',
      id: 'mdsp.X_Wing', tenantId: 'mdsp', etag: 0, aspects: [],
      variables: [
        { name: 'colour', dataType: 'STRING', unit: null, searchable: true, length: 20, defaultValue: 'red' },
        { name: 'speed', dataType: 'DOUBLE', unit: 'm/s', searchable: false, length: null, defaultValue: '20' }],
      fileAssignments: [], sharing: { modes: [] },
      _links: { self: { href: `${server.url}${prefix}/assettypes/mdsp.X_Wing` }, parent: { href: `${server.url}${prefix}/assettypes/core.basicasset` } },
    });
    const { asset } = await model('XWing');
    assert.deepEqual(asset.metadataMappings, { colour: { type: 'keyword' }, speed: { type: 'double' } });
    assert.deepEqual(asset.defaultMetadata, { colour: 'red', speed: 20 });
    assert.deepEqual(await client.result({ controller: 'device-manager/engine', action: 'exists', index: 'mdsp' }), { exists: true });
  });

  test('takes part in optimistic locking', async () => {
    const body = { name: 'Locked' };
    const at = (headers) => put('mdsp.locked', body, headers);
    assert.equal((await at({ 'if-match': '0' })).status, 412);
    assert.equal((await at({ 'if-none-match': '*' })).status, 201);
    for (const [headers, status] of [
      [{ 'if-none-match': '*' }, 412], [{}, 428], [{ 'if-match': '1' }, 412], [{ 'if-match': 'W/"0"' }, 412], [{ 'if-match': 'x' }, 400],
      [{ 'if-match': '' }, 400],
      [{ 'if-match': '0' }, 200], [{ 'if-match': '"1"' }, 200], [{ 'if-match': '7, "2"' }, 200], [{ 'if-match': '*' }, 200],
      [{ 'if-match': '4', 'if-none-match': '*' }, 412],
    ]) assert.equal((await at(headers)).status, status, JSON.stringify(headers));
    const { body: now, headers } = await get('mdsp.locked');
    assert.deepEqual([now.etag, headers.get('etag')], [4, '"4"']);
    const cached = await get('mdsp.locked', {}, { 'if-none-match': '"4"' });
    assert.deepEqual([cached.status, cached.text], [304, '']);
  });

  test('of two writers with the same etag exactly one wins', async () => {
    await put('mdsp.race', { name: 'Race' });
    const replies = await Promise.all(Array.from({ length: 8 }, (_, i) => put('mdsp.race', { name: `R${i}` }, { 'if-match': '0' })));
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, ...Array(7).fill(412)]);
  });

  test('variables are added, changed and removed by name, within limits', async () => {
    const variables = [text('a', { length: 5 }), { name: 'n', dataType: 'INT' }];
    await put('mdsp.vars', { name: 'V', variables });
    let etag = 0;
    const write = (list) => put('mdsp.vars', { name: 'V', variables: list }, { 'if-match': String(etag) });
    for (const [list, expected] of [
      [[text('a', { length: 4 })], /length: it can not be decreased/], [[{ name: 'a', dataType: 'INT' }], /dataType: it can not be changed/],
      [[text('a', { searchable: true })], /searchable: it can not be changed/], [[text('b'), text('b')], /variables\[1\]\.name: it is there already/],
      [[text('x y')], /variables\[0\]\.name/], [[text('id')], /reserved/], [[text('a'.repeat(65))], /variables\[0\]\.name/],
      [[{ name: 'q', dataType: 'BIG_STRING' }], /dataType/], [[{ name: 'q', dataType: 'INT', length: 5 }], /length/],
      [[text('q', { length: 256 })], /length/], [[text('q', { length: 2, defaultValue: 'abc' })], /defaultValue/],
      [[{ name: 'q', dataType: 'INT', defaultValue: '1.5' }], /defaultValue/], [[{ name: 'q', dataType: 'INT', defaultValue: '3000000000' }], /defaultValue/],
      [[{ name: 'q', dataType: 'BOOLEAN', defaultValue: 'yes' }], /defaultValue/], [[{ name: 'q', dataType: 'TIMESTAMP', defaultValue: '2020' }], /defaultValue/],
      [[text('q', { unit: 'x'.repeat(33) })], /unit/], [['x'], /variables\[0\]/], ['x', /variables: an array/],
    ]) {
      const reply = await write(list);
      assert.equal(reply.status, 400, `${JSON.stringify(list)}: ${reply.text}`);
      assert.match(messages(reply), expected);
    }
    const reply = await write([text('a', { unit: 'u' }), { name: 'when', dataType: 'TIMESTAMP', defaultValue: '1970-01-01T09:00:00+00:00' }]);
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(reply.body.variables.map(({ name, length, unit }) => [name, length, unit]), [['a', 5, 'u'], ['when', null, null]]);
    etag = 1;
    assert.equal((await write([text('a', { length: 9 })])).body.variables[0].length, 9);
  });

  test('long lists are refused before they are compared', async () => {
    const many = (count, make) => Array.from({ length: count }, (_, i) => make(i));
    const variables = many(9000, (i) => ({ name: `v${i}`, dataType: 'INT' }));
    const begin = Date.now();
    for (const [body, expected] of [
      [{ variables }, /variables: at most 1000/], [{ aspects: many(9000, (i) => ({ name: `a${i}`, aspectTypeId: 'mdsp.none' })) }, /aspects: at most 200/],
      [{ fileAssignments: many(9000, (i) => ({ key: `k${i}`, fileId: `f${i}` })) }, /fileAssignments: at most 200/],
    ]) {
      const reply = await put('mdsp.many', { name: 'Many', ...body });
      assert.equal(reply.status, 400, reply.text);
      assert.match(messages(reply), expected);
    }
    const reply = await aspect('mdsp.many', { name: 'Many', category: 'static', variables });
    assert.deepEqual([reply.status, codes(reply)], [400, ['invalidRequestBodyProperty']]);
    assert.ok(Date.now() - begin < 5000);
    const most = { name: 'Most', variables: variables.slice(0, 1000) };
    assert.equal((await put('mdsp.most', most)).status, 201);
    assert.equal((await put('mdsp.most', most, { 'if-match': '*' })).status, 200);
  });

  test('lists all that is wrong with a body', async () => {
    const reply = await put('mdsp.bad', { description: 5, instantiable: 'x', scope: 'x', parentTypeId: 'mdsp.nobody', variables: [{}], aspects: [{ name: 'a', aspectTypeId: 'mdsp.none' }], fileAssignments: [{ key: 'a b' }] });
    assert.equal(reply.status, 400);
    for (const part of ['name', 'description', 'instantiable', 'scope', 'parentTypeId', 'variables[0].name', 'aspects[0].aspectTypeId', 'fileAssignments[0].key']) {
      assert.ok(messages(reply).includes(part), `${part} in ${messages(reply)}`);
    }
    assert.ok(reply.body.errors.every(({ logref }) => /^[0-9a-f-]{36}$/.test(logref)));
    assert.equal((await get('mdsp.bad')).status, 404);
    const file = await put('mdsp.bad', { name: 'x', fileAssignments: [{ key: 'logo', fileId: 'c27a28b6eb16b507fabc11e75da8b4ce' }] });
    assert.match(messages(file), /c27a28b6eb16b507fabc11e75da8b4ce/);
  });

  test('refuses ids, flags and bodies that are none, and types that are not the tenant\'s', async () => {
    for (const [path, status, code] of [
      ['/assettypes/noprefix', 400, 'invalidParameter'], ['/assettypes/toolongprefix.x', 400, 'invalidParameter'],
      ['/assettypes/mdsp.a%20b', 400, 'invalidParameter'], [`/assettypes/mdsp.${'x'.repeat(124)}`, 400, 'invalidParameter'],
      ['/assettypes/mdsp.x?exploded=yes', 400, 'invalidParameter'], ['/assettypes/core.basicdevice', 403, 'forbidden'],
      ['/assettypes/UPPER.x', 403, 'forbidden'],
    ]) {
      const reply = await call('PUT', path, { body: { name: 'x' }, headers: { 'if-match': '*' } });
      assert.equal(reply.status, status, `${path}: ${reply.text}`);
      assert.deepEqual(codes(reply), [code]);
    }
    for (const body of ['', '{', '[]', '5']) {
      assert.equal((await call('PUT', '/assettypes/mdsp.none', { body, headers: { 'content-type': 'application/json' } })).status, 400, body);
    }
    assert.deepEqual(codes(await call('GET', '/nothing')), ['noMatch']);
  });
});

describe('MindSphere: inheritance', () => {
  before(async () => {
    assert.equal((await put('mdsp.ship', { name: 'Ship', parentTypeId: 'core.basicdevice', variables: [text('hull')] })).status, 201);
    assert.equal((await put('mdsp.fighter', { name: 'Fighter', parentTypeId: 'mdsp.ship', variables: [text('guns')] })).status, 201);
  });

  test('exploded, a type shows what it inherits and from where', async () => {
    const plain = await get('mdsp.fighter', { exploded: 'false' });
    assert.deepEqual(plain.body.variables.map(({ name }) => name), ['guns']);
    const { body } = await get('mdsp.fighter', { exploded: 'true' });
    assert.deepEqual(body.variables.map(({ name, _links }) => [name, _links?.origin.href.split('/').at(-1)]),
      [['externalId', 'core.basicasset'], ['timezone', 'core.basicdevice'], ['hull', 'mdsp.ship'], ['guns', undefined]]);
    const { asset } = await model('Fighter');
    assert.deepEqual(Object.keys(asset.metadataMappings), ['hull', 'guns']);
    const back = await put('mdsp.fighter', body, { 'if-match': String(body.etag) });
    assert.deepEqual(back.body.variables.map(({ name }) => name), ['guns'], back.text);
  });

  test('a change above reaches the models below at once, their etags stay', async () => {
    const { body: before } = await get('mdsp.fighter');
    await put('mdsp.ship', { name: 'Ship', variables: [text('hull'), { name: 'crew', dataType: 'INT', defaultValue: '2' }] }, { 'if-match': '*' });
    assert.deepEqual(Object.keys((await model('Fighter')).asset.metadataMappings), ['hull', 'crew', 'guns']);
    assert.equal((await get('mdsp.fighter')).body.etag, before.etag);
  });

  test('names are unique in the family, up and down', async () => {
    const up = await put('mdsp.fighter', { name: 'F', variables: [text('hull')] }, { 'if-match': '*' });
    assert.deepEqual([up.status, codes(up)], [409, ['conflict']]);
    const down = await put('mdsp.ship', { name: 'Ship', variables: [text('guns')] }, { 'if-match': '*' });
    assert.equal(down.status, 409);
    assert.equal((await put('mdsp.other', { name: 'O', variables: [text('guns')] })).status, 201);
  });

  test('the parent is fixed, and a type with children stays', async () => {
    assert.equal((await put('mdsp.fighter', { name: 'F', parentTypeId: 'core.basicasset' }, { 'if-match': '*' })).status, 400);
    assert.equal((await put('mdsp.fighter', { name: 'F', instantiable: false }, { 'if-match': '*' })).status, 400);
    assert.equal((await call('DELETE', '/assettypes/mdsp.ship', { headers: { 'if-match': '*' } })).status, 409);
    assert.equal((await call('DELETE', '/assettypes/mdsp.fighter')).status, 428);
    const gone = await call('DELETE', '/assettypes/mdsp.fighter', { headers: { 'if-match': '*' } });
    assert.deepEqual([gone.status, gone.text], [204, '']);
    assert.equal((await get('mdsp.fighter')).status, 404);
    assert.equal((await call('DELETE', '/assettypes/mdsp.fighter', { headers: { 'if-match': '*' } })).status, 404);
  });
});

describe('MindSphere: aspects', () => {
  before(async () => {
    const static_ = await aspect('mdsp.wing', { name: 'wing', category: 'static', variables: [{ name: 'angle', dataType: 'DOUBLE', unit: 'deg', defaultValue: '1.5' }] });
    assert.equal(static_.status, 201, static_.text);
    assert.equal((await aspect('mdsp.engine', { name: 'engine', category: 'dynamic', variables: [{ name: 'log', dataType: 'BIG_STRING', qualityCode: true }] })).status, 201);
  });

  test('get ids, are renamed by them, and removed by absence', async () => {
    const made = await put('mdsp.plane', { name: 'Plane', aspects: [{ name: 'left', aspectTypeId: 'mdsp.wing' }, { name: 'turbine', aspectTypeId: 'mdsp.engine' }] });
    assert.equal(made.status, 201, made.text);
    const [left, turbine] = made.body.aspects;
    assert.match(left.aspectId, /^[0-9a-f]{32}$/);
    assert.deepEqual([left.aspectType.id, left.aspectType.variables[0].qualityCode], ['mdsp.wing', false]);
    const { asset } = await model('Plane');
    assert.deepEqual(asset.metadataMappings, { left: { properties: { angle: { type: 'double' } } } });
    assert.deepEqual([asset.defaultMetadata, asset.measures], [{ left: { angle: 1.5 } }, [{ name: 'turbine', type: 'Engine' }]]);
    await client.result({ controller: 'device-manager/assets', action: 'create', engineId: 'mdsp', body: { model: 'Plane', reference: 'p', metadata: { left: { angle: 7 } } } });
    const renamed = await put('mdsp.plane', { name: 'Plane', aspects: [{ name: 'right', aspectId: left.aspectId, aspectTypeId: 'mdsp.wing' }, { name: 'turbine', aspectTypeId: 'mdsp.engine' }] }, { 'if-match': '0' });
    assert.deepEqual(renamed.body.aspects.map(({ name, aspectId }) => [name, aspectId]), [['right', left.aspectId], ['turbine', turbine.aspectId]]);
    const { _source } = await client.result({ controller: 'device-manager/assets', action: 'get', engineId: 'mdsp', _id: 'Plane-p' });
    assert.deepEqual(_source.metadata, { right: { angle: 7 } });
    const less = await put('mdsp.plane', { name: 'Plane' }, { 'if-match': '1' });
    assert.deepEqual(less.body.aspects, []);
  });

  test('wrong ones are told', async () => {
    const wrong = async (aspects) => put('mdsp.wrong', { name: 'W', aspects });
    for (const aspects of [
      [{ name: 'a', aspectTypeId: 'mdsp.nothing' }], [{ name: 'a' }], [{ name: 'a', aspectId: '0'.repeat(32), aspectTypeId: 'mdsp.wing' }],
      [{ name: 'a', aspectTypeId: 'mdsp.wing' }, { name: 'a', aspectTypeId: 'mdsp.wing' }], [{ name: 'scope', aspectTypeId: 'mdsp.wing' }], [5],
    ]) assert.equal((await wrong(aspects)).status, 400, JSON.stringify(aspects));
  });

  test('an aspect type only grows, and its users follow', async () => {
    await put('mdsp.user', { name: 'User', aspects: [{ name: 'w', aspectTypeId: 'mdsp.wing' }] });
    const angle = { name: 'angle', dataType: 'DOUBLE' };
    assert.equal((await aspect('mdsp.wing', { name: 'wing', category: 'static', variables: [] }, { 'if-match': '*' })).status, 400);
    assert.equal((await aspect('mdsp.wing', { name: 'other', category: 'static', variables: [angle] }, { 'if-match': '*' })).status, 400);
    assert.equal((await aspect('mdsp.wing', { name: 'wing', category: 'dynamic', variables: [angle] }, { 'if-match': '*' })).status, 400);
    const grown = await aspect('mdsp.wing', { name: 'wing', category: 'static', variables: [angle, text('tip')] }, { 'if-match': '*' });
    assert.equal(grown.status, 200, grown.text);
    assert.deepEqual(Object.keys((await model('User')).asset.metadataMappings.w.properties), ['angle', 'tip']);
    const twice = await aspect('mdsp.twice', { name: 't', category: 'static', variables: [{ name: 'a', dataType: 'INT' }, { name: 'a', dataType: 'INT' }] });
    assert.deepEqual([twice.status, /variables\[1\]\.name: it is there already/.test(twice.text)], [400, true], twice.text);
    assert.equal((await call('DELETE', '/aspecttypes/mdsp.wing', { headers: { 'if-match': '*' } })).status, 409);
    const patched = await call('PATCH', '/aspecttypes/mdsp.wing', { body: { description: 'd' }, headers: { 'if-match': '1', 'content-type': 'application/merge-patch+json' } });
    assert.deepEqual([patched.body.description, patched.body.variables.length, patched.body.etag], ['d', 2, 2]);
    await aspect('mdsp.free', { name: 'f', category: 'static', variables: [] });
    assert.equal((await call('DELETE', '/aspecttypes/mdsp.free', { headers: { 'if-match': '0' } })).status, 204);
    const { body } = await call('GET', '/aspecttypes', { query: { filter: JSON.stringify({ category: 'dynamic' }) } });
    assert.deepEqual(body._embedded.aspectTypes.map(({ id }) => id), ['mdsp.engine']);
  });
});

describe('MindSphere: patches, lists, and other doors', () => {
  test('PATCH merges, and variables are renamed with their values', async () => {
    await put('mdsp.patch', { name: 'Patch', description: 'd', variables: [text('before', { length: 9 }), { name: 'count', dataType: 'INT' }] });
    const merged = await call('PATCH', '/assettypes/mdsp.patch', { body: { description: null, name: 'P' }, headers: { 'if-match': '0' } });
    assert.deepEqual([merged.status, merged.body.name, merged.body.description, merged.body.variables.length, merged.body.etag], [200, 'P', null, 2, 1]);
    await client.result({ controller: 'device-manager/assets', action: 'create', engineId: 'mdsp', body: { model: 'Patch', reference: '1', metadata: { before: 'x', count: 3 } } });
    const variables = (body, etag) => call('PATCH', '/assettypes/mdsp.patch/variables', { body, headers: { 'if-match': String(etag) } });
    assert.equal((await variables({ nobody: { unit: 'x' } }, 1)).status, 404);
    assert.equal((await variables({ before: { length: 3 } }, 1)).status, 400);
    const renamed = await variables({ before: { name: 'after', length: 12 } }, 1);
    assert.deepEqual(renamed.body.variables.map(({ name, length }) => [name, length]), [['after', 12], ['count', null]]);
    const { _source } = await client.result({ controller: 'device-manager/assets', action: 'get', engineId: 'mdsp', _id: 'Patch-1' });
    assert.deepEqual(_source.metadata, { after: 'x', count: 3 });
  });

  test('lists with filter, sort and pages', async () => {
    for (const id of ['c', 'a', 'b']) await put(`mdsp.list_${id}`, { name: `List ${id.toUpperCase()}` });
    const list = async (query) => (await call('GET', '/assettypes', { query })).body;
    const ids = (body) => body._embedded.assetTypes.map(({ id }) => id);
    const filter = (value) => ({ filter: JSON.stringify(value), size: 100 });
    assert.deepEqual(ids(await list(filter({ id: { startsWith: 'mdsp.list_' } }))), ['mdsp.list_a', 'mdsp.list_b', 'mdsp.list_c']);
    assert.deepEqual(ids(await list({ ...filter({ id: { startsWith: 'mdsp.list_' } }), sort: 'name,desc' })), ['mdsp.list_c', 'mdsp.list_b', 'mdsp.list_a']);
    assert.deepEqual(ids(await list(filter({ name: { or: [{ eq: 'List A' }, { endsWith: ' B' }] } }))), ['mdsp.list_a', 'mdsp.list_b']);
    assert.deepEqual(ids(await list(filter({ and: [{ name: { contains: 'ist' } }, { not: { name: 'List A' } }], id: { in: { value: ['mdsp.list_a', 'mdsp.list_c'] } } }))), ['mdsp.list_c']);
    assert.equal(ids(await list(filter({ tenantId: 'core' }))).length, 6);
    const page = await list({ ...filter({ id: { startsWith: 'mdsp.list_' } }), size: 2, page: 1 });
    assert.deepEqual([ids(page), page.page], [['mdsp.list_c'], { size: 2, totalElements: 3, totalPages: 2, number: 1 }]);
    assert.ok(page._links.prev && !page._links.next);
    assert.equal((await list({ size: 0 })).page.size, 10);
    assert.deepEqual((await list(filter({ name: 'nobody' })))._embedded.assetTypes, []);
    for (const query of [{ size: -1 }, { page: 'x' }, { filter: '{' }, { filter: '[]' }, { filter: '{"name":{"like":"x"}}' }]) {
      assert.equal((await call('GET', '/assettypes', { query })).status, 400, JSON.stringify(query));
    }
  });

  test('a model that Kuzzle writes keeps its identity, and its version grows', async () => {
    await put('mdsp.both', { name: 'Both', variables: [text('kept', { length: 7, unit: 'u' })] });
    await client.result({
      controller: 'device-manager/models', action: 'writeAsset',
      body: { engineGroup: 'commons', model: 'Both', metadataMappings: { kept: { type: 'keyword' }, more: { type: 'integer' } } },
    });
    const { body } = await get('mdsp.both');
    assert.equal(body.etag, 1);
    assert.deepEqual(body.variables.map(({ name, dataType, length, unit }) => [name, dataType, length, unit]), [['kept', 'STRING', 7, 'u'], ['more', 'INT', null, null]]);
    assert.equal((await put('mdsp.both', { name: 'x' }, { 'if-match': '0' })).status, 412);
  });

  test('ids that derive the same name get models of their own', async () => {
    await put('mdsp.a_b', { name: '1' });
    await put('mdsp.a.b', { name: '2' });
    assert.deepEqual([(await get('mdsp.a_b')).body.name, (await get('mdsp.a.b')).body.name], ['1', '2']);
  });
});

describe('MindSphere: tokens', () => {
  let closed;
  before(async () => {
    closed = await startServer({ config: { dialects: { mindsphere: { tokens: [{ token: 'one', tenant: 'mdsp' }, { token: 'two', tenant: 'other' }] } } } });
  });
  atEnd(() => closed?.stop());

  test('a token names the tenant, and others are kept out', async () => {
    const as = (token) => ({ to: closed, headers: { authorization: `Bearer ${token}` } });
    assert.equal((await call('PUT', '/assettypes/mdsp.x', { to: closed, body: { name: 'x' } })).status, 401);
    assert.equal((await call('PUT', '/assettypes/mdsp.x', { ...as('no'), body: { name: 'x' } })).status, 401);
    assert.equal((await call('PUT', '/assettypes/mdsp.x', { ...as('one'), body: { name: 'x' } })).status, 201);
    assert.equal((await call('GET', '/assettypes/mdsp.x', as('one'))).status, 200);
    assert.equal((await call('GET', '/assettypes/mdsp.x', as('two'))).status, 404);
    assert.equal((await call('PUT', '/assettypes/mdsp.x', { ...as('two'), body: { name: 'x' } })).status, 403);
    assert.equal((await call('GET', '/assettypes/core.basicasset', as('two'))).status, 200);
    assert.ok(!/Bearer|"one"/.test(closed.log));
  });
});
