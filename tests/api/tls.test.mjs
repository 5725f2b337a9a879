// tls.test.mjs - https and wss: real clients, real certificates, and what is wrong with either.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { after, before, describe, test } from './lib/test.mjs';
import { removeDir, sleep, temporaryDir, within } from './lib/process.mjs';
import { runToEnd, startServer } from './lib/server.mjs';
import { connectWire, frame, httpBytes, wireOf } from './lib/wire.mjs';

const run = promisify(execFile);
const index = 'tls';
const collection = 'things';

let dir;
let ca;

/** A self-signed certificate NAME.pem with its key NAME.key in `dir`. */
async function makeCertificate(name, ...options) {
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.pem`), ...options]);
}

const file = (name) => join(dir, name);

before(async () => {
  dir = await temporaryDir();
  await makeCertificate('first');
  await makeCertificate('second');
  ca = [await readFile(file('first.pem')), await readFile(file('second.pem'))];
});
after(() => removeDir(dir));

function request(server, path, { method = 'GET', body, headers = {}, agent } = {}) {
  return within(10000, `${method} ${path}`, new Promise((resolve, reject) => {
    const asked = https.request({ host: '127.0.0.1', port: server.port, path, method, headers, ca, agent }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(parts).toString()) }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  }));
}

/** A TLS connection; its certificate is checked. */
function connect(server, options = {}) {
  return within(10000, 'a TLS connection', new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port: server.port, ca, ...options }, () => resolve(socket));
    socket.once('error', reject);
  }));
}

async function upgrade(server) {
  const wire = wireOf(await connect(server));
  wire.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n`
    + `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`);
  assert.equal((await wire.response({ bodiless: true })).status, 101);
  return wire;
}

async function asks(wire, query) {
  wire.write(frame(JSON.stringify(query)));
  return wire.message();
}

const now = { controller: 'server', action: 'now' };
const common = (socket) => socket.getPeerCertificate().subject.CN;

