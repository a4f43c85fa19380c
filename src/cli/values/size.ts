import { usageError } from '../arguments/usage-error.ts';

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/** Bytes from `512m`, `1.5GiB`, `64kb`: powers of 1024, as Docker's flags read them. -1 where `unlimited` allows it. */
export function parseBytes(flag: string, text: string, options: { unlimited?: boolean } = {}): number {
  if (options.unlimited === true && text === '-1') return -1;
  const parts = /^(\d+(?:\.\d+)?) ?([bkmgtp]?)(?:i?b)?$/i.exec(text);
  const bytes = parts === null ? Number.NaN : Math.floor(Number(parts[1]) * (units[(parts[2] ?? '').toLowerCase()] ?? Number.NaN));
  if (!Number.isSafeInteger(bytes))
    throw usageError(`invalid argument ${JSON.stringify(text)} for "--${flag}" flag: it must be a size such as 512m`);
  return bytes;
}

/** Billionths of a CPU from `1.5`, with at most nine digits. */
export function parseCpus(text: string): number {
  const nano = /^\d{1,6}(?:\.\d{1,9})?$/.test(text) ? Math.round(Number(text) * 1e9) : Number.NaN;
  if (Number.isNaN(nano)) throw usageError(`invalid argument ${JSON.stringify(text)} for "--cpus" flag: it must be a number such as 1.5`);
  return nano;
}

/** Docker's way to show a size: powers of 1000, three digits; four in some places. */
export function formatBytes(bytes: number, digits = 3): string {
  return scale(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'], digits);
}

/** Docker's way to show memory: powers of 1024, four digits. */
export function formatBinaryBytes(bytes: number): string {
  return scale(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'], 4);
}

function scale(bytes: number, step: number, names: readonly string[], digits: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= step && unit < names.length - 1) {
    value /= step;
    unit += 1;
  }
  return `${Number.parseFloat(value.toPrecision(digits))}${names[unit]}`;
}
