import type { Status } from '../messages/control.ts';

/** What has happened, for the one client that follows it. */
export interface StatusQueue {
  push(status: Status): void;
  /** Nothing more happens. */
  end(): void;
  /** All that nobody has read yet, then what happens, to the end. */
  follow(signal: AbortSignal): AsyncGenerator<Status, void, undefined>;
}

/** A client that does not read loses what its commands say, never which steps there were. */
const mostWaiting = 20_000;
/** What a command says comes in pieces of at most 64 KiB, and clients take 16 MiB at once. */
const mostJoined = 100;

export function createStatusQueue(): StatusQueue {
  const waiting: Status[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  return {
    push(status) {
      if (ended || (waiting.length >= mostWaiting && status.vertexes === undefined)) return;
      waiting.push(status);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async *follow(signal) {
      const onAbort = (): void => wake();
      signal.addEventListener('abort', onAbort);
      try {
        while (!signal.aborted) {
          const told = waiting.splice(0, mostJoined);
          if (told.length > 0) yield joined(told);
          else if (ended) return;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

/** Many small ones as one: a client redraws after each. */
function joined(statuses: readonly Status[]): Status {
  return {
    vertexes: statuses.flatMap(({ vertexes = [] }) => vertexes),
    statuses: statuses.flatMap(({ statuses: inner = [] }) => inner),
    logs: statuses.flatMap(({ logs = [] }) => logs),
    warnings: statuses.flatMap(({ warnings = [] }) => warnings),
  };
}
