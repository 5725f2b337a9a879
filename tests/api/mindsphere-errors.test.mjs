// mindsphere-errors.test.mjs - the MindSphere door: what it refuses, all of it and once, and the links of its lists.

import assert from 'node:assert/strict';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { startServer } from './lib/server.mjs';

const prefix = '/api/assetmanagement/v3';
let server;
const call = (method, path, options = {}) => request(server, `${prefix}${path}`, { method, ...options });
const locked = (etag) => ({ 'if-match': `${etag}` });
const told = ({ status, body }) => [status, ...body.errors.map(({ code, message }) => `${code.replace('mdsp.core.generic.', '')} ${message.split(':')[0]}`)];

before(async () => {
  server = await startServer();
  const variables = [{ name: 'text', dataType: 'STRING', length: 10, unit: 'C', defaultValue: 'd' }, { name: 'number', dataType: 'INT', defaultValue: '5' }];
  for (const [path, body] of [
    ['/aspecttypes/mdsp.fixed', { name: 'fixed', category: 'static', variables }],
    ['/aspecttypes/mdsp.moving', { name: 'moving', category: 'dynamic', variables: [{ name: 'text', dataType: 'STRING', length: 10 }] }],
    ['/assettypes/mdsp.thing', { name: 'Thing', variables: [{ name: 'i', dataType: 'INT' }] }],
  ]) assert.equal((await call('PUT', path, { body })).status, 201);
});
atEnd(() => server?.stop());

describe('MindSphere: a body with many faults', () => {
  test('has all of them told, each once, and what is missing as missing', async () => {
    assert.deepEqual(told(await call('PUT', '/assettypes/mdsp.bad', { body: {
      variables: [{ dataType: 'NO' }, { name: 'x y' }, { name: 'a', dataType: 'INT', unit: 5, defaultValue: 'x' }], aspects: [{}, { name: 'q', aspectTypeId: 'mdsp.none' }],
      fileAssignments: [{}, { key: 'a b', fileId: 'zz' }] } })), [400,
      'missingRequestBodyProperty name', 'missingRequestBodyProperty variables[0].name', 'invalidRequestBodyProperty variables[0].dataType',
      'invalidRequestBodyProperty variables[1].name', 'missingRequestBodyProperty variables[1].dataType', 'invalidRequestBodyProperty variables[2].unit',
      'invalidRequestBodyProperty variables[2].defaultValue', 'missingRequestBodyProperty aspects[0].name', 'missingRequestBodyProperty aspects[0].aspectTypeId',
      'invalidRequestBodyProperty aspects[1].aspectTypeId', 'missingRequestBodyProperty fileAssignments[0].key', 'missingRequestBodyProperty fileAssignments[0].fileId',
      'invalidRequestBodyProperty fileAssignments[1].key', 'invalidRequestBodyProperty fileAssignments[1].fileId']);
    assert.deepEqual(told(await call('POST', '/assets', { body: { twinType: 'x', location: 5, variables: [{ name: 'i', value: 1 }] } })), [400,
      'missingRequestBodyProperty typeId', 'missingRequestBodyProperty parentId', 'missingRequestBodyProperty name', 'invalidRequestBodyProperty twinType', 'invalidRequestBodyProperty location']);
  });

  test('of another media type is 415', async () => {
    for (const [method, path, type] of [['PUT', '/assettypes/mdsp.text', 'text/plain'], ['PUT', '/aspecttypes/mdsp.text', 'application/xml'], ['POST', '/files', 'application/json']]) {
      const reply = await call(method, path, { body: '{"name":"x"}', headers: { 'content-type': type } });
      assert.deepEqual([reply.status, reply.body.errors[0].code], [415, 'mdsp.core.generic.unsupportedMediaType'], path);
    }
  });

  test('of variables to be patched must say something of each', async () => {
    for (const edit of [5, null, [], 'x']) assert.deepEqual(told(await call('PATCH', '/assettypes/mdsp.thing/variables', { body: { i: edit }, headers: locked(0) })), [400, 'invalidRequestBodyProperty i']);
    assert.deepEqual(told(await call('PATCH', '/assettypes/mdsp.thing/variables', { body: { no: {}, i: 5, none: {} }, headers: locked(0) })),
      [400, 'noMatch there is no variable no', 'invalidRequestBodyProperty i', 'noMatch there is no variable none']);
    assert.equal((await call('PATCH', '/assettypes/mdsp.thing/variables', { body: { no: {} }, headers: locked(0) })).status, 404);
    assert.equal((await call('GET', '/assettypes/mdsp.thing')).body.etag, 0);
  });

  test('has the last of a name that stands twice', async () => {
    const reply = await call('PUT', '/assettypes/mdsp.twice', { body: '{"name":"A","name":"B","variables":[{"name":"x","dataType":"NO","dataType":"INT"}]}', headers: { 'content-type': 'application/json' } });
    assert.deepEqual([reply.status, reply.body.name, reply.body.variables[0].dataType], [201, 'B', 'INT'], reply.text);
  });
});

