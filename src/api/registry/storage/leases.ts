/**
 * Which content somebody has just pushed or asked for. Garbage collection looks here in the same turn of the event loop in which it removes
 * a file, so a push either has its lease by then, or finds the file gone and says so.
 */
export interface Leases {
  /** Holds the key until disposed of; from then on it counts as touched at that moment. */
  hold(key: string): Disposable;
  /** Counts as touched now. */
  touch(key: string): void;
  /** Whether somebody holds the key, or touched it at or after this moment (ms since 1970). */
  isLive(key: string, sinceMs: number): boolean;
  /** Forgets touches before this moment. */
  forget(beforeMs: number): void;
}

export function createLeases(now: () => number): Leases {
  const held = new Map<string, number>();
  const touched = new Map<string, number>();
  return {
    hold(key) {
      held.set(key, (held.get(key) ?? 0) + 1);
      return {
        [Symbol.dispose]() {
          const left = (held.get(key) ?? 1) - 1;
          if (left === 0) held.delete(key);
          else held.set(key, left);
          touched.set(key, now());
        },
      };
    },
    touch: (key) => void touched.set(key, now()),
    isLive: (key, sinceMs) => held.has(key) || (touched.get(key) ?? -Infinity) >= sinceMs,
    forget(beforeMs) {
      for (const [key, at] of touched) if (at < beforeMs) touched.delete(key);
    },
  };
}
