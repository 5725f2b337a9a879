// plugin.test.mjs - native plugins as their author meets them: what events bring, what a pipe may do to an operation,
// and what becomes of one that misbehaves.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from './lib/test.mjs';
import { assertServes } from './lib/alive.mjs';
import { request } from './lib/http.mjs';
import { pluginFile, startWithPlugins } from './lib/plugins.mjs';
import { runToEnd } from './lib/server.mjs';
import { removeDir, sleep, temporaryDir } from './lib/process.mjs';
import { startRedis } from './lib/redis.mjs';
import { connectRaw } from './lib/websocket.mjs';

const tenant = 'tenant-a';
const traces = { index: 'traces', collection: 'edits' };
const before_ = 'device-manager:asset:update:before';
const after_ = 'device-manager:asset:update:after';

/** A client with shortcuts. */
class Host {
  constructor(server, client) {
    this.server = server;
    this.client = client;
    this.assets = 0;
    this.marks = 0;
  }

  static async start(plugins, options) {
    const { scribe } = plugins;
    if (scribe) scribe[`r${Object.keys(scribe).length}`] = { event: 'request:onError', hook: true }; // for told()
    const server = await startWithPlugins(plugins, options);
    const host = new Host(server, await connectRaw(server));
    await host.dm('engine', 'create', { index: tenant });
    const keyword = { type: 'keyword' };
    await host.dm('models', 'writeAsset', {
      body: {
        engineGroup: 'commons', model: 'Truck', measures: [],
        metadataMappings: {
          plate: keyword, weight: { type: 'integer' }, lastEditor: keyword, awkward: keyword, nested: { type: 'boolean' },
          n: { properties: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, { type: 'integer' }])) },
        },
      },
    });
    return host;
  }

  async stop() {
    await assertServes(this.server);
    await this.client.close();
    await this.server.stop();
  }

  dm(controller, action, args) {
    return this.client.result({ controller: `device-manager/${controller}`, action, ...args });
  }

  /** A new asset's id. */
  async asset() {
    const { _id } = await this.dm('assets', 'create', {
      engineId: tenant, body: { model: 'Truck', reference: `T${++this.assets}`, metadata: { weight: 1 } },
    });
    return _id;
  }

  /** The whole response to an update of metadata. */
  update(_id, metadata, args = {}) {
    return this.client.ask({ controller: 'device-manager/assets', action: 'update', engineId: tenant, _id, body: { metadata }, ...args });
  }

  get(_id) {
    return this.dm('assets', 'get', { engineId: tenant, _id });
  }

  /** The history entries of an asset, oldest first. */
  async history(assetId) {
    const { hits } = await this.client.result({
      controller: 'document', action: 'search', index: tenant, collection: 'assets-history', size: 1000,
      body: { query: { equals: { id: assetId } } }, lang: 'koncorde',
    });
    return hits.map(({ _source }) => _source).sort((a, b) => a.timestamp - b.timestamp);
  }

  /**
   * What scribe has written down of an event since the log's character `from`: [{attempt, payload}]. The log comes by a
   * pipe of its own, so a plugin's last words are waited for; without them nothing more is to come.
   */
  async told(event, from = 0) {
    const mark = `told-${++this.marks}`;
    await this.client.ask({ controller: 'scribe', action: mark });
    await this.server.logged(new RegExp(`plugin scribe: request:onError \\d+ .*${mark}`));
    const lines = this.server.log.slice(from).split('\n');
    return lines.flatMap((line) => {
      const at = line.indexOf(`plugin scribe: ${event} `);
      if (at < 0) return [];
      const [, attempt, text] = /^(\d+) (.*)$/s.exec(line.slice(at + `plugin scribe: ${event} `.length));
      return [{ attempt: Number(attempt), payload: JSON.parse(text) }];
    });
  }
}

