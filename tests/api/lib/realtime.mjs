// realtime.mjs - subscribing over bare sockets, and waiting for notifications.

import assert from 'node:assert/strict';
import { connectRaw } from './websocket.mjs';

/** A bare client in a room: {client, roomId, channel, changeId, gap}. */
export async function subscribe(server, index, collection, body = {}, options = {}) {
  const client = await connectRaw(server);
  const result = await client.result({ controller: 'realtime', action: 'subscribe', index, collection, body, ...options });
  return { client, ...result };
}

/**
 * What a client was told and did not take yet. Whatever was on its way from this node has come when a request that was
 * sent behind it is answered.
 */
export async function told(client) {
  await client.result({ controller: 'server', action: 'now' });
  return client.messages.splice(0);
}

/** Asserts that a client was told nothing. */
export async function toldNothing(client) {
  assert.deepEqual(await told(client), []);
}

/** The next `count` notifications. */
export async function nexts(client, count, ms = 10000) {
  const list = [];
  for (let i = 0; i < count; i += 1) list.push(await client.next(ms));
  return list;
}
