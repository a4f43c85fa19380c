/** One piece of work that several callers wait for. */
export interface Shared<Key, Event, Result> {
  /**
   * Joins the running work of that key, or starts it. Each caller gets the events from now on. A caller that is aborted leaves with the signal's
   * reason: at once while others wait; the last one aborts the work and leaves when it has ended.
   */
  run(key: Key, caller: { readonly onEvent?: (event: Event) => void; readonly signal?: AbortSignal }): Promise<Result>;
}

interface Work<Event, Result> {
  readonly result: Promise<Result>;
  readonly abort: AbortController;
  readonly listeners: Set<(event: Event) => void>;
  waiting: number;
}

export function createShared<Key, Event, Result>(
  start: (key: Key, emit: (event: Event) => void, signal: AbortSignal) => Promise<Result>,
): Shared<Key, Event, Result> {
  const running = new Map<Key, Work<Event, Result>>();

  const begin = (key: Key): Work<Event, Result> => {
    const abort = new AbortController();
    const listeners = new Set<(event: Event) => void>();
    const emit = (event: Event): void => listeners.forEach((listener) => listener(event));
    const result = start(key, emit, abort.signal).finally(() => running.delete(key));
    // Whoever waits sees the failure; when all have left nobody does.
    result.catch(() => undefined);
    const work = { result, abort, listeners, waiting: 0 };
    running.set(key, work);
    return work;
  };

  return {
    async run(key, { onEvent, signal }) {
      signal?.throwIfAborted();
      // Work that everyone has left ends before the next begins: two at once would be in each other's way.
      for (let left = running.get(key); left?.abort.signal.aborted === true; left = running.get(key)) {
        await left.result.catch(() => undefined);
        signal?.throwIfAborted();
      }
      const work = running.get(key) ?? begin(key);
      const listener = (event: Event): void => onEvent?.(event);
      work.listeners.add(listener);
      work.waiting += 1;
      try {
        return await untilAborted(work.result, signal);
      } finally {
        work.listeners.delete(listener);
        work.waiting -= 1;
        if (work.waiting === 0) {
          work.abort.abort();
          await work.result.catch(() => undefined);
        }
      }
    },
  };
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
