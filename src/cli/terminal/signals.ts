import { constants } from 'node:os';

/** What is passed on to a process without a terminal. Signals about this program itself (its children, pipes, window) are not. */
const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT'] as const;
const patience = 3;

/** Sends our signals to the container. Whoever insists three times on INT or TERM ends this program instead. */
export function forwardSignals(send: (signal: string) => Promise<void>): Disposable {
  let insisted = 0;
  const handlers = forwarded.map((signal) => {
    const handler = (): void => {
      if (signal === 'SIGINT' || signal === 'SIGTERM') insisted += 1;
      if (insisted >= patience) process.exit(128 + (constants.signals[signal] ?? 0));
      // A process that has ended meanwhile takes no signals; its exit is what counts.
      send(signal.slice(3)).catch(() => undefined);
    };
    process.on(signal, handler);
    return { signal, handler };
  });
  return {
    [Symbol.dispose]: () => {
      for (const { signal, handler } of handlers) process.off(signal, handler);
    },
  };
}
