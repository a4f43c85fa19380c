const nsPerSecond = 1_000_000_000n;

/** How long something took in Docker's rough words: `3 seconds`, `About an hour`. Source: go-units HumanDuration, by its behaviour. */
export function formatAge(durationNs: bigint): string {
  const seconds = Number(durationNs / nsPerSecond);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  const days = Math.floor(hours / 24);
  if (days < 14) return `${days} days`;
  if (days < 60) return `${Math.floor(days / 7)} weeks`;
  if (days < 730) return `${Math.floor(days / 30)} months`;
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`;
}
