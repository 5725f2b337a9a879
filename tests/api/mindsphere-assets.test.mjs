// mindsphere-assets.test.mjs - the MindSphere door: files and assets.

import assert from 'node:assert/strict';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const prefix = '/api/assetmanagement/v3';
let server;
let client;
let root;

const call = (method, path, options = {}) => request(server, `${prefix}${path}`, { method, ...options });
const post = (body) => call('POST', '/assets', { body });
const list = (query) => call('GET', '/assets', { query });
const names = (reply) => reply.body._embedded.assets.map(({ name }) => name);
const messages = (reply) => reply.body.errors.map(({ message }) => message).join('\n');
const codes = (reply) => reply.body.errors.map(({ code }) => code.replace('mdsp.core.generic.', ''));
const made = (reply) => { assert.equal(reply.status, 201, reply.text); return reply.body; };
const stored = async (model, id) => (await client.result({
  controller: 'device-manager/assets', action: 'get', engineId: 'mdsp', _id: `${model}-${id}`,
}))._source;

/** A multipart upload as the vendor's client sends it. */
async function upload(content, { name = 'logo.png', more = {} } = {}) {
  const form = new FormData();
  if (content !== undefined) form.append('file', new Blob([content], { type: 'image/png' }), name);
  for (const [key, value] of Object.entries(more)) form.append(key, value);
  const response = await fetch(`${server.url}${prefix}/files`, { method: 'POST', body: form });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

before(async () => {
  server = await startServer();
  client = await connectRaw(server);
  made(await call('PUT', '/aspecttypes/mdsp.wing', { body: { name: 'wing', category: 'static',
    variables: [{ name: 'angle', dataType: 'DOUBLE', defaultValue: '5' }, { name: 'kind', dataType: 'STRING', length: 4 }] } }));
  made(await call('PUT', '/aspecttypes/mdsp.flight', { body: { name: 'flight', category: 'dynamic', variables: [{ name: 'height', dataType: 'DOUBLE' }] } }));
  made(await call('PUT', '/assettypes/mdsp.ship', { body: { name: 'Ship', instantiable: false,
    variables: [{ name: 'colour', dataType: 'STRING', length: 10, defaultValue: 'red' }, { name: 'crew', dataType: 'INT' }] } }));
  made(await call('PUT', '/assettypes/mdsp.xwing', { body: { name: 'X-Wing', parentTypeId: 'mdsp.ship',
    variables: [{ name: 'armed', dataType: 'BOOLEAN' }, { name: 'built', dataType: 'TIMESTAMP' }],
    aspects: [{ name: 'left', aspectTypeId: 'mdsp.wing' }, { name: 'now', aspectTypeId: 'mdsp.flight' }] } }));
  root = (await call('GET', '/assets/root')).body;
});
atEnd(async () => {
  await client?.close();
  await server?.stop();
});

describe('MindSphere: files', () => {
  test('are stored, told and given back byte for byte', async () => {
    const bytes = Uint8Array.from({ length: 3001 }, (_, i) => (i * 7) & 255);
    const reply = await upload(bytes, { more: { name: 'Logo', description: 'of us', scope: 'PUBLIC' } });
    const file = made(reply);
    assert.match(file.id, /^[0-9a-f]{32}$/);
    assert.deepEqual([file.name, file.originalFileName, file.description, file.scope, file.isAssigned, file.etag, file.tenantId],
      ['Logo', 'logo.png', 'of us', 'public', false, 0, 'mdsp']);
    assert.ok(Math.abs(new Date(file.uploaded) - Date.now()) < 60000);
    assert.equal(reply.headers.get('location'), `${server.url}${prefix}/files/${file.id}`);
    assert.deepEqual((await call('GET', `/files/${file.id}`)).body, file);
    const answer = await fetch(`${server.url}${prefix}/files/${file.id}/file`);
    assert.equal(answer.headers.get('content-type'), 'image/png');
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), bytes);
    assert.equal((await call('GET', `/files/${file.id}`, { headers: { 'if-none-match': '0' } })).status, 304);
  });

  test('an empty one is a file as well', async () => {
    const { id } = made(await upload(new Uint8Array(0)));
    const answer = await fetch(`${server.url}${prefix}/files/${id}/file`);
    assert.deepEqual([answer.status, await answer.text()], [200, '']);
  });

  test('that a client of Kuzzle has written are told as far as they go', async () => {
    made(await upload('x'));
    const id = 'f'.repeat(32);
    await client.result({ controller: 'document', action: 'createOrReplace', index: 'mdsp', collection: 'files', _id: id, body: { name: 'n', content: 7 } });
    const { status, body, text } = await call('GET', `/files/${id}`);
    assert.deepEqual([status, body?.name, body?.lastModified], [200, 'n', null], text);
    assert.equal((await call('GET', `/files/${id}/file`)).status, 404);
  });

  test('what is no file is refused', async () => {
    for (const [reply, status, message] of [
      [await upload(undefined, { more: { name: 'x' } }), 400, /file: it is needed/],
      [await upload('x', { more: { scope: 'SECRET' } }), 400, /scope/],
      [await upload('x', { more: { description: 'd'.repeat(2049) } }), 400, /description/],
      [await upload(undefined, { more: { file: 'x', name: 'y' } }), 400, /file: a part/],
      [await call('GET', `/files/${'0'.repeat(32)}`), 404, /there is no file/],
      [await call('GET', '/files/x/file'), 404, /there is no file/],
    ]) assert.deepEqual([reply.status, message.test(messages(reply))], [status, true], reply.text);
  });

  test('can be deleted while they are assigned nowhere', async () => {
    const { id } = made(await upload('x'));
    const assign = await call('PUT', '/assettypes/mdsp.ship/fileAssignments/logo', { body: { fileId: id }, headers: { 'if-match': '*' } });
    assert.deepEqual([assign.status, assign.body.fileAssignments[0]?.fileId], [200, id], assign.text);
    const exploded = (await call('GET', '/assettypes/mdsp.xwing', { query: { exploded: true } })).body.fileAssignments;
    assert.deepEqual(exploded[0]._links.origin, { href: `${server.url}${prefix}/assettypes/mdsp.ship` });
    assert.equal((await call('GET', `/files/${id}`)).body.isAssigned, true);
    const remove = (headers) => call('DELETE', `/files/${id}`, { headers });
    assert.equal((await remove({})).status, 428);
    assert.equal((await remove({ 'if-match': '1' })).status, 412);
    assert.equal((await remove({ 'if-match': '0' })).status, 409);
    assert.equal((await call('DELETE', '/assettypes/mdsp.ship/fileAssignments/logo', { headers: { 'if-match': '*' } })).status, 200);
    assert.deepEqual([(await remove({ 'if-match': '0' })).status, (await remove({ 'if-match': '0' })).status], [204, 404]);
    const gone = await call('PUT', '/assettypes/mdsp.ship/fileAssignments/logo', { body: { fileId: id }, headers: { 'if-match': '*' } });
    assert.deepEqual([gone.status, messages(gone).includes(id)], [400, true]);
  });
});

