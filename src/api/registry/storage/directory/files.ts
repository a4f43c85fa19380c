import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Errors of the file system say their name in `code`. */
export function hasErrno(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** What the promise brings, or null when the file is not there. */
export async function orNull<Value>(promise: Promise<Value>): Promise<Value | null> {
  try {
    return await promise;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** Makes what was created or renamed in a directory last (fsync(2): "also needed on the directory"). */
export async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await handle.sync();
}

/** Makes a directory and its missing parents, lastingly. */
export async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let above = dirname(path); above.length >= dirname(first).length; above = dirname(above)) await syncDirectory(above);
}

/** Puts a small file in its place in one step: readers see the old one or the new one, and so does whoever comes after a crash. */
export async function writeFileWhole(staging: string, path: string, content: string | Uint8Array): Promise<void> {
  await makeDirectory(dirname(path));
  const temporary = join(staging, randomUUID());
  try {
    {
      await using handle = await open(temporary, 'wx', 0o640);
      await handle.writeFile(content);
      await handle.datasync();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes an empty file, or touches the one that is there. */
export async function writeMark(path: string): Promise<void> {
  await makeDirectory(dirname(path));
  {
    await using handle = await open(path, 'a', 0o640);
    const now = new Date();
    await handle.utimes(now, now);
  }
  await syncDirectory(dirname(path));
}

/** Removes a file; false when it was not there. */
export async function removeFile(path: string): Promise<boolean> {
  return (await orNull(unlink(path).then(() => true))) ?? false;
}

/** Names in a directory in the order of their bytes; none when it is not there. */
export async function listNames(path: string): Promise<readonly string[]> {
  return ((await orNull(readdir(path))) ?? []).toSorted((a, b) => (a < b ? -1 : 1));
}

/** The object in a JSON file of ours; null when it is not there. A file that is damaged is an error that names it. */
export async function readJsonFile(path: string): Promise<unknown> {
  const text = await orNull(readFile(path, 'utf8'));
  if (text === null) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new Error(`${path} is damaged`, { cause });
  }
}
