import { OrlopError } from '#errors';

const nsPerSecond = 1_000_000_000n;
/** What Docker prints for a time that has not come: Go's zero time. */
export const zeroTime = '0001-01-01T00:00:00Z';

/** RFC 3339 in UTC with as many digits of a second as are not zero (Go's RFC3339Nano); 0n is the zero time. */
export function formatTime(timeNs: bigint): string {
  if (timeNs === 0n) return zeroTime;
  const fraction = nanoseconds(timeNs).replace(/0+$/, '');
  return `${wholeSeconds(timeNs)}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** RFC 3339 in UTC with all nine digits, as `logs --timestamps` prints it, so that columns line up. */
export function formatLogTime(timeNs: bigint): string {
  return `${wholeSeconds(timeNs)}.${nanoseconds(timeNs)}Z`;
}

/** Seconds since the epoch, as Docker's list views show a creation time. */
export function toSeconds(timeNs: bigint): number {
  return Number(floorDivide(timeNs, nsPerSecond));
}

/**
 * A point in time as Docker's `since` and `until` take it: seconds since the epoch with up to nine digits behind the point, or RFC 3339.
 * Anything else is invalid-argument.
 */
export function parseTime(text: string): bigint {
  const unix = /^(-?\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  if (unix !== null) {
    const fraction = BigInt((unix[2] ?? '').padEnd(9, '0'));
    const seconds = BigInt(unix[1] ?? '0') * nsPerSecond;
    return text.startsWith('-') ? seconds - fraction : seconds + fraction;
  }
  const stamp = /^(\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?$/i.exec(text);
  const milliseconds = stamp === null ? Number.NaN : Date.parse(completeStamp(stamp[1] ?? '', stamp[3]));
  if (stamp === null || Number.isNaN(milliseconds)) {
    throw new OrlopError('invalid-argument', 'WIRE_BAD_TIME', `${JSON.stringify(text)} is not a time`, {
      hint: 'give seconds since the epoch or a time such as 2026-01-31T12:00:00Z',
    });
  }
  return BigInt(milliseconds) * 1_000_000n + BigInt((stamp[2] ?? '').padEnd(9, '0'));
}

/** A Go duration (`1h30m`, `10s`, `250ms`) in ns, or null when the text is none. */
export function parseDuration(text: string): bigint | null {
  const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
  const parts = text.match(/\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)/g);
  if (parts === null || parts.join('') !== text) return null;
  let total = 0n;
  for (const part of parts) {
    const unit = /[a-zµ]+$/.exec(part)?.[0] ?? 's';
    total += BigInt(Math.round(Number(part.slice(0, -unit.length)) * (units[unit] ?? 0)));
  }
  return total;
}

/** As Go prints a duration: `50ms`, `1.5s`, `1m30s`, `1h0m0s`. Not for negative ones. */
export function formatDuration(durationNs: bigint): string {
  const [unitNs, digits, unit] =
    durationNs >= nsPerSecond || durationNs === 0n
      ? [nsPerSecond, 9, 's']
      : durationNs >= 1_000_000n
        ? [1_000_000n, 6, 'ms']
        : durationNs >= 1_000n
          ? [1_000n, 3, 'µs']
          : [1n, 0, 'ns'];
  const whole = durationNs / unitNs;
  const fraction = String(durationNs % unitNs)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  const [hours, minutes] = unit === 's' ? [whole / 3600n, (whole / 60n) % 60n] : [0n, 0n];
  const units = `${unit === 's' ? whole % 60n : whole}${fraction === '' ? '' : `.${fraction}`}${unit}`;
  return `${hours > 0n ? `${hours}h` : ''}${hours > 0n || minutes > 0n ? `${minutes}m` : ''}${units}`;
}

/** Without a zone the time is the caller's own, as Docker's command line reads it. */
function completeStamp(stamp: string, zone: string | undefined): string {
  const [day, clock] = stamp.split(/[Tt ]/);
  return `${day}T${clock ?? '00:00:00'}${zone ?? ''}`;
}

function wholeSeconds(timeNs: bigint): string {
  return new Date(toSeconds(timeNs) * 1000).toISOString().slice(0, 19);
}

function nanoseconds(timeNs: bigint): string {
  return String(timeNs - floorDivide(timeNs, nsPerSecond) * nsPerSecond).padStart(9, '0');
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value < 0n && quotient * divisor !== value ? quotient - 1n : quotient;
}
