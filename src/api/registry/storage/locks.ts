/** One at a time for each key, in the order of asking. */
export interface Locks {
  /** Runs the work once all before it with this key are done. */
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result>;
}

export function createLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>();
  return {
    async run(key, work) {
      const before = tails.get(key);
      // Whoever waits does not care how the one before ended.
      const mine = before === undefined ? work() : before.then(work, work);
      tails.set(key, mine);
      try {
        return await mine;
      } finally {
        if (tails.get(key) === mine) tails.delete(key);
      }
    },
  };
}