describe('an update that is enriched before, and leaves a trace after', () => {
  let host;

  before(async () => {
    host = await Host.start({ enrich: { value: 'the plugin', ...traces } });
    await host.client.ask({ controller: 'index', action: 'create', index: traces.index });
    await host.client.ask({ controller: 'collection', action: 'create', ...traces, body: {} });
  });
  after(() => host.stop());

  const traceOf = async (assetId) => {
    const { hits } = await host.client.result({ controller: 'document', action: 'search', ...traces, size: 100, body: {} });
    return hits.map(({ _source }) => _source).filter((trace) => trace.assetId === assetId);
  };

  test('asset, history and trace all have what the plugin added, once the reply is there', async () => {
    const id = await host.asset();
    const { status, result } = await host.update(id, { weight: 2 });
    assert.equal(status, 200);
    assert.deepEqual([result._source.metadata.weight, result._source.metadata.lastEditor], [2, 'the plugin']);
    assert.deepEqual((await host.get(id))._source.metadata, result._source.metadata);
    const traced = await traceOf(id);
    assert.equal(traced.length, 1);
    assert.deepEqual(traced[0].metadata, { weight: 2, lastEditor: 'the plugin' });
    assert.ok(traced[0].eventId.length > 0);
    const last = (await host.history(id)).at(-1);
    assert.deepEqual(last.event.metadata.names, ['weight', 'lastEditor']);
    assert.equal(last.asset.metadata.lastEditor, 'the plugin');
  });

  test('each update has an event id of its own', async () => {
    const id = await host.asset();
    await host.update(id, { weight: 3 });
    await host.update(id, { weight: 4 });
    const ids = (await traceOf(id)).map(({ eventId }) => eventId);
    assert.equal(new Set(ids).size, 2);
  });

  test('over HTTP, and by upsert, it is the same', async () => {
    const id = await host.asset();
    const { body } = await request(host.server, `/_/device-manager/${tenant}/assets/${id}`,
      { method: 'PUT', body: { metadata: { weight: 5 } } });
    assert.equal(body.result._source.metadata.lastEditor, 'the plugin');
    const upserted = await host.dm('assets', 'upsert', {
      engineId: tenant, body: { model: 'Truck', reference: id.replace('Truck-', ''), metadata: { weight: 6 } },
    });
    assert.equal(upserted._source.metadata.lastEditor, 'the plugin');
    assert.equal((await traceOf(id)).length, 2);
  });

  test('an update that fails leaves no trace', async () => {
    const id = await host.asset();
    assert.equal((await host.update(id, { weight: 'heavy' })).status, 400);
    assert.equal((await host.update(id, { unheard: 1 })).status, 400);
    assert.equal((await host.update('Truck-nobody', { weight: 1 })).status, 404);
    assert.deepEqual(await traceOf(id), []);
    assert.equal((await host.get(id))._source.metadata.lastEditor, null);
  });
});

