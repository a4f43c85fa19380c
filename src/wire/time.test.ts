import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { formatAge } from './age.ts';
import { formatDuration, formatLogTime, formatTime, parseDuration, parseTime, toSeconds } from './time.ts';

describe('times', () => {
  test('are RFC 3339 without idle zeros, and zero is Go’s zero', () => {
    assert.equal(formatTime(1_700_000_000_123_456_789n), '2023-11-14T22:13:20.123456789Z');
    assert.equal(formatTime(1_700_000_000_120_000_000n), '2023-11-14T22:13:20.12Z');
    assert.equal(formatTime(1_700_000_000_000_000_000n), '2023-11-14T22:13:20Z');
    assert.equal(formatTime(0n), '0001-01-01T00:00:00Z');
    assert.equal(formatLogTime(1_700_000_000_120_000_000n), '2023-11-14T22:13:20.120000000Z');
    assert.equal(toSeconds(-1n), -1);
  });

  test('what is printed is read back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 4_000_000_000_000_000_000n }), (timeNs) => {
        assert.equal(parseTime(formatTime(timeNs)), timeNs);
        assert.equal(parseTime(formatLogTime(timeNs)), timeNs);
        assert.equal(parseTime(`${timeNs / 1_000_000_000n}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}`), timeNs);
      }),
    );
  });

  test('zones count, and nonsense is refused', () => {
    assert.equal(parseTime('2023-11-14T23:13:20+01:00'), 1_700_000_000_000_000_000n);
    assert.equal(parseTime('-1.5'), -1_500_000_000n);
    for (const text of ['', 'yesterday', '2023-13-40T00:00:00Z', '1e9', '12:00']) {
      assert.throws(() => parseTime(text), { code: 'WIRE_BAD_TIME' }, text);
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseTime(text);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'));
        }
      }),
    );
  });

  test('durations are Go’s', () => {
    assert.equal(parseDuration('1h30m'), 5_400_000_000_000n);
    assert.equal(parseDuration('1.5s'), 1_500_000_000n);
    assert.equal(parseDuration('250ms'), 250_000_000n);
    for (const text of ['', '5', 'm', '1d', '-1s', '1s ']) assert.equal(parseDuration(text), null, text);
  });

  test('a duration is printed as Go prints it', () => {
    const cases: readonly (readonly [durationNs: bigint, text: string])[] = [
      [0n, '0s'],
      [1n, '1ns'],
      [1_500n, '1.5µs'],
      [50_000_000n, '50ms'],
      [300_000_001n, '300.000001ms'],
      [1_000_000_000n, '1s'],
      [90_500_000_000n, '1m30.5s'],
      [3_600_000_000_000n, '1h0m0s'],
    ];
    for (const [durationNs, text] of cases) assert.equal(formatDuration(durationNs), text);
  });

  test('ages are told roughly, as Docker tells them', () => {
    const ages: [number, string][] = [
      [0, 'Less than a second'],
      [1, '1 second'],
      [59, '59 seconds'],
      [60, 'About a minute'],
      [179, '2 minutes'],
      [3599, '59 minutes'],
      [3600, 'About an hour'],
      [2 * 3600, '2 hours'],
      [50 * 3600, '2 days'],
      [20 * 86_400, '2 weeks'],
      [90 * 86_400, '3 months'],
      [800 * 86_400, '2 years'],
    ];
    for (const [seconds, text] of ages) assert.equal(formatAge(BigInt(seconds) * 1_000_000_000n), text);
  });
});
