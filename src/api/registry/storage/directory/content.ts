import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { ByteRange } from '../../spec/ranges.ts';
import type { Content } from '../types.ts';
import { orNull } from './files.ts';

/** Each read is a trip to another thread; each download holds two of these. */
const readBytes = 1 << 19;

/** Opens a range of a file; null when it is not there. */
export async function openContent(path: string, range: ByteRange): Promise<Content | null> {
  const handle = await orNull(open(path, constants.O_RDONLY | constants.O_NOFOLLOW));
  if (handle === null) return null;
  return { chunks: readAhead(handle, range), [Symbol.asyncDispose]: () => handle.close() };
}

/** While one chunk is being used the next is read, into the other of two buffers: fresh memory for each costs more than the reading. */
async function* readAhead(handle: FileHandle, { start, end }: ByteRange): AsyncGenerator<Uint8Array> {
  const total = end - start + 1;
  const length = Math.min(readBytes, total);
  let [buffer, other] = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
  const read = (into: Buffer, done: number): Promise<{ readonly bytesRead: number }> => {
    const wanted = Math.min(length, total - done);
    return wanted === 0 ? Promise.resolve({ bytesRead: 0 }) : handle.read(into, 0, wanted, start + done);
  };
  let reading = read(buffer, 0);
  try {
    for (let done = 0; done < total; ) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) throw new Error(`content ends after ${start + done} bytes where there should be ${end + 1}`);
      done += bytesRead;
      reading = read(other, done);
      yield buffer.subarray(0, bytesRead);
      [buffer, other] = [other, buffer];
    }
  } finally {
    // The file is not closed under a read, and whoever has left does not care how that one ended.
    await reading.catch(() => undefined);
  }
}
