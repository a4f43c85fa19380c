import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isErrno, OrlopError } from '#errors';
import type { RunProgram } from '../templates/types.ts';
import { badLxd } from './metadata.ts';

const magic = Buffer.from('hsqs');

/** Squashfs 4.0, little-endian (Documentation/filesystems/squashfs.rst). */
export function isSquashfs(head: Uint8Array): boolean {
  return magic.equals(head.subarray(0, magic.length));
}

/**
 * Unpacks a squashfs into a directory below `scratch` with unsquashfs(1), as root: owners, devices and attributes as they are. Returns the directory.
 * Failed-precondition `IMAGE_NO_UNSQUASHFS` without the program, invalid-argument for what it cannot read, resource-exhausted for a full disk.
 */
export async function unpackSquashfs(
  run: RunProgram,
  scratch: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const [file, directory] = [join(scratch, 'root.squashfs'), join(scratch, 'root')];
  await mkdir(scratch, { recursive: true });
  await pipeline(source, createWriteStream(file, { flags: 'wx' }), signal === undefined ? {} : { signal });
  const said: string[] = [];
  const onLine = (line: string): void => {
    if (said.length < 50) said.push(line);
  };
  const args = ['-no-progress', '-quiet', '-dest', directory, file];
  const { code } = await run('unsquashfs', args, { onLine, ...(signal === undefined ? {} : { signal }) }).catch((cause: unknown) => {
    if (!isErrno(cause, 'ENOENT')) throw cause;
    throw new OrlopError('failed-precondition', 'IMAGE_NO_UNSQUASHFS', 'the root is a squashfs, and this host has no program unsquashfs', {
      hint: 'install the package squashfs-tools',
      cause,
    });
  });
  await rm(file);
  // unsquashfs(1): 2 says that something, attributes for example, could not be set.
  if (code !== 0) throw explain(said);
  return directory;
}

function explain(said: readonly string[]): OrlopError {
  const text = said.join('\n');
  if (/No space left/i.test(text)) {
    return new OrlopError('resource-exhausted', 'IMAGE_DISK_FULL', 'no space left on the disk while unpacking a squashfs', {
      hint: 'free some space below the data root and try again',
    });
  }
  return badLxd(`unsquashfs cannot unpack its root: ${said.find((line) => line.trim() !== '') ?? 'it said nothing'}`);
}
