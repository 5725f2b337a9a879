// sdk.mjs - the real kuzzle-sdk against a server.

import sdk from 'kuzzle-sdk';
import { within } from './process.mjs';

const protocols = { websocket: sdk.WebSocket, http: sdk.Http };

/** The names of the protocols, for tests that run over each. */
export const protocolNames = Object.keys(protocols);

/** A connected SDK over "websocket" or "http"; kuzzle.disconnect() ends it. */
export async function connectSdk(server, protocol = 'websocket', options = {}) {
  const Protocol = protocols[protocol];
  const kuzzle = new sdk.Kuzzle(new Protocol(server.host, { port: server.port, autoReconnect: false, ...options }));
  // An unheard "error" event would end the test process.
  kuzzle.on('networkError', () => {});
  await within(10000, `the SDK connects over ${protocol}`, kuzzle.connect());
  return kuzzle;
}
