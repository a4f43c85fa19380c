import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { OrlopError } from '#errors';
import { fromPlainError } from '#sys';
import type { FromWorker, ToWorker } from './thread-messages.ts';
import type { UnpackJob, UnpackResult } from './unpack-job.ts';

export interface UnpackRequest {
  readonly job: UnpackJob;
  readonly source: AsyncIterable<Uint8Array> | { readonly file: string };
  readonly signal: AbortSignal | undefined;
  readonly onBytes: (bytes: number) => void;
}

/** Runs unpack jobs in worker threads. Threads are made when needed and end after a while without work. */
export interface UnpackPool extends AsyncDisposable {
  run(request: UnpackRequest): Promise<UnpackResult>;
}

/** An idle thread costs some 10 MB. */
const idleMs = 3000;

export interface UnpackPoolOptions {
  /** The bundled worker; without it, the source file beside this one, or `store-worker.mjs` beside a bundle. */
  readonly workerUrl: URL | undefined;
  readonly threads?: number;
}

export function createUnpackPool({ workerUrl, threads = Math.min(4, availableParallelism()) }: UnpackPoolOptions): UnpackPool {
  const idle: { readonly worker: Worker; readonly timer: NodeJS.Timeout }[] = [];
  const waiting: (() => void)[] = [];
  let busy = 0;

  const acquire = async (): Promise<Worker> => {
    while (busy >= threads) await new Promise<void>((resolve) => waiting.push(resolve));
    busy += 1;
    const rested = idle.pop();
    if (rested === undefined) return new Worker(workerUrl ?? findWorker());
    clearTimeout(rested.timer);
    return rested.worker;
  };
  const release = (worker: Worker | null): void => {
    busy -= 1;
    if (worker !== null) {
      worker.unref();
      const entry = { worker, timer: setTimeout(() => retire(entry), idleMs).unref() };
      idle.push(entry);
    }
    waiting.shift()?.();
  };
  const retire = (entry: (typeof idle)[number]): void => {
    const at = idle.indexOf(entry);
    if (at >= 0) idle.splice(at, 1);
    void entry.worker.terminate();
  };
  return {
    async run(request) {
      const worker = await acquire();
      let healthy: Worker | null = null;
      try {
        worker.ref();
        const result = await converse(worker, request);
        if ('error' in result) {
          healthy = result.healthy ? worker : null;
          throw result.error;
        }
        healthy = worker;
        return result;
      } finally {
        if (healthy === null) void worker.terminate();
        release(healthy);
      }
    },
    async [Symbol.asyncDispose]() {
      const workers = idle.splice(0);
      for (const { timer } of workers) clearTimeout(timer);
      await Promise.all(workers.map(({ worker }) => worker.terminate()));
    },
  };
}

interface Failure {
  readonly error: unknown;
  /** Whether the thread can take another job. */
  readonly healthy: boolean;
}

/** One job from its first message to its last. */
async function converse(worker: Worker, { job, source, signal, onBytes }: UnpackRequest): Promise<UnpackResult | Failure> {
  const cancelled = new SharedArrayBuffer(4);
  const say = (message: ToWorker, transfer: ArrayBuffer[] = []): void => worker.postMessage(message, transfer);
  const stream = 'file' in source ? null : source[Symbol.asyncIterator]();
  const ended = Promise.withResolvers<UnpackResult | Failure>();
  let sourceError: { readonly cause: unknown } | null = null;
  let over = false;

  const feed = async (): Promise<void> => {
    try {
      const next = await stream?.next();
      // The thread may be at another job by now.
      if (over) return;
      if (next === undefined || next.done === true) return say({ type: 'end' });
      onBytes(next.value.length);
      // A copy of its own can be moved to the other thread; the source may reuse its buffer.
      const chunk = new Uint8Array(next.value);
      say({ type: 'chunk', chunk }, [chunk.buffer]);
    } catch (cause) {
      if (over) return;
      sourceError = { cause };
      say({ type: 'broken' });
    }
  };
  const onMessage = (message: FromWorker): void => {
    if (message.type === 'want') void feed();
    else if (message.type === 'read') onBytes(message.bytes);
    else if (message.type === 'done') ended.resolve(message.result);
    else ended.resolve({ error: sourceError === null ? fromPlainError(message.error) : sourceError.cause, healthy: true });
  };
  const onError = (error: unknown): void => ended.resolve({ error, healthy: false });
  const onExit = (): void =>
    ended.resolve({ error: new OrlopError('internal', 'STORE_WORKER_DIED', 'the unpacking thread ended'), healthy: false });
  const onAbort = (): void => {
    Atomics.store(new Int32Array(cancelled), 0, 1);
    say({ type: 'broken' });
  };
  worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    say({ type: 'job', job, file: 'file' in source ? source.file : null, cancelled });
    if (signal?.aborted === true) onAbort();
    return await ended.promise;
  } finally {
    over = true;
    worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    signal?.removeEventListener('abort', onAbort);
    // Not awaited: a source that is stuck would hold up the cancellation.
    stream?.return?.().catch(() => undefined);
  }
}

function findWorker(): URL {
  const places = [new URL('./worker.ts', import.meta.url), new URL('./store-worker.mjs', import.meta.url)];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new OrlopError('failed-precondition', 'STORE_WORKER_MISSING', `the unpacking thread's file ${places[1]?.pathname} is missing`, {
    hint: 'build it: npm run build',
  });
}
