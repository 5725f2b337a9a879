// redis.mjs - a Redis of the test's own, on a Unix socket: for several nodes on one Redis and for what happens to
// kdmd when its Redis goes away.

import { connect } from 'node:net';
import { join } from 'node:path';
import { removeDir, startProcess, temporaryDir, until, within } from './process.mjs';

/** One command to the socket as inline text; the reply's first line, or undefined when nobody answers. */
export function askRedis(socket, command) {
  return new Promise((resolve) => {
    const connection = connect(socket);
    let text = '';
    const end = (value) => {
      connection.destroy();
      resolve(value);
    };
    connection.setEncoding('utf8').setTimeout(1000, () => end(undefined));
    connection.on('connect', () => connection.write(`${command}\r\n`));
    connection.on('error', () => end(undefined));
    connection.on('close', () => end(undefined));
    connection.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\r\n')) end(text.slice(0, text.indexOf('\r\n')));
    });
  });
}

class Redis {
  constructor(dir, args) {
    this.dir = dir;
    this.args = args;
    this.socket = join(dir, 'redis.sock');
    this.url = `unix:${this.socket}`;
    this.log = '';
  }

  async start() {
    const args = ['--port', '0', '--unixsocket', this.socket, '--dir', this.dir, '--save', '',
      '--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction', ...this.args];
    this.process = startProcess('redis-server', args, {
      cwd: this.dir,
      onText: (text) => { this.log += text; },
    });
    await until('Redis answers', async () => (await askRedis(this.socket, 'PING')) === '+PONG', 10000);
  }

  get pid() {
    return this.process.child.pid;
  }

  /** SIGKILL, as when the machine takes it away; its file stays for the next start(). */
  async kill() {
    this.process.child.kill('SIGKILL');
    await within(5000, 'Redis ends', this.process.exited);
  }

  /** Stops answering without going away, and goes on. */
  freeze() {
    this.process.child.kill('SIGSTOP');
  }

  thaw() {
    this.process.child.kill('SIGCONT');
  }

  async stop() {
    this.process.child.kill('SIGCONT');
    this.process.child.kill('SIGTERM');
    await within(5000, 'Redis ends', this.process.exited);
    await removeDir(this.dir);
  }
}

/** Starts a Redis with an append-only file; `args` are further options of redis-server. */
export async function startRedis(args = []) {
  const redis = new Redis(await temporaryDir(), args);
  await redis.start();
  return redis;
}
