import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertNothingLeft, until } from '../fixtures/traces.ts';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';

describe('a stop of what is started again by its policy', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  let host: TestEngine;
  before(async () => {
    host = await openTestEngine();
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await assertNothingLeft(host.traces);
  });

  /** Well after the first wait of a policy, which is 100 ms, and a start. */
  const longMs = 250;

  test('holds at whatever moment it comes: before the start, in the middle of it, after it', async () => {
    const { containers } = host.engine;
    const id = await host.create(['sh', '-c', 'exit 4'], { name: 'restless', restartPolicy: { name: 'always' } });
    for (let waitMs = 94; waitMs < 118; waitMs += 2) {
      await containers.start(id);
      await until(() => containers.inspect(id).status === 'restarting');
      await delay(waitMs);
      await containers.stop(id, { timeoutS: 0 });
      await delay(longMs);
      assert.equal(containers.inspect(id).status, 'exited', `stopped ${waitMs} ms after its end`);
    }
  });
});