describe('a pipe that misbehaves', () => {
  let host;

  before(async () => {
    host = await Host.start({ awkward: {} }, { args: ['--request-timeout', '1500'] });
  });
  after(() => host.stop());

  /** An update with an order for the plugin: {id, reply, ms}. */
  async function order(awkward) {
    const id = await host.asset();
    const begin = Date.now();
    const reply = await host.update(id, { weight: 2, awkward });
    return { id, reply, ms: Date.now() - begin };
  }

  async function assertUntouched(id) {
    const { _source } = await host.get(id);
    assert.deepEqual([_source.metadata.weight, _source.metadata.awkward], [1, null]);
    assert.equal((await host.history(id)).length, 1); // of its creation
  }

  test('one that does nothing special does no harm', async () => {
    const id = await host.asset();
    assert.equal((await host.update(id, { weight: 2 })).result._source.metadata.weight, 2);
  });

  for (const how of ['delay 300', 'thread', 'late 50', 'listen']) {
    test(`"${how}" holds the update up, and then it happens`, async () => {
      const { reply, ms } = await order(how);
      assert.equal(reply.error, null, reply.error?.message);
      assert.deepEqual([reply.result._source.metadata.weight, reply.result._source.metadata.awkward], [2, null]);
      if (how === 'delay 300') assert.ok(ms >= 290 && ms < 1400, `${ms} ms`);
    });
  }

  test('"refuse" is told to the client with its status and id, and nothing is written', async () => {
    const { id, reply } = await order('refuse');
    assert.deepEqual([reply.status, reply.error.status, reply.error.id, reply.result], [403, 403, 'awkward.refused', null]);
    assert.equal(reply.error.message, 'The awkward plugin refuses.');
    await assertUntouched(id);
    const { status, body } = await request(host.server, `/_/device-manager/${tenant}/assets/${id}`,
      { method: 'PUT', body: { metadata: { awkward: 'refuse' } } });
    assert.deepEqual([status, body.error.id], [403, 'awkward.refused']);
  });

  test('"nothing" leaves the update as it was', async () => {
    const { reply } = await order('nothing');
    // The order is in it then, since what the plugin made of it was not handed back.
    assert.deepEqual([reply.status, reply.result._source.metadata.awkward], [200, 'nothing']);
  });

  test('"garbage" is a 500, and nothing is written', async () => {
    const { id, reply } = await order('garbage');
    assert.deepEqual([reply.status, reply.error.id], [500, 'plugin.runtime.unexpected_error']);
    await assertUntouched(id);
  });

  test('"scrawl" fails with words that can be sent', async () => {
    const { id, reply } = await order('scrawl');
    assert.deepEqual([reply.status, reply.error.id], [500, 'plugin.runtime.unexpected_error']);
    assert.equal(typeof reply.error.message, 'string');
    await assertUntouched(id);
  });

  test('"twice" counts once', async () => {
    const { reply } = await order('twice');
    assert.deepEqual([reply.status, reply.result._source.metadata.weight], [200, 2]);
  });

  test('"forget" is a 504 when the deadline is there, and nothing is written', async () => {
    const { id, reply, ms } = await order('forget');
    assert.deepEqual([reply.status, reply.error.id], [504, 'plugin.runtime.pipe_timeout']);
    assert.ok(ms >= 1400 && ms < 4000, `${ms} ms`);
    await assertUntouched(id);
    assert.equal((await host.update(id, { weight: 3 })).status, 200); // its place in the queue is free again
  });

  test('"nested" updates the same asset first, and both changes last', async () => {
    const { id, reply } = await order(`nested ${tenant}`);
    assert.equal(reply.error, null, reply.error?.message);
    const { weight, nested } = reply.result._source.metadata;
    assert.deepEqual([weight, nested], [2, true]);
    assert.deepEqual((await host.get(id))._source.metadata, reply.result._source.metadata);
    assert.equal(reply.result._version, 3);
    assert.deepEqual((await host.history(id)).map(({ event }) => event.metadata?.names),
      [(await host.history(id))[0].event.metadata.names, ['nested'], ['weight']]);
  });

  test('a client that leaves while a pipe waits is no matter', async () => {
    const id = await host.asset();
    const other = await connectRaw(host.server);
    other.send({
      controller: 'device-manager/assets', action: 'update', engineId: tenant, _id: id,
      body: { metadata: { weight: 9, awkward: 'delay 200' } },
    });
    await sleep(50);
    other.socket.terminate();
    assert.equal((await host.update(id, { plate: 'x' })).status, 200);
    await sleep(250); // the plugin's own timer has gone off too
    await assertServes(host.server);
  });
});

describe('a pipe that takes 100 ms and fifty updates of one asset at once', () => {
  test('all succeed and none is lost', async () => {
    const host = await Host.start({ awkward: { do: 'delay 100' } }, { args: ['--request-timeout', '20000'] });
    const id = await host.asset();
    const replies = await Promise.all(Array.from({ length: 50 }, (_, i) => host.update(id, { n: { [`f${i}`]: i } })));
    for (const reply of replies) assert.equal(reply.error, null, reply.error?.message);
    const { _source } = await host.get(id);
    for (let i = 0; i < 50; i++) assert.equal(_source.metadata.n[`f${i}`], i, `f${i}`);
    const versions = replies.map(({ result }) => result._version).sort((a, b) => a - b);
    assert.deepEqual(versions, Array.from({ length: 50 }, (_, i) => i + 2));
    assert.equal((await host.history(id)).length, 51);
    await host.stop();
  });

  test('over two nodes on one Redis too, where writers can not line up', async () => {
    const redis = await startRedis();
    const options = { redis: redis.url, args: ['--request-timeout', '20000'] };
    const host = await Host.start({ awkward: { do: 'delay 20' } }, options);
    const other = await startWithPlugins({ awkward: { do: 'delay 20' } }, options);
    const id = await host.asset();
    const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => {
      const metadata = { n: { [`f${i}`]: i } };
      return i % 2 === 0 ? host.update(id, metadata) : request(other, `/_/device-manager/${tenant}/assets/${id}`,
        { method: 'PUT', body: { metadata } }).then(({ body }) => body);
    }));
    for (const reply of replies) assert.equal(reply.error, null, reply.error?.message);
    const { n } = (await host.get(id))._source.metadata;
    assert.deepEqual(Array.from({ length: 20 }, (_, i) => n[`f${i}`]), Array.from({ length: 20 }, (_, i) => i));
    assert.equal((await host.history(id)).length, 21);
    await assertServes(other);
    await other.stop();
    await host.stop();
    await redis.stop();
  });
});

