import { parentPort } from 'node:worker_threads';
import { OrlopError } from '#errors';
import { loadAddon, toPlainError } from '#sys';
import { readFileBlocks } from '../compression.ts';
import type { FromWorker, ToWorker } from './thread-messages.ts';
import { runUnpackJob } from './unpack-job.ts';

/** The entry of a worker thread: unpacks one layer after another. It is a file of its own, for a thread needs one. */
const port = parentPort;
if (port !== null) {
  const addon = loadAddon();
  const say = (message: FromWorker): void => port.postMessage(message);
  /** Where chunks go while a job that reads a stream runs. */
  let receive: ((message: ToWorker) => void) | null = null;

  const streamed = async function* (): AsyncIterable<Uint8Array> {
    for (;;) {
      const arrived = Promise.withResolvers<ToWorker>();
      receive = arrived.resolve;
      say({ type: 'want' });
      const message = await arrived.promise;
      if (message.type !== 'chunk') {
        if (message.type === 'end') return;
        throw cancelledError();
      }
      yield message.chunk;
    }
  };

  const run = async ({ job, file, cancelled }: Extract<ToWorker, { type: 'job' }>): Promise<void> => {
    const flag = new Int32Array(cancelled);
    const checkpoint = (): void => {
      if (Atomics.load(flag, 0) !== 0) throw cancelledError();
    };
    try {
      const result = await runUnpackJob(addon, job, file === null ? streamed() : counted(readFileBlocks(file), say), checkpoint);
      say({ type: 'done', result });
    } catch (error) {
      say({ type: 'failed', error: toPlainError(error) });
    }
  };

  port.on('message', (message: ToWorker) => {
    if (message.type === 'job') void run(message);
    else receive?.(message);
  });
}

async function* counted(source: AsyncIterable<Buffer>, say: (message: FromWorker) => void): AsyncIterable<Buffer> {
  for await (const chunk of source) {
    say({ type: 'read', bytes: chunk.length });
    yield chunk;
  }
}

function cancelledError(): OrlopError {
  return new OrlopError('cancelled', 'STORE_CANCELLED', 'unpacking was cancelled');
}
