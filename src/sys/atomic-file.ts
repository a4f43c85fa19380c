import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { toErrnoError } from './errno.ts';

export interface AtomicWriteOptions {
  /** Permission bits, not narrowed by the umask. Default 0o600. */
  readonly mode?: number;
  /** Whether contents and name must survive a power cut before this returns. Default true; false for what is worthless after a reboot. */
  readonly sync?: boolean;
}

/**
 * Replaces the file at `path`: readers see the old or the new contents, whole, also after a crash. Writes a temporary file beside it, syncs it,
 * renames it and syncs the directory (rename(2), fsync(2)). Fails with the ErrnoError of the step that failed; then nothing has changed, except
 * that a failed sync of the directory leaves the new contents without the promise.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array, options: AtomicWriteOptions = {}): Promise<void> {
  const { mode = 0o600, sync = true } = options;
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeNew(temporary, data, mode, sync);
    await rename(temporary, path);
    if (sync) await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw toErrnoError(error);
  }
}

async function writeNew(path: string, data: string | Uint8Array, mode: number, sync: boolean): Promise<void> {
  await using file = await open(path, 'wx', mode);
  await file.chmod(mode);
  await file.writeFile(data);
  if (sync) await file.sync();
}

/** Makes the names in a directory survive a power cut (fsync(2) of the directory). */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
