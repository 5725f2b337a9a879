// not-implemented.test.mjs - every action of protocol/ from outside: what is not built says so, every route leads to
// its action, and what an action needs is asked for by name. All of it is made from the files, so that no new action
// is forgotten.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from './lib/test.mjs';
import { assertServes } from './lib/alive.mjs';
import { startServer } from './lib/server.mjs';
import { connectRaw } from './lib/websocket.mjs';
import { connectWire, httpBytes } from './lib/wire.mjs';

const protocol = new URL('../../protocol/', import.meta.url);
const json = { 'content-type': 'application/json' };

/** [{controller, action, row}] of all files, under each name that a controller has. */
function readActions() {
  return ['kuzzle', 'device-manager'].flatMap((folder) => {
    const files = readdirSync(new URL(`${folder}/`, protocol)).sort();
    return files.flatMap((file) => {
      const { controller, also = [], actions } = JSON.parse(readFileSync(new URL(`${folder}/${file}`, protocol)));
      return [controller, ...also].flatMap((name) => Object.entries(actions)
        .map(([action, row]) => ({ controller: name, action, row, counts: name === controller })));
    });
  });
}

const actions = readActions();
/** Nothing that these are given keeps them from what the other tests of this file could do without; they have their own. */
const wouldDoIt = ['admin:resetDatabase', 'admin:resetSecurity', 'admin:shutdown', 'security:restrictDefaultRights'];
const missing = actions.filter(({ row }) => !row.implemented);
const built = actions.filter(({ row }) => row.implemented);

/** "string?=x" -> {type: "string", required: false} */
function parseType(text) {
  const [, type, optional] = /^([a-z-]+(?:\([^)]*\))?)(\?)?/.exec(text);
  return { type, required: optional === undefined };
}

/** The arguments of an action in the order in which they are checked: [{name, type, required}]. */
function argsOf({ row }) {
  return Object.entries(row.args ?? {}).map(([name, type]) => ({ name, ...parseType(type) }));
}

/** Something of this type. */
function sample(type) {
  if (type.startsWith('enum(')) return type.slice(5, -1).split('|')[0];
  return {
    string: 'x', integer: 1, number: 1, boolean: true, array: [], object: {}, strings: ['x'], refresh: 'false',
    'refresh-lenient': 'false', any: 'x',
  }[type];
}

/** Something that is not of this type, or undefined when anything is. */
function wrong(type) {
  if (type === 'any' || type === 'refresh-lenient') return undefined;
  return { string: 42, refresh: 42, strings: 42, integer: 'x', number: 'x', boolean: 'x', array: 'x', object: 'x' }[type] ?? 42;
}

/** Puts a value at "index", "body" or "body.a". */
function put(request, name, value) {
  if (!name.startsWith('body.')) {
    request[name] = value;
    return;
  }
  let at = request.body ??= {};
  const path = name.slice(5).split('.');
  for (const part of path.slice(0, -1)) at = at[part] ??= {};
  at[path.at(-1)] = value;
}

/** A request with the required arguments that are checked before `until`, all fit. */
function requestUpTo(entry, until) {
  const request = { controller: entry.controller, action: entry.action };
  for (const { name, type, required } of argsOf(entry)) {
    if (name === until) break;
    // Members of the body make one.
    if (required && name !== 'body') put(request, name, sample(type));
  }
  return request;
}

