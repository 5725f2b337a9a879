// realtime.test.mjs - page.html in headless Chromium: it subscribes with the SDK's browser build, sees what another
// client changes, and survives a restart of the server by itself.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { until } from '../api/lib/process.mjs';
import { startServer } from '../api/lib/server.mjs';
import { after, before, test } from '../api/lib/test.mjs';
import { connectRaw } from '../api/lib/websocket.mjs';

const here = dirname(fileURLToPath(import.meta.url));
// The package exports no files; its main one stands in out/.
const sdk = join(dirname(createRequire(import.meta.url).resolve('kuzzle-sdk')), '..', 'dist', 'kuzzle.js');
const files = { '/': join(here, 'page.html'), '/kuzzle.js': sdk };

let pages;
let browser;

/** The page and the SDK from an origin of their own, as an application has it. */
async function servePages() {
  const server = createServer(async (request, response) => {
    const file = files[new URL(request.url, 'http://x').pathname];
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('Content-Type', file.endsWith('.js') ? 'text/javascript' : 'text/html');
    response.end(await readFile(file));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return server;
}

before(async () => {
  pages = await servePages();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  pages?.close();
});

test('a page sees the changes of another client, also after a restart of the server', { timeout: 60000 }, async () => {
  const server = await startServer();
  server.keepPort();
  let writer = await connectRaw(server);
  await writer.result({ controller: 'index', action: 'create', index: 'shop' });
  await writer.result({ controller: 'collection', action: 'create', index: 'shop', collection: 'orders' });
  const write = (action, _id, body) =>
    writer.result({ controller: 'document', action, index: 'shop', collection: 'orders', _id, body });

  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(`http://127.0.0.1:${pages.address().port}/?host=${server.host}&port=${server.port}`);
  const title = (wanted, ms = 15000) => until(`the page says ${wanted}`, async () => {
    const now = await page.title();
    assert.doesNotMatch(now, /^failed/);
    assert.deepEqual(errors, []);
    return now === wanted;
  }, ms);
  const lines = () => page.locator('li').allTextContents();
  const shows = (wanted) => until(`the page shows ${wanted}`, async () => JSON.stringify(await lines()) === JSON.stringify(wanted), 10000);

  await title('watching');
  await write('create', 'a', { text: 'one' });
  await write('create', 'b', { other: 'is not for this page' });
  await shows(['a one 1']);
  await write('update', 'a', { text: 'two' });
  await shows(['a two 2']);

  await server.kill();
  await title('away');
  await server.start();
  await title('back');
  writer = await connectRaw(server);
  await until('the page has subscribed again', async () => {
    const list = await writer.result({ controller: 'realtime', action: 'list' });
    return Object.values(list.shop?.orders ?? {}).includes(1);
  }, 15000);
  // The connections that the killed server had may count until its lease ends; what counts is what the page shows.
  await until('the page hears again', async () => {
    await write('update', 'a', { text: `three ${Date.now()}` });
    return (await lines())[0].startsWith('a three');
  }, 15000);
  await write('delete', 'a');
  await shows([]);
  assert.deepEqual(errors, []);
  await page.close();
  await writer.close();
  await server.stop();
});
