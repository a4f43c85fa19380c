import type { EngineEvent } from './model.ts';

const keptEvents = 256;

export interface EventBus {
  publish(event: Omit<EngineEvent, 'timeNs'>): void;
  /** With a limit on either side, past events within it that are still kept (the newest 256); then new ones, until the signal or `untilNs`. */
  subscribe(options: { sinceNs?: bigint; untilNs?: bigint }, signal: AbortSignal): AsyncIterable<EngineEvent>;
}

/** Fans events out to any number of readers; a reader that falls behind keeps its own queue, bounded, losing its oldest. */
export function createEventBus(clock: () => bigint): EventBus {
  const past: EngineEvent[] = [];
  const readers = new Set<(event: EngineEvent) => void>();
  return {
    publish(event) {
      const stamped = { ...event, timeNs: clock() };
      past.push(stamped);
      if (past.length > keptEvents) past.shift();
      for (const reader of readers) reader(stamped);
    },
    subscribe: (options, signal) => readEvents(past, readers, options, signal),
  };
}

async function* readEvents(
  past: readonly EngineEvent[],
  readers: Set<(event: EngineEvent) => void>,
  options: { sinceNs?: bigint; untilNs?: bigint },
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const { sinceNs, untilNs } = options;
  const queue = sinceNs === undefined && untilNs === undefined ? [] : past.filter((event) => event.timeNs >= (sinceNs ?? 0n));
  let wake = (): void => {};
  const reader = (event: EngineEvent): void => {
    queue.push(event);
    if (queue.length > 4096) queue.shift();
    wake();
  };
  readers.add(reader);
  const ending = untilNs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(msUntil(untilNs))]);
  const onEnd = (): void => wake();
  ending.addEventListener('abort', onEnd);
  try {
    for (;;) {
      const event = queue.shift();
      if (event !== undefined) {
        if (untilNs === undefined || event.timeNs <= untilNs) yield event;
      } else if (ending.aborted) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    readers.delete(reader);
    ending.removeEventListener('abort', onEnd);
  }
}

function msUntil(timeNs: bigint): number {
  return Math.max(0, Math.min(Number(timeNs / 1_000_000n) - Date.now(), 2 ** 31 - 1));
}
