import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { nextMoment, parseCron } from './cron.ts';
import { nameByPattern } from './names.ts';
import { isDue } from './schedule.ts';

const at = (text: string): Date => new Date(text);
const next = (schedule: string, after: string): Date | null => nextMoment(parseCron(schedule), at(after));

test('the next moment of a schedule is the first minute that all its fields fit', () => {
  for (const [schedule, after, expected] of [
    ['@hourly', '2026-11-21T10:00:00', '2026-11-21T11:00:00'],
    ['@daily', '2026-12-31T23:59:59', '2027-01-01T00:00:00'],
    ['@weekly', '2026-11-21T10:00:00', '2026-11-22T00:00:00'],
    ['@monthly', '2026-01-31T10:00:00', '2026-02-01T00:00:00'],
    ['*/5 * * * *', '2026-11-21T10:07:30', '2026-11-21T10:10:00'],
    ['5-10/2 3 * * *', '2026-11-21T03:05:00', '2026-11-21T03:07:00'],
    ['0 0 29 2 *', '2026-11-21T10:00:00', '2028-02-29T00:00:00'],
    ['0 0 * * 7', '2026-11-21T10:00:00', '2026-11-22T00:00:00'],
    // crontab(5): either day will do when both are given.
    ['0 0 25 * 1', '2026-11-21T10:00:00', '2026-11-23T00:00:00'],
  ] as const) {
    assert.deepEqual(next(schedule, after), at(expected), schedule);
  }
});

test('what is no schedule is refused, and never a crash', () => {
  for (const text of [
    '',
    '@often',
    '__proto__',
    'constructor',
    '* * * *',
    '60 * * * *',
    '* * 0 * *',
    '5-1 * * * *',
    '*/0 * * * *',
    '0 0 31 2 *',
    '1,,2 * * * *',
  ])
    assert.throws(
      () => parseCron(text),
      (error) => isOrlopError(error, 'invalid-argument'),
      text,
    );
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseCron(text);
      } catch (error) {
        assert.ok(isOrlopError(error, 'invalid-argument'));
      }
    }),
  );
});

test('missed moments are due once', () => {
  const lastMs = at('2026-11-21T10:30:00').getTime();
  assert.equal(isDue({ schedule: '@hourly', lastMs }, at('2026-11-21T10:59:59').getTime()), false);
  const late = at('2026-11-24T10:00:30').getTime();
  assert.equal(isDue({ schedule: '@hourly', lastMs }, late), true);
  assert.equal(isDue({ schedule: '@hourly', lastMs: late }, late + 1000), false);
  assert.equal(isDue({ schedule: '', lastMs }, late), false);
});

test('names follow their pattern and are free', () => {
  const now = at('2026-01-02T03:04:05');
  const none = (): boolean => false;
  assert.equal(nameByPattern('snap%d', now, none), 'snap0');
  assert.equal(
    nameByPattern('snap%d', now, (name) => ['snap0', 'snap1'].includes(name)),
    'snap2',
  );
  assert.equal(nameByPattern('auto-{date}_{time}', now, none), 'auto-2026-01-02_03-04-05');
  assert.equal(
    nameByPattern('{date}', now, (name) => name === '2026-01-02'),
    '2026-01-02-0',
  );
  assert.throws(
    () => nameByPattern('a/b', now, none),
    (error) => isOrlopError(error, 'invalid-argument'),
  );
});
