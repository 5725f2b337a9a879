// crash.test.mjs - a few rounds of scripts/crash-test.

import assert from 'node:assert/strict';
import { test } from './lib/test.mjs';
import { runCrashes } from './lib/crash.mjs';

test('kdmd and Redis are killed under load: nothing acknowledged is lost, nothing is done by half', async () => {
  const tally = await runCrashes(6);
  assert.deepEqual(tally.violations, [], tally.log.slice(-5000));
  assert.equal(tally.rounds, 6);
  assert.ok(tally.done > 100, `only ${tally.done} writes were acknowledged`);
  assert.ok(tally.adopted > 0);
});