describe('MindSphere: aspect types', () => {
  const text = { name: 'text', dataType: 'STRING', length: 10, unit: 'C', defaultValue: 'd' };
  const number = { name: 'number', dataType: 'INT', defaultValue: '5' };
  const put = (id, category, variables, etag) => call('PUT', `/aspecttypes/mdsp.${id}`, { body: { name: id, category, variables }, headers: locked(etag) });

  test('keep what their variables are; a static text may grow', async () => {
    for (const [variable, member] of [[{ ...text, unit: 'F' }, 'unit'], [{ ...text, unit: null }, 'unit'], [{ ...text, defaultValue: 'e' }, 'defaultValue'], [{ ...text, length: 9 }, 'length']])
      assert.deepEqual(told(await put('fixed', 'static', [variable, number], 0)), [400, `invalidRequestBodyProperty variables[0].${member}`]);
    assert.deepEqual(told(await put('fixed', 'static', [text], 0)), [400, 'invalidRequestBodyProperty variables']);
    const grown = await put('fixed', 'static', [{ name: 'text', dataType: 'STRING', length: 11 }, { ...number, defaultValue: 5 }, { name: 'new', dataType: 'LONG', unit: 'm' }], 0);
    assert.deepEqual([grown.status, grown.body.variables?.map(({ length, unit, defaultValue }) => [length, unit, defaultValue])], [200, [[11, 'C', 'd'], [null, null, '5'], [null, 'm', null]]], grown.text);
    assert.deepEqual(told(await put('moving', 'dynamic', [{ name: 'text', dataType: 'STRING', length: 11 }], 0)), [400, 'invalidRequestBodyProperty variables[0].length']);
  });
});

describe('MindSphere: lists', () => {
  test('refuse a malformed filter, also where there is nothing to be filtered', async () => {
    for (const path of ['/assettypes', '/aspecttypes', '/assets']) {
      for (const filter of [{ or: 5 }, { and: 5 }, { name: 5 }, { name: { eq: 5 } }, { name: { in: { value: [5] } } }, { name: { contains: 5 } }, { not: 5 }, { name: { or: 5 } }]) {
        const reply = await call('GET', path, { query: { filter: JSON.stringify(filter) } });
        assert.deepEqual([reply.status, reply.body.errors?.length, reply.body.errors?.[0].code], [400, 1, 'mdsp.core.generic.invalidParameter'], `${path} ${JSON.stringify(filter)} ${reply.text}`);
      }
    }
    assert.equal((await call('GET', '/assettypes', { query: { filter: '{"instantiable":true,"parentTypeId":{"not":null}}' } })).status, 200);
  });

  test('link to the same list on another page', async () => {
    const query = { page: 1, size: 2, filter: '{"id":{"startsWith":"core."}}', sort: 'name,desc', exploded: true, includeShared: false };
    const { body } = await call('GET', '/assettypes', { query });
    assert.deepEqual(Object.keys(body._links), ['self', 'first', 'prev', 'next', 'last']);
    for (const [name, page] of [['self', 1], ['first', 0], ['prev', 0], ['next', 2], ['last', 2]]) {
      const asked = new URL(body._links[name].href).searchParams;
      assert.deepEqual(Object.fromEntries(asked), { page: `${page}`, size: '2', filter: query.filter, sort: 'name,desc', exploded: 'true', includeShared: 'false' }, name);
    }
    const next = await (await fetch(body._links.next.href)).json();
    assert.deepEqual(next._embedded.assetTypes.map(({ id }) => id), ['core.basicarea', 'core.basicagent'].filter((id) => next._embedded.assetTypes.some((type) => type.id === id)));
    assert.equal(next._embedded.assetTypes.length, 2);
  });
});

describe('MindSphere: types that inherit', () => {
  test('are at most 32 deep', async () => {
    let parentTypeId = 'core.basicasset';
    for (let i = 1; i <= 32; i++) {
      assert.equal((await call('PUT', `/assettypes/mdsp.deep${i}`, { body: { name: `D${i}`, parentTypeId } })).status, 201, `${i}`);
      parentTypeId = `mdsp.deep${i}`;
    }
    assert.deepEqual(told(await call('PUT', '/assettypes/mdsp.deep33', { body: { name: 'D33', parentTypeId } })), [400, 'invalidRequestBodyProperty parentTypeId']);
  });
});

describe('MindSphere: the time zone of an asset', () => {
  test('is cleared by null, and by a complete body without one', async () => {
    const { body: root } = await call('GET', '/assets/root');
    const made = (await call('POST', '/assets', { body: { name: 'A', typeId: 'mdsp.thing', parentId: root.assetId, timezone: 'Europe/Berlin' } })).body;
    assert.equal(made.timezone, 'Europe/Berlin');
    const patch = async (body, etag) => (await call('PATCH', `/assets/${made.assetId}`, { body, headers: locked(etag) })).body.timezone;
    assert.equal(await patch({ name: 'B' }, 0), 'Europe/Berlin');
    assert.equal(await patch({ timezone: null }, 1), null);
    assert.equal(await patch({ timezone: '+01:00' }, 2), '+01:00');
    const put = await call('PUT', `/assets/${made.assetId}`, { body: { name: 'C' }, headers: locked(3) });
    assert.deepEqual([put.status, put.body.timezone], [200, null], put.text);
  });
});
