import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname, posix } from 'node:path';
import { isErrno, isOrlopError, OrlopError } from '#errors';
import type { Client, PathStat } from '#client';
import { usageError } from '../arguments/usage-error.ts';
import { asksForContent, asksForDirectory, type Found } from './copy-places.ts';

export interface ContainerPath {
  readonly container: string;
  readonly path: string;
}

/** Where a path in a container leads, and what is there. */
export async function findThere(
  files: Client['files'],
  { container, path }: ContainerPath,
): Promise<{ path: string; found: PathStat | null }> {
  const asked = await statOrNothing(files, container, path);
  if (asked?.isLink !== true) return { path, found: asked };
  return { path: asked.linkTarget, found: await statOrNothing(files, container, asked.linkTarget) };
}

async function statOrNothing(files: Client['files'], container: string, path: string): Promise<PathStat | null> {
  try {
    return await files.stat(container, path);
  } catch (error) {
    // With a `/` at its end a path must be a directory; without, a file may be there.
    if (isOrlopError(error, 'not-found')) return null;
    throw error;
  }
}

export async function findHere(path: string): Promise<Found | null> {
  try {
    return { isDirectory: (await stat(path)).isDirectory() };
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    const parent = posix.dirname(posix.normalize(path).replace(/(?<=.)\/$/, ''));
    if ((await stat(parent).catch(() => null))?.isDirectory() === true) return null;
    throw new OrlopError('not-found', 'CLI_NO_DIRECTORY', `invalid output path: directory "${parent}" does not exist`);
  }
}

/** `shown`: the name that it has been given by; `real`: what is read. */
export async function describeHere(path: string, follow: boolean): Promise<{ shown: string; real: string; isDirectory: boolean }> {
  try {
    const itself = asksForDirectory(path) || follow;
    const real = itself || asksForContent(path) ? await realpath(path) : path;
    const facts = itself ? await stat(real) : await lstat(real);
    if (asksForDirectory(path) && !facts.isDirectory()) throw usageError(`${path} is not a directory`);
    // `.` and `..` have the names of what they are.
    return { shown: /(^|\/)\.{0,2}$/.test(path) ? real : path, real: await absolute(real), isDirectory: facts.isDirectory() };
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'CLI_NO_FILE', `${path}: no such file or directory`);
  }
}

async function absolute(path: string): Promise<string> {
  return posix.join(await realpath(dirname(path)), basename(path));
}