describe('every action', () => {
  let server;
  let client;

  before(async () => {
    server = await startServer({ config: { limits: { loginsPerSecond: 1000 } } });
    client = await connectRaw(server);
  });
  after(async () => {
    await client.close();
    await assertServes(server);
    await server.stop();
  });

  test('there are as many that are not built as is said', () => {
    assert.equal(missing.filter(({ counts }) => counts).length, Number(readFileSync(new URL('not-implemented.count', protocol), 'utf8')));
    assert.ok(built.length > 0);
  });

  test('what is not built answers 501 with its name, whatever it is given', async () => {
    for (const { controller, action } of missing) {
      for (const body of [undefined, {}, { a: 1 }]) {
        const { status, error, result, ...reply } = await client.ask({ controller, action, body });
        assert.deepEqual([status, error?.id, error?.props], [501, 'api.process.not_implemented', [controller, action]]);
        assert.ok(error.message.includes(action), error.message);
        assert.equal(result, null);
        assert.deepEqual([reply.controller, reply.action], [controller, action]);
      }
    }
  });

  test('what is built does not', async () => {
    for (const entry of built) {
      if (entry.row.flags?.includes('http-only')) continue;
      // An argument of a wrong type, or none at all: enough to be told, and nothing is changed.
      const unfit = argsOf(entry).find(({ type, name }) => wrong(type) !== undefined && name !== 'body');
      if (!unfit) continue;
      const request = requestUpTo(entry, unfit.name);
      put(request, unfit.name, wrong(unfit.type));
      const { error } = await client.ask(request);
      assert.ok(error, `${entry.controller}:${entry.action}`);
      assert.notEqual(error.status, 501, `${entry.controller}:${entry.action}`);
    }
  });

  for (const entry of built.filter(({ row }) => !row.flags?.includes('http-only'))) {
    const { controller, action } = entry;
    const args = argsOf(entry);
    const needed = args.filter(({ required }) => required);
    const typed = args.filter(({ type }) => wrong(type) !== undefined);
    if (needed.length + typed.length === 0) continue;

    test(`${controller}:${action} asks for what it needs`, async () => {
      for (const { name } of needed) {
        const request = requestUpTo(entry, name);
        const inBody = name.startsWith('body.');
        if (inBody) request.body ??= {};
        // Of a request without any body the body is missed first, once it comes to that.
        const { status, error } = await client.ask(request);
        const id = name === 'body' && !request.body ? 'api.assert.body_required' : 'api.assert.missing_argument';
        if (name === 'body' && request.body) continue;
        assert.deepEqual([status, error?.id], [400, id], `without ${name}: ${error?.message}`);
        assert.deepEqual(error.props, name === 'body' ? [] : [name]);
        if (!inBody || Object.keys(request.body).length > 0) continue;
        delete request.body;
        assert.equal((await client.ask(request)).error?.id, 'api.assert.body_required', `no body, without ${name}`);
      }
      for (const { name, type } of typed) {
        const request = requestUpTo(entry, name);
        put(request, name, wrong(type));
        const { status, error } = await client.ask(request);
        if (name === 'body') {
          assert.equal(status, 400); // a scalar is no envelope
          continue;
        }
        assert.deepEqual([status, error?.id, error?.props?.[0]], [400, 'api.assert.invalid_type', name],
          `${name} ${JSON.stringify(wrong(type))}: ${error?.message}`);
        if (!type.startsWith('enum(')) continue;
        put(request, name, 'no such value');
        assert.equal((await client.ask(request)).error?.id, 'api.assert.invalid_argument', name);
      }
    });
  }

  test('every route leads to its action', async () => {
    let wire = await connectWire(server);
    for (const { controller, action, row } of actions.filter(({ counts }) => counts)) {
      if (wouldDoIt.includes(`${controller}:${action}`)) continue;
      for (const [verb, path] of row.http ?? []) {
        // What is built is given something it must refuse, so that nothing happens.
        const names = path.match(/:\w+/g) ?? [];
        const url = path.replace(/:\w+/g, row.implemented ? 'NO%20SUCH' : 'x');
        const alone = row.implemented && names.length === 0 && row.flags?.includes('write');
        wire.write(httpBytes(verb, url, { headers: json, body: alone ? '[]' : '{}' }));
        const response = await wire.response({ bodiless: verb === 'HEAD' });
        if (response.headers.connection === 'close') {
          wire.end();
          wire = await connectWire(server);
        }
        if (verb === 'HEAD') continue;
        const { body } = response;
        if (row.flags?.includes('raw')) {
          assert.equal(response.status, row.implemented ? 200 : 501, `${verb} ${path}`);
          continue;
        }
        assert.ok(body, `${verb} ${path}: ${response.text.slice(0, 200)}`);
        assert.deepEqual([body.controller, body.action], [controller, action], `${verb} ${path}`);
        if (!row.implemented) assert.equal(response.status, 501, `${verb} ${path}`);
      }
    }
    wire.end();
  });

  test('publicApi lists exactly these routes', async () => {
    const published = await client.result({ controller: 'server', action: 'publicApi' });
    const listed = Object.entries(published).flatMap(([controller, rows]) => Object.entries(rows).flatMap(([action, { http }]) =>
      (http ?? []).map(({ verb, url, path }) => `${verb} ${url ?? path} ${controller}:${action}`)));
    const expected = actions.flatMap(({ controller, action, row }) => (row.http ?? [])
      .filter(([, , options]) => !options?.alias)
      .map(([verb, path]) => `${verb} ${path} ${controller}:${action}`));
    assert.deepEqual(listed.filter((route) => !expected.includes(route)), []);
    assert.deepEqual(expected.filter((route) => !listed.includes(route)), []);
    assert.equal(listed.length, expected.length);
  });
});
