import { OrlopError } from '#errors';

const binary: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };
const decimal: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** Bytes from `2G`, `2GiB`, `512m`, `1024`: powers of 1024 however they are written, as Docker's flags and Orlop's others read them. null for what is none. */
export function parseSize(text: string): number | null {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(number) * (binary[unit.toLowerCase()] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The shortest exact way to write it: `2GiB`, `1536MiB`, `1000`. */
export function formatSize(bytes: number): string {
  const units = ['PiB', 'TiB', 'GiB', 'MiB', 'KiB'];
  const exact = units.findIndex((_, at) => bytes > 0 && bytes % 1024 ** (units.length - at) === 0);
  return exact < 0 ? String(bytes) : `${bytes / 1024 ** (units.length - exact)}${units[exact]}`;
}

/** Share of a whole from `50%`; null for what is none. */
export function parsePercent(text: string): number | null {
  const [, number] = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text.trim()) ?? [];
  return number === undefined ? null : Number(number) / 100;
}

/** Microseconds from `200ms`, `1s`, `500us`. */
function parseMicroseconds(text: string): number | null {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(us|ms|s)$/.exec(text.trim()) ?? [];
  const scale = { us: 1, ms: 1e3, s: 1e6 }[unit];
  return scale === undefined ? null : Math.round(Number(number) * scale);
}

/** How much of which processors. All absent: everything. */
export interface CpuShare {
  /** Billionths of a processor. */
  readonly nano?: number;
  readonly quotaUs?: number;
  readonly periodUs?: number;
  /** `0-3,5` */
  readonly pins?: string;
}

/**
 * `2` or `1.5`: so many processors · `50%`: of one · `200ms/1s`: so much time in so much · `0-3,5` or `3-3`: these ones · `1.5@0-3`: both. As in LXD a single number is a
 * count.
 */
export function parseCpuShare(text: string): CpuShare {
  const [amount = '', pins, ...rest] = text.trim().split('@');
  if (rest.length === 0 && pins === undefined && /^\d{1,4}(?:-\d{1,4})?(?:,\d{1,4}(?:-\d{1,4})?)*$/.test(amount) && /[-,]/.test(amount))
    return { pins: amount };
  const share = parseCpuAmount(amount);
  if (rest.length > 0 || share === null || (pins !== undefined && !/^\d{1,4}(?:[-,]\d{1,4})*$/.test(pins)))
    throw badValue('limits.cpu', text, 'a count such as 1.5, a share such as 50% or 200ms/1s, or processors such as 0-3,5');
  return { ...share, ...(pins === undefined ? {} : { pins }) };
}

function parseCpuAmount(text: string): CpuShare | null {
  const percent = parsePercent(text);
  if (percent !== null) return percent > 0 ? { nano: Math.round(percent * 1e9) } : null;
  if (text.includes('/')) {
    const [quotaUs, periodUs] = text.split('/', 2).map(parseMicroseconds);
    return quotaUs == null || periodUs == null || quotaUs < 1000 || periodUs < 1000 || periodUs > 1e6 ? null : { quotaUs, periodUs };
  }
  const nano = /^\d{1,6}(?:\.\d{1,9})?$/.test(text) ? Math.round(Number(text) * 1e9) : 0;
  return nano > 0 ? { nano } : null;
}

/** The inverse of `parseCpuShare`. undefined: no limit. */
export function formatCpuShare({ nano, quotaUs, periodUs = 100_000, pins }: CpuShare): string | undefined {
  const amount =
    nano !== undefined ? String(nano / 1e9) : quotaUs === undefined ? undefined : `${formatTime(quotaUs)}/${formatTime(periodUs)}`;
  if (pins === undefined) return amount;
  if (amount !== undefined) return `${amount}@${pins}`;
  return /[-,]/.test(pins) ? pins : `${pins}-${pins}`;
}

function formatTime(us: number): string {
  if (us % 1e6 === 0) return `${us / 1e6}s`;
  return us % 1e3 === 0 ? `${us / 1e3}ms` : `${us}us`;
}

/** Bytes and operations per second; absent: as many as there are. */
export interface IoRate {
  readonly bytes?: number;
  readonly operations?: number;
}

/** `10M`, `100iops`, `10M,100iops`. */
export function parseIoRate(key: string, text: string): IoRate {
  const rates = text.split(',').map((part): IoRate => {
    const [, operations] = /^(\d{1,9}) ?iops$/i.exec(part.trim()) ?? [];
    const bytes = operations === undefined ? parseSize(part.trim().replace(/\/s$/, '')) : null;
    if (Number(operations) > 0) return { operations: Number(operations) };
    if (bytes !== null && bytes > 0) return { bytes };
    throw badValue(key, text, 'bytes per second such as 10M, operations such as 100iops, or both with a comma');
  });
  if (rates.length > 2 || (rates.length === 2 && rates.filter(({ bytes }) => bytes !== undefined).length !== 1))
    throw badValue(key, text, 'one rate of bytes and one of operations at most');
  return Object.assign({}, ...rates) as IoRate;
}

export function formatIoRate({ bytes, operations }: IoRate): string | undefined {
  const parts = [...(bytes === undefined ? [] : [formatSize(bytes)]), ...(operations === undefined ? [] : [`${operations}iops`])];
  return parts.length === 0 ? undefined : parts.join(',');
}

/** Bits per second from `10Mbit`, `1Gbit`, `500kbit`, powers of 1000 as networks count; or bytes from `10MB`, the same. */
export function parseBitRate(key: string, text: string): number {
  const [, number, unit = '', what = ''] = /^(\d+(?:\.\d+)?) ?([kmgt]?)(bit|b)(?:\/?p?s)?$/i.exec(text.trim()) ?? [];
  const isBits = what.toLowerCase() === 'bit';
  const bits = Math.round(Number(number) * (decimal[unit.toLowerCase()] ?? Number.NaN) * (isBits ? 1 : 8));
  if (!Number.isSafeInteger(bits) || bits < 8000) throw badValue(key, text, 'a rate such as 10Mbit or 2MB, 8kbit at least');
  return bits;
}

export function formatBitRate(bits: number): string {
  const [scale, unit] = (
    [
      [1e9, 'Gbit'],
      [1e6, 'Mbit'],
      [1e3, 'kbit'],
    ] as const
  ).find(([size]) => bits % size === 0) ?? [1, 'bit'];
  return `${bits / scale}${unit}`;
}

/** `true`, `yes`, `on`, `1` and their opposites. */
export function parseSwitch(key: string, text: string): boolean {
  const word = text.trim().toLowerCase();
  if (['true', 'yes', 'on', '1'].includes(word)) return true;
  if (['false', 'no', 'off', '0'].includes(word)) return false;
  throw badValue(key, text, 'true or false');
}

/** Seconds from `30`, `30s`, `2m`, `1h`; at most nine digits. */
export function parseSeconds(key: string, text: string): number {
  const [, number, unit = 's'] = /^(\d{1,9})(s|m|h)?$/.exec(text.trim()) ?? [];
  if (number === undefined) throw badValue(key, text, 'seconds, or a time such as 30s or 2m');
  return Number(number) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h'];
}

export function parseWhole(key: string, text: string, { least = 0, most = 2 ** 31 - 1 } = {}): number {
  const number = /^-?\d{1,10}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw badValue(key, text, `a whole number from ${least} to ${most}`);
}

export function badValue(key: string, text: string, wanted: string): OrlopError {
  return new OrlopError('invalid-argument', 'SETTING_VALUE', `${key}: ${JSON.stringify(text)} is not possible: it must be ${wanted}`);
}
