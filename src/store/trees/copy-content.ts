import { ftruncateSync, readSync, writeSync } from 'node:fs';
import { isErrno } from '#errors';
import { type Addon, withErrno } from '#sys';
import { dataRuns } from '../layers/holes.ts';

/** Copies the first `size` bytes of one open file to the beginning of another, new one. */
export type CopyContent = (source: number, target: number, size: number) => Promise<void>;

/** Copied in one step where blocks cannot be shared; where they can, a step is quick whatever its size. */
const stepBytes = 8 * 1024 * 1024;
const chunkBytes = 1024 * 1024;

/**
 * For many files of one copy. Content is shared where the file system can: copy_file_range(2) makes reflinks on btrfs, xfs and bcachefs; elsewhere it copies within the kernel, and to another file
 * system through memory, where long rows of zeros become holes. Between steps it waits for `giveWay`, and fails when that does.
 */
export function createContentCopier(addon: Addon, giveWay: () => Promise<void>): CopyContent {
  /** The kernel has refused to copy between these file systems by itself. */
  let crosses = false;
  const copyPart = (part: Part): number => {
    if (crosses) return copyThroughMemory(part);
    try {
      return addon.copyFileRange(part.source, part.at, part.target, part.at, part.length);
    } catch (error) {
      // To another file system, or from one that has no such call.
      if (!isErrno(error, 'EXDEV', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS')) throw error;
      crosses = true;
      return copyThroughMemory(part);
    }
  };
  return async (source, target, size) => {
    for (let at = 0; at < size; ) {
      const copied = copyPart({ source, target, at, length: Math.min(size - at, stepBytes) });
      if (copied === 0) break;
      at += copied;
      await giveWay();
    }
    withErrno('file', () => ftruncateSync(target, size));
  };
}

interface Part {
  readonly source: number;
  readonly target: number;
  readonly at: number;
  readonly length: number;
}

function copyThroughMemory({ source, target, at, length }: Part): number {
  const chunk = Buffer.allocUnsafe(Math.min(length, chunkBytes));
  return withErrno('file', () => {
    const read = readSync(source, chunk, 0, chunk.length, at);
    for (const { start, end } of dataRuns(chunk.subarray(0, read))) {
      for (let done = start; done < end; ) done += writeSync(target, chunk, done, end - done, at + done);
    }
    return read;
  });
}
