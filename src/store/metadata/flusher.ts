/** Brings to disk what has been written, off the event loop: nobody who writes waits, and who needs to know may. */
export interface Flusher {
  /** Something was written that is to get to disk now. */
  wrote(): void;
  /** When all that was written before this call is on disk. Rejects with what the flush of it failed with. */
  flushed(): Promise<void>;
}

export interface FlusherParts {
  /** Brings all that was written before the call to disk. */
  sync(): Promise<void>;
  /** After each flush that succeeded: how long it took. */
  onFlushed?(tookMs: number): void;
  onError?(error: unknown): void;
}

/**
 * At most one flush runs and one waits: what is written while one runs shares the next. It starts once the code that wrote gives way, so that what is
 * written together is flushed together.
 */
export function createFlusher({ sync, onFlushed, onError }: FlusherParts): Flusher {
  let running: Promise<void> | null = null;
  let waiting: PromiseWithResolvers<void> | null = null;

  const flush = async ({ promise, resolve, reject }: PromiseWithResolvers<void>): Promise<void> => {
    running = promise;
    const began = performance.now();
    try {
      await sync();
      resolve();
      onFlushed?.(performance.now() - began);
    } catch (error) {
      reject(error);
      onError?.(error);
    }
    running = null;
    next();
  };
  const next = (): void => {
    if (running !== null || waiting === null) return;
    const mine = waiting;
    waiting = null;
    void flush(mine);
  };
  return {
    wrote() {
      if (waiting !== null) return;
      waiting = Promise.withResolvers();
      // Those who do not ask are told by `onError`.
      waiting.promise.catch(() => undefined);
      queueMicrotask(next);
    },
    flushed: () => waiting?.promise ?? running ?? Promise.resolve(),
  };
}
