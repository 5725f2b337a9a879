// server.mjs - kdmd as a user starts it: a process on a free loopback port.
// KDMD names another program (a release build, say); the default is that of the test preset, with sanitizers, so that
// what they find ends a test by kdmd's exit code.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { killRedisIn, removeDir, startProcess, temporaryDir, within } from './process.mjs';
import { startRedis } from './redis.mjs';

/** The program under test. */
export const kdmd = process.env.KDMD ?? fileURLToPath(new URL('../../../build/test/kdmd', import.meta.url));
const startMs = 20000; // own Redis, sanitizers and a busy machine together
const stopMs = 5000; // what is promised to users
const logMax = 1 << 20; // characters of log kept per server

const running = new Set();

/** The environment without what would configure kdmd by accident. */
function cleanEnvironment(extra) {
  const env = Object.entries(process.env).filter(([name]) => !/^(KDM_|kuzzle_)/.test(name));
  return { ...Object.fromEntries(env), ...extra };
}

class Server {
  /** See startServer(). */
  constructor(dir, { args = [], env = {}, redis, data, cwd = dir, host = '127.0.0.1', port = 0, flags = true }) {
    this.dir = dir;
    this.data = data ?? join(dir, 'data');
    this.host = host;
    this.port = port;
    const storage = redis === undefined ? ['--data', this.data] : ['--redis', redis];
    const address = flags ? ['--host', host, '--port', String(port)] : [];
    this.args = [...address, ...storage, ...args];
    this.options = { env: cleanEnvironment(env), cwd, onText: (text) => this.#hear(text) };
    this.log = '';
  }

  #hear(text) {
    this.log = (this.log + text).slice(-logMax);
    const line = /listening on https?:\/\/(\S+):(\d+)/.exec(this.log);
    if (line && this.ready) {
      this.port = Number(line[2]);
      this.ready();
    }
  }

  /** Starts it, also again after kill() on the same data; resolves once it listens. */
  async start() {
    this.log = '';
    const listening = new Promise((resolve) => { this.ready = resolve; });
    this.process = startProcess(kdmd, this.args, this.options);
    running.add(this);
    const died = this.process.exited.then(({ code, signal }) => {
      running.delete(this);
      return Promise.reject(new Error(`kdmd ended (${code ?? signal}) before it listened:\n${this.log}`));
    });
    died.catch(() => {}); // after the start an end is no news here
    await within(startMs, 'kdmd listens', Promise.race([listening, died])).catch((error) => {
      this.process.child.kill('SIGKILL');
      throw error;
    });
    return this;
  }

  /** Has the next start() listen where it listens now, for clients that come back by themselves. */
  keepPort() {
    this.args[this.args.indexOf('--port') + 1] = String(this.port);
  }

  get pid() {
    return this.process.child.pid;
  }

  get url() {
    return `http://${this.host}:${this.port}`;
  }

  get wsUrl() {
    return `ws://${this.host}:${this.port}`;
  }

  /** SIGTERM; fails unless it ends in time with exit code 0. Removes its directory unless `keep`. */
  async stop({ keep = false } = {}) {
    if (running.has(this)) {
      this.process.child.kill('SIGTERM');
      const { code, signal } = await within(stopMs + 1000, 'kdmd ends', this.process.exited);
      running.delete(this);
      assert.equal(code ?? signal, 0, `kdmd ended with ${code ?? signal}:\n${this.log}`);
    }
    if (!keep) await this.remove();
  }

  /** SIGKILL. Its own Redis lives on, for start() to adopt or remove() to end. */
  async kill() {
    this.process.child.kill('SIGKILL');
    await within(5000, 'kdmd ends', this.process.exited);
    running.delete(this);
  }

  /** Ends what a killed kdmd left, and removes its files. */
  async remove() {
    killRedisIn(this.dir);
    await removeDir(this.dir);
  }

  /** Waits until the log has a line that matches. */
  async logged(pattern, ms = 5000) {
    const end = Date.now() + ms;
    for (;;) {
      const match = pattern.exec(this.log);
      if (match) return match;
      if (Date.now() > end) throw new Error(`${pattern} was not logged within ${ms} ms:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/**
 * Starts kdmd on a free port.
 * @param options args: more arguments; env: more variables; config: an object, written as its configuration file;
 *   redis: URL of a Redis (else its own one); data: its data directory; cwd; host; port;
 *   flags: false leaves it to env or config to say where it listens
 */
export async function startServer(options = {}) {
  const dir = await temporaryDir();
  const args = [...(options.args ?? [])];
  if (options.config !== undefined) {
    await writeFile(join(dir, 'kdm.json'), JSON.stringify(options.config));
    args.unshift('--config', join(dir, 'kdm.json'));
  }
  return new Server(dir, { ...options, args }).start();
}

/** Several nodes on one Redis: {redis, servers, stop()}. */
export async function startNodes(count, options = {}) {
  const redis = await startRedis();
  const servers = await Promise.all(
    Array.from({ length: count }, () => startServer({ ...options, redis: redis.url })),
  );
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await redis.stop();
  };
  return { redis, servers, stop };
}

/** Runs kdmd with exactly these arguments until it ends by itself, or by a SIGTERM when its log matches `stopAt`: {code, stdout, stderr, ms}. */
export async function runToEnd(args, { env = {}, cwd = '/tmp', ms = 15000, stopAt } = {}) {
  const text = { stdout: '', stderr: '' };
  const begin = Date.now();
  const { child, exited } = startProcess(kdmd, args, {
    env: cleanEnvironment(env),
    cwd,
    onText: (chunk, from) => {
      text[from] += chunk;
      if (!stopAt?.test(text[from])) return;
      stopAt = undefined;
      setTimeout(() => child.kill('SIGTERM'), 300); // when it has gone on to what it does next
    },
  });
  const { code, signal } = await within(ms, `kdmd ${args.join(' ')} ends`, exited).catch((error) => {
    child.kill('SIGKILL');
    throw new Error(`${error.message}\n${text.stdout}${text.stderr}`);
  });
  return { code: code ?? signal, ...text, ms: Date.now() - begin };
}

/** The last `lines` of each running server's log, for a test that failed. */
export function logsOfRunning(lines = 60) {
  return [...running].map((server) => {
    const tail = server.log.trimEnd().split('\n').slice(-lines).join('\n');
    return `--- log of kdmd ${server.pid} on port ${server.port} ---\n${tail}`;
  }).join('\n');
}
