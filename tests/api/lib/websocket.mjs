// websocket.mjs - a bare WebSocket client: what is on the wire, without the SDK's help.

import { randomUUID } from 'node:crypto';
import WebSocket from 'ws';
import { within } from './process.mjs';

const waitMs = 10000; // twice kdmd's own deadline

class RawClient {
  #pending = new Map(); // requestId -> resolve
  #waiting = []; // resolves of next()

  constructor(socket) {
    this.socket = socket;
    /** What answered no ask() and was not taken by next(), oldest first. */
    this.messages = [];
    /** Resolves to {code, reason} when the connection is closed. */
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on('error', (error) => { this.error = error; });
    socket.on('message', (data) => this.#receive(data.toString()));
  }

  #receive(text) {
    const message = JSON.parse(text);
    const resolve = this.#pending.get(message?.requestId);
    if (resolve) {
      this.#pending.delete(message.requestId);
      resolve(message);
    } else if (this.#waiting.length > 0) {
      this.#waiting.shift()(message);
    } else {
      this.messages.push(message);
    }
  }

  /** Sends text or bytes as they are, anything else as JSON. */
  send(message, options = {}) {
    const raw = typeof message === 'string' || Buffer.isBuffer(message);
    this.socket.send(raw ? message : JSON.stringify(message), options);
  }

  /** Sends a request and returns its whole response. A requestId is made unless it has one. */
  ask(request, ms = waitMs) {
    const whole = { requestId: randomUUID(), ...request };
    const answer = new Promise((resolve) => { this.#pending.set(whole.requestId, resolve); });
    this.send(whole);
    const ended = this.closed.then(({ code }) => {
      throw new Error(`closed with ${code} before the answer`);
    });
    ended.catch(() => {});
    return within(ms, `answer to ${whole.controller}:${whole.action}`, Promise.race([answer, ended]));
  }

  /** Sends a request that must succeed and returns its result. */
  async result(request, ms = waitMs) {
    const response = await this.ask(request, ms);
    if (response.error) {
      const { status, id, message } = response.error;
      throw new Error(`${request.controller}:${request.action}: ${status} ${id}: ${message}`);
    }
    return response.result;
  }

  /** Sends a request that must fail and returns its error. */
  async failure(request, ms = waitMs) {
    const response = await this.ask(request, ms);
    if (!response.error) {
      throw new Error(`${request.controller}:${request.action} succeeded: ${JSON.stringify(response.result)}`);
    }
    return response.error;
  }

  /** The next message that answers no ask(). */
  next(ms = waitMs) {
    if (this.messages.length > 0) return Promise.resolve(this.messages.shift());
    return within(ms, 'a message', new Promise((resolve) => { this.#waiting.push(resolve); }));
  }

  async close() {
    this.socket.close();
    const timer = setTimeout(() => this.socket.terminate(), 2000);
    await this.closed;
    clearTimeout(timer);
  }
}

/** Connects to a server; `options` are those of ws (headers, perMessageDeflate, ..). */
export async function connectRaw(server, options = {}) {
  const socket = new WebSocket(server.wsUrl, { perMessageDeflate: false, ...options });
  const client = new RawClient(socket);
  const open = new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  await within(waitMs, 'a connection', open);
  return client;
}