describe('MindSphere: assets', () => {
  test('with lists too long to be compared are refused', async () => {
    const many = (make) => Array.from({ length: 9000 }, (_, i) => make(i));
    const begin = Date.now();
    for (const [body, expected] of [
      [{ variables: many((i) => ({ name: `v${i}`, value: '1' })) }, /variables: at most 2000/],
      [{ fileAssignments: many((i) => ({ key: `k${i}`, fileId: '0'.repeat(32) })) }, /fileAssignments: at most 200/],
    ]) {
      const reply = await post({ name: 'Many', typeId: 'mdsp.xwing', parentId: root.assetId, ...body });
      assert.equal(reply.status, 400, reply.text);
      assert.match(messages(reply), expected);
    }
    assert.ok(Date.now() - begin < 4000);
  });

  test('one is made of a type, and is an asset of the core', async () => {
    const reply = await post({ name: 'Red Five', typeId: 'mdsp.xwing', parentId: root.assetId, externalId: 'r5', description: 'Luke',
      timezone: 'Europe/Berlin', location: { country: 'Tatooine', longitude: 12.5, latitude: -3, moons: 2 },
      variables: [{ name: 'crew', value: '2' }, { name: 'armed', value: 'true' }],
      aspects: [{ name: 'left', variables: [{ name: 'kind', value: 'long' }] }] });
    const asset = made(reply);
    assert.match(asset.assetId, /^[0-9a-f]{32}$/);
    assert.deepEqual(asset, {
      name: 'Red Five', externalId: 'r5', description: 'Luke', location: { country: 'Tatooine', longitude: 12.5, latitude: -3 },
      timezone: 'Europe/Berlin', twinType: 'performance',
      variables: [{ name: 'colour', value: 'red' }, { name: 'crew', value: '2' }, { name: 'armed', value: 'true' }],
      aspects: [{ name: 'left', variables: [{ name: 'angle', value: '5' }, { name: 'kind', value: 'long' }] }, { name: 'now', variables: [] }],
      fileAssignments: [], typeId: 'mdsp.xwing', parentId: root.assetId, assetId: asset.assetId, tenantId: 'mdsp', subTenant: null, t2Tenant: null,
      etag: 0, deleted: null, locks: [], sharing: { modes: [] },
      _links: { self: { href: `${server.url}${prefix}/assets/${asset.assetId}` }, parent: { href: `${server.url}${prefix}/assets/${root.assetId}` } },
    });
    assert.deepEqual([reply.headers.get('etag'), reply.headers.get('location')], ['"0"', asset._links.self.href]);
    const core = await stored('Xwing', asset.assetId);
    assert.deepEqual(core.metadata, { colour: null, crew: 2, armed: true, built: null, left: { angle: null, kind: 'long' } });
    assert.deepEqual(Object.keys(core.measures), ['now']);
    assert.equal(core.dialect.name.default, 'Red Five');
    assert.deepEqual((await call('GET', `/assets/${asset.assetId}`)).body, asset);
    assert.equal((await call('GET', `/assets/${asset.assetId}`, { headers: { 'if-none-match': '"0"' } })).status, 304);
  });

  test('all that is wrong with a body is told', async () => {
    const reply = await post({ typeId: 'mdsp.xwing', parentId: 'nobody', description: 3, location: { longitude: 200, country: 1 }, twinType: 'evil',
      variables: [{ name: 'crew', value: '1.5' }, { name: 'wheels', value: '4' }, { name: 'colour', value: 'far too long' }, { name: 'built', value: 'today' }],
      aspects: [{ name: 'left', variables: [{ name: 'angle', value: 'x' }, { name: 'nix', value: '1' }] }, { name: 'now', variables: [{ name: 'height', value: '1' }] }, { name: 'right' }],
      fileAssignments: [{ key: 'a b', fileId: 'x' }, { key: 'ok', fileId: 'x' }] });
    assert.equal(reply.status, 400);
    for (const part of ['parentId: there is no asset nobody', 'description:', 'location.longitude', 'location.country', 'twinType', 'name: it is needed',
      'variables.crew.value', 'variables[1].name', 'variables.colour.value', 'variables.built.value', 'aspects.left.angle.value', 'aspects.left: it has no variable nix',
      'aspects.now: variables of dynamic', 'aspects[2].name', 'fileAssignments[0].key', 'fileAssignments[1].fileId: there is no file x'])
      assert.ok(messages(reply).includes(part), `${part}\n${messages(reply)}`);
    for (const [body, part] of [
      [{ name: 'x', parentId: root.assetId }, /typeId: it is needed/], [{ name: 'x', parentId: root.assetId, typeId: 'mdsp.no' }, /there is no mdsp.no/],
      [{ name: 'x', parentId: root.assetId, typeId: 'mdsp.ship' }, /not instantiable/], [{ name: 'x', parentId: root.assetId, typeId: 7 }, /there is no such type/],
      [{ name: 'x', typeId: 'mdsp.xwing' }, /parentId: it is needed/], [{ name: 'x', typeId: 'core.basicasset', parentId: root.assetId }, /not instantiable/],
      [{ name: 'x', typeId: 'mdsp.xwing', parentId: root.assetId, timezone: 'Mars/North' }, /timezone/],
      [{ name: 'x', typeId: 'mdsp.xwing', parentId: root.assetId, fileAssignments: [{ key: 'a', fileId: '0'.repeat(32) }] }, /there is no file 0000/],
    ]) {
      const one = await post(body);
      assert.deepEqual([one.status, part.test(messages(one))], [400, true], one.text);
    }
    assert.equal((await call('POST', '/assets', { body: '{', headers: { 'content-type': 'application/json' } })).status, 400);
    assert.equal((await call('POST', '/assets')).status, 400);
  });

  test('types of the core can be used as they are', async () => {
    const area = made(await post({ name: 'Hangar', typeId: 'core.basicarea', parentId: root.assetId }));
    const again = made(await post({ name: 'Hangar 2', typeId: 'core.basicarea', parentId: area.assetId }));
    assert.deepEqual([again.typeId, again.parentId], ['core.basicarea', area.assetId]);
    assert.equal((await stored('CoreBasicArea', again.assetId)).dialect.parentId, area.assetId);
    const blocked = await call('DELETE', `/assets/${area.assetId}`, { headers: { 'if-match': '0' } });
    assert.deepEqual([blocked.status, codes(blocked)], [409, ['conflict']]);
    assert.equal((await call('DELETE', `/assets/${again.assetId}`, { headers: { 'if-match': '0' } })).status, 204);
    assert.equal((await call('DELETE', `/assets/${area.assetId}`, { headers: { 'if-match': '*' } })).status, 204);
    assert.equal((await call('GET', `/assets/${area.assetId}`)).status, 404);
  });

  test('PUT replaces, PATCH merges, and both grow the version', async () => {
    const { assetId } = made(await post({ name: 'A', typeId: 'mdsp.xwing', parentId: root.assetId, externalId: 'e', timezone: '+01:00',
      variables: [{ name: 'crew', value: 3 }, { name: 'colour', value: 'blue' }], aspects: [{ name: 'left', variables: [{ name: 'angle', value: '9.5' }] }] }));
    const change = (method, body, match) => call(method, `/assets/${assetId}`, { body, headers: { ...(match === undefined ? {} : { 'if-match': match }),
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' } });
    assert.equal((await change('PUT', { name: 'B' })).status, 428);
    assert.equal((await change('PUT', { name: 'B' }, '7')).status, 412);
    const put = await change('PUT', { name: 'B', variables: [{ name: 'colour', value: 'green' }] }, '0');
    assert.deepEqual([put.status, put.body.etag, put.body.externalId, put.body.timezone], [200, 1, null, null], put.text);
    assert.deepEqual(put.body.variables, [{ name: 'colour', value: 'green' }]);
    assert.deepEqual(put.body.aspects[0].variables, [{ name: 'angle', value: '5' }]);
    const patch = await change('PATCH', { description: 'patched', variables: [{ name: 'crew', value: '4' }] }, '1');
    assert.deepEqual([patch.status, patch.body.etag, patch.body.name, patch.body.description], [200, 2, 'B', 'patched'], patch.text);
    assert.deepEqual(patch.body.variables, [{ name: 'colour', value: 'red' }, { name: 'crew', value: '4' }]);
    assert.equal((await change('PATCH', {}, '2')).body.etag, 3);
    assert.equal((await change('PATCH', { typeId: 'core.basicarea' }, '3')).status, 400);
    assert.equal((await change('PATCH', { parentId: 'other' }, '3')).status, 400);
    assert.equal((await change('PATCH', { typeId: 'mdsp.xwing', parentId: root.assetId }, '3')).status, 200);
    assert.equal((await call('PUT', `/assets/${root.assetId}`, { body: { name: 'mine' }, headers: { 'if-match': '0' } })).status, 403);
    assert.equal((await call('PUT', '/assets/nobody', { body: { name: 'mine' }, headers: { 'if-match': '0' } })).status, 404);
  });

  test('of two writers with the same version exactly one wins', async () => {
    const { assetId } = made(await post({ name: 'Race', typeId: 'mdsp.xwing', parentId: root.assetId }));
    const replies = await Promise.all(Array.from({ length: 6 }, (_, i) => call('PUT', `/assets/${assetId}`, { body: { name: `R${i}` }, headers: { 'if-match': '0' } })));
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, ...Array(5).fill(412)]);
  });

  test('a variable that was never set shows the default that its type has now', async () => {
    made(await call('PUT', '/assettypes/mdsp.mood', { body: { name: 'Mood', variables: [{ name: 'mood', dataType: 'STRING', defaultValue: 'good' }] } }));
    const { assetId } = made(await post({ name: 'M', typeId: 'mdsp.mood', parentId: root.assetId }));
    const body = { name: 'Mood', variables: [{ name: 'mood', dataType: 'STRING', defaultValue: 'better' }] };
    assert.equal((await call('PUT', '/assettypes/mdsp.mood', { body, headers: { 'if-match': '0' } })).status, 200);
    assert.deepEqual((await call('GET', `/assets/${assetId}`)).body.variables, [{ name: 'mood', value: 'better' }]);
    assert.equal((await call('DELETE', '/assettypes/mdsp.mood', { headers: { 'if-match': '1' } })).status, 409);
  });

  test('files of the type are shadowed by those of the asset, which hold the file', async () => {
    const [a, b] = [made(await upload('a')), made(await upload('b'))];
    made(await call('PUT', '/assettypes/mdsp.filed', { body: { name: 'Filed', fileAssignments: [{ key: 'logo', fileId: a.id }, { key: 'plan', fileId: a.id }] } }));
    const asset = made(await post({ name: 'F', typeId: 'mdsp.filed', parentId: root.assetId, fileAssignments: [{ key: 'logo', fileId: b.id }] }));
    assert.deepEqual(asset.fileAssignments.map(({ key, fileId, _links }) => [key, fileId, 'origin' in _links]), [['plan', a.id, true], ['logo', b.id, false]]);
    assert.equal((await call('DELETE', `/files/${b.id}`, { headers: { 'if-match': '0' } })).status, 409);
    const sentBack = await call('PUT', `/assets/${asset.assetId}`, { body: asset, headers: { 'if-match': '0' } });
    assert.deepEqual([sentBack.status, sentBack.body.fileAssignments], [200, asset.fileAssignments], sentBack.text);
  });
});

describe('MindSphere: lists of assets', () => {
  before(async () => {
    made(await call('PUT', '/assettypes/mdsp.car', { body: { name: 'Car', variables: [{ name: 'wheels', dataType: 'INT' }] } }));
    made(await call('PUT', '/assettypes/mdsp.sportscar', { body: { name: 'Sports car', parentTypeId: 'mdsp.car' } }));
    const garage = made(await post({ name: 'Garage', typeId: 'core.basicarea', parentId: root.assetId }));
    for (const [name, typeId, externalId] of [['Audi', 'mdsp.car', 'x*1'], ['BMW', 'mdsp.car', 'x21'], ['Porsche', 'mdsp.sportscar', 'y'], ['Ätna', 'mdsp.sportscar', undefined]])
      made(await post({ name, typeId, externalId, parentId: garage.assetId }));
    root.garage = garage.assetId;
  });

  test('have pages, an order and filters', async () => {
    const all = { hasType: 'mdsp.car' };
    const find = async (filter, more = {}) => {
      const reply = await list({ filter: JSON.stringify(filter), sort: 'name,asc', ...more });
      assert.equal(reply.status, 200, reply.text);
      return names(reply);
    };
    const page = await list({ filter: JSON.stringify(all), sort: 'name,desc', size: 3 });
    assert.deepEqual([names(page), page.body.page], [['Ätna', 'Porsche', 'BMW'], { size: 3, totalElements: 4, totalPages: 2, number: 0 }]);
    assert.deepEqual(await find(all, { size: 3, page: 1 }), ['Ätna']);
    for (const [filter, expected] of [
      [{ typeId: 'mdsp.car' }, ['Audi', 'BMW']], [{ typeId: { in: { value: ['mdsp.sportscar'] } } }, ['Porsche', 'Ätna']],
      [{ hasType: { startsWith: 'mdsp.ca' } }, ['Audi', 'BMW', 'Porsche', 'Ätna']],
      [{ ...all, name: { startsWith: 'A' } }, ['Audi']], [{ ...all, name: { endsWith: 'e' } }, ['Porsche']],
      [{ ...all, name: { contains: 'ors' } }, ['Porsche']], [{ ...all, externalId: { contains: '*' } }, ['Audi']],
      [{ ...all, name: { or: [{ eq: 'Audi' }, { endsWith: 'W' }] } }, ['Audi', 'BMW']],
      [{ ...all, name: { not: { in: { value: ['Audi', 'BMW'] } } } }, ['Porsche', 'Ätna']],
      [{ and: [all, { not: { typeId: 'mdsp.car' } }] }, ['Porsche', 'Ätna']], [{ or: { name: 'Audi', externalId: 'y' } }, ['Audi', 'Porsche']],
      [{ ...all, externalId: null }, ['Ätna']], [{ ...all, parentId: root.garage, nonsense: 1 }, ['Audi', 'BMW', 'Porsche', 'Ätna']],
      [{ ...all, parentId: root.assetId }, []], [{ ...all, tenantId: 'mdsp', name: 'BMW' }, ['BMW']], [{ ...all, tenantId: 'other' }, []],
    ]) assert.deepEqual(await find(filter), expected, JSON.stringify(filter));
    assert.deepEqual(await find({ parentId: root.assetId, typeId: 'core.basicarea' }), ['Garage']);
  });

  test('a malformed filter is refused', async () => {
    for (const filter of ['{', '[]', '"x"', '{"name":{"like":"x"}}', '{"name":{"startsWith":3}}', '{"name":["x"]}', '{"not":3}', '{"name":{"in":3}}', '{"name":{"or":7}}',
      '{"typeId":{"like":"x"}}', '{"not":'.repeat(20) + '{}' + '}'.repeat(20)]) {
      const reply = await list({ filter });
      assert.deepEqual([reply.status, codes(reply)[0]], [400, 'invalidParameter'], `${filter} ${reply.text}`);
    }
    assert.equal((await list({ size: '-1' })).status, 400);
    assert.equal((await list({ page: 'x' })).status, 400);
  });
});
