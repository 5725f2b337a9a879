// process.mjs - child processes of the tests: started, waited for with a bound, and never left behind.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';

const children = new Set();
const dirs = new Set();

/** A promise that fails with `what` when `promise` takes longer. */
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks `condition` every 20 ms until it is truthy, which is returned. */
export async function until(what, condition, ms = 5000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not so within ${ms} ms`);
    await sleep(20);
  }
}

/** A directory below /tmp: short, because sockets lie in it. */
export async function temporaryDir() {
  const dir = await mkdtemp('/tmp/kdm-test-');
  dirs.add(dir);
  return dir;
}

export async function removeDir(dir) {
  dirs.delete(dir);
  await rm(dir, { recursive: true, force: true });
}

/** A started program: `exited` resolves to {code, signal}; `onText` gets what it writes. */
export function startProcess(program, args, { env, cwd, onText }) {
  const child = spawn(program, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  child.stdout.setEncoding('utf8').on('data', (text) => onText(text, 'stdout'));
  child.stderr.setEncoding('utf8').on('data', (text) => onText(text, 'stderr'));
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    // "close" and not "exit": all that it wrote has been read by then.
    child.once('close', (code, signal) => {
      children.delete(child);
      resolve({ code, signal });
    });
  });
  exited.catch(() => children.delete(child)); // told to whoever waits, not to the process
  return { child, exited };
}

/** The Redis servers that work in `dir` or on a socket in it. */
export function redisPidsIn(dir) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes('redis-server')) return false;
      return command.includes(`${dir}/`) || readlinkSync(`/proc/${pid}/cwd`).startsWith(dir);
    } catch {
      return false; // it has just ended, or is not ours to look at
    }
  });
}

export function killRedisIn(dir) {
  for (const pid of redisPidsIn(dir)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has just ended
    }
  }
}

/** Ends all that is still running: what a test that failed half way left. */
export function endAll() {
  for (const child of children) child.kill('SIGKILL');
  for (const dir of dirs) {
    killRedisIn(dir);
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
  dirs.clear();
}

process.on('exit', endAll);
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1));
