// http.mjs - plain HTTP requests.

import { within } from './process.mjs';

const waitMs = 10000;

/**
 * One request: {status, headers, text, body}; `body` is the parsed JSON or undefined.
 * @param options method (GET); query: object; headers; body: an object goes as JSON, text and bytes as they are
 */
export async function request(server, path, { method = 'GET', query = {}, headers = {}, body } = {}) {
  const url = new URL(path, server.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const answer = fetch(url, {
    method,
    headers: raw ? headers : { 'content-type': 'application/json', ...headers },
    body: raw ? body : JSON.stringify(body),
  });
  const response = await within(waitMs, `${method} ${path}`, answer);
  const text = await within(waitMs, `body of ${method} ${path}`, response.text());
  return { status: response.status, headers: response.headers, text, body: parse(text) };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
