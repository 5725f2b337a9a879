// admin.test.mjs - admin:*: loading, resetting, and the end of the server.

import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from './lib/test.mjs';
import { connectAsker } from './lib/ask.mjs';
import { within } from './lib/process.mjs';
import { startServer } from './lib/server.mjs';

const admin = (action, body, more = {}) => ({ controller: 'admin', action, body, ...more });

for (const protocol of ['websocket', 'http']) {
  describe(`admin:load* over ${protocol}`, () => {
    let server;
    let asker;

    before(async () => {
      server = await startServer();
      asker = await connectAsker(server, protocol);
    });
    after(async () => {
      await asker.close();
      await server.stop();
    });

    const properties = async (index, collection) => (await asker.result(
      { controller: 'collection', action: 'getMapping', index, collection })).properties;

    test('loadMappings makes what is missing and changes what is there', async () => {
      const mappings = { properties: { name: { type: 'keyword' } } };
      assert.deepEqual(await asker.result(admin('loadMappings', {
        one: { a: mappings, b: { dynamic: 'true', properties: {} } }, two: { c: { mappings } },
      })), { acknowledge: true });
      await server.logged(/admin:loadMappings: mappings of 3 collections, 2 indexes/);
      assert.deepEqual(await properties('two', 'c'), mappings.properties);
      await asker.result(admin('loadMappings', { one: { a: { properties: { age: { type: 'integer' } } } } }));
      assert.deepEqual(Object.keys(await properties('one', 'a')).sort(), ['age', 'name']);
      await asker.result(admin('loadMappings', {}));
      await asker.result(admin('loadMappings', { three: {} }));
      assert.equal(await asker.result({ controller: 'index', action: 'exists', index: 'three' }), false);
    });

    test('hundreds of collections are loaded too', async () => {
      const collections = Object.fromEntries(Array.from({ length: 450 }, (_, i) => [`c${i}`, {}]));
      await asker.result(admin('loadMappings', { many: collections }));
      const list = await asker.result({ controller: 'collection', action: 'list', index: 'many' });
      assert.equal(list.collections.length, 450);
      await asker.result(admin('loadMappings', { many: collections })); // once more: nothing to change
    });

    test('of wrong mappings none is loaded', async () => {
      const good = { properties: {} };
      await asker.fails(admin('loadMappings', { bad: { ok: good, wrong: { properties: { a: { type: 'what' } } } } }),
        400, 'services.storage.invalid_mapping_type');
      const notObject = await asker.fails(admin('loadMappings', { bad: [] }), 400, 'api.assert.invalid_argument');
      assert.match(notObject.message, /body\.bad/);
      const number = await asker.fails(admin('loadMappings', { bad: { c: 7 } }), 400, 'api.assert.invalid_argument');
      assert.match(number.message, /body\.bad\.c/);
      await asker.fails(admin('loadMappings', { BAD: { c: good } }), 400, 'services.storage.invalid_index_name');
      await asker.fails(admin('loadMappings', { bad: { C: good } }), 400, 'services.storage.invalid_collection_name');
      await asker.fails(admin('loadMappings', { '%kuzzle': { users: good } }), 400, 'services.storage.invalid_index_name');
      await asker.fails(admin('loadMappings'), 400, 'api.assert.body_required');
      assert.equal(await asker.result({ controller: 'index', action: 'exists', index: 'bad' }), false);
    });

    test('loadFixtures stores documents in several collections', async () => {
      await asker.result(admin('loadMappings', { fix: { a: { dynamic: 'true' }, b: {} } }));
      const response = await asker.ask(admin('loadFixtures', {
        fix: {
          a: [{ create: { _id: '1' } }, { name: 'x' }, { index: { _id: '2' } }, { n: 2 }, { create: {} }, { other: 1 }],
          b: [{ create: { _id: '1' } }, { name: 'y' }, { update: { _id: '1' } }, { doc: { age: 3 } }],
        },
      }));
      assert.equal(response.error, null, response.error?.message);
      assert.ok(!('result' in response));
      await server.logged(/admin:loadFixtures: documents of 2 collections, 1 indexes/);
      const count = async (collection) => (await asker.result(
        { controller: 'document', action: 'count', index: 'fix', collection })).count;
      assert.equal(await count('a'), 3);
      assert.equal(await count('b'), 1);
      const { _source } = await asker.result({ controller: 'document', action: 'get', index: 'fix', collection: 'b', _id: '1' });
      assert.equal(_source.age, 3);
      assert.deepEqual(Object.keys(await properties('fix', 'a')).sort(), ['n', 'name', 'other']);
    });

    test('loadFixtures tells what it could not store', async () => {
      const { error, status, result } = await asker.ask(admin('loadFixtures', {
        fix: { b: [{ create: { _id: '1' } }, { again: true }, { create: { _id: '3' } }, { fine: true }] },
      }));
      assert.equal(status, 206);
      assert.equal(error.id, 'services.storage.import_failed');
      assert.equal(error.count, 1);
      assert.equal(error.errors.length, 1);
      assert.equal(error.errors[0].create._id, '1');
      assert.equal(result ?? null, null);
      const get = { controller: 'document', action: 'get', index: 'fix', collection: 'b' };
      assert.equal((await asker.result({ ...get, _id: '3' }))._source.fine, true);
      assert.equal((await asker.result({ ...get, _id: '1' }))._source.again, undefined);
    });

    test('caches hold nothing that could be lost', async () => {
      const reset = (database) => ({ controller: 'admin', action: 'resetCache', database });
      assert.deepEqual(await asker.result(reset('internalCache')), { acknowledge: true });
      await asker.fails(reset('memoryStorage'), 501, 'api.process.not_implemented');
      const error = await asker.fails(reset('myCache'), 404, 'services.cache.database_not_found');
      assert.match(error.message, /myCache/);
      const response = await asker.ask({ controller: 'admin', action: 'refreshIndexCache' });
      assert.equal(response.error, null);
      assert.ok(!('result' in response));
    });

    test('wrong fixtures are refused before anything is stored', async () => {
      const fine = [{ create: { _id: 'fine' } }, {}];
      await asker.fails(admin('loadFixtures', { fix: { b: fine }, nowhere: { a: [] } }), 412, 'services.storage.unknown_index');
      await asker.fails(admin('loadFixtures', { fix: { b: fine, nothing: [] } }), 412, 'services.storage.unknown_collection');
      await asker.fails(admin('loadFixtures', { '%kuzzle': { users: fine } }), 412, 'services.storage.unknown_index');
      await asker.fails(admin('loadFixtures', { fix: [] }), 400, 'api.assert.invalid_argument');
      const notList = await asker.fails(admin('loadFixtures', { fix: { b: fine, a: {} } }), 400, 'api.assert.invalid_argument');
      assert.match(notList.message, /body\.fix\.a/);
      await asker.fails(admin('loadFixtures', { fix: { b: [...fine, { destroy: {} }, {}] } }), 400,
        'services.storage.unexpected_bad_request');
      const exists = { controller: 'document', action: 'exists', index: 'fix', collection: 'b', _id: 'fine' };
      assert.equal(await asker.result(exists), false);
    });
  });
}

