// test.mjs - node's own test() and friends, with the log of the running servers behind a failure.
// Import them from here instead of node:test.

import * as runner from 'node:test';
import { endAll, within } from './process.mjs';
import { logsOfRunning } from './server.mjs';

export const { after, afterEach, before, beforeEach, describe } = runner;

/** test(name, [options], fn), as in node:test; one that hangs fails after options.timeout, or two minutes. */
export function test(name, ...rest) {
  const fn = rest.pop();
  const [{ timeout = 120000, ...options } = {}] = rest;
  return runner.test(name, options, async (context) => {
    try {
      await within(timeout, 'the end of the test', Promise.resolve(fn(context)));
    } catch (error) {
      const logs = logsOfRunning();
      if (logs !== '') console.error(`after the failure of "${name}":\n${logs}`);
      throw error;
    }
  });
}

const endings = [];

/** What to do when all tests of the file are through; a bare after() of the file would come too late, see below. */
export function atEnd(fn) {
  endings.push(fn);
}

const patienceMs = 3000;

/** The SDK, when it reconnects under load, may forget a timer or a socket; then nothing would ever end this process. */
function endSoon() {
  setTimeout(() => {
    console.error(`still open ${patienceMs} ms after the last test: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit();
  }, patienceMs).unref();
}

// A server that is left over would keep this file's process, and so the whole run, from ending.
runner.after(async () => {
  try {
    for (const fn of endings) await fn();
  } finally {
    endAll();
    endSoon();
  }
});
