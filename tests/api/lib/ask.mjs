// ask.mjs - the same request over WebSocket and over HTTP's POST /_query, for tests that hold on both.

import assert from 'node:assert/strict';
import { request } from './http.mjs';
import { connectRaw } from './websocket.mjs';

/** {ask(request) -> whole response, result(request), close()} over "websocket" or "http". */
export async function connectAsker(server, protocol) {
  const client = protocol === 'websocket' ? await connectRaw(server) : undefined;
  const ask = client
    ? (whole) => client.ask(whole)
    : async (whole) => (await request(server, '/_query', { method: 'POST', body: whole })).body;
  return {
    ask,
    async result(whole) {
      const response = await ask(whole);
      assert.equal(response.error, null, `${whole.controller}:${whole.action}: ${response.error?.message}`);
      return response.result;
    },
    /** The request must fail with this id and status; returns the error. */
    async fails(whole, status, id) {
      const { error, status: shown } = await ask(whole);
      assert.ok(error, `${whole.controller}:${whole.action} succeeded`);
      assert.deepEqual([error.status, error.id], [status, id], error.message);
      assert.equal(shown, status);
      return error;
    },
    close: async () => client?.close(),
  };
}

/** `promise` must be rejected with an error of this id and status. */
export function rejects(promise, status, id) {
  return assert.rejects(promise, (error) => {
    assert.deepEqual([error.status, error.id], [status, id], error.message);
    return true;
  });
}

/** Names that no other test of the file uses: `${prefix}-1`, `${prefix}-2`, .. */
export function names(prefix) {
  let last = 0;
  return () => `${prefix}-${++last}`;
}
