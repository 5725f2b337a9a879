// alive.mjs - after something hostile: does the server still serve, and has no sanitizer spoken?

import assert from 'node:assert/strict';
import { request } from './http.mjs';
import { connectRaw } from './websocket.mjs';

const sanitizer = /(ERROR: (Address|Leak|Undefined)|runtime error:|assertion|DEADLYSIGNAL).*/i;

/** server:now over both protocols, on fresh connections, and a clean log. */
export async function assertServes(server) {
  const { status, body } = await request(server, '/_now');
  assert.equal(status, 200);
  assert.equal(typeof body.result.now, 'number');
  const client = await connectRaw(server);
  assert.equal(typeof (await client.result({ controller: 'server', action: 'now' })).now, 'number');
  await client.close();
  assert.equal(sanitizer.exec(server.log)?.[0], undefined);
}
