// realtime.test.mjs - subscriptions and notifications, with the real SDK and bare sockets.

import assert from 'node:assert/strict';
import { connectRaw } from './lib/websocket.mjs';
import { connectSdk } from './lib/sdk.mjs';
import { within } from './lib/process.mjs';
import { startServer } from './lib/server.mjs';
import { after, atEnd, before, describe, test } from './lib/test.mjs';

const index = 'rt';
let server;
let writer;

before(async () => {
  server = await startServer();
  writer = await connectRaw(server);
  await writer.result({ controller: 'index', action: 'create', index });
});

atEnd(async () => {
  await writer.close();
  await server.stop();
});

let serial = 0;
/** A collection of the test's own. */
async function freshCollection() {
  serial += 1;
  const collection = `c${serial}`;
  await writer.result({ controller: 'collection', action: 'create', index, collection });
  return collection;
}

/** Subscribes a bare client; its notifications come by client.next(). */
const subscribe = (client, collection, body = {}, options = {}) =>
  client.result({ controller: 'realtime', action: 'subscribe', index, collection, body, ...options });

const doc = (action, collection, args) => writer.result({ controller: 'document', action, index, collection, ...args });

/** Asserts that nothing has come, by way of something that must come behind it. */
async function expectSilence(client) {
  await client.result({ controller: 'server', action: 'now' });
  assert.deepEqual(client.messages, []);
}

describe('with the SDK', () => {
  test('a subscriber hears of a document that another client creates', async () => {
    const collection = await freshCollection();
    const kuzzle = await connectSdk(server);
    const heard = [];
    const arrived = new Promise((resolve) => {
      kuzzle.realtime.subscribe(index, collection, { exists: 'a' }, (notification) => {
        heard.push(notification);
        resolve();
      }).then(() => doc('create', collection, { _id: 'x', body: { a: 1 } }));
    });
    await within(5000, 'a notification', arrived);
    assert.equal(heard.length, 1);
    const [{ type, action, event, scope, result }] = heard;
    assert.deepEqual({ type, action, event, scope }, { type: 'document', action: 'create', event: 'write', scope: 'in' });
    assert.equal(result._id, 'x');
    assert.equal(result._source.a, 1);
    kuzzle.disconnect();
  });
});
