import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTries, nextDelayMs, startsAgain } from './restart-policy.ts';

test('who is started again, and when: by policy, exit code, tries, and whether somebody stopped it', () => {
  const failed = { exitCode: 1, restarts: 0, stopped: false };
  const table: [Parameters<typeof startsAgain>, boolean][] = [
    [[undefined, failed], false],
    [[{ name: 'no' }, failed], false],
    [[{ name: 'always' }, { ...failed, exitCode: 0 }], true],
    [[{ name: 'always' }, { ...failed, stopped: true }], false],
    [[{ name: 'always' }, { ...failed, stopped: true }, 'engine start'], true],
    [[{ name: 'unless-stopped' }, { ...failed, exitCode: 0 }], true],
    [[{ name: 'unless-stopped' }, { ...failed, stopped: true }, 'engine start'], false],
    [[{ name: 'on-failure' }, failed], true],
    [[{ name: 'on-failure' }, { ...failed, exitCode: 0 }], false],
    [[{ name: 'on-failure' }, { ...failed, restarts: 1000 }], true],
    [
      [
        { name: 'on-failure', maximumRetries: 2 },
        { ...failed, restarts: 1 },
      ],
      true,
    ],
    [
      [
        { name: 'on-failure', maximumRetries: 2 },
        { ...failed, restarts: 2 },
      ],
      false,
    ],
    [[{ name: 'on-failure' }, { ...failed, stopped: true }], false],
  ];
  for (const [asked, expected] of table) assert.equal(startsAgain(...asked), expected, JSON.stringify(asked));
});

test('the waits double up to a minute, and begin anew after a run that lasted', () => {
  const waits = [];
  for (let last = 0, at = 0; at < 12; at++) waits.push((last = nextDelayMs(undefined, last, 50)));
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
  assert.equal(nextDelayMs(undefined, 60_000, 10_001), 100);
});

test('a policy that says how long to wait is heeded each time', () =>
  assert.deepEqual(
    [nextDelayMs({ name: 'always', delayMs: 5_000 }, 0, 50), nextDelayMs({ name: 'always', delayMs: 5_000 }, 5_000, 50)],
    [5_000, 5_000],
  ));

test('tries are counted anew after a run that lasted the window', () => {
  const ended = { restarts: 7, shortRuns: 2 };
  assert.equal(countTries({ name: 'on-failure' }, { ...ended, ranMs: 90_000 }), 7);
  assert.equal(countTries({ name: 'on-failure', windowMs: 1_000 }, { ...ended, ranMs: 999 }), 2);
  assert.equal(countTries({ name: 'on-failure', windowMs: 1_000 }, { ...ended, ranMs: 1_000 }), 0);
});
