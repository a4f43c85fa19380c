import { setTimeout, clearTimeout } from 'node:timers';
import { OrlopError } from '#errors';

/** cancelled, with the signal's reason as its cause. */
export function cancelled(signal: AbortSignal): OrlopError {
  return new OrlopError('cancelled', 'LIBRARY_CANCELLED', 'the call was given up', { cause: signal.reason });
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal);
}

/** Rejects with cancelled as soon as the signal fires. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(cancelled(signal));
    const abort = (): void => {
      clearTimeout(timer);
      if (signal !== undefined) reject(cancelled(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Only what is there: for callees that tell absent from undefined. */
export function signalOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** Calls back once when the signal fires, at once if it has; returns how to forget it. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) callback();
  else signal.addEventListener('abort', callback, { once: true });
  return () => signal.removeEventListener('abort', callback);
}
