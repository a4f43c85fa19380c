import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { isErrno } from '#errors';
import { logFile, packedLogFile, unpackedOf } from './row.ts';

/** Packs all closed files of a row. May be killed between any two steps and repeated; the signal ends it between two files or within one. */
export async function packRow(directory: string, signal: AbortSignal): Promise<void> {
  for (const number of unpackedOf(directory)) {
    if (signal.aborted) return;
    await packFile(directory, number, signal);
  }
}

/**
 * The packed form is on disk, whole and under its name, before the other goes. The monitor, which removes the oldest, removes the file first and the packed form
 * then: when the file is gone before us, its packed form came too late and goes as well.
 */
async function packFile(directory: string, number: number, signal: AbortSignal): Promise<void> {
  const file = join(directory, logFile(number));
  const packed = join(directory, packedLogFile(number));
  const unfinished = `${packed}.packing`;
  try {
    const { atime, mtime } = await stat(file);
    await pipeline(createReadStream(file), createGzip(), createWriteStream(unfinished, { mode: 0o640 }), { signal });
    await utimes(unfinished, atime, mtime);
    await syncFile(unfinished);
    await rename(unfinished, packed);
  } catch (error) {
    await rm(unfinished, { force: true });
    if (signal.aborted || isErrno(error, 'ENOENT')) return;
    throw error;
  }
  try {
    await unlink(file);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    await rm(packed, { force: true });
  }
}

async function syncFile(path: string): Promise<void> {
  await using handle = await open(path, 'r+');
  await handle.datasync();
}
