// actionhub-neighbours.test.mjs - the ActionHub door: what stands beside POST /assets.

import assert from 'node:assert/strict';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { request } from './lib/http.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';

let server;
const call = (method, path, { program = 'shop', key, to = server, ...options } = {}) => request(to, path, { method, ...options,
  headers: { ...(program === undefined || program === null ? {} : { 'program-id': program }), ...(key === undefined ? {} : { 'actionhub-key': key }) } });
const issues = (reply) => reply.body.detail.map(({ loc, type }) => `${loc.join('.')} ${type}`);

before(async () => { server = await startServer(); });
atEnd(() => server?.stop());

describe('ActionHub: GET /assets', () => {
  test('lists what was posted, in the order of ids, by page', async () => {
    const assets = [{ asset_id: 'b', asset_name: 'Blue Shirt', labels: ['Sale', { deep: 1 }] }, { asset_id: 'a*c', labels: ['red'] }, { asset_id: 'Z', asset_name: 'zebra' }, { asset_id: 7 }];
    assert.equal((await call('POST', '/assets', { body: { assets } })).status, 200);
    const all = await call('GET', '/assets');
    assert.deepEqual([all.status, all.body], [200, { items: [
      { asset_id: '7', asset_name: null, labels: [] }, { asset_id: 'Z', asset_name: 'zebra', labels: [] },
      { asset_id: 'a*c', asset_name: null, labels: ['red'] }, { asset_id: 'b', asset_name: 'Blue Shirt', labels: ['Sale', { deep: 1 }] }],
    total: 4, page: 1, size: 50 }]);
    const second = await call('GET', '/assets', { query: { page: 2, size: 3 } });
    assert.deepEqual([second.body.items.map(({ asset_id: id }) => id), second.body.total, second.body.page, second.body.size], [['b'], 4, 2, 3]);
    assert.deepEqual((await call('GET', '/assets', { query: { page: 99 } })).body, { items: [], total: 4, page: 99, size: 50 });
    for (const [search, ids] of [['SHIRT', ['b']], ['sale', ['b']], ['*', ['a*c']], ['ze', ['Z']], ['e', ['Z', 'a*c', 'b']], ['nothing', []]])
      assert.deepEqual((await call('GET', '/assets', { query: { search } })).body.items.map(({ asset_id: id }) => id), ids, search);
    assert.deepEqual((await call('GET', '/assets', { program: 'nobody' })).body, { items: [], total: 0, page: 1, size: 50 });
  });

  test('finds a text of whatever length a request can ask for', async () => {
    const long = 'é?*'.repeat(900);
    assert.equal((await call('POST', '/assets', { program: 'long', body: { assets: [{ asset_id: 'l', labels: [`x${long}Y`] }, { asset_id: 'm' }] } })).status, 200);
    for (const [search, total] of [[long, 1], [`${long}y`, 1], [`${long}z`, 0], ['x'.repeat(10000), 0]]) {
      const reply = await call('GET', '/assets', { program: 'long', query: { search } });
      assert.deepEqual([reply.status, reply.body.total], [200, total], reply.text.slice(0, 200));
    }
    const bad = await call('GET', '/assets?search=%ff', { program: 'long' });
    assert.deepEqual([bad.status, bad.body], [400, { detail: 'path and query must be UTF-8' }]);
  });

  test('refuses what is no page', async () => {
    const bad = await call('GET', '/assets', { program: null, query: { page: 0, size: 101 } });
    assert.deepEqual([bad.status, issues(bad)], [422, ['header.program-id value_error.missing', 'query.page value_error.number.not_ge', 'query.size value_error.number.not_le']]);
    assert.deepEqual(issues(await call('GET', '/assets', { query: { page: 'x' } })), ['query.page type_error.integer']);
  });
});

