// crash.mjs - kdmd under write load, while kdmd and its Redis are killed at random moments: what was acknowledged is
// there, what was refused is not, and what belongs together is there together. scripts/crash-test runs it for long.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { redisPidsIn, sleep, until } from './process.mjs';
import { startServer } from './server.mjs';
import { connectRaw } from './websocket.mjs';

const connections = 6;
const lanesPerConnection = 4;
const answerMs = 20000; // far beyond kdmd's deadline: not to be answered then is a failure of its own
const tenant = 'tenant';
const documents = { index: 'crash', collection: 'documents' };

/* --- what may be stored ----------------------------------------------------------------------------- */

/** What each document may be, by all that was answered: JSON texts, or null for absent. */
class Expected {
  #allowed = new Map(); // id -> Set

  of(id) {
    return this.#allowed.get(id) ?? new Set([null]);
  }

  done(id, value) {
    this.#allowed.set(id, new Set([value]));
  }

  perhaps(id, value) {
    this.#allowed.set(id, new Set([...this.of(id), value]));
  }

  ids() {
    return [...this.#allowed.keys()];
  }
}

/** "done", "not" (certainly not done), "perhaps", "unanswered" - and the error, if it was one. */
async function send(client, request) {
  let closed = false;
  client.closed.then(() => { closed = true; });
  try {
    const { error, result } = await client.ask(request, answerMs);
    if (!error) return { outcome: 'done', result };
    return { outcome: error.id === 'services.storage.commit_unknown' ? 'perhaps' : 'not', error };
  } catch {
    await sleep(0);
    return { outcome: closed ? 'perhaps' : 'unanswered' };
  }
}

/* --- load ----------------------------------------------------------------------------------------------- */

class Load {
  constructor(server, tally) {
    this.server = server;
    this.tally = tally;
    this.expected = new Expected();
    this.assets = new Map(); // id -> {next, acked: Set, perhaps: Set, not: Set}
    this.last = 0;
    this.stopped = true;
  }

  note({ outcome, error }) {
    this.tally[outcome]++;
    if (error) this.tally.errors[error.id] = (this.tally.errors[error.id] ?? 0) + 1;
    if (outcome === 'unanswered') this.tally.violations.push('a request was never answered');
  }

  /** One request that writes one document; `value` is what it then is. */
  async write(client, action, id, value) {
    const body = value === null ? undefined : { v: value };
    const answer = await send(client, { controller: 'document', action, ...documents, _id: id, body });
    this.note(answer);
    if (answer.outcome === 'done') this.expected.done(id, value);
    else if (answer.outcome !== 'not') this.expected.perhaps(id, value);
    return answer;
  }

  async createMany(client) {
    const created = Array.from({ length: 10 }, () => ({ _id: `many-${++this.last}`, body: { v: 1 } }));
    const answer = await send(client, { controller: 'document', action: 'mCreate', ...documents, body: { documents: created } });
    this.note(answer);
    const stored = new Set((answer.result?.successes ?? []).map(({ _id }) => _id));
    for (const { _id } of created) {
      if (stored.has(_id)) this.expected.done(_id, 1);
      else if (answer.outcome !== 'not' && answer.outcome !== 'done') this.expected.perhaps(_id, 1);
    }
  }

  async updateAsset(client, id) {
    const asset = this.assets.get(id);
    const n = ++asset.next;
    const answer = await send(client, {
      controller: 'device-manager/assets', action: 'update', engineId: tenant, _id: id, body: { metadata: { n } },
    });
    this.note(answer);
    asset[{ done: 'acked', not: 'not' }[answer.outcome] ?? 'perhaps'].add(n);
  }

