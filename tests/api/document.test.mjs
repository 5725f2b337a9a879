// document.test.mjs - the controller document: one by one, many at once, and what comes at once.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { names, rejects } from './lib/ask.mjs';
import { connectBoth } from './lib/clients.mjs';
import { request } from './lib/http.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { startNodes, startServer } from './lib/server.mjs';

const index = 'nyc-open-data';
const mappings = {
  properties: {
    name: { type: 'keyword' },
    age: { type: 'integer' },
    place: { type: 'geo_point' },
    address: { properties: { city: { type: 'keyword' } } },
  },
};
const nextCollection = names('people');
let server;

/** A collection of its own for a test; `definition` in place of the usual mapping. */
async function newCollection(kuzzle, definition = { mappings }) {
  const collection = nextCollection();
  await kuzzle.collection.create(index, collection, definition);
  return collection;
}

/** Without _kuzzle_info. */
function own({ _kuzzle_info: info, ...rest }) {
  assert.equal(typeof info, 'object');
  return rest;
}

function near(time) {
  return Number.isInteger(time) && Math.abs(time - Date.now()) < 60000;
}

function assertCreated(info) {
  assert.ok(near(info.createdAt));
  assert.deepEqual(info, { author: '-1', createdAt: info.createdAt, updatedAt: null, updater: null });
}

function assertUpdated(info, created) {
  assert.ok(near(info.updatedAt));
  assert.deepEqual(info, { author: '-1', createdAt: created.createdAt, updatedAt: info.updatedAt, updater: '-1' });
}