describe('admin:dump', () => {
  test('writes what can be told of the server into a file, and keeps the newest few', async () => {
    const server = await startServer({ config: { dump: { path: './dumps', history: { reports: 3 } }, security: { jwt: { secret: 'verysecret' } } } });
    const asker = await connectAsker(server, 'websocket');
    const dir = join(server.dir, 'dumps');
    const dump = (suffix) => ({ controller: 'admin', action: 'dump', suffix });
    assert.deepEqual(await asker.result(dump()), { acknowledge: true });
    const [name] = await readdir(dir);
    assert.match(name, /^\d{8}-\d{6}-\d{3}-manual-api-action\.json$/);
    const text = await readFile(join(dir, name), 'utf8');
    const content = JSON.parse(text);
    assert.equal(content.kuzzle.application.name, 'kdm');
    assert.equal(content.config.dump.history.reports, 3);
    assert.match(content.redis, /redis_version/);
    assert.ok(!text.includes('verysecret'));
    assert.equal((await stat(join(dir, name))).mode & 0o777, 0o600);
    await writeFile(join(dir, 'mine.json'), '{}');
    for (let i = 0; i < 4; i++) await asker.result(dump(`number-${i}`));
    const names = (await readdir(dir)).sort();
    assert.deepEqual(names.map((file) => file.slice(20)), ['number-1.json', 'number-2.json', 'number-3.json', '']);
    for (const suffix of ['../x', 'a/b', '.', '', 'x'.repeat(65), 'a b'])
      await asker.fails(dump(suffix), 400, 'api.assert.invalid_argument');
    await asker.close();
    await server.stop();
  });

  test('a directory that can not be is told', async () => {
    const server = await startServer({ config: { dump: { path: '/dev/null/x' } } });
    const asker = await connectAsker(server, 'websocket');
    const error = await asker.fails({ controller: 'admin', action: 'dump' }, 500, 'core.fatal.unexpected_error');
    assert.match(error.message, /Not a directory/);
    await asker.close();
    await server.stop();
  });
});

describe('admin:shutdown', () => {
  for (const protocol of ['websocket', 'http']) {
    test(`answers over ${protocol}, lets what runs end, and ends the process well`, async () => {
      const server = await startServer();
      const asker = await connectAsker(server, protocol);
      assert.deepEqual(await asker.result({ controller: 'admin', action: 'shutdown' }), { acknowledge: true });
      const { code } = await within(6000, 'kdmd ends', server.process.exited);
      assert.equal(code, 0, server.log);
      assert.match(server.log, /admin:shutdown asked for by user -1/);
      await asker.close();
      await server.start(); // on the same data
      await server.stop();
    });
  }
});