describe('what events bring, and what becomes of a changed payload', () => {
  test('of an asset update: R1 and R3', async () => {
    const host = await Host.start({ scribe: { r0: { event: before_ }, r1: { event: after_ } } });
    const id = await host.asset();
    await host.update(id, { weight: 2 });
    const [first] = await host.told(before_);
    assert.equal(first.attempt, 1);
    assert.deepEqual(Object.keys(first.payload).sort(), ['asset', 'metadata', 'updates']);
    assert.deepEqual(first.payload.metadata, { weight: 2 });
    assert.deepEqual(first.payload.updates, { metadata: { weight: 2 } });
    assert.deepEqual([first.payload.asset._id, first.payload.asset._version], [id, 1]);
    assert.equal(first.payload.asset._source.metadata.weight, 1); // as stored
    const [last] = await host.told(after_);
    assert.deepEqual(last.payload.metadata, { weight: 2 });
    assert.deepEqual(last.payload.updates, { metadata: { weight: 2 } });
    assert.equal(last.payload.asset._source.metadata.weight, 2); // as it is now
    assert.equal(last.payload.previous._source.metadata.weight, 1);
    assert.deepEqual([(await host.told(before_)).length, (await host.told(after_)).length], [1, 1]);

    // R1: through the singular controller the whole body is the change.
    const mark = host.server.log.length;
    const whole = await host.client.ask({
      controller: 'device-manager/asset', action: 'update', index: tenant, _id: id,
      body: { metadata: { weight: 3 }, modelLocales: { fr: {} }, _kuzzle_info: { author: 'me' } },
    });
    assert.equal(whole.error, null, whole.error?.message);
    assert.equal(whole.controller, 'device-manager/assets');
    const { payload } = (await host.told(before_, mark))[0];
    assert.deepEqual(payload.updates, { metadata: { weight: 3 }, modelLocales: { fr: {} } });
    assert.deepEqual(payload.metadata, { weight: 3 });
    // R2: its reply shows what has changed, unless source is set.
    assert.deepEqual(whole.result._source.metadata, { weight: 3 });
    const sourced = await host.client.ask({
      controller: 'device-manager/asset', action: 'update', index: tenant, _id: id, source: true, body: { metadata: { weight: 4 } },
    });
    assert.deepEqual([sourced.result._source.metadata.weight, sourced.result._source.model], [4, 'Truck']);

    // R1: through the plural one only metadata counts, and without it the whole body.
    const only = await host.update(id, { weight: 5 }, { body: { metadata: { weight: 5 }, reference: 'other' } });
    assert.notEqual(only.result._source.reference, 'other');
    const without = await host.update(id, {}, { body: { softTenant: ['a'] } });
    assert.deepEqual([without.status, without.result?._source.softTenant], [200, ['a']]);
    for (const body of [{}, undefined]) {
      const { status, error } = await host.update(id, {}, { body });
      assert.equal(status, 400);
      assert.ok(['api.assert.missing_argument', 'api.assert.body_required'].includes(error.id));
    }
    await host.stop();
  });

  for (const [path, value, applied] of [
    ['metadata.weight', '77', { weight: 77 }],
    ['updates.metadata.weight', '78', { weight: 78 }],
    ['metadata.plate', '"AB"', { weight: 2, plate: 'AB' }],
    ['updates.metadata', '{"plate":"CD"}', { plate: 'CD' }],
    ['metadata.weight', undefined, {}],
    ['asset._source.metadata.weight', '79', { weight: 2 }], // an asset that was changed is not what is stored
  ]) {
    test(`R3: a pipe that ${value === undefined ? 'takes out' : 'sets'} ${path} changes what is applied`, async () => {
      const host = await Host.start({ scribe: { r0: { event: before_, path, value }, r1: { event: after_ } } });
      const id = await host.asset();
      const { status, result, error } = await host.update(id, { weight: 2 });
      assert.equal(status, 200, error?.message);
      const { metadata } = result._source;
      assert.deepEqual([metadata.weight, metadata.plate], [applied.weight ?? 1, applied.plate ?? null]);
      assert.deepEqual((await host.told(after_))[0].payload.metadata, applied);
      assert.deepEqual((await host.history(id)).at(-1).event.metadata.names, Object.keys(applied));
      await host.stop();
    });
  }

  test('what a pipe makes of an update is checked like what a client sends', async () => {
    const host = await Host.start({ scribe: { r0: { event: before_, path: 'metadata.unheard', value: '1' } } });
    const id = await host.asset();
    const { status, error } = await host.update(id, { weight: 2 });
    assert.deepEqual([status, error.id], [400, 'services.storage.strict_mapping_rejection']);
    assert.equal((await host.get(id))._source.metadata.weight, 1);
    await host.stop();
  });

  test('replaceMetadata and delete tell what is theirs to tell', async () => {
    const host = await Host.start({
      scribe: { r0: { event: before_ }, r1: { event: after_ }, r2: { event: 'generic:document:beforeDelete' } },
    });
    const id = await host.asset();
    assert.deepEqual(await host.told(before_), []); // a creation is no update
    await host.dm('assets', 'replaceMetadata', { engineId: tenant, _id: id, body: { metadata: { weight: 9 } } });
    assert.deepEqual((await host.told(before_))[0].payload.metadata, { weight: 9 });
    assert.equal((await host.told(after_)).length, 1);
    await host.dm('assets', 'delete', { engineId: tenant, _id: id });
    assert.deepEqual((await host.told('generic:document:beforeDelete'))[0].payload.documents, [{ _id: id }]);
    await host.stop();
  });

  test('generic document events of an asset', async () => {
    const events = ['beforeWrite', 'afterWrite', 'beforeGet', 'afterGet', 'beforeUpdate', 'afterUpdate', 'beforeSearch', 'afterSearch'];
    const host = await Host.start({
      scribe: Object.fromEntries(events.map((name, i) => [`r${i}`, { event: `generic:document:${name}` }])),
    });
    const told = async (name) => (await host.told(`generic:document:${name}`))
      .filter(({ payload }) => payload.request.collection === 'assets').map(({ payload }) => payload);
    const id = await host.asset();
    assert.deepEqual((await told('beforeWrite')).map(({ documents }) => documents[0]._id), [id]);
    assert.equal((await told('afterWrite'))[0].documents[0]._source.metadata.weight, 1);
    await host.get(id);
    assert.deepEqual((await told('beforeGet'))[0].documents, [{ _id: id }]);
    assert.equal((await told('afterGet'))[0].documents[0]._source.model, 'Truck');
    await host.update(id, { weight: 2 });
    const [update] = await told('beforeUpdate');
    assert.deepEqual(update.documents, [{ _id: id, _source: { metadata: { weight: 2 } } }]);
    assert.deepEqual([update.request.index, update.request.collection], [tenant, 'assets']);
    assert.equal((await told('afterUpdate'))[0].documents[0]._source.metadata.weight, 2);
    await host.dm('assets', 'search', { engineId: tenant, body: {} });
    assert.deepEqual([(await told('beforeSearch')).length, (await told('afterSearch')).length], [1, 1]);
    await host.stop();
  });

  test('API events bring the request, and what comes back is what is done', async () => {
    const host = await Host.start({
      scribe: {
        r0: { event: 'document:beforeCreate', path: 'input.body.seen', value: 'true' },
        r1: { event: 'document:afterGet', path: 'result._source.shown', value: '"too"' },
        r2: { event: 'document:beforeDelete', path: 'input.args._id', value: '"other"' },
        r3: { event: 'document:errorGet', hook: true },
        r4: { event: 'device-manager/assets:beforeUpdate', path: 'input.body.metadata.plate', value: '"XY"' },
        r5: { event: 'server:*' },
      },
    });
    const { client } = host;
    const place = { index: 'api-events', collection: 'c' };
    await client.ask({ controller: 'index', action: 'create', index: place.index });
    await client.ask({ controller: 'collection', action: 'create', ...place, body: {} });
    const volatile = { mine: 1 };
    const { _source } = await client.result({ controller: 'document', action: 'create', ...place, _id: 'd', body: { a: 1 }, volatile });
    assert.deepEqual([_source.a, _source.seen], [1, true]);
    const [{ payload }] = await host.told('document:beforeCreate');
    assert.deepEqual([payload.input.controller, payload.input.action, payload.input.body, payload.input.volatile],
      ['document', 'create', { a: 1 }, volatile]);
    assert.deepEqual([payload.input.args.index, payload.input.args._id], ['api-events', 'd']);
    assert.deepEqual([payload.context.user._id, payload.context.connection.protocol], ['-1', 'websocket']);

    const got = await client.result({ controller: 'document', action: 'get', ...place, _id: 'd' });
    assert.deepEqual([got._source.seen, got._source.shown], [true, 'too']); // stored, and shown
    assert.equal((await client.failure({ controller: 'document', action: 'get', ...place, _id: 'none' })).status, 404);
    assert.equal((await host.told('document:errorGet'))[0].payload.error.id, 'services.storage.not_found');
    assert.equal((await client.failure({ controller: 'document', action: 'delete', ...place, _id: 'd' })).status, 404); // of "other"
    assert.ok((await client.result({ controller: 'document', action: 'exists', ...place, _id: 'd' })));

    const id = await host.asset();
    assert.equal((await host.update(id, { weight: 3 })).result._source.metadata.plate, 'XY');
    await client.result({ controller: 'server', action: 'now' });
    assert.equal((await host.told('server:beforeNow')).length, 1);
    assert.equal((await host.told('server:afterNow')).length, 1);
    await host.stop();
  });

  test('a change that is no request any more is refused', async () => {
    const host = await Host.start({ scribe: { r0: { event: 'document:beforeGet', path: 'input.args._id', value: '42' } } });
    const { status, error } = await host.client.ask({ controller: 'document', action: 'get', index: tenant, collection: 'assets', _id: 'x' });
    assert.deepEqual([status, error.id], [400, 'api.assert.invalid_type']);
    await host.stop();
  });

  test('an API event may be refused, and its hooks may ask the API', async () => {
    const host = await Host.start({
      scribe: { r0: { event: 'server:beforeNow' } },
      awkward: { event: 'document:beforeCreate', do: 'refuse', hook: 'index:afterCreate' },
    });
    const { status, error } = await host.client.ask({ controller: 'document', action: 'create', index: tenant, collection: 'config', body: {} });
    assert.deepEqual([status, error.id], [403, 'awkward.refused']);
    await host.client.ask({ controller: 'index', action: 'create', index: 'hooked' });
    assert.deepEqual(await host.told('server:beforeNow'), []); // what plugins ask fires no API events
    await host.stop();
  });
});

