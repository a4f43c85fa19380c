import { mistake } from '../errors.ts';

const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** In characters: as long as the pattern below may be asked about. */
const longest = 100;

/** `1h30m`, `1.5s`, `-2ms`, `0` (Go's time.ParseDuration): nanoseconds. Fails with invalid-argument. */
export function parseGoDuration(text: string): number {
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  const rest = text.slice(sign.length);
  if (rest === '0') return 0;
  const pieces = text.length > longest ? [] : [...rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)];
  if (rest === '' || pieces.map(([piece]) => piece).join('') !== rest) {
    throw mistake(`time: invalid duration ${JSON.stringify(text.slice(0, longest))}`, 'write it as 30s, 1m30s or 500ms');
  }
  const total = pieces.reduce((sum, [, number = '', unit = '']) => sum + Number(number) * (units[unit] ?? 0), 0);
  if (total > Number.MAX_SAFE_INTEGER) throw mistake(`time: invalid duration ${JSON.stringify(text)}`, 'it is too long');
  return Math.trunc(sign === '-' ? -total : total);
}
