// wire.mjs - bytes on a socket: what no well-behaved client sends, and exactly what comes back.

import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { within } from './process.mjs';

const waitMs = 10000;
const endOfHead = Buffer.from('\r\n\r\n');

/** One WebSocket frame as a client sends it (masked). */
export function frame(payload, { opcode = 1, fin = true, mask = true } = {}) {
  const data = Buffer.from(payload);
  const head = [(fin ? 0x80 : 0) | opcode];
  const masked = mask ? 0x80 : 0;
  if (data.length < 126) head.push(masked | data.length);
  else if (data.length < 65536) head.push(masked | 126, data.length >> 8, data.length & 0xff);
  else head.push(masked | 127, 0, 0, 0, 0, ...Buffer.from(Uint32Array.of(data.length).buffer).reverse());
  if (!mask) return Buffer.concat([Buffer.from(head), data]);
  const key = randomBytes(4);
  return Buffer.concat([Buffer.from(head), key, data.map((byte, i) => byte ^ key[i % 4])]);
}

function parseHead(text) {
  const [first, ...lines] = text.split('\r\n');
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(first.split(' ')[1]), headers };
}

/** The first frame in `bytes`: {opcode, fin, payload, size}, or undefined while it is not whole. */
function parseFrame(bytes) {
  if (bytes.length < 2) return undefined;
  let size = bytes[1] & 0x7f;
  let at = 2;
  if (size === 126) {
    if (bytes.length < 4) return undefined;
    size = bytes.readUInt16BE(2);
    at = 4;
  } else if (size === 127) {
    if (bytes.length < 10) return undefined;
    size = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  if (bytes.length < at + size) return undefined;
  return {
    opcode: bytes[0] & 0x0f, fin: (bytes[0] & 0x80) !== 0, payload: bytes.subarray(at, at + size), size: at + size,
  };
}

class Wire {
  constructor(socket) {
    this.socket = socket;
    this.received = Buffer.alloc(0);
    this.ended = false;
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake?.();
    });
    /** Resolves when the server has closed its side. */
    this.closed = new Promise((resolve) => {
      for (const event of ['end', 'close']) socket.on(event, resolve);
    }).then(() => {
      this.ended = true;
      this.wake?.();
    });
    socket.on('error', () => {}); // "close" follows
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  /** Resolves when all that was written has been handed to the system. (Not end(): a socket that is ended and then
   * reset keeps Node 20 spinning for ever.) */
  flushed() {
    return new Promise((resolve) => { this.socket.write('', resolve); });
  }

  /** Waits until `take` finds something in what was received. */
  async #await(what, take) {
    return within(waitMs, what, (async () => {
      for (;;) {
        const value = take();
        if (value !== undefined) return value;
        if (this.ended) throw new Error(`closed before ${what}; left over: ${JSON.stringify(this.received.toString())}`);
        await new Promise((resolve) => { this.wake = resolve; });
      }
    })());
  }

  #take(length) {
    const bytes = this.received.subarray(0, length);
    this.received = this.received.subarray(length);
    return bytes;
  }

  /** The next HTTP response: {status, headers, bytes, text, body}. `bodiless`: one to HEAD, or a 101. */
  async response({ bodiless = false } = {}) {
    const { status, headers } = await this.#await('a response', () => {
      const end = this.received.indexOf(endOfHead);
      return end < 0 ? undefined : parseHead(this.#take(end + 4).subarray(0, end).toString('latin1'));
    });
    const length = bodiless ? 0 : Number(headers['content-length'] ?? 0);
    const bytes = await this.#await('a body', () => (this.received.length < length ? undefined : this.#take(length)));
    const text = bytes.toString();
    let body;
    try {
      body = JSON.parse(text);
    } catch {
      // not JSON, or compressed: the caller has the bytes
    }
    return { status, headers, bytes, text, body };
  }

  /** The next frame the server sends: {opcode, fin, payload}. */
  frame() {
    return this.#await('a frame', () => {
      const found = parseFrame(this.received);
      if (found) this.#take(found.size);
      return found;
    });
  }

  /** The next text frame, parsed. */
  async message() {
    const { opcode, payload } = await this.frame();
    if (opcode !== 1) throw new Error(`a frame of opcode ${opcode}: ${payload.toString('hex')}`);
    return JSON.parse(payload.toString());
  }

  /** The code of the close frame that must come next. */
  async closeCode() {
    const { opcode, payload } = await this.frame();
    if (opcode !== 8) throw new Error(`a frame of opcode ${opcode} instead of a close: ${payload}`);
    return payload.length < 2 ? undefined : payload.readUInt16BE(0);
  }

  /** Goes without a word: RST, as when a machine dies. After an end() libuv refuses to reset, and node would never exit. */
  vanish() {
    if (this.socket.writableEnded) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  end() {
    this.socket.destroy();
  }
}

/** For a socket that is connected already. */
export function wireOf(socket) {
  return new Wire(socket);
}

/** A TCP connection to the server. */
export async function connectWire(server) {
  const socket = connect({ port: server.port, host: server.host, allowHalfOpen: true });
  await within(waitMs, 'a connection', new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  }));
  return new Wire(socket);
}

/** One that has become a WebSocket. */
export async function upgradeWire(server, headers = '') {
  const wire = await connectWire(server);
  wire.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
    + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${headers}\r\n`);
  const { status } = await wire.response({ bodiless: true });
  if (status !== 101) throw new Error(`the upgrade was answered with ${status}`);
  return wire;
}

/** An HTTP request's bytes; Content-Length is added when there is a body. `headers`: {name: value}. */
export function httpBytes(method, path, { headers = {}, body } = {}) {
  const data = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
  const all = { host: 'x', ...(body === undefined ? {} : { 'content-length': data.length }), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`), data]);
}

/** One request on a connection of its own: {status, headers, bytes, text, body}. */
export async function exchange(server, method, path, options = {}) {
  const wire = await connectWire(server);
  wire.write(httpBytes(method, path, options));
  const response = await wire.response({ bodiless: method === 'HEAD' });
  wire.end();
  return response;
}
