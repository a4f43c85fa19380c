import { OrlopError } from '#errors';
import { parseDuration } from '#wire';

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `7d`, `2w`, `1d12h`, `90m` in ms; null for `never`. invalid-argument naming the flag else. */
export function parseTimeSpan(text: string, flag: string): number | null {
  if (text === 'never') return null;
  const parts = text.match(/\d+(?:\.\d+)?[smhdw]/g) ?? [];
  const span =
    parts.join('') === text && text !== ''
      ? parts.reduce((sum, part) => sum + Number(part.slice(0, -1)) * (units[part.at(-1) ?? ''] ?? Number.NaN), 0)
      : Number(parseDuration(text) ?? -1n) / 1e6;
  if (span > 0) return Math.round(span);
  throw new OrlopError('invalid-argument', 'CLI_BAD_SPAN', `${JSON.stringify(text)} is no span of time for --${flag}`, {
    hint: 'give one such as 30m, 12h, 7d or 2w, or never',
  });
}