describe('a server with a certificate', () => {
  let server;

  before(async () => {
    await copyFile(file('first.pem'), file('used.pem'));
    await copyFile(file('first.key'), file('used.key'));
    server = await startServer({ args: ['--tls-cert', file('used.pem'), '--tls-key', file('used.key')] });
    const wire = await upgrade(server);
    await asks(wire, { controller: 'index', action: 'create', index });
    await asks(wire, { controller: 'collection', action: 'create', index, collection, body: {} });
    wire.end();
  });
  after(() => server.stop());

  test('says what it speaks', () => assert.match(server.log, /listening on https:\/\/127\.0\.0\.1:\d+ \(wss and https\)/));

  test('answers https, on connections that are kept too', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 20; i++) assert.equal((await request(server, '/_now', { agent })).status, 200);
    agent.destroy();
  });

  test('answers the SDK over wss and https, which check its certificate', async () => {
    const script = `
      import sdk from 'kuzzle-sdk';
      const { Kuzzle, WebSocket, Http } = sdk;
      for (const Protocol of [WebSocket, Http]) {
        const kuzzle = new Kuzzle(new Protocol('localhost', { port: ${server.port}, ssl: true }));
        await kuzzle.connect();
        const created = await kuzzle.document.create('${index}', '${collection}', { by: Protocol.name });
        const read = await kuzzle.document.get('${index}', '${collection}', created._id);
        console.log(read._source.by, typeof await kuzzle.server.now());
        kuzzle.disconnect();
      }`;
    // The server listens on 127.0.0.1 alone; older Nodes would take localhost for ::1.
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: file('first.pem'), NODE_OPTIONS: '--dns-result-order=ipv4first' };
    const cwd = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd, env, timeout: 20000 });
    assert.equal(stdout.trim().split('\n').length, 2, stdout);
    assert.match(stdout, /number\n.*number/);
  });

  test('takes and gives large messages, in records cut anywhere', async () => {
    const wire = await upgrade(server);
    const text = 'x'.repeat(700000);
    const stored = await asks(wire, { controller: 'document', action: 'createOrReplace', index, collection, _id: 'large', body: { text } });
    assert.equal(stored.status, 200);
    for (let i = 0; i < 5; i++) {
      const { result } = await asks(wire, { controller: 'document', action: 'get', index, collection, _id: 'large' });
      assert.equal(result._source.text, text);
    }
    for (const byte of frame(JSON.stringify(now))) wire.write(Buffer.from([byte])); // a record each
    assert.equal((await wire.message()).status, 200);
    wire.end();
  });

  test('answers pipelined requests in their order', async () => {
    const wire = wireOf(await connect(server));
    wire.write(Buffer.concat(Array.from({ length: 500 }, (_, i) =>
      httpBytes(i % 2 ? 'GET' : 'POST', i % 2 ? '/_now' : '/_query', {
        headers: { 'x-kuzzle-request-id': `t-${i}`, 'content-type': 'application/json' },
        body: i % 2 ? undefined : JSON.stringify(now),
      }))));
    for (let i = 0; i < 500; i++) {
      const { status, body } = await wire.response();
      assert.deepEqual([status, body.requestId], [200, `t-${i}`]);
    }
    wire.end();
  });

  test('a client that ends its side gets the replies to what it has asked', async () => {
    for (let i = 0; i < 20; i++) {
      const wire = wireOf(await connect(server, { allowHalfOpen: true }));
      wire.socket.end(Buffer.concat(Array(3).fill(httpBytes('GET', `/${index}/${collection}/large`))));
      for (let reply = 0; reply < 3; reply++) assert.equal((await wire.response()).status, 200);
      wire.end();
    }
  });

  test('a client that reads late gets everything, and costs no processor meanwhile', async () => {
    const wire = wireOf(await connect(server));
    wire.socket.pause();
    const get = httpBytes('GET', `/${index}/${collection}/large`);
    wire.write(Buffer.concat(Array(20).fill(get)));
    await sleep(500);
    const ticks = async () => {
      const fields = (await readFile(`/proc/${server.pid}/stat`, 'utf8')).split(') ')[1].split(' ');
      return Number(fields[11]) + Number(fields[12]);
    };
    const before = await ticks();
    await sleep(1000);
    assert.ok(await ticks() - before < 40, 'it waits, it does not spin'); // of 100 a second
    wire.socket.resume();
    for (let i = 0; i < 20; i++) assert.equal((await wire.response()).body.result._source.text.length, 700000);
    wire.end();
  });

  test('ends a connection with close_notify', async () => {
    const socket = await connect(server);
    const ended = new Promise((resolve) => { socket.once('end', resolve); });
    socket.on('error', assert.ifError);
    socket.resume();
    socket.write('GET /_now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await within(5000, 'the end', ended);
    socket.destroy();
  });

  test('tells a plain request what is wrong with it', async () => {
    const wire = await connectWire(server);
    wire.write('GET /_now HTTP/1.1\r\nHost: x\r\n\r\n');
    const { status, body } = await wire.response();
    assert.equal(status, 400);
    assert.match(body.message, /TLS/);
    await wire.closed;
    wire.end();
  });

  test('refuses old versions and survives what is no TLS', async () => {
    await assert.rejects(connect(server, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }),
      /alert protocol version/); // the server's word, not our own library's
    for (const bytes of ['160301', '16030100050100000000', '1603010200010001fc0303ffffffffffff', '00', '1503010002022f']) {
      const wire = await connectWire(server);
      wire.write(Buffer.from(bytes, 'hex'));
      await sleep(20);
      wire.vanish();
    }
    for (let i = 0; i < 50; i++) (await connectWire(server)).vanish();
    assert.equal((await request(server, '/_now')).status, 200);
  });

  test('a client that does not come to the end of its hello is sent away', async () => {
    const wires = [await connectWire(server), await connectWire(server)];
    wires[0].write(Buffer.from('1603010200010001fc0303', 'hex'));
    await within(15000, 'the end of both', Promise.all(wires.map((wire) => wire.closed)));
    wires.forEach((wire) => wire.end());
  });

  test('SIGHUP: new connections get the new certificate, old ones go on', async () => {
    const old = await upgrade(server);
    assert.equal(common(old.socket), 'first');
    await copyFile(file('second.pem'), file('used.pem'));
    process.kill(server.pid, 'SIGHUP');
    await server.logged(/the old certificate stays: TLS: .*does not (belong|match)|the old certificate stays: TLS: .*mismatch/);
    assert.equal(common(await connect(server)), 'first');
    await copyFile(file('second.key'), file('used.key'));
    process.kill(server.pid, 'SIGHUP');
    await server.logged(/new connections get the certificate/);
    const fresh = await upgrade(server);
    assert.equal(common(fresh.socket), 'second');
    for (const wire of [old, fresh]) {
      assert.equal((await asks(wire, now)).status, 200);
      wire.end();
    }
    await writeFile(file('used.pem'), 'nonsense');
    process.kill(server.pid, 'SIGHUP');
    await server.logged(/the old certificate stays: TLS: can't read the certificate/);
    assert.equal(common(await connect(server)), 'second');
  });
});

describe('without a usable certificate', () => {
  async function refused(cert, key, pattern) {
    const args = ['--data', file('data'), '--port', '0'];
    if (cert) args.push('--tls-cert', cert);
    if (key) args.push('--tls-key', key);
    const { code, stderr } = await runToEnd(args);
    assert.equal(code, 1, stderr);
    const errors = stderr.split('\n').filter((line) => / error |kdmd: /.test(line));
    assert.equal(errors.length, 1, stderr);
    assert.match(errors[0], pattern);
  }

  test('the start ends with one line that says why', async () => {
    await writeFile(file('bad.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    await refused(file('none.pem'), file('first.key'), /can't start: TLS: can't read the certificate .*none\.pem: No such file/);
    await refused(file('bad.pem'), file('first.key'), /can't start: TLS: can't read the certificate .*bad\.pem: /);
    await refused(file('first.pem'), file('none.key'), /can't start: TLS: can't use the key .*none\.key: No such file/);
    await refused(file('first.pem'), file('second.key'), /can't start: TLS: .*mismatch/);
    await refused(file('first.pem'), undefined, /kdm\.tls\.key \(--tls-key\) is missing/);
    await refused(undefined, file('first.key'), /kdm\.tls\.cert \(--tls-cert\) is missing/);
  });

  test('SIGHUP does no harm', async () => {
    const server = await startServer();
    process.kill(server.pid, 'SIGHUP');
    await server.logged(/SIGHUP: there is no certificate/);
    await server.stop();
  });
});
