// assets-edit.test.mjs - edit and replace: assets changed strictly by their model, with names and tags.

import assert from 'node:assert/strict';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

const controller = 'device-manager/assets';
const engineId = 'fleet';
const _id = 'Turbine-T1';
let server;
let client;

const edit = (body, id = _id) => client.result({ controller, action: 'edit', engineId, _id: id, body });
const replace = (body) => client.result({ controller, action: 'replace', engineId, _id, body });
const get = async () => client.result({ controller: 'document', action: 'get', index: engineId, collection: 'assets', _id });
const whole = { power: 5, name: 'x', on: true, place: { lat: 1, lon: 2 }, blade: { length: 30, kind: 'B' }, mode: 'fast' };

async function refused(action, body, path) {
  const before = await get();
  const error = await client.failure({ controller, action, engineId, _id, body });
  assert.equal(error.status, 400, JSON.stringify(body));
  assert.ok(error.message.includes(`"body.${path}"`), `${path}: ${error.message}`);
  assert.deepEqual(await get(), before);
}

before(async () => {
  server = await startServer();
  client = await connectRaw(server);
  await client.result({ controller: 'device-manager/engine', action: 'create', index: engineId });
  await client.result({
    controller: 'device-manager/models', action: 'writeAsset', body: {
      engineGroup: 'commons', model: 'Turbine', defaultValues: { power: 1 }, measures: [],
      metadataMappings: {
        power: { type: 'integer' }, name: { type: 'keyword' }, on: { type: 'boolean' }, place: { type: 'geo_point' },
        blade: { properties: { length: { type: 'float' }, kind: { type: 'keyword' } } }, mode: { type: 'keyword' },
      },
      metadataDetails: { mode: { editorHint: { type: 'optionSelector', values: ['slow', 'fast'] } } },
    },
  });
  await client.result({ controller, action: 'create', engineId, body: { model: 'Turbine', reference: 'T1' } });
});
atEnd(async () => {
  await client?.close();
  await server?.stop();
});

describe('device-manager/assets:edit', () => {
  test('merges attributes and leaves the others', async () => {
    const reply = await edit({ metadata: { name: 'one', blade: { length: 2.5 } } });
    assert.equal(reply._version, 2);
    assert.deepEqual((await edit({ metadata: { blade: { kind: 'A' }, on: '' } }))._source.metadata,
      { power: 1, name: 'one', on: null, place: null, blade: { length: 2.5, kind: 'A' }, mode: null });
    assert.ok(!('dialect' in (await get())._source));
  });

  test('names what contradicts the model, and writes nothing', async () => {
    for (const [metadata, path] of [
      [{ colour: 1 }, 'metadata.colour'], [{ power: 'x' }, 'metadata.power'], [{ power: 2 ** 31 }, 'metadata.power'],
      [{ power: 1.5 }, 'metadata.power'], [{ on: 'true' }, 'metadata.on'], [{ name: 5 }, 'metadata.name'],
      [{ name: 'x'.repeat(1025) }, 'metadata.name'], [{ blade: { width: 1 } }, 'metadata.blade.width'],
      [{ blade: 5 }, 'metadata.blade'], [{ blade: { length: '5' } }, 'metadata.blade.length'],
      [{ mode: 'medium' }, 'metadata.mode'], [{ place: { lat: 1000, lon: 0 } }, 'metadata'],
    ]) await refused('edit', { metadata }, path);
  });

  test('keeps names, description, time zone and tags beside the metadata', async () => {
    const name = { default: 'Turbine one', locales: { en_US: 'One', 'zh-CN': '一号' } };
    await edit({ name, description: 'windy', timezone: '+08:00', tags: { year: '2000', author: 'c' } });
    const { _source } = await edit({ tags: { year: '2001' }, removeTags: ['author', 'unknown'] });
    assert.deepEqual(_source.dialect, {
      name: { default: 'Turbine one', locales: { en_US: 'One', zh_CN: '一号' } },
      description: 'windy', timezone: '+08:00', tags: { year: '2001' },
    });
    await edit({ timezone: 'Asia/Shanghai' });
    await client.result({ controller, action: 'update', engineId, _id, body: { metadata: { power: 3 } } });
    assert.equal((await get())._source.dialect.timezone, 'Asia/Shanghai');
  });

  test('refuses what can be no name, time zone or tag', async () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`t${i}`, '']));
    for (const [body, path] of [
      [{ name: {} }, 'name.default'], [{ name: { default: 5 } }, 'name.default'],
      [{ name: { default: 'x'.repeat(257) } }, 'name.default'], [{ name: { default: '', locales: { english: '' } } }, 'name.locales'],
      [{ name: { default: '', locales: { en: 1 } } }, 'name.locales.en'], [{ description: 'x'.repeat(1025) }, 'description'],
      [{ timezone: '+15:00' }, 'timezone'], [{ timezone: '-12:01' }, 'timezone'], [{ timezone: '8' }, 'timezone'],
      [{ timezone: 'Asia/Nowhere' }, 'timezone'], [{ timezone: '../etc/passwd' }, 'timezone'],
      [{ tags: { 'a b': 'x' } }, 'tags'], [{ tags: { '': 'x' } }, 'tags'], [{ tags: { ['k'.repeat(51)]: 'x' } }, 'tags'],
      [{ tags: { year: 2000 } }, 'tags.year'], [{ tags: { year: ' x' } }, 'tags.year'],
      [{ tags: { year: 'x'.repeat(201) } }, 'tags.year'], [{ tags: many }, 'tags'],
    ]) await refused('edit', body, path);
  });

  test('an edit of nothing changes nothing', async () => {
    const { _version } = await get();
    assert.equal((await edit({}))._version, _version);
  });
});

describe('device-manager/assets:replace', () => {
  test('needs every attribute of the model', async () => {
    const { name, ...rest } = whole;
    await refused('replace', { metadata: rest }, 'metadata.name');
    await refused('replace', { metadata: { ...whole, name: null } }, 'metadata.name');
    await refused('replace', { metadata: { ...whole, more: 1 } }, 'metadata.more');
    assert.equal(name, 'x');
  });

  test('clears what is not given', async () => {
    await edit({ name: { default: 'before' }, tags: { a: 'b' }, metadata: { blade: { length: 1, kind: 'z' } } });
    const { _source } = await replace({ metadata: { ...whole, blade: { length: 7 } }, tags: { only: 'this' } });
    assert.deepEqual(_source.metadata, { ...whole, blade: { length: 7 } });
    assert.deepEqual(_source.dialect, { tags: { only: 'this' } });
    assert.ok(!('dialect' in (await replace({ metadata: whole }))._source));
  });
});