describe('plugins that can not be loaded keep kdmd from starting', () => {
  let dir;

  before(async () => { dir = await temporaryDir(); });
  after(() => removeDir(dir));

  const cases = [
    ['a file that is not there', '/nowhere/none.so', /none\.so/],
    ['a file that is no shared object', new URL(import.meta.url).pathname, /plugin\.test\.mjs/],
    ['a shared object without a row', pluginFile('broken_row'), /KDM_PLUGIN/],
    ['one that was built for another interface', pluginFile('broken_abi'), /interface 2.*has 1/],
    ['one with a name that is none', pluginFile('broken_name'), /name must be/],
    ['one without a load function', pluginFile('broken_load'), /load function/],
    ['one that refuses', pluginFile('broken_refuses'), /refused to load \(7\)/],
    ['one that needs what kdmd has not', pluginFile('broken_symbol'), /kdm_host_from_the_future/],
    ['one that is given twice', pluginFile('enrich'), /already a plugin "enrich"/, ['--plugin', pluginFile('enrich')]],
  ];
  for (const [what, file, pattern, more = []] of cases) {
    test(what, async () => {
      const { code, stderr } = await runToEnd(
        ['--host', '127.0.0.1', '--port', '0', '--data', `${dir}/data`, '--plugin', file, ...more]);
      assert.equal(code, 1, stderr);
      assert.match(stderr.trimEnd().split('\n').at(-1), pattern);
    });
  }

  test('the header alone is what a plugin needs', async () => {
    const header = await readFile(new URL('../../include/kdm/plugin.h', import.meta.url), 'utf8');
    assert.deepEqual(header.match(/^#include .*$/gm) ?? [], []);
  });
});
