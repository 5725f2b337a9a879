// mindsphere-nodes.test.mjs - asset types over two nodes on one Redis: each node holds the models, and nothing is
// decided on models that the other has changed.

import assert from 'node:assert/strict';
import { request } from './lib/http.mjs';
import { startNodes } from './lib/server.mjs';
import { atEnd, before, describe, test } from './lib/test.mjs';

const ROUNDS = 25;
let nodes;

const call = (at, method, path, options = {}) => request(nodes.servers[at], `/api/assetmanagement/v3${path}`, { method, ...options });
const put = (at, id, body, match) => call(at, 'PUT', `/assettypes/mdsp.${id}`, { body, headers: match === undefined ? {} : { 'if-match': `${match}` } });
const get = (at, id) => call(at, 'GET', `/assettypes/mdsp.${id}`, { query: { exploded: true } });
const text = (name, length = 255) => ({ name, dataType: 'STRING', length });
const names = (reply) => reply.body.variables.map(({ name }) => name).filter((name) => name !== 'externalId').sort();

before(async () => {
  nodes = await startNodes(2);
});
atEnd(() => nodes?.stop());

async function make(at, id, body) {
  const reply = await put(at, id, body);
  assert.equal(reply.status, 201, reply.text);
}

describe('types on two nodes', () => {
  test('a write on one is what the other reads, and the etag that it locks on', async () => {
    await make(0, 'Lock', { name: 'Lock' });
    for (let etag = 0; etag < ROUNDS; etag++) {
      const at = etag % 3 === 0 ? 0 : 1;
      assert.equal((await get(1 - at, 'Lock')).body.etag, etag);
      assert.equal((await put(1 - at, 'Lock', { name: 'Stale' }, etag + 1)).status, 412);
      assert.equal((await put(at, 'Lock', { name: `By ${at}`, description: `${etag}` }, etag)).status, 200);
      assert.equal((await put(1 - at, 'Lock', { name: 'Stale' }, etag)).status, 412);
      assert.equal((await get(1 - at, 'Lock')).body.description, `${etag}`);
    }
  });

  test('of two writers with the same etag one wins, whichever node it asks', async () => {
    await make(1, 'Race', { name: 'Race' });
    for (let etag = 0; etag < ROUNDS; etag++) {
      const replies = await Promise.all(Array.from({ length: 4 }, (_, i) => put(i % 2, 'Race', { name: `R${i}`, description: `${etag}` }, etag)));
      assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 412, 412, 412]);
      assert.equal((await get(etag % 2, 'Race')).body.name, `R${replies.findIndex(({ status }) => status === 200)}`);
    }
  });

  test('a parent and its child never come to define the same name, even at the same moment', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const parent = `Parent${round}x`;
      const child = `Child${round}x`;
      await make(round % 2, parent, { name: parent });
      await make(round % 2, child, { name: child, parentTypeId: `mdsp.${parent}` });
      const replies = await Promise.all([
        put(0, parent, { name: parent, variables: [text('same')] }, 0),
        put(1, child, { name: child, parentTypeId: `mdsp.${parent}`, variables: [text('same', 100)] }, 0),
      ]);
      const statuses = replies.map(({ status }) => status);
      const winner = statuses.indexOf(200);
      assert.ok(winner >= 0 && statuses[1 - winner] >= 400 && statuses[1 - winner] < 500, `${statuses} ${replies.map(({ text: reply }) => reply)}`);
      for (const at of [0, 1]) {
        assert.deepEqual(names(await get(at, parent)), winner === 0 ? ['same'] : []);
        assert.deepEqual(names(await get(at, child)), ['same']);
      }
    }
  });

  test('a child has what its parent got, whichever node wrote it and however close behind', async () => {
    await make(0, 'Above', { name: 'Above' });
    await make(1, 'Below', { name: 'Below', parentTypeId: 'mdsp.Above' });
    for (let round = 0; round < ROUNDS; round++) {
      const variables = [text(`a${round}`)];
      const replies = await Promise.all([
        put(round % 2, 'Above', { name: 'Above', variables }, '*'),
        put(1 - (round % 2), 'Below', { name: 'Below', parentTypeId: 'mdsp.Above', variables: [text(`b${round}`)] }, '*'),
      ]);
      assert.deepEqual(replies.map(({ status }) => status), [200, 200], replies.map(({ text: reply }) => reply).join());
      for (const at of [0, 1])
        assert.deepEqual(names(await get(at, 'Below')), [`a${round}`, `b${round}`]);
    }
  });

  test('a type that has gone on one node is no parent on the other', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [parent, child] = [`Gone${round}x`, `Orphan${round}x`];
      await make(0, parent, { name: parent });
      const [removed, made] = await Promise.all([
        call(0, 'DELETE', `/assettypes/mdsp.${parent}`, { headers: { 'if-match': '*' } }),
        put(1, child, { name: child, parentTypeId: `mdsp.${parent}` }),
      ]);
      assert.ok((removed.status === 204) !== (made.status === 201), `${removed.status} ${made.status}: ${removed.text} ${made.text}`);
      assert.equal((await get(1, parent)).status, removed.status === 204 ? 404 : 200);
      assert.equal((await get(0, child)).status, made.status === 201 ? 200 : 404);
    }
  });
});
