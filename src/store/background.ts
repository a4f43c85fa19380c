/** Work that nobody waits for, until the store closes. */
export interface BackgroundTasks {
  add(task: Promise<unknown>, onError: (error: unknown) => void): void;
  settled(): Promise<void>;
}

export function createBackgroundTasks(): BackgroundTasks {
  const running = new Set<Promise<unknown>>();
  return {
    add(task, onError) {
      const watched = task.catch(onError).finally(() => running.delete(watched));
      running.add(watched);
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
