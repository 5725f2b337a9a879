// realtime-slow.test.mjs - a subscriber that never reads, among a thousand that do: it is closed with 1013, the others
// get everything, and the memory that it takes is bounded. It is in their room and in one of its own, where so much is
// said that neither the kernel nor kdmd can keep it for it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { until, within } from './lib/process.mjs';
import { startServer } from './lib/server.mjs';
import { test } from './lib/test.mjs';
import { connectRaw } from './lib/websocket.mjs';

const index = 'rt';
const collection = 'crowd';
const queued = 1 << 20;
const crowd = 1000;
const messages = 200;
const size = 500;
const flood = 900000; // bytes of a message that only the slow one gets, every fifth time

const subscription = (to) =>
  JSON.stringify({ controller: 'realtime', action: 'subscribe', index, collection: to, body: {}, requestId: 's' });

/** The resident memory of a process in bytes. */
async function memory(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024;
}

/** A text of at most 65535 bytes as a client's frame, masked with zeros. */
function frame(text) {
  const payload = Buffer.from(text);
  const head = payload.length < 126
    ? Buffer.from([0x81, 0x80 | payload.length])
    : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

/** A WebSocket on a bare socket whose bytes are counted, or not read at all. */
class Bare {
  constructor(server) {
    this.bytes = 0;
    this.tail = Buffer.alloc(0);
    this.socket = createConnection({ host: server.host, port: server.port });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => { this.socket.on('close', resolve); });
    this.socket.on('data', (chunk) => {
      this.bytes += chunk.length;
      this.tail = Buffer.concat([this.tail, chunk]).subarray(-16);
    });
    this.socket.write('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
      + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
  }

  async subscribe(to) {
    await until('the upgrade', () => this.bytes > 0, 20000);
    const before = this.bytes;
    this.socket.write(frame(subscription(to)));
    await until('the subscription', () => this.bytes > before + 100, 20000);
  }
}

test('one that never reads is closed with 1013; a thousand others are not slowed, and memory is bounded', { timeout: 120000 }, async () => {
  // What is freed is given back, so that memory says what is held.
  const server = await startServer({
    config: { kdm: { maxQueuedBytes: queued } }, env: { ASAN_OPTIONS: 'quarantine_size_mb=1' },
  });
  const publisher = await connectRaw(server);
  const publish = (to, body) => publisher.result({ controller: 'realtime', action: 'publish', index, collection: to, body });
  const readers = Array.from({ length: crowd }, () => new Bare(server));
  for (let at = 0; at < crowd; at += 100) await Promise.all(readers.slice(at, at + 100).map((reader) => reader.subscribe(collection)));
  const lazy = new Bare(server);
  await lazy.subscribe(collection);
  await lazy.subscribe('flood');
  const empty = readers.map((reader) => reader.bytes);
  await publish(collection, { warm: 'x'.repeat(size) });
  await until('the first message', () => readers.every((reader, i) => reader.bytes - empty[i] > size), 10000);
  lazy.socket.pause();
  const before = await memory(server.pid);
  const counts = readers.map((reader) => reader.bytes);
  // kdmd keeps a connection that it closes for five seconds, for the close to be read.
  const dropped = server.logged(/does not read/, 60000).then(() => lazy.socket.resume());
  let most = 0;
  for (let i = 0; i < messages; i += 1) {
    await publish(collection, { i: i % 10, pad: 'x'.repeat(size) });
    if (i % 5 === 4) {
      await publish('flood', { pad: 'x'.repeat(flood) });
      const enough = (i + 1) * size;
      await until('the readers have all so far', () => readers.every((reader, n) => reader.bytes - counts[n] > enough), 10000);
      most = Math.max(most, (await memory(server.pid)) - before);
    }
  }
  await until('every reader got the same', () => new Set(readers.map((reader, i) => reader.bytes - counts[i])).size === 1, 10000);
  assert.ok(most < 24 * queued, `memory grew by ${most}`); // forty floods are 36 MB; requests and replies take their own
  await dropped;
  await within(10000, 'the slow one is closed', lazy.closed);
  assert.deepEqual([...lazy.tail.subarray(-4)], [0x88, 2, 1013 >> 8, 1013 & 255]);
  const { realtime } = await publisher.result({ controller: 'server', action: 'metrics' });
  assert.deepEqual(realtime, { rooms: 1, subscriptions: crowd });
  for (const reader of readers) reader.socket.destroy();
  await until('all have left', async () => (await publisher.result({ controller: 'server', action: 'metrics' })).realtime.rooms === 0, 20000);
  await publisher.close();
  await server.stop();
});