describe('documents', () => {
  before(async () => { server = await startServer(); });
  after(() => server.stop());

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let asker;
      let collection;

      connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });
      before(async () => { collection = await newCollection(kuzzle); });

      const in_ = (action, more = {}) => ({ controller: 'document', action, index, collection, ...more });

      describe('create and get', () => {
        test('a document is stored with who made it and when', async () => {
          const made = await kuzzle.document.create(index, collection, { name: 'Ada', age: 36 }, 'ada');
          assert.deepEqual(Object.keys(made).sort(), ['_id', '_source', '_version']);
          assert.equal(made._id, 'ada');
          assert.equal(made._version, 1);
          assert.deepEqual(own(made._source), { name: 'Ada', age: 36 });
          assertCreated(made._source._kuzzle_info);
          assert.deepEqual(await kuzzle.document.get(index, collection, 'ada'), made);
        });

        test('an id is made when none is given', async () => {
          const [one, two] = await Promise.all([1, 2].map(() => kuzzle.document.create(index, collection, {})));
          assert.match(one._id, /^[A-Za-z0-9_-]{20}$/);
          assert.notEqual(one._id, two._id);
          assert.equal(await kuzzle.document.exists(index, collection, two._id), true);
        });

        test('an id that is taken is refused', async () => {
          await kuzzle.document.create(index, collection, {}, 'taken');
          await rejects(kuzzle.document.create(index, collection, {}, 'taken'), 400,
            'services.storage.document_already_exists');
          assert.equal((await kuzzle.document.get(index, collection, 'taken'))._version, 1);
        });

        test("a client's own _kuzzle_info is not taken", async () => {
          const body = { a: 1, _kuzzle_info: { author: 'somebody', createdAt: 1 }, b: 2 };
          const made = await kuzzle.document.create(index, collection, body);
          assert.deepEqual(own(made._source), { a: 1, b: 2 });
          assertCreated(made._source._kuzzle_info);
        });

        test('a member _routing is refused', () =>
          asker.fails(in_('create', { body: { _routing: 'x' } }), 400, 'services.storage.no_routing'));

        test('content comes back as it was sent', async () => {
          const body = {
            text: 'a "quoted" \\ back\nslash \u0001 ü 漢 😀', nul: 'a\u0000b',
            deep: { list: [1, [2, { x: null }]] },
            tiny: 0.1, big: 9007199254740991, negative: -0.5, yes: true, no: false, nothing: null, empty: {}, none: [],
            __proto__x: 1, 'dotted.name': 1, '': 'no name',
          };
          const { _id } = await kuzzle.document.create(index, collection, body);
          assert.deepEqual(own((await kuzzle.document.get(index, collection, _id))._source), body);
        });

        test('ids may hold anything that is text', async () => {
          const ids = ['a/b', 'ü 漢😀', '%2F', 'x?y=z&w', '{tag}', '__proto__', '*', 'a\tb', 'é'.repeat(256)];
          for (const id of ids) {
            const made = await asker.result(in_('create', { _id: id, body: { id } }));
            assert.equal(made._id, id);
            assert.equal((await asker.result(in_('get', { _id: id })))._source.id, id);
            assert.equal(await asker.result(in_('exists', { _id: id })), true);
          }
        });

        test('an id of more than 512 bytes is refused', () =>
          asker.fails(in_('create', { _id: 'x'.repeat(513), body: {} }), 400,
            'services.storage.unexpected_bad_request'));

        test('_search is no id', () =>
          asker.fails(in_('get', { _id: '_search' }), 400, 'services.storage.search_as_an_id'));

        test('a missing document is a 404 that names it', async () => {
          const error = await asker.fails(in_('get', { _id: 'nobody' }), 404, 'services.storage.not_found');
          assert.deepEqual(error.props, ['nobody', index, collection]);
          assert.equal(await kuzzle.document.exists(index, collection, 'nobody'), false);
        });

        test('duplicate members: the last one counts', async () => {
          const text = `{"controller":"document","action":"create","index":"${index}","collection":"${collection}",`
            + '"body":{"a":1,"b":2,"a":3}}';
          const { body } = await request(server, '/_query',
            { method: 'POST', body: text, headers: { 'content-type': 'application/json' } });
          assert.deepEqual(own(body.result._source), { a: 3, b: 2 });
        });
      });

      describe('what the mapping says', () => {
        test('a value of the wrong type is refused', async () => {
          await asker.fails(in_('create', { body: { age: 'old' } }), 400, 'services.storage.unexpected_bad_request');
          await asker.fails(in_('createOrReplace', { _id: 'x', body: { place: 'nowhere' } }), 400,
            'services.storage.unexpected_bad_request');
        });

        test('undeclared fields are stored when it is not strict', async () => {
          const made = await kuzzle.document.create(index, collection, { undeclared: { x: 1 } });
          assert.deepEqual(own(made._source), { undeclared: { x: 1 } });
        });

        test('undeclared fields are refused when it is strict', async () => {
          const strict = await newCollection(kuzzle, { mappings: { ...mappings, dynamic: 'strict' } });
          const error = await asker.fails({ ...in_('create'), collection: strict, body: { name: 'x', other: 1 } }, 400,
            'services.storage.strict_mapping_rejection');
          assert.deepEqual(error.props, ['other', index, strict]);
          await kuzzle.document.create(index, strict, { name: 'x' }, 'x');
          await rejects(kuzzle.document.update(index, strict, 'x', { other: 1 }), 400,
            'services.storage.strict_mapping_rejection');
          await rejects(kuzzle.document.replace(index, strict, 'x', { other: 1 }), 400,
            'services.storage.strict_mapping_rejection');
          await rejects(kuzzle.document.upsert(index, strict, 'y', { other: 1 }), 400,
            'services.storage.strict_mapping_rejection');
        });

        test('what an earlier mapping allowed may stay through an update', async () => {
          const name = await newCollection(kuzzle);
          await kuzzle.document.create(index, name, { other: 1 }, 'old');
          await kuzzle.collection.update(index, name, { mappings: { dynamic: 'strict' } });
          await kuzzle.document.update(index, name, 'old', { name: 'x' });
          await kuzzle.document.mUpdate(index, name, [{ _id: 'old', body: { age: 3 } }]);
          const { _source } = await kuzzle.document.get(index, name, 'old');
          assert.deepEqual(own(_source), { other: 1, name: 'x', age: 3 });
          await rejects(kuzzle.document.update(index, name, 'old', { other: 2 }), 400,
            'services.storage.strict_mapping_rejection');
        });

        test('a dynamic mapping takes new fields up with the write', async () => {
          const dynamic = await newCollection(kuzzle, { mappings: { dynamic: 'true', properties: {} } });
          await kuzzle.document.create(index, dynamic, { title: 'x', count: 3 }, 'one');
          await kuzzle.document.update(index, dynamic, 'one', { inner: { flag: true } });
          await kuzzle.document.createOrReplace(index, dynamic, 'two', { when: '2020-02-01T10:00:00Z' });
          const { properties } = await kuzzle.collection.getMapping(index, dynamic);
          assert.deepEqual(properties, {
            title: { type: 'text', fields: { keyword: { type: 'keyword', ignore_above: 256 } } },
            count: { type: 'long' },
            inner: { properties: { flag: { type: 'boolean' } } },
            when: { type: 'date' },
          });
          await rejects(kuzzle.document.create(index, dynamic, { count: 'many' }), 400,
            'services.storage.unexpected_bad_request');
        });
      });

      describe('createOrReplace and replace', () => {
        test('createOrReplace tells which of the two it did', async () => {
          const made = await kuzzle.document.createOrReplace(index, collection, 'cor', { a: 1 });
          assert.equal(made.created, true);
          assert.equal(made._version, 1);
          const again = await kuzzle.document.createOrReplace(index, collection, 'cor', { b: 2 });
          assert.equal(again.created, false);
          assert.equal(again._version, 2);
          assert.deepEqual(own(again._source), { b: 2 });
          const info = again._source._kuzzle_info;
          assert.deepEqual(info, { author: '-1', createdAt: info.createdAt, updatedAt: info.createdAt, updater: '-1' });
        });

        test('replace needs a document', async () => {
          await rejects(kuzzle.document.replace(index, collection, 'not-there', {}), 404, 'services.storage.not_found');
          await kuzzle.document.create(index, collection, { a: 1, b: 2 }, 'replaced');
          const { _id, _version, _source } = await kuzzle.document.replace(index, collection, 'replaced', { c: 3 });
          assert.deepEqual([_id, _version, own(_source)], ['replaced', 2, { c: 3 }]);
          assert.equal(_source._kuzzle_info.updater, '-1');
          assert.equal(_source._kuzzle_info.updatedAt, _source._kuzzle_info.createdAt);
        });
      });

      describe('update', () => {
        test('objects are merged, all else is replaced, null is stored', async () => {
          const body = { name: 'Ada', address: { city: 'London', zip: 1 }, list: [1, 2], gone: 1 };
          const { _source: { _kuzzle_info: created } } = await kuzzle.document.create(index, collection, body, 'up');
          const changes = { address: { city: 'Paris' }, list: [3], gone: null, added: { x: 1 } };
          const updated = await kuzzle.document.update(index, collection, 'up', changes);
          assert.equal(updated._version, 2);
          assert.deepEqual(own(updated._source), changes);
          assertUpdated(updated._source._kuzzle_info, created);
          const { _source } = await kuzzle.document.get(index, collection, 'up');
          assert.deepEqual(own(_source),
            { name: 'Ada', address: { city: 'Paris', zip: 1 }, list: [3], gone: null, added: { x: 1 } });
          assert.deepEqual(_source._kuzzle_info, updated._source._kuzzle_info);
        });

        test('source asks for the whole document', async () => {
          await kuzzle.document.create(index, collection, { a: 1, b: { c: 2 } }, 'whole');
          const updated = await kuzzle.document.update(index, collection, 'whole', { b: { d: 3 } }, { source: true });
          assert.deepEqual(own(updated._source), { a: 1, b: { c: 2, d: 3 } });
        });

        test('no changes are a new version all the same', async () => {
          await kuzzle.document.create(index, collection, { a: 1 }, 'idle');
          const updated = await kuzzle.document.update(index, collection, 'idle', {});
          assert.equal(updated._version, 2);
          assert.deepEqual(own(updated._source), {});
        });

        test('half a geo point changes the whole one', async () => {
          await kuzzle.document.create(index, collection, { place: { lat: 1, lon: 2 } }, 'geo');
          await kuzzle.document.update(index, collection, 'geo', { place: { lat: 5 } });
          const { _source } = await kuzzle.document.get(index, collection, 'geo');
          assert.deepEqual(_source.place, { lat: 5, lon: 2 });
        });

        test('a missing document is a 404', () =>
          rejects(kuzzle.document.update(index, collection, 'nobody', {}), 404, 'services.storage.not_found'));

        test("a client's own _kuzzle_info changes nothing", async () => {
          const made = await kuzzle.document.create(index, collection, {}, 'meta');
          const updated = await kuzzle.document.update(index, collection, 'meta', { _kuzzle_info: { author: 'x' } });
          assertUpdated(updated._source._kuzzle_info, made._source._kuzzle_info);
        });
      });

      describe('upsert', () => {
        test('a missing document is made of the default, over which the changes win', async () => {
          const made = await kuzzle.document.upsert(index, collection, 'ups', { a: 1, o: { x: 1 } },
            { default: { a: 0, b: 2, o: { x: 0, y: 0 } }, source: true });
          assert.deepEqual([made.created, made._version], [true, 1]);
          assert.deepEqual(own(made._source), { a: 1, b: 2, o: { x: 1, y: 0 } });
          assert.equal(made._source._kuzzle_info.updater, '-1');
          assert.ok(near(made._source._kuzzle_info.createdAt));
        });

        test('a document that is there is changed', async () => {
          await kuzzle.document.create(index, collection, { a: 1, b: 1 }, 'ups2');
          const changed = await kuzzle.document.upsert(index, collection, 'ups2', { a: 2 }, { default: { b: 9 } });
          assert.deepEqual(changed, { _id: 'ups2', _version: 2, created: false });
          assert.deepEqual(own((await kuzzle.document.get(index, collection, 'ups2'))._source), { a: 2, b: 1 });
        });

        test('the default may be left out', async () => {
          const { created } = await asker.result(in_('upsert', { _id: 'ups3', body: { changes: { a: 1 } } }));
          assert.equal(created, true);
        });
      });

      describe('delete and deleteFields', () => {
        test('delete takes a document away', async () => {
          await kuzzle.document.create(index, collection, { a: 1 }, 'del');
          assert.equal(await kuzzle.document.delete(index, collection, 'del'), 'del');
          assert.equal(await kuzzle.document.exists(index, collection, 'del'), false);
          await rejects(kuzzle.document.delete(index, collection, 'del'), 404, 'services.storage.not_found');
        });

        test('delete shows what it took away when asked to', async () => {
          const made = await kuzzle.document.create(index, collection, { a: 1 }, 'del2');
          assert.deepEqual(await asker.result(in_('delete', { _id: 'del2', source: true })), made);
          await kuzzle.document.create(index, collection, {}, 'del3');
          assert.deepEqual(await asker.result(in_('delete', { _id: 'del3' })), { _id: 'del3' });
        });

        test('an id is free again after a delete', async () => {
          await kuzzle.document.create(index, collection, { a: 1 }, 'again');
          await kuzzle.document.delete(index, collection, 'again');
          assert.equal((await kuzzle.document.create(index, collection, { b: 1 }, 'again'))._version, 1);
        });

        test('deleteFields takes paths away and knows nothing of missing ones', async () => {
          const made = await kuzzle.document.create(index, collection, { a: 1, b: { c: 2, d: 3 }, e: 4 }, 'df');
          const left = await kuzzle.document.deleteFields(index, collection, 'df', ['a', 'b.c', 'no.such'],
            { source: true });
          assert.equal(left._version, 2);
          assert.deepEqual(own(left._source), { b: { d: 3 }, e: 4 });
          assertUpdated(left._source._kuzzle_info, made._source._kuzzle_info);
          assert.deepEqual(await asker.result(in_('deleteFields', { _id: 'df', body: { fields: ['e'] } })),
            { _id: 'df', _version: 3 });
          await rejects(kuzzle.document.deleteFields(index, collection, 'nobody', ['a']), 404,
            'services.storage.not_found');
        });

        test('_kuzzle_info can not be deleted', async () => {
          const made = await kuzzle.document.create(index, collection, { a: 1 }, 'df2');
          const fields = ['_kuzzle_info', '_kuzzle_info.author'];
          const left = await asker.result(in_('deleteFields', { _id: 'df2', source: true, body: { fields } }));
          assertUpdated(left._source._kuzzle_info, made._source._kuzzle_info);
        });
      });

      describe('mGet and mExists', () => {
        before(async () => {
          await kuzzle.document.create(index, collection, { a: 1 }, 'mg1');
          await kuzzle.document.create(index, collection, { a: 2 }, 'mg2');
        });

        test('found documents come in the order asked for, missing ids apart', async () => {
          const { successes, errors } = await kuzzle.document.mGet(index, collection, ['mg2', 'no', 'mg1', 'nor']);
          assert.deepEqual(successes.map((d) => [d._id, d._version, d._source.a]), [['mg2', 1, 2], ['mg1', 1, 1]]);
          assert.deepEqual(errors, ['no', 'nor']);
          assert.deepEqual(await asker.result(in_('mExists', { body: { ids: ['mg2', 'no', 'mg1'] } })),
            { successes: ['mg2', 'mg1'], errors: ['no'] });
        });

        test('ids may be an argument, also as a list of words', async () => {
          for (const ids of [['mg1', 'mg2'], 'mg1,mg2'])
            assert.deepEqual(await asker.result(in_('mExists', { ids })), { successes: ['mg1', 'mg2'], errors: [] });
        });

        test('no ids, no documents', async () => {
          assert.deepEqual(await asker.result(in_('mGet', { body: { ids: [] } })), { successes: [], errors: [] });
          await asker.fails(in_('mGet'), 400, 'api.assert.missing_argument');
        });

        test('strict makes a missing one an error', async () => {
          for (const action of ['mGet', 'mExists']) {
            const error = await asker.fails(in_(action, { strict: true, body: { ids: ['mg1', 'no'] } }), 400,
              'api.process.incomplete_multiple_request');
            assert.deepEqual([error.count, error.errors], [1, ['no']]);
            await asker.result(in_(action, { strict: true, body: { ids: ['mg1'] } }));
          }
        });

        test('thousands at once', async () => {
          const ids = Array.from({ length: 10000 }, (_, i) => `none-${i}`);
          const { errors, successes } = await asker.result(in_('mExists', { body: { ids: [...ids.slice(1), 'mg1'] } }));
          assert.deepEqual([errors.length, successes], [9999, ['mg1']]);
          await asker.fails(in_('mGet', { body: { ids: [...ids, 'x'] } }), 413, 'services.storage.get_limit_exceeded');
        });
      });

      describe('m* writes', () => {
        const items = (documents, more = {}) => ({ body: { documents }, ...more });

        test('mCreate stores what is new', async () => {
          await kuzzle.document.create(index, collection, { old: 1 }, 'mc1');
          const { successes, errors } = await kuzzle.document.mCreate(index, collection,
            [{ _id: 'mc1', body: { a: 1 } }, { _id: 'mc2', body: { a: 2 } }, { body: { a: 3 } }]);
          assert.deepEqual(errors.map(({ document, status }) => [document, status]),
            [[{ _id: 'mc1', body: { a: 1 } }, 400]]);
          assert.equal(typeof errors[0].reason, 'string');
          const [second, third] = successes;
          assertCreated(second._source._kuzzle_info);
          assert.deepEqual({ ...second, _source: own(second._source) },
            { _id: 'mc2', _source: { a: 2 }, _version: 1, created: true, result: 'created', status: 201 });
          assert.match(third._id, /^.{20}$/);
          assert.deepEqual(own((await kuzzle.document.get(index, collection, third._id))._source), { a: 3 });
          assert.deepEqual(own((await kuzzle.document.get(index, collection, 'mc1'))._source), { old: 1 });
        });

        test('mCreateOrReplace stores all', async () => {
          await kuzzle.document.create(index, collection, { old: 1 }, 'mcr1');
          const { successes, errors } = await kuzzle.document.mCreateOrReplace(index, collection,
            [{ _id: 'mcr1', body: { a: 1 } }, { _id: 'mcr2', body: { a: 2 } }]);
          assert.deepEqual(errors, []);
          assert.deepEqual(
            successes.map((s) => [s._id, own(s._source).a, s._version, s.created, s.result, s.status]),
            [['mcr1', 1, 2, false, 'updated', 200], ['mcr2', 2, 1, true, 'created', 201]]);
          assertCreated(successes[0]._source._kuzzle_info);
        });

        test('mCreateOrReplace leaves the documents out with source false', async () => {
          for (const source of [false, 'false']) {
            const { successes } = await asker.result(
              in_('mCreateOrReplace', items([{ _id: 'mcr3', body: { a: 1 } }], { source })));
            assert.equal(successes[0]._source, undefined);
            assert.equal(successes[0]._id, 'mcr3');
          }
        });

        test('mReplace needs documents', async () => {
          await kuzzle.document.create(index, collection, { old: 1 }, 'mr1');
          const { successes, errors } = await kuzzle.document.mReplace(index, collection,
            [{ _id: 'mr1', body: { a: 1 } }, { _id: 'mr-none', body: { a: 2 } }]);
          assert.deepEqual(errors.map(({ document, status }) => [document, status]),
            [[{ _id: 'mr-none', body: { a: 2 } }, 404]]);
          const [{ _id, _source, _version, created, result, status }] = successes;
          assert.deepEqual([_id, own(_source), _version, created, result, status],
            ['mr1', { a: 1 }, 2, false, 'updated', 200]);
        });

        test('mUpdate merges and tells which fields', async () => {
          const made = await kuzzle.document.create(index, collection, { a: 1, o: { x: 1 } }, 'mu1');
          const { successes, errors } = await kuzzle.document.mUpdate(index, collection,
            [{ _id: 'mu1', body: { o: { y: 2 }, l: [1] } }, { _id: 'mu-none', body: { a: 2 } }]);
          assert.deepEqual(errors.map(({ status }) => status), [404]);
          const [one] = successes;
          assert.deepEqual([own(one._source), one._version, one.status],
            [{ a: 1, o: { x: 1, y: 2 }, l: [1] }, 2, 200]);
          assert.deepEqual(one._updatedFields.sort(), ['l', 'o.y']);
          assertUpdated(one._source._kuzzle_info, made._source._kuzzle_info);
          const quiet = await asker.result(in_('mUpdate', items([{ _id: 'mu1', body: { a: 9 } }], { silent: true })));
          assert.equal(quiet.successes[0]._updatedFields, undefined);
        });

        test('mUpsert makes or changes', async () => {
          await kuzzle.document.create(index, collection, { a: 1 }, 'mup1');
          const { successes, errors } = await asker.result(in_('mUpsert', items([
            { _id: 'mup1', changes: { b: 2 }, default: { c: 3 } },
            { _id: 'mup2', changes: { b: 2, d: 1 }, default: { b: 3 } },
            { _id: 'mup3', changes: { b: 2 } },
          ])));
          assert.deepEqual(errors, []);
          assert.deepEqual(
            successes.map((s) => [s._id, own(s._source), s._version, s.created, s.status, s._updatedFields]), [
              ['mup1', { a: 1, b: 2 }, 2, false, 200, ['b']],
              ['mup2', { b: 3, d: 1 }, 1, true, 201, undefined], // here the default wins
              ['mup3', { b: 2 }, 1, true, 201, undefined],
            ]);
          const info = successes[1]._source._kuzzle_info;
          assert.deepEqual(info, { author: '-1', createdAt: info.createdAt });
        });

        test('mDelete deletes what is there', async () => {
          await kuzzle.document.create(index, collection, {}, 'md1');
          const { successes, errors } = await asker.result(in_('mDelete', { body: { ids: ['md1', 'md-none', 7] } }));
          assert.deepEqual(successes, ['md1']);
          assert.deepEqual(errors.map(({ _id, status }) => [_id, status]), [[7, 400], ['md-none', 404]]);
          assert.equal(await kuzzle.document.exists(index, collection, 'md1'), false);
          assert.deepEqual(await kuzzle.document.mDelete(index, collection, []), { successes: [], errors: [] });
        });

        test('what is no document is refused by itself, and told first', async () => {
          await kuzzle.document.create(index, collection, {}, 'bad0');
          const { successes, errors } = await asker.result(in_('mCreate', items([
            { _id: 'bad1', body: { age: 'x' } }, { _id: 'bad0', body: {} }, { _id: 1, body: {} }, { _id: 'bad2' },
            { _id: 'bad3', body: [] }, { _id: 'good1', body: {} }, 'text', { _id: 'bad4', body: { _routing: 1 } },
          ])));
          assert.deepEqual(errors.map(({ document, status }) => [document._id ?? document, status]),
            [[1, 400], ['bad2', 400], ['bad3', 400], ['text', 400], ['bad0', 400], ['bad1', 400], ['bad4', 400]]);
          assert.deepEqual(errors[5].document, { _id: 'bad1', _source: { age: 'x' } });
          assert.deepEqual(successes.map(({ _id }) => _id), ['good1']);
        });

        test('ids are needed where documents are changed', async () => {
          for (const action of ['mUpdate', 'mReplace'])
            assert.equal((await asker.result(in_(action, items([{ body: {} }])))).errors[0].status, 400);
          assert.equal((await asker.result(in_('mUpsert', items([{ changes: {} }])))).errors[0].status, 400);
        });

        test('an empty list is fine', async () => {
          for (const action of ['mCreate', 'mCreateOrReplace', 'mReplace', 'mUpdate', 'mUpsert'])
            assert.deepEqual(await asker.result(in_(action, items([]))), { successes: [], errors: [] });
        });

        test('_source in place of body is refused as a whole', async () => {
          for (const action of ['mCreate', 'mCreateOrReplace', 'mReplace', 'mUpdate'])
            await asker.fails(in_(action, items([{ _id: 'not-stored', body: {} }, { _id: 'x', _source: {} }])), 400,
              'api.assert.unexpected_argument');
          assert.equal(await kuzzle.document.exists(index, collection, 'not-stored'), false);
        });

        test('more than 200 are refused, 200 are not', async () => {
          const many = Array.from({ length: 201 }, (_, i) => ({ _id: `many-${i}`, body: { i }, changes: { i } }));
          for (const action of ['mCreate', 'mCreateOrReplace', 'mReplace', 'mUpdate', 'mUpsert'])
            await asker.fails(in_(action, items(many)), 413, 'services.storage.write_limit_exceeded');
          const ids = many.map(({ _id }) => _id);
          await asker.fails(in_('mDelete', { body: { ids } }), 413, 'services.storage.write_limit_exceeded');
          const { successes } = await asker.result(in_('mCreate', items(many.slice(1))));
          assert.deepEqual(successes.map(({ _id }) => _id), ids.slice(1));
          const updated = await asker.result(in_('mUpdate', items(many.slice(1))));
          assert.ok(updated.successes.every(({ _version }) => _version === 2));
          assert.equal((await asker.result(in_('mDelete', { body: { ids: ids.slice(1) } }))).successes.length, 200);
        });

        test('many large ones go in several commits', async () => {
          const blob = 'x'.repeat(30000);
          const many = Array.from({ length: 30 }, (_, i) => ({ _id: `large-${i}`, body: { blob } }));
          for (const created of [true, false]) {
            const { successes } = await asker.result(in_('mCreateOrReplace', items(many, { source: false })));
            assert.equal(successes.length, 30);
            assert.ok(successes.every((s) => s.created === created));
          }
        });

        test('strict makes one failure an error; what succeeded stays', async () => {
          await kuzzle.document.create(index, collection, {}, 'st0');
          const error = await asker.fails(
            in_('mCreate', items([{ _id: 'st0', body: {} }, { _id: 'st1', body: {} }], { strict: true })), 400,
            'api.process.incomplete_multiple_request');
          assert.equal(error.count, 1);
          assert.deepEqual(error.errors[0].document, { _id: 'st0', body: {} });
          assert.equal(await kuzzle.document.exists(index, collection, 'st1'), true);
          await asker.fails(in_('mDelete', { strict: true, body: { ids: ['st0', 'st-none'] } }), 400,
            'api.process.incomplete_multiple_request');
          assert.equal(await kuzzle.document.exists(index, collection, 'st0'), false);
        });

        test('an id twice in one request: the last one wins, changes add up', async () => {
          const twice = [{ _id: 'tw', body: { a: 1, x: 1 } }, { _id: 'tw', body: { a: 2 } }];
          const made = await asker.result(in_('mCreate', items(twice)));
          assert.equal(made.successes.length, 2);
          assert.deepEqual(own((await kuzzle.document.get(index, collection, 'tw'))._source), { a: 2 });
          const changed = await asker.result(
            in_('mUpdate', items([{ _id: 'tw', body: { b: 1 } }, { _id: 'tw', body: { c: 1 } }])));
          assert.equal(changed.successes.length, 2);
          assert.deepEqual(own((await kuzzle.document.get(index, collection, 'tw'))._source), { a: 2, b: 1, c: 1 });
          await asker.result(
            in_('mUpsert', items([{ _id: 'tw2', changes: { b: 1 } }, { _id: 'tw2', changes: { c: 1 } }])));
          assert.deepEqual(own((await kuzzle.document.get(index, collection, 'tw2'))._source), { b: 1, c: 1 });
          const versions = ({ successes }) => successes.map(({ _version, status }) => [_version, status]);
          const stored = async (_id) => (await kuzzle.document.get(index, collection, _id))._version;
          assert.deepEqual([versions(made), versions(changed)], [[[1, 201], [2, 200]], [[3, 200], [4, 200]]]);
          assert.deepEqual([await stored('tw'), await stored('tw2')], [4, 2]);
          for (const expected of [[[1, 201], [2, 200], [3, 200]], [[4, 200], [5, 200], [6, 200]]]) {
            const put = await asker.result(in_('mCreateOrReplace', items([1, 2, 3].map((n) => ({ _id: 'tw3', body: { n } })))));
            assert.deepEqual(versions(put), expected);
            assert.equal(await stored('tw3'), expected[2][0]);
          }
        });

        test('a dynamic mapping grows item by item', async () => {
          const dynamic = await newCollection(kuzzle, { mappings: { dynamic: 'true' } });
          const { successes, errors } = await asker.result({
            ...in_('mCreate', items([
              { _id: '1', body: { n: 1 } }, { _id: '2', body: { n: 'x' } }, { _id: '3', body: { t: true } },
            ])),
            collection: dynamic,
          });
          assert.deepEqual(successes.map(({ _id }) => _id), ['1', '3']);
          assert.deepEqual(errors.map(({ document }) => document._id), ['2']);
          const { properties } = await kuzzle.collection.getMapping(index, dynamic);
          assert.deepEqual(properties, { n: { type: 'long' }, t: { type: 'boolean' } });
          assert.equal(await kuzzle.document.exists(index, dynamic, '3'), true);
        });
      });

      describe('what every action asks for', () => {
        const bodies = {
          create: {}, createOrReplace: {}, replace: {}, update: {}, upsert: { changes: {} },
          deleteFields: { fields: [] },
          mCreate: { documents: [] }, mCreateOrReplace: { documents: [] }, mReplace: { documents: [] },
          mUpdate: { documents: [] }, mUpsert: { documents: [] }, mDelete: { ids: [] }, mGet: { ids: [] },
          mExists: { ids: [] }, get: undefined, exists: undefined, delete: undefined,
        };
        const withId = ['createOrReplace', 'replace', 'update', 'upsert', 'deleteFields', 'get', 'exists', 'delete'];

        for (const [action, body] of Object.entries(bodies)) {
          const whole = () => in_(action, { body, ...(withId.includes(action) ? { _id: 'any' } : {}) });

          test(`${action}: an index and a collection that are there`, async () => {
            const error = await asker.fails({ ...whole(), index: 'nowhere' }, 412, 'services.storage.unknown_index');
            assert.deepEqual(error.props, ['nowhere']);
            const unknown = await asker.fails({ ...whole(), collection: 'nothing' }, 412,
              'services.storage.unknown_collection');
            assert.deepEqual(unknown.props, [index, 'nothing']);
          });

          test(`${action}: its arguments`, async () => {
            for (const name of ['index', 'collection', ...(withId.includes(action) ? ['_id'] : [])]) {
              const { [name]: left, ...rest } = whole();
              const error = await asker.fails(rest, 400, 'api.assert.missing_argument');
              assert.deepEqual(error.props, [name]);
            }
            await asker.fails({ ...whole(), index: 3 }, 400, 'api.assert.invalid_type');
            if (body !== undefined && !['mGet', 'mExists'].includes(action)) {
              const { body: left, ...rest } = whole();
              await asker.fails(rest, 400, 'api.assert.body_required');
            }
          });
        }

        test('options have their types', async () => {
          for (const [action, body] of Object.entries(bodies)) {
            const whole = in_(action, { body, _id: 'options' });
            if (['get', 'exists', 'mGet', 'mExists'].includes(action)) continue;
            await asker.fails({ ...whole, silent: 'yes' }, 400, 'api.assert.invalid_type');
            if (action !== 'create') {
              await asker.fails({ ...whole, refresh: true }, 400, 'api.assert.invalid_type');
              await asker.fails({ ...whole, refresh: 'now' }, 400, 'services.storage.invalid_argument');
            }
            if (action.startsWith('m')) await asker.fails({ ...whole, strict: 1 }, 400, 'api.assert.invalid_type');
          }
          for (const refresh of [true, 'now', null, 'wait_for', 'false'])
            await asker.result(in_('create', { body: {}, refresh, silent: null }));
          for (const action of ['update', 'upsert'])
            await asker.fails(in_(action, { _id: 'x', body: { changes: {} }, retryOnConflict: 'x' }), 400,
              'api.assert.invalid_type');
          for (const [action, body] of [['upsert', { changes: 1 }], ['upsert', { changes: {}, default: [] }],
            ['deleteFields', { fields: 'a' }], ['mCreate', { documents: {} }], ['mDelete', { ids: 'a' }]])
            await asker.fails(in_(action, { _id: 'x', body }), 400, 'api.assert.invalid_type');
          for (const [action, body] of [['upsert', {}], ['deleteFields', {}], ['mCreate', {}], ['mDelete', {}]])
            await asker.fails(in_(action, { _id: 'x', body }), 400, 'api.assert.missing_argument');
        });

        test('the server keeps its own indexes to itself', async () => {
          await asker.fails({ ...in_('get', { _id: 'x' }), index: '%kdm' }, 412, 'services.storage.unknown_index');
        });
      });
    });
  }

  describe('at once', () => {
    let kuzzle;

    before(async () => { kuzzle = await connectSdk(server); });
    after(() => kuzzle.disconnect());

    test('of many creates of one id one succeeds', async () => {
      const collection = await newCollection(kuzzle);
      const tries = await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) => kuzzle.document.create(index, collection, { i }, 'one')));
      assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.ok(tries.every(({ reason }) => !reason || reason.id === 'services.storage.document_already_exists'));
    });

    test('no update is lost', async () => {
      const collection = await newCollection(kuzzle);
      await kuzzle.document.create(index, collection, {}, 'one');
      const done = await Promise.all(
        Array.from({ length: 100 }, (_, i) => kuzzle.document.update(index, collection, 'one', { [`f${i}`]: i })));
      assert.deepEqual(done.map(({ _version }) => _version).sort((a, b) => a - b),
        Array.from({ length: 100 }, (_, i) => i + 2));
      const { _source, _version } = await kuzzle.document.get(index, collection, 'one');
      assert.equal(Object.keys(own(_source)).length, 100);
      assert.equal(_version, 101);
    });

    test('upserts of one id make it once', async () => {
      const collection = await newCollection(kuzzle);
      const done = await Promise.all(
        Array.from({ length: 40 }, (_, i) => kuzzle.document.upsert(index, collection, 'one', { [`f${i}`]: i })));
      assert.equal(done.filter(({ created }) => created).length, 1);
      assert.equal(Object.keys(own((await kuzzle.document.get(index, collection, 'one'))._source)).length, 40);
    });

    test('a dynamic mapping takes up what all bring', async () => {
      const collection = await newCollection(kuzzle, { mappings: { dynamic: 'true' } });
      await Promise.all(
        Array.from({ length: 30 }, (_, i) => kuzzle.document.create(index, collection, { [`f${i}`]: i })));
      const { properties } = await kuzzle.collection.getMapping(index, collection);
      assert.equal(Object.keys(properties).length, 30);
    });

    test('m* writes of the same documents go through', async () => {
      const collection = await newCollection(kuzzle);
      const ids = Array.from({ length: 20 }, (_, i) => `d${i}`);
      await kuzzle.document.mCreate(index, collection, ids.map((_id) => ({ _id, body: {} })));
      const done = await Promise.all(Array.from({ length: 10 }, (_, i) => kuzzle.document.mUpdate(index, collection,
        ids.map((_id) => ({ _id, body: { [`f${i}`]: i } })))));
      assert.ok(done.every(({ errors, successes }) => errors.length === 0 && successes.length === 20));
      for (const { _source, _version } of (await kuzzle.document.mGet(index, collection, ids)).successes) {
        assert.equal(Object.keys(own(_source)).length, 10);
        assert.equal(_version, 11);
      }
    });
  });

  describe('two nodes', () => {
    let nodes;
    let first;
    let second;

    before(async () => {
      nodes = await startNodes(2);
      [first, second] = await Promise.all(nodes.servers.map((node) => connectSdk(node)));
    });
    after(async () => {
      first.disconnect();
      second.disconnect();
      await nodes.stop();
    });

    test('what one stores the other has', async () => {
      await first.collection.create(index, 'shared', { mappings });
      await first.document.create(index, 'shared', { name: 'x' }, 'x');
      assert.equal((await second.document.get(index, 'shared', 'x'))._source.name, 'x');
      await second.document.update(index, 'shared', 'x', { name: 'y' });
      assert.equal((await first.document.get(index, 'shared', 'x'))._source.name, 'y');
    });

    test('no update is lost between them', async () => {
      await first.collection.create(index, 'counted');
      await first.document.create(index, 'counted', {}, 'one');
      await Promise.all(Array.from({ length: 60 }, (_, i) =>
        (i % 2 ? first : second).document.update(index, 'counted', 'one', { [`f${i}`]: i }, { retryOnConflict: 100 })));
      assert.equal(Object.keys(own((await first.document.get(index, 'counted', 'one'))._source)).length, 60);
    });

    test('a collection that was deleted and made again is empty on both', async () => {
      await first.collection.create(index, 'reborn');
      await first.document.create(index, 'reborn', {}, 'old');
      assert.equal(await second.document.exists(index, 'reborn', 'old'), true);
      await second.collection.delete(index, 'reborn');
      await second.collection.create(index, 'reborn');
      await first.document.create(index, 'reborn', {}, 'new');
      assert.equal(await first.document.exists(index, 'reborn', 'old'), false);
      assert.equal(await second.document.exists(index, 'reborn', 'new'), true);
    });
  });

  describe("plain HTTP, as curl would ask", () => {
    let kuzzle;

    before(async () => {
      kuzzle = await connectSdk(server);
      await kuzzle.collection.create(index, 'curl', { mappings });
    });
    after(() => kuzzle.disconnect());

    test('both spellings of each route', async () => {
      const at = (path, options) => request(server, `/${index}/curl/${path}`, options);

      assert.equal((await at('_create', { method: 'POST', body: { a: 1 } })).status, 200);
      assert.equal((await at('c1/_create', { method: 'POST', body: { a: 1 } })).body.result._id, 'c1');
      assert.equal((await at('c1/_create', { method: 'POST', body: { a: 1 } })).status, 400);
      assert.equal((await at('c1')).body.result._source.a, 1);
      assert.equal((await at('c2', { method: 'PUT', body: { a: 2 } })).body.result.created, true);
      assert.equal((await at('c2/_replace', { method: 'PUT', body: { a: 3 } })).body.result._version, 2);
      for (const method of ['PUT', 'PATCH'])
        assert.equal((await at('c2/_update', { method, body: { b: 3 } })).status, 200);
      for (const method of ['PUT', 'POST'])
        assert.equal((await at('c3/_upsert', { method, body: { changes: { b: 3 } } })).status, 200);
      assert.equal((await at('c2/_exists')).body.result, true);
      assert.equal((await at('_mGet?ids=c1,c2')).body.result.successes.length, 2);
      assert.equal((await at('c2?source', { method: 'DELETE' })).body.result._source.b, 3);
      assert.equal((await at('c2')).status, 404);
    });

    test('a flag is true by being there', async () => {
      const { body } = await request(server, `/${index}/curl/_mGet?strict=false&ids=nobody`);
      assert.equal(body.error.id, 'api.process.incomplete_multiple_request');
    });
  });
});