  /** Writes until it is told to stop or its connection ends. */
  async lane(client, number) {
    const over = () => this.stopped || client.socket.readyState !== client.socket.OPEN;
    const own = `own-${number}`;
    const asset = `Crash-${number}`;
    for (let i = 0; !over(); i++) {
      const fresh = `new-${++this.last}`;
      await this.write(client, 'create', fresh, this.last);
      if (over()) return;
      await this.write(client, 'createOrReplace', own, ++this.last);
      if (over()) return;
      await this.write(client, 'update', own, ++this.last);
      if (over()) return;
      await this.updateAsset(client, asset);
      if (i % 3 === 0 && !over()) await this.write(client, 'delete', fresh, null);
      if (i % 8 === 0 && !over()) await this.createMany(client);
    }
  }

  async start() {
    this.stopped = false;
    this.clients = await Promise.all(Array.from({ length: connections }, () => connectRaw(this.server)));
    this.lanes = this.clients.flatMap((client, c) =>
      Array.from({ length: lanesPerConnection }, (_, l) => this.lane(client, c * lanesPerConnection + l)));
  }

  async stop() {
    this.stopped = true;
    await Promise.all(this.lanes);
    await Promise.all(this.clients.map((client) => client.close()));
  }
}

/* --- setting up ------------------------------------------------------------------------------------------- */

async function prepare(load) {
  const client = await connectRaw(load.server);
  await client.result({ controller: 'index', action: 'create', index: documents.index });
  await client.result({ controller: 'collection', action: 'create', ...documents, body: { mappings: { dynamic: 'false' } } });
  await client.result({ controller: 'device-manager/engine', action: 'create', index: tenant });
  await client.result({
    controller: 'device-manager/models', action: 'writeAsset',
    body: { engineGroup: 'commons', model: 'Crash', metadataMappings: { n: { type: 'integer' } } },
  });
  for (let i = 0; i < connections * lanesPerConnection; i++) {
    await client.result({
      controller: 'device-manager/assets', action: 'create', engineId: tenant,
      body: { model: 'Crash', reference: String(i), metadata: { n: 0 } },
    });
    load.assets.set(`Crash-${i}`, { next: 0, acked: new Set([0]), perhaps: new Set(), not: new Set() });
  }
  await client.close();
}

/** Waits until a write is done again; returns how long that took. */
async function recovered(server) {
  const begin = Date.now();
  await until('kdmd writes again', async () => {
    const client = await connectRaw(server).catch(() => undefined);
    if (!client) return false;
    const { outcome } = await send(client, {
      controller: 'document', action: 'createOrReplace', ...documents, _id: 'probe', body: { v: 0 },
    });
    await client.close();
    return outcome === 'done';
  }, 30000);
  return Date.now() - begin;
}

/* --- looking at what is stored ------------------------------------------------------------------------------ */

async function readAll(client, ids) {
  const found = new Map();
  for (let at = 0; at < ids.length; at += 100) {
    const { successes } = await client.result({
      controller: 'document', action: 'mGet', ...documents, body: { ids: ids.slice(at, at + 100) },
    });
    for (const { _id, _source } of successes) found.set(_id, _source.v);
  }
  return found;
}

async function checkDocuments(load, client) {
  const { expected, tally } = load;
  const ids = expected.ids();
  const found = await readAll(client, ids);
  for (const id of ids) {
    const value = found.has(id) ? found.get(id) : null;
    if (!expected.of(id).has(value)) {
      tally.violations.push(`${id} is ${value}, may be ${[...expected.of(id)].join(' or ')}`);
    }
    expected.done(id, value);
  }
  tally.checked += ids.length;
}

/** All documents of a collection as they lie in Redis. */
function record(server, index, collection) {
  const socket = join(server.data, 'redis.sock');
  const redis = (...args) => execFileSync('redis-cli', ['-s', socket, '--no-raw', '--json', ...args],
    { encoding: 'utf8', maxBuffer: 1 << 30 });
  const tag = createHash('sha256').update(index).digest('hex').slice(0, 32);
  const [incarnation] = execFileSync('redis-cli', ['-s', socket, 'HGET', `kdm:{${tag}}:m`, `c:${collection}`],
    { encoding: 'utf8' }).split(' ');
  const all = JSON.parse(redis('-3', 'HGETALL', `kdm:{${tag}}:d:${incarnation}`));
  return Object.entries(all).map(([id, value]) => [id, JSON.parse(value.slice(value.indexOf('{')))]);
}

/** An asset and its history are written together: the newest entry is what the asset is, and none is there twice. */
function checkAssets(load) {
  const { server, tally } = load;
  const now = new Map(record(server, tenant, 'assets').map(([id, { metadata }]) => [id, metadata.n]));
  const histories = new Map([...load.assets.keys()].map((id) => [id, []]));
  for (const [, { id, asset, event }] of record(server, tenant, 'assets-history')) {
    if (event.name === 'metadata') histories.get(id)?.push(asset.metadata.n);
  }
  for (const [id, asset] of load.assets) {
    const history = histories.get(id).filter((n) => n > 0);
    const entries = new Set(history);
    const wrong = (text) => tally.violations.push(`asset ${id}: ${text}`);
    if (entries.size !== history.length) wrong('a change is in its history twice');
    for (const n of asset.acked) if (n > 0 && !entries.has(n)) wrong(`change ${n} was acknowledged and is not in its history`);
    for (const n of asset.not) if (entries.has(n)) wrong(`change ${n} was refused and is in its history`);
    for (const n of entries) if (n > asset.next) wrong(`change ${n} was never sent`);
    const last = Math.max(0, ...entries);
    tally.histories += history.length;
    if (now.get(id) !== last) wrong(`is ${now.get(id)}, its history ends with ${last}: half a commit`);
  }
}

/* --- rounds -------------------------------------------------------------------------------------------------- */

async function killRedis(server, tally) {
  const pids = redisPidsIn(server.dir);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  if (pids.length !== 1) tally.violations.push(`${pids.length} Redis servers in the data directory`);
  tally.redisKilled++;
}

async function killServer(server, tally) {
  const [pid] = redisPidsIn(server.dir);
  await server.kill();
  await server.start();
  tally.kdmdKilled++;
  if (/adopted process/.test(server.log)) tally.adopted++;
  const after = redisPidsIn(server.dir);
  if (after.length !== 1) tally.violations.push(`${after.length} Redis servers after a restart`);
  else if (after[0] !== pid) tally.violations.push('a living own Redis was not adopted');
}

async function killBoth(server, tally) {
  await server.kill();
  await killRedis(server, tally);
  await server.start();
  tally.kdmdKilled++;
}

const accidents = [killServer, killRedis, killServer, killRedis, killBoth];

async function round(load, number) {
  const { server, tally } = load;
  await load.start();
  await sleep(50 + Math.random() * 400);
  await accidents[number % accidents.length](server, tally);
  const ms = await recovered(server);
  tally.slowestRecoveryMs = Math.max(tally.slowestRecoveryMs, ms);
  await sleep(50);
  await load.stop();
  const client = await connectRaw(server);
  await checkDocuments(load, client);
  await client.close();
  checkAssets(load);
}

/**
 * Runs so many rounds; returns the tally. Its `violations` are what must be empty.
 * @param report called with the tally after each round
 */
export async function runCrashes(rounds, report = () => {}) {
  const tally = {
    rounds: 0, kdmdKilled: 0, redisKilled: 0, adopted: 0, done: 0, not: 0, perhaps: 0, unanswered: 0, errors: {},
    checked: 0, histories: 0, slowestRecoveryMs: 0, violations: [],
  };
  const server = await startServer();
  const load = new Load(server, tally);
  try {
    await prepare(load);
    for (let i = 0; i < rounds && tally.violations.length === 0; i++) {
      await round(load, i);
      tally.rounds++;
      report(tally);
    }
    tally.log = server.log;
    await server.stop({ keep: true });
  } finally {
    tally.log ??= server.log;
    await server.remove();
  }
  return tally;
}
