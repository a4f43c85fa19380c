import { ftruncateSync, writeSync } from 'node:fs';
import { ErrnoError } from '#errors';
import { type Addon, type FileQueue, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, RESOLVE_BENEATH, withErrno } from '#sys';
import { type ByteText, showByteText } from '../tar/byte-text.ts';
import type { TarEntry } from '../tar/header.ts';
import { setFileAttributes } from './attributes.ts';
import { entryError } from './entry-errors.ts';
import { dataRuns } from './holes.ts';

/** Writes the files of an archive, one after the other. A file has its name at once; what is in it and what it is may come later, up to `drain`. */
export interface FileWriter {
  /** `parent` stays open during the call. */
  begin(parent: number, name: string | Buffer, entry: TarEntry): void;
  /** This, `finish` and `drain` also throw what is wrong with an earlier file. */
  data(chunk: Buffer, offset: number): void;
  /** Answers how many extended attributes the file system does not take. */
  finish(): number;
  /** Returns when all is written. */
  drain(): void;
  /** Gives up what is not written, at any time. */
  close(): void;
}

/** Calls `make`, again after it has cleared what already has the name. */
export type Replacing = <T>(parent: number, name: string | Buffer, make: () => T) => T;

interface OpenFile {
  readonly entry: TarEntry;
  /** null: it is the queue's. */
  readonly descriptor: number | null;
}

/** More only wait for each other in the file system. */
const queueThreads = 2;

/**
 * Files are filled by threads of the addon while this one reads on in the archive. The few that have extended attributes are filled here: a file system
 * may not take these, and that needs a closer look. Long rows of zeros become holes.
 */
export function createFileWriter(addon: Addon, replacing: Replacing): FileWriter {
  let queue: FileQueue | null = null;
  let file: OpenFile | null = null;
  return {
    begin(parent, name, entry) {
      let descriptor: number | null = null;
      if (entry.xattrs.size === 0) {
        const files = (queue ??= addon.openFileQueue(queueThreads));
        replacing(parent, name, () => addon.queueFile(files, parent, name, entry.path, entry.mode));
      } else {
        const create = (): number => addon.openat2(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, RESOLVE_BENEATH);
        descriptor = replacing(parent, name, create);
      }
      file = { entry, descriptor };
    },
    data(chunk, offset) {
      if (file === null) return;
      for (const { start, end } of dataRuns(chunk)) {
        const run = start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end);
        if (file.descriptor === null) throughQueue(queue, (files) => addon.queueData(files, run, offset + start));
        else writeHere(file.entry, file.descriptor, run, offset + start);
      }
    },
    finish() {
      if (file === null) return 0;
      const { entry, descriptor } = file;
      file = null;
      if (descriptor !== null) return finishHere(addon, entry, descriptor);
      throughQueue(queue, (files) => addon.endQueuedFile(files, entry.size, entry.mode, entry.uid, entry.gid, entry.mtimeNs));
      return 0;
    },
    drain() {
      throughQueue(queue, (files) => addon.drainFileQueue(files));
    },
    close() {
      if (typeof file?.descriptor === 'number') addon.close(file.descriptor);
      file = null;
      if (queue !== null) addon.closeFileQueue(queue);
      queue = null;
    },
  };
}

/** What fails may be any file of the queue: errors name the one. */
function throughQueue(queue: FileQueue | null, call: (queue: FileQueue) => void): void {
  if (queue === null) return;
  try {
    call(queue);
  } catch (error) {
    throw error instanceof ErrnoError && error.path !== undefined ? entryError(error.path as ByteText, error) : error;
  }
}

function writeHere({ path }: TarEntry, descriptor: number, data: Buffer, offset: number): void {
  for (let at = 0; at < data.length; ) {
    at += withErrno(showByteText(path), () => writeSync(descriptor, data, at, data.length - at, offset + at));
  }
}

function finishHere(addon: Addon, entry: TarEntry, descriptor: number): number {
  try {
    // Its end may be a hole.
    withErrno(showByteText(entry.path), () => ftruncateSync(descriptor, entry.size));
    return setFileAttributes(addon, descriptor, entry);
  } finally {
    addon.close(descriptor);
  }
}