describe('ActionHub: labels', () => {
  test('are those that were put and those in use', async () => {
    const labels = [{ label: 'red', weight: 2.5 }, { label: 'new', weight: 1 }, { label: 'new', weight: 3 }];
    assert.deepEqual((await call('PUT', '/labels', { body: { labels } })).body, { result: 'success' });
    assert.deepEqual((await call('GET', '/labels')).body, { items: [{ label: 'Sale', weight: 1 }, { label: 'new', weight: 3 }, { label: 'red', weight: 2.5 }], total: 3, page: 1, size: 50 });
    assert.deepEqual((await call('GET', '/labels', { query: { search: 'E', size: 1, page: 2 } })).body, { items: [{ label: 'new', weight: 3 }], total: 3, page: 2, size: 1 });
    assert.equal((await call('PUT', '/labels', { body: { labels: [{ label: 'red', weight: 0 }] } })).status, 200);
    assert.deepEqual((await call('GET', '/labels', { query: { search: 'red' } })).body.items, [{ label: 'red', weight: 0 }]);
    assert.equal((await call('PUT', '/labels', { program: 'fresh', body: { labels: Array.from({ length: 700 }, (_, i) => ({ label: `l${i}`, weight: i })) } })).status, 200);
    assert.equal((await call('GET', '/labels', { program: 'fresh' })).body.total, 700);
  });

  test('refuses what is none', async () => {
    const bad = await call('PUT', '/labels', { body: { labels: [{ label: 'x', weight: 'heavy' }, { weight: 1 }, 3, { label: 'l'.repeat(65), weight: null }, { label: [], weight: 1 }] } });
    assert.deepEqual([bad.status, issues(bad)], [422, ['body.labels.0.weight type_error.float', 'body.labels.1.label value_error.missing', 'body.labels.2 type_error.dict',
      'body.labels.3.weight type_error.none.not_allowed', 'body.labels.3.label value_error.any_str.max_length', 'body.labels.4.label type_error.str']]);
    assert.deepEqual(issues(await call('PUT', '/labels', { body: {} })), ['body.labels value_error.missing']);
    assert.deepEqual(issues(await call('PUT', '/labels', { body: { labels: {} } })), ['body.labels type_error.list']);
    assert.equal((await call('PUT', '/labels', { program: 'NO', body: { labels: [] } })).status, 404);
  });
});

describe('ActionHub: more labels than one search tells', () => {
  const count = 66000;
  const label = (i) => `${['a', 'ü', '.', '水', '-'][i % 5]}\\]${String(i).padStart(6, '0')}`;
  const program = 'manylabels';

  test('are all listed, once and in order', async () => {
    for (let at = 0; at < count; at += 3000) {
      const labels = Array.from({ length: 3000 }, (_, i) => label(at + i));
      assert.equal((await call('POST', '/assets', { program, body: { assets: [{ asset_id: `a${at}`, labels }] } })).status, 200);
    }
    const sorted = Array.from({ length: count }, (_, i) => label(i)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const page of [1, 655, 656, 660, 661]) {
      const { body } = await call('GET', '/labels', { program, query: { page, size: 100 } });
      assert.equal(body.total, count);
      assert.deepEqual(body.items.map((item) => item.label), sorted.slice((page - 1) * 100, page * 100), `page ${page}`);
    }
  });
});

