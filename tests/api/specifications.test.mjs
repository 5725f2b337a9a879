// specifications.test.mjs - what a collection's specifications are, and what they demand of documents.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { connectAsker } from './lib/ask.mjs';
import { connectBoth } from './lib/clients.mjs';
import { request } from './lib/http.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { startNodes, startServer } from './lib/server.mjs';

const index = 'school';
let server;

const specifications = {
  strict: true,
  fields: {
    name: { type: 'string', mandatory: true, typeOptions: { length: { min: 2, max: 10 } } },
    age: { type: 'integer', typeOptions: { range: { min: 0, max: 150 } } },
    status: { type: 'enum', typeOptions: { values: ['active', 'away'] }, defaultValue: 'active' },
    tags: { type: 'string', multivalued: { value: true, minCount: 1, maxCount: 2 } },
    address: { type: 'object', typeOptions: { strict: true } },
    'address/city': { type: 'string', mandatory: true },
    'address/country': { type: 'string', defaultValue: 'FR' },
  },
  validators: [{ or: [{ missing: { field: 'age' } }, { not: { equals: { name: 'nobody' } } }] }],
};

describe('specifications', () => {
  before(async () => { server = await startServer(); });
  after(() => server.stop());

  for (const protocol of protocolNames) {
    describe(`over ${protocol}`, () => {
      let kuzzle;
      let asker;
      const collection = `pupils-${protocol}`;

      connectBoth(() => server, protocol, (clients) => { ({ kuzzle, asker } = clients); });
      before(() => kuzzle.collection.create(index, collection, { mappings: {} }));

      const on = (action, body, more = {}) => ({ controller: 'document', action, index, collection, body, ...more });
      const refused = (body) => asker.fails(on('create', body), 400, 'validation.check.failed_field');

      test('there are none until some are set', async () => {
        await asker.fails({ controller: 'collection', action: 'getSpecifications', index, collection }, 404,
          'validation.assert.not_found');
        assert.deepEqual(await asker.result(on('validate', { any: 1 })), { errorMessages: {}, valid: true });
        const answer = await asker.result({ controller: 'collection', action: 'deleteSpecifications', index, collection });
        assert.deepEqual(answer, { acknowledged: true });
      });

      test('good ones are valid, bad ones are told one by one', async () => {
        const validate = (body) => asker.result(
          { controller: 'collection', action: 'validateSpecifications', index, collection, body });
        assert.deepEqual(await validate(specifications), { valid: true });
        const bad = await validate({ strict: 'yes', other: 1, fields: { a: { type: 'text' }, 'b/c': { type: 'string' }, d: {} } });
        assert.equal(bad.valid, false);
        assert.equal(bad.details.length, 5);
        assert.equal(typeof bad.description, 'string');
        assert.ok(bad.details.every((detail) => typeof detail === 'string'));
        const update = { controller: 'collection', action: 'updateSpecifications', index, collection };
        await asker.fails({ ...update, body: { fields: { a: { type: 'text' } } } }, 400,
          'validation.assert.invalid_specifications');
        await asker.fails(update, 400, 'api.assert.body_required');
      });

      test('what is set is given back', async () => {
        const update = { controller: 'collection', action: 'updateSpecifications', index, collection };
        assert.deepEqual(await asker.result({ ...update, body: specifications }), specifications);
        assert.deepEqual(await kuzzle.collection.getSpecifications(index, collection),
          { index, collection, validation: specifications });
      });

      test('a document that keeps to them gets its defaults', async () => {
        const { _source: { _kuzzle_info: info, ...source } } = await asker.result(
          on('create', { name: 'Ada', address: { city: 'Lyon' } }, { _id: 'ada' }));
        assert.deepEqual(source, { name: 'Ada', address: { city: 'Lyon', country: 'FR' }, status: 'active' });
        assert.equal(info.author, '-1');
        const { _source: stored } = await kuzzle.document.get(index, collection, 'ada');
        assert.equal(stored.status, 'active');
      });

      test('one that does not is refused with the field and the reason', async () => {
        const error = await refused({ name: 'A' });
        assert.match(error.message, /"name"/);
        await refused({ age: 1 });
        await refused({ name: 'Bob', age: 1.5 });
        await refused({ name: 'Bob', age: 151 });
        await refused({ name: 'Bob', status: 'gone' });
        await refused({ name: 'Bob', tags: 'one' });
        await refused({ name: 'Bob', tags: [] });
        await refused({ name: 'Bob', tags: ['a', 'b', 'c'] });
        await refused({ name: 'Bob', tags: ['a', 1] });
        await refused({ name: ['Bob'] });
        await refused({ name: 'Bob', address: {} });
        const nested = await refused({ name: 'Bob', address: { city: 'Lyon', street: 'x' } });
        assert.match(nested.message, /"address"/);
        await asker.fails(on('create', { name: 'Bob', size: 1 }), 400, 'validation.check.failed_document');
        await asker.fails(on('create', { name: 'nobody', age: 3 }), 400, 'validation.check.failed_document');
        assert.equal(await kuzzle.document.count(index, collection), 1);
      });

      test('createOrReplace, replace and update keep to them', async () => {
        const _id = 'ada';
        for (const action of ['createOrReplace', 'replace'])
          await asker.fails(on(action, { age: 1 }, { _id }), 400, 'validation.check.failed_field');
        await asker.fails(on('update', { age: -1 }, { _id }), 400, 'validation.check.failed_field');
        await asker.fails(on('update', { name: null }, { _id }), 400, 'validation.check.failed_field');
        await asker.fails(on('update', { more: 1 }, { _id }), 400, 'validation.check.failed_document');
        const { _source } = await asker.result(on('update', { age: 36, status: null }, { _id, source: true }));
        assert.equal(_source.age, 36);
        assert.equal(_source.status, 'active');
        const replaced = await asker.result(on('replace', { name: 'Ada L' }, { _id }));
        assert.equal(replaced._source.status, 'active');
      });

      test('m* and bulk do not', async () => {
        const documents = [{ _id: 'free', body: { whatever: true } }];
        const { successes } = await asker.result(on('mCreateOrReplace', { documents }));
        assert.equal(successes.length, 1);
        await kuzzle.document.delete(index, collection, 'free');
      });

      test('validate tells all that is wrong and changes nothing', async () => {
        assert.deepEqual(await asker.result(on('validate', { name: 'Bob' })), { errorMessages: {}, valid: true });
        const { errorMessages, valid } = await asker.result(
          on('validate', { age: 'x', size: 1, address: { city: 1 } }));
        assert.equal(valid, false);
        assert.equal(errorMessages.documentScope.length, 1);
        const { children } = errorMessages.fieldScope;
        assert.deepEqual(Object.keys(children).sort(), ['address', 'age', 'name']);
        assert.equal(children.age.messages.length, 1);
        const again = await asker.result({ ...on('validate', { age: 'x', size: 1, address: { city: 1 } }), controller: 'realtime' });
        assert.deepEqual(again, { errorMessages, valid });
        assert.equal(children.address.children.city.messages.length, 1);
      });

      test('they outlive their collection and hold for the next one', async () => {
        await asker.result({ controller: 'collection', action: 'delete', index, collection });
        await kuzzle.collection.create(index, collection, { mappings: {} });
        await refused({ age: 1 });
      });

      test('deleted ones no longer hold', async () => {
        await kuzzle.collection.deleteSpecifications(index, collection);
        await asker.result(on('create', { age: 'anything' }));
        await asker.fails({ controller: 'collection', action: 'getSpecifications', index, collection }, 404,
          'validation.assert.not_found');
      });
    });
  }

  test('every type takes what it should and refuses the rest', async () => {
    const kuzzle = await connectSdk(server);
    const cases = [
      ['anything', {}, [1, 'a', [1], {}, true], []],
      ['boolean', {}, [true, false], [0, 'true', {}]],
      ['date', {}, [0, 1511432516000, '1511432516000'], ['tomorrow', {}, true]],
      ['date', { formats: ['strict_date_optional_time', 'epoch_second'] }, ['2020-01-01', '2020-01-01T10:00:00Z', 12], ['20/01/2020']],
      ['date', { range: { min: '2020-01-01T00:00:00Z', max: 'NOW' } }, [1600000000000], [0, 95617584000000]],
      ['email', {}, ['a@b.fr', 'first.last+tag@sub.example.com', ''], ['a', 'a@b', 'a b@c.fr', '.a@b.fr', 1]],
      ['email', { notEmpty: true }, ['a@b.fr'], ['']],
      ['enum', { values: ['a', 'b'] }, ['a', 'b'], ['c', '', 1]],
      ['geo_point', {}, [{ lat: 1, lon: 2 }, '1,2', [2, 1]], ['a,b', { lat: 91, lon: 0 }, 1]],
      ['geo_shape', {}, [{ type: 'Point', coordinates: [1, 2] }, { type: 'circle', coordinates: [1, 2], radius: '10m' },
        { type: 'polygon', coordinates: [[[0, 0], [0, 1], [1, 1], [0, 0]]] },
        { type: 'geometrycollection', geometries: [{ type: 'linestring', coordinates: [[0, 0], [1, 1]] }] }],
      [{ type: 'polygon', coordinates: [[[0, 0], [0, 1], [1, 1], [2, 2]]] }, { type: 'linestring', coordinates: [[0, 0]] },
        { type: 'blob', coordinates: [0, 0] }, { type: 'circle', coordinates: [1, 2] }, 'POINT (0 0)']],
      ['geo_shape', { shapeTypes: ['point'] }, [{ type: 'point', coordinates: [1, 2] }],
        [{ type: 'linestring', coordinates: [[0, 0], [1, 1]] }]],
      ['integer', {}, [0, -1, 1e3, 2.0], [1.5, '1', true]],
      ['ip_address', {}, ['127.0.0.1', '::1', ''], ['256.0.0.1', 'host', 1]],
      ['numeric', { range: { min: -1.5 } }, [-1.5, 3e10], [-2, '3']],
      ['object', {}, [{}, { a: 1 }], [1, 'a']],
      ['string', { length: { min: 1, max: 2 } }, ['a', 'é€'], ['', 'abc', 1]],
      ['url', {}, ['http://example.com', 'https://a.example.com:8080/x?y=1#z', 'example.com', 'ftp://u:p@1.2.3.4/', ''],
        ['http://', 'a b', 'mailto:a@b.fr', 'gopher://example.com', 'http://localhost', 'http://example.com:0']],
    ];
    for (const [type, typeOptions, good, bad] of cases) {
      await kuzzle.collection.updateSpecifications(index, 'typed', { fields: { v: { type, typeOptions } } });
      for (const [values, wanted] of [[good, true], [bad, false]]) {
        for (const v of values) {
          const { valid } = await kuzzle.document.validate(index, 'typed', { v }).then((v) => (typeof v === 'boolean' ? { valid: v } : v));
          assert.equal(valid, wanted, `${type} ${JSON.stringify(typeOptions)} ${JSON.stringify(v)}`);
        }
      }
      const { valid } = await kuzzle.document.validate(index, 'typed', { v: null }).then((v) => (typeof v === 'boolean' ? { valid: v } : v));
      assert.equal(valid, true, `${type} null`);
    }
    kuzzle.disconnect();
  });

  test('each way to write specifications wrongly is refused', async () => {
    const kuzzle = await connectSdk(server);
    const field = (definition) => ({ fields: { a: definition } });
    const wrong = [
      { strict: 1 },
      { fields: [] },
      { validators: {} },
      { validators: [{ unheard: { a: 1 } }] },
      field(1),
      field({}),
      field({ type: 1 }),
      field({ type: 'string', unheard: 1 }),
      field({ type: 'string', mandatory: 'yes' }),
      field({ type: 'string', typeOptions: 1 }),
      field({ type: 'string', typeOptions: { range: {} } }),
      field({ type: 'string', typeOptions: { length: { min: 3, max: 2 } } }),
      field({ type: 'string', typeOptions: { length: { least: 1 } } }),
      field({ type: 'integer', typeOptions: { range: { min: 'a' } } }),
      field({ type: 'date', typeOptions: { formats: ['unheard'] } }),
      field({ type: 'date', typeOptions: { formats: [] } }),
      field({ type: 'date', typeOptions: { range: { min: '2021-01-01', max: '2020-01-01' } } }),
      field({ type: 'enum' }),
      field({ type: 'enum', typeOptions: { values: [] } }),
      field({ type: 'enum', typeOptions: { values: [1] } }),
      field({ type: 'geo_shape', typeOptions: { shapeTypes: ['blob'] } }),
      field({ type: 'email', typeOptions: { notEmpty: 1 } }),
      field({ type: 'object', typeOptions: { strict: 1 } }),
      field({ type: 'string', multivalued: true }),
      field({ type: 'string', multivalued: {} }),
      field({ type: 'string', multivalued: { value: false, minCount: 1 } }),
      field({ type: 'string', multivalued: { value: true, minCount: 2, maxCount: 1 } }),
      field({ type: 'string', multivalued: { value: true, minCount: -1 } }),
      { fields: { 'a/b': { type: 'string' } } },
      { fields: { a: { type: 'string' }, 'a/b': { type: 'string' } } },
    ];
    for (const body of wrong) {
      const { valid, details } = await kuzzle.collection.validateSpecifications(index, 'x', body);
      assert.equal(valid, false, JSON.stringify(body));
      assert.equal(details.length, 1, `${JSON.stringify(body)}: ${details}`);
    }
    kuzzle.disconnect();
  });

  test('a collection of the server itself has none to be set', async () => {
    const { status, body } = await request(server, '/%25kuzzle/validations/_specifications', { method: 'PUT', body: { fields: {} } });
    assert.equal(status, 400);
    assert.equal(body.error.id, 'services.storage.invalid_index_name');
    assert.deepEqual((await request(server, '/_list')).body.result.indexes.filter((name) => name.startsWith('%')), []);
  });

  test('what one node sets holds on all at once, however often it changes', async () => {
    const nodes = await startNodes(2);
    const [here, there] = await Promise.all(nodes.servers.map((node) => connectAsker(node, 'websocket')));
    const target = { index, collection: 'shared' };
    await here.result({ controller: 'collection', action: 'create', ...target, body: {} });
    for (let round = 0; round < 30; round++) {
      const [setter, writer] = round % 2 ? [here, there] : [there, here];
      const write = (action, a) => writer.ask({ controller: 'document', action, ...target, _id: 'x', body: { a } });
      assert.equal((await write('createOrReplace', 'text')).error, null);
      await setter.result({ controller: 'collection', action: 'updateSpecifications', ...target, body: { fields: { a: { type: 'integer' } } } });
      for (const action of ['createOrReplace', 'replace', 'update'])
        assert.equal((await write(action, 'text')).error?.id, 'validation.check.failed_field', `round ${round}`);
      if (round % 3 === 0) await setter.result({ controller: 'collection', action: 'update', ...target, body: { mappings: { properties: { [`f${round}`]: { type: 'keyword' } } } } });
      assert.equal((await write('update', 'text')).error?.id, 'validation.check.failed_field');
      assert.equal((await write('update', 1)).error, null);
      await setter.result({ controller: 'collection', action: 'deleteSpecifications', ...target });
    }
    await here.close();
    await there.close();
    await nodes.stop();
  });

  test('no document slips in while they are set', async () => {
    const asker = await connectAsker(server, 'websocket');
    const target = { index, collection: 'race' };
    await asker.result({ controller: 'collection', action: 'create', ...target, body: {} });
    const create = () => asker.ask({ controller: 'document', action: 'create', ...target, body: { a: 'text' } });
    const set = asker.ask({ controller: 'collection', action: 'updateSpecifications', ...target, body: { fields: { a: { type: 'integer' } } } });
    const answers = await Promise.all([...Array.from({ length: 50 }, create), set, ...Array.from({ length: 50 }, create)]);
    const stored = answers.filter(({ action, error }) => action === 'create' && !error).length;
    const { count } = await asker.result({ controller: 'document', action: 'count', ...target });
    assert.equal(count, stored);
    assert.ok((await create()).error);
    await asker.close();
  });
});
