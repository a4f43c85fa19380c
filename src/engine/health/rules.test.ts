import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HealthResult, ImageView } from '#wire';
import { commandOf, judge, resolveHealthCheck, unknownHealth, waitMs } from './rules.ts';

const image = (healthCheck?: ImageView['config']['healthCheck']): ImageView['config'] => ({
  entrypoint: [],
  command: [],
  env: [],
  workingDirectory: '',
  user: '',
  exposedPorts: [],
  volumes: [],
  stopSignal: '',
  ...(healthCheck === undefined ? {} : { healthCheck }),
});
const second = 1e9;
const answer = (exitCode: number): HealthResult => ({ startNs: 0n, endNs: 1n, exitCode, output: '' });

test('a request overwrites what the image says value by value, and NONE takes it away', () => {
  const own = { test: ['CMD', 'ask'], intervalNs: 7 * second, retries: 2 };
  assert.equal(resolveHealthCheck(image(), undefined), null);
  assert.equal(resolveHealthCheck(image(own), { test: ['NONE'] }), null);
  const mixed = resolveHealthCheck(image(own), { test: [], timeoutNs: second });
  assert.deepEqual(mixed, { ...own, timeoutNs: second, startPeriodNs: 0, startIntervalNs: 5 * second });
  assert.deepEqual(resolveHealthCheck(image(), { test: ['CMD-SHELL', 'a && b'] })?.intervalNs, 30 * second);
});

test('a program is run as it is, a text by the shell', () => {
  const check = resolveHealthCheck(image({ test: ['CMD', 'a', 'b c'] }), undefined);
  const text = resolveHealthCheck(image({ test: ['CMD-SHELL', 'a && b'] }), undefined);
  assert.ok(check !== null && text !== null);
  assert.deepEqual(
    [commandOf(check), commandOf(text)],
    [
      ['a', 'b c'],
      ['/bin/sh', '-c', 'a && b'],
    ],
  );
});

test('failures count once it has started, and one good answer makes up for all', () => {
  const check = resolveHealthCheck(image({ test: ['CMD', 'x'], retries: 2, startPeriodNs: 10 * second }), undefined);
  assert.ok(check !== null);
  const early = judge(check, unknownHealth, answer(1), 9 * second);
  assert.deepEqual([early.status, early.failingStreak], ['starting', 0]);
  const once = judge(check, early, answer(1), 11 * second);
  assert.deepEqual([once.status, once.failingStreak], ['starting', 1]);
  const twice = judge(check, once, answer(-1), 12 * second);
  assert.deepEqual([twice.status, twice.failingStreak, twice.log.length], ['unhealthy', 2, 3]);
  const well = judge(check, twice, answer(0), 13 * second);
  assert.deepEqual([well.status, well.failingStreak], ['healthy', 0]);
  assert.equal(judge(check, well, answer(1), 14 * second).status, 'healthy');
  let last = well;
  for (let at = 0; at < 9; at++) last = judge(check, last, answer(0), 20 * second);
  assert.equal(last.log.length, 5);
});

test('the waits are short while it starts', () => {
  const check = resolveHealthCheck(image({ test: ['CMD', 'x'], startPeriodNs: 10 * second, startIntervalNs: second }), undefined);
  assert.ok(check !== null);
  assert.equal(waitMs(check, unknownHealth, 5 * second), 1000);
  assert.equal(waitMs(check, unknownHealth, 11 * second), 30_000);
  assert.equal(waitMs(check, { ...unknownHealth, status: 'healthy' }, 5 * second), 30_000);
});
