const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
  w: 604_800e9,
};

/** Nanoseconds of `1m30s`, `1.5h`, `2d`, `1w`, as Compose reads them; null for what is none. Pure. */
export function parseSpan(text: string): number | null {
  if (text === '0') return 0;
  const parts = text.match(/(?:\d+(?:\.\d+)?|\.\d+)(?:ns|us|µs|ms|s|m|h|d|w)/g);
  if (parts === null || parts.join('') !== text) return null;
  return parts.reduce((sum, part) => {
    const unit = /[a-zµ]+$/.exec(part)?.[0] ?? '';
    return sum + Math.round(Number(part.slice(0, -unit.length)) * (units[unit] ?? 0));
  }, 0);
}

/** Nanoseconds as Go's `Duration.String` shows them: `1m30s`, `1.5s`, `250ms`. Pure. */
export function formatDuration(durationNs: number): string {
  if (durationNs === 0) return '0s';
  if (durationNs < 1e9) {
    if (durationNs < 1e3) return `${durationNs}ns`;
    return durationNs < 1e6 ? `${durationNs / 1e3}µs` : `${durationNs / 1e6}ms`;
  }
  const hours = Math.floor(durationNs / 3600e9);
  const minutes = Math.floor((durationNs % 3600e9) / 60e9);
  const seconds = (durationNs % 60e9) / 1e9;
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}
