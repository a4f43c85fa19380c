import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { isErrno } from '#errors';
import { logFile, packedLogFile } from './row.ts';

const chunkBytes = 64 * 1024;

/** A file of a row that is read. Offsets count bytes of what was written, packed or not. */
export interface LogFile extends AsyncDisposable {
  readonly packed: boolean;
  /** When it was last written, ns since the epoch. */
  writtenNs(): Promise<bigint>;
  /** From an offset to the end; a file that was cut shorter than that is read from its beginning. A packed file that is damaged ends there. */
  bytes(offset: number): AsyncGenerator<Buffer>;
  /** Where the last `lines` lines begin, or how many there are when those are fewer. */
  tail(lines: number): Promise<{ readonly offset: number } | { readonly lines: number }>;
}

/** null: it is gone. */
export async function openLogFile(directory: string, number: number): Promise<LogFile | null> {
  // Packed last: whoever packs makes the packed form before the other goes.
  for (const packed of [false, true]) {
    try {
      const path = join(directory, packed ? packedLogFile(number) : logFile(number));
      const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      return packed ? packedFile(handle) : plainFile(handle);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return null;
}

async function writtenNs(handle: FileHandle): Promise<bigint> {
  return (await handle.stat({ bigint: true })).mtimeNs;
}

async function* readFrom(handle: FileHandle, offset: number): AsyncGenerator<Buffer> {
  for (let at = offset; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function plainFile(handle: FileHandle): LogFile {
  return {
    packed: false,
    writtenNs: () => writtenNs(handle),
    async *bytes(offset) {
      yield* readFrom(handle, (await handle.stat()).size < offset ? 0 : offset);
    },
    tail: (lines) => tailOfPlain(handle, lines),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** Found from the end. */
async function tailOfPlain(handle: FileHandle, lines: number): Promise<{ offset: number } | { lines: number }> {
  let position = (await handle.stat()).size;
  let found = -1;
  const chunk = Buffer.allocUnsafe(chunkBytes);
  if (lines === 0) return { offset: position };
  while (position > 0) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    await handle.read(chunk, 0, length, position);
    for (let index = chunk.lastIndexOf(10, length - 1); index >= 0; index = index === 0 ? -1 : chunk.lastIndexOf(10, index - 1)) {
      if (index < length && ++found === lines) return { offset: position + index + 1 };
    }
  }
  return { lines: found + 1 };
}

function packedFile(handle: FileHandle): LogFile {
  const all = async function* (): AsyncGenerator<Buffer> {
    const unpacked = createGunzip();
    // What is wrong with it ends the stream; how much of it was sound has been given by then.
    const unpacking = pipeline(readFrom(handle, 0), unpacked).catch(() => undefined);
    try {
      for await (const chunk of unpacked) yield chunk as Buffer;
    } catch {
      return;
    } finally {
      unpacked.destroy();
      await unpacking;
    }
  };
  return {
    packed: true,
    writtenNs: () => writtenNs(handle),
    async *bytes(offset) {
      let at = 0;
      for await (const chunk of all()) {
        const skipped = Math.min(chunk.length, Math.max(0, offset - at));
        at += chunk.length;
        if (skipped < chunk.length) yield chunk.subarray(skipped);
      }
    },
    async tail(lines) {
      const { count } = await findLine(all(), Number.POSITIVE_INFINITY);
      return lines > count ? { lines: count } : { offset: (await findLine(all(), count - lines)).offset };
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** How many lines end before the given one begins, and where that is; of a line that is not there: how many there are, and where they end. */
async function findLine(chunks: AsyncIterable<Buffer>, line: number): Promise<{ count: number; offset: number }> {
  let [count, offset, at] = [0, 0, 0];
  for await (const chunk of chunks) {
    for (let index = chunk.indexOf(10); index >= 0 && count < line; index = chunk.indexOf(10, index + 1)) {
      count++;
      offset = at + index + 1;
    }
    at += chunk.length;
    if (count >= line) break;
  }
  return { count, offset };
}
