// clients.mjs - both clients of a protocol, for the tests of a describe().

import { after, before } from 'node:test';
import { connectAsker } from './ask.mjs';
import { connectSdk } from './sdk.mjs';

/**
 * In a describe(): connects the SDK and an asker (ask.mjs) over `protocol` before its tests and closes them behind.
 * @param server () => the server, asked for when its own before() has run
 * @param take gets {kuzzle, asker}; called ahead of every before() that is registered after this
 */
export function connectBoth(server, protocol, take) {
  let clients;
  before(async () => {
    clients = { kuzzle: await connectSdk(server(), protocol), asker: await connectAsker(server(), protocol) };
    take(clients);
  });
  after(async () => {
    clients?.kuzzle.disconnect();
    await clients?.asker.close();
  });
}
