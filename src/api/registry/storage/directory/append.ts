import { open, type FileHandle } from 'node:fs/promises';
import { refuse } from '../../spec/errors.ts';

export interface AppendFileOptions {
  /** Where the first byte goes; what is in the file from there on is written over. */
  readonly start: number;
  /** More than this is refused with SIZE_INVALID. */
  readonly maxBytes: number | undefined;
  /** Called for each chunk once it is in the file. */
  written(chunk: Uint8Array): void;
}

/** As much is gathered before it is written: each write is a trip to another thread. */
const batchBytes = 1 << 20;

/** Writes what the source brings; the next chunks arrive while the last ones are written. When the source fails, what came before is in the file. */
export async function appendFile(path: string, source: AsyncIterable<Uint8Array>, options: AppendFileOptions): Promise<void> {
  await using handle = await open(path, 'r+');
  let position = options.start;
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    const [batch, bytes, at] = [gathered, gatheredBytes, position];
    [gathered, gatheredBytes, position] = [[], 0, position + bytes];
    writing = writeBatch(handle, batch, at, options.written);
    // Its failure is met at the next await of it; until then nobody listens.
    writing.catch(() => undefined);
  };
  try {
    for await (const chunk of source) {
      if (options.maxBytes !== undefined && position + gatheredBytes + chunk.length - options.start > options.maxBytes)
        throw refuse('SIZE_INVALID', `the request brought more than the ${options.maxBytes} bytes it had promised`);
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      if (gatheredBytes >= batchBytes) await flush();
    }
  } finally {
    if (gatheredBytes > 0) await flush();
    await writing;
  }
}

async function writeBatch(
  handle: FileHandle,
  batch: readonly Uint8Array[],
  at: number,
  written: (chunk: Uint8Array) => void,
): Promise<void> {
  await writeAll(handle, batch, at);
  for (const chunk of batch) written(chunk);
}

/** pwritev(2) may write less than asked, on a full disk first of all. */
async function writeAll(handle: FileHandle, batch: readonly Uint8Array[], at: number): Promise<void> {
  const total = batch.reduce((sum, chunk) => sum + chunk.length, 0);
  const { bytesWritten } = await handle.writev(batch, at);
  if (bytesWritten === total) return;
  const rest = Buffer.concat(batch).subarray(bytesWritten);
  for (let done = 0; done < rest.length; )
    done += (await handle.write(rest, done, rest.length - done, at + bytesWritten + done)).bytesWritten;
}