describe('ActionHub: programs', () => {
  let closed;
  before(async () => {
    closed = await startServer({ config: { dialects: { actionhub: { keys: [{ key: 'boss', programs: [], admin: true }, { key: 'clerk', programs: ['mine'] }] } } } });
  });
  atEnd(() => closed?.stop());
  const at = (method, path, options) => call(method, path, { to: closed, ...options });

  test('are made by an administrator, with a key that opens them alone and is stored hashed', async () => {
    const made = await at('POST', '/programs', { program: null, key: 'boss', body: { program_name: 'One', high_engagement_threshold: 3, action_weight_floor: 0.5 } });
    assert.equal(made.status, 200, made.text);
    const { api_key: key, program_id: program } = made.body;
    assert.match(program, /^ah-[0-9a-f]{12}$/);
    const shown = { program_id: program, program_name: 'One', high_engagement_threshold: 3, event_relevance_decay: null, action_weight_floor: 0.5, description: null };
    assert.deepEqual((await at('GET', '/program', { program, key })).body, shown);
    assert.deepEqual((await at('GET', '/programs', { program: null, key })).body, { programs: [shown] });
    assert.equal((await at('POST', '/assets', { program, key, body: { assets: [{ asset_id: 'x' }] } })).status, 200);
    assert.deepEqual((await at('GET', '/program/status', { program, key })).body, { status: 'program_user_graph_complete' });
    for (const wrong of [key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A'), `${program}.`, program, '.', '', 'device-manager.x'])
      assert.equal((await at('GET', '/program', { program, key: wrong })).status, 403, wrong);
    assert.equal((await at('GET', '/program', { program: 'mine', key })).status, 403);
    assert.equal((await at('POST', '/programs', { program: null, key, body: { program_name: 'Two' } })).status, 403);
    assert.deepEqual((await at('PUT', '/program', { program, key, body: { program_id: program, program_name: 'Uno' } })).body, { result: 'success' });
    assert.equal((await at('GET', '/program', { program, key })).body.program_name, 'Uno');
    const client = await connectRaw(closed);
    const { _source } = await client.result({ controller: 'document', action: 'get', index: program, collection: 'actionhub', _id: 'program' });
    assert.match(_source.keyHash, /^[0-9a-f]{64}$/);
    assert.ok(!JSON.stringify(_source).includes(key));
    await client.close();
  });

  test('are refused when they are none, taken or unknown', async () => {
    const post = (body, key = 'boss') => at('POST', '/programs', { program: null, key, body });
    assert.equal((await post({ program_name: 'Mine', program_id: 'mine' })).status, 200);
    assert.equal((await post({ program_name: 'Mine', program_id: 'mine' })).status, 409);
    assert.equal((await post({ program_name: 'x' }, 'clerk')).status, 403);
    assert.deepEqual(issues(await post({ program_id: 'NO', high_engagement_threshold: 1.5, action_weight_floor: 'x', description: 3 })), ['body.program_name value_error.missing',
      'body.high_engagement_threshold type_error.integer', 'body.action_weight_floor type_error.float', 'body.description type_error.str', 'body.program_id value_error']);
    assert.deepEqual((await at('GET', '/program', { program: 'unknown', key: 'boss' })).body, { detail: 'Program not found' });
    assert.equal((await at('GET', '/program', { program: null, key: 'boss' })).status, 422);
    assert.deepEqual((await at('GET', '/programs', { program: null, key: 'clerk' })).body.programs.map(({ program_id: id }) => id), ['mine']);
    assert.equal((await at('GET', '/programs', { program: null, key: 'boss' })).body.programs.length, 2);
    assert.deepEqual(issues(await at('PUT', '/program', { program: 'mine', key: 'clerk', body: { program_id: 'other' } })), ['body.program_id value_error', 'body.program_name value_error.missing']);
    for (const path of ['/assets', '/labels', '/programs', '/program', '/program/status']) assert.equal((await at('GET', path)).status, 403, path);
  });
});

test('first posts that come at once all find the model in their tenants', async () => {
  const fresh = await startServer();
  try {
    const programs = ['a', 'a', 'b', 'b', 'c', 'd'];
    const replies = await Promise.all(programs.map((program, i) => call('POST', '/assets', { to: fresh, program, body: { assets: [{ asset_id: `x${i}`, asset_name: 'X', labels: ['l'] }] } })));
    assert.deepEqual(replies.map(({ status }) => status), programs.map(() => 200));
    assert.equal((await call('GET', '/assets', { to: fresh, program: 'a', query: { search: 'l' } })).body.total, 2);
  } finally {
    await fresh.stop();
  }
});
