import { promiseWithResolvers } from '#client';

/** More than this waiting to be read holds the writer back. */
const highWaterBytes = 1024 * 1024;

/** Bytes between one writer and one reader, bounded. */
export interface ByteQueue extends AsyncIterable<Uint8Array> {
  /** null: more may come; else resolves when it may. */
  push(bytes: Uint8Array): Promise<void> | null;
  end(): void;
  /** The reader gets what has come, then this error. The writer is held back no more. */
  fail(error: unknown): void;
  /** Nobody reads: what has come and what comes is dropped. */
  discard(): void;
}

export function createByteQueue(): ByteQueue {
  const chunks: Uint8Array[] = [];
  let waiting = 0;
  let state: 'open' | 'ended' | 'failed' = 'open';
  let isDiscarding = false;
  let failure: unknown;
  let wakeReader = (): void => {};
  let room: PromiseWithResolvers<void> | null = null;
  const releaseWriter = (): void => {
    room?.resolve();
    room = null;
  };
  const discard = (): void => {
    isDiscarding = true;
    chunks.length = 0;
    waiting = 0;
    releaseWriter();
    wakeReader();
  };
  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = chunks.shift();
        if (chunk !== undefined) {
          waiting -= chunk.length;
          if (waiting <= highWaterBytes / 2) releaseWriter();
          yield chunk;
        } else if (state === 'failed') throw failure;
        else if (state === 'ended' || isDiscarding) return;
        else await new Promise<void>((resolve) => (wakeReader = resolve));
      }
    } finally {
      discard();
    }
  }
  return {
    push(bytes) {
      if (isDiscarding || state !== 'open' || bytes.length === 0) return null;
      chunks.push(bytes);
      waiting += bytes.length;
      wakeReader();
      if (waiting < highWaterBytes) return null;
      room ??= promiseWithResolvers();
      return room.promise;
    },
    end() {
      if (state === 'open') state = 'ended';
      wakeReader();
    },
    fail(error) {
      if (state === 'open') {
        state = 'failed';
        failure = error;
      }
      releaseWriter();
      wakeReader();
    },
    discard,
    [Symbol.asyncIterator]: read,
  };
}
