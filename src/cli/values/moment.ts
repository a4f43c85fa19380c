import { parseDuration, parseTime } from '#wire';

/** `--since` and `--until`: an age such as `42m` counts back from now; else a time. Gives seconds since the epoch with nine digits. */
export function parseMoment(text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined;
  const age = parseDuration(text);
  const timeNs = age === null ? parseTime(text) : BigInt(nowMs) * 1_000_000n - age;
  return `${timeNs / 1_000_000_000n}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}`;
}
