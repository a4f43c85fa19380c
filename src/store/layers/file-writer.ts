import { ftruncateSync, writeSync } from 'node:fs';
import { type Addon, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, RESOLVE_BENEATH, withErrno } from '#sys';
import { showByteText } from '../tar/byte-text.ts';
import type { TarEntry } from '../tar/header.ts';
import { setFileAttributes } from './attributes.ts';
import { dataRuns, holeBytes } from './holes.ts';

/** Writes the files of an archive, one after the other. */
export interface FileWriter {
  /** `parent` stays open until `finish`. */
  begin(parent: number, name: string | Buffer, entry: TarEntry): void;
  data(chunk: Buffer, offset: number): void;
  /** Answers how many extended attributes the file system does not take. */
  finish(): number;
  /** Closes what is open, at any time. */
  close(): void;
}

/** Calls `make`, again after it has cleared what already has the name. */
export type Replacing = <T>(parent: number, name: string | Buffer, make: () => T) => T;

interface OpenFile {
  readonly parent: number;
  readonly name: string | Buffer;
  readonly entry: TarEntry;
  descriptor: number | null;
  /** By one call: there is nothing left to do. */
  whole: boolean;
}

const nothing = Buffer.alloc(0);

/**
 * Most files of an image are small and come in one piece: such a file is made by one call, whole. Others are opened, filled and given their attributes;
 * long rows of zeros become holes.
 */
export function createFileWriter(addon: Addon, replacing: Replacing): FileWriter {
  let file: OpenFile | null = null;
  const makeWhole = (of: OpenFile, data: Buffer): void => {
    const { parent, name, entry } = of;
    replacing(parent, name, () => addon.createFile(parent, name, data, entry.mode, entry.uid, entry.gid, entry.mtimeNs));
    of.whole = true;
  };
  const opened = (of: OpenFile): number => {
    const { parent, name } = of;
    const create = (): number => addon.openat2(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, RESOLVE_BENEATH);
    return (of.descriptor ??= replacing(parent, name, create));
  };
  return {
    begin(parent, name, entry) {
      file = { parent, name, entry, descriptor: null, whole: false };
    },
    data(chunk, offset) {
      if (file === null) return;
      const { entry } = file;
      if (chunk.length === entry.size && isPlain(entry)) return makeWhole(file, chunk);
      const descriptor = opened(file);
      for (const { start, end } of dataRuns(chunk)) {
        for (let at = start; at < end; ) {
          at += withErrno(showByteText(entry.path), () => writeSync(descriptor, chunk, at, end - at, offset + at));
        }
      }
    },
    finish() {
      if (file === null || file.whole) return 0;
      const { entry } = file;
      if (entry.size === 0 && isPlain(entry)) {
        makeWhole(file, nothing);
        return 0;
      }
      const descriptor = opened(file);
      // Holes: the end of the file may be one. A smaller file was written whole.
      if (entry.extents !== undefined || entry.size >= holeBytes) withErrno('file', () => ftruncateSync(descriptor, entry.size));
      const skipped = setFileAttributes(addon, descriptor, entry);
      file = null;
      addon.close(descriptor);
      return skipped;
    },
    close() {
      if (typeof file?.descriptor === 'number') addon.close(file.descriptor);
      file = null;
    },
  };
}

/** Neither so big that it may have holes, nor anything but data, owner, mode and time. */
function isPlain({ size, extents, xattrs }: TarEntry): boolean {
  return size < holeBytes && extents === undefined && xattrs.size === 0;
}
