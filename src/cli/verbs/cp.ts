import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname, posix } from 'node:path';
import { isErrno, isOrlopError, OrlopError } from '#errors';
import type { Client, PathStat } from '#client';
import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { openArchive, writeArchive } from '../values/archive-file.ts';
import { asksForContent, asksForDirectory, parseCopyPlace, planLanding, type Found } from '../values/copy-places.ts';
import { formatBytes } from '../values/size.ts';
import { packHere, unpackHere } from '../values/tar-program.ts';

export const cp: Verb = async (invocation) => {
  const [from, to] = invocation.args.positionals.map(parseCopyPlace);
  if (from === undefined || to === undefined) throw usageError('cp needs a source and a destination', invocation.command);
  if (from.container !== undefined && to.container !== undefined) throw usageError('copying between containers is not supported');
  if (from.container !== undefined) await copyOut(invocation, { container: from.container, path: from.path }, to.path);
  else if (to.container !== undefined) await copyIn(invocation, from.path, { container: to.container, path: to.path });
  else throw usageError('one of source and destination must be in a container: CONTAINER:PATH', invocation.command);
  return exitCodes.ok;
};

interface ContainerPath {
  readonly container: string;
  readonly path: string;
}

async function copyOut(invocation: Invocation, from: ContainerPath, target: string): Promise<void> {
  const { args, io } = invocation;
  const { files } = await invocation.client();
  const asked = await files.stat(from.container, from.path);
  const followed = args.flag('follow-link') && asked.isLink;
  const path = followed ? asked.linkTarget : from.path;
  const facts = followed ? await files.stat(from.container, path) : asked;
  const archive = files.read(from.container, path);
  if (target === '-') return writeArchive(io, undefined, archive, 'name a directory, or redirect it');
  const inArchive = facts.name === '/' ? '.' : facts.name;
  const source = { path: from.path, name: asked.name === '/' ? '.' : asked.name, isDirectory: facts.isDirectory };
  const { directory, name } = planLanding(source, target, await findHere(target));
  const counted = count(archive);
  await unpackHere(counted.pieces, directory, { from: inArchive, as: name, owners: args.flag('archive') });
  await report(invocation, counted.bytes(), target);
}

async function copyIn(invocation: Invocation, path: string, to: ContainerPath): Promise<void> {
  const { args, io } = invocation;
  const { files } = await invocation.client();
  const target = await findThere(files, to);
  const options = { ownUser: args.flag('archive') };
  if (path === '-') {
    if (target.found?.isDirectory !== true)
      throw new OrlopError('failed-precondition', 'CLI_USAGE', `destination "${to.container}:${to.path}" must be a directory`);
    return files.write(to.container, target.path, await openArchive(io, undefined, 'name a file or a directory'), options);
  }
  const source = await describeHere(path, args.flag('follow-link'));
  const landing = planLanding({ path, name: basename(source.shown), isDirectory: source.isDirectory }, target.path, target.found);
  const counted = count(packHere(dirname(source.real), basename(source.real), landing.name));
  await files.write(to.container, landing.directory, counted.pieces, options);
  await report(invocation, counted.bytes(), `${to.container}:${to.path}`);
}

/** Where a path in a container leads, and what is there. */
async function findThere(files: Client['files'], { container, path }: ContainerPath): Promise<{ path: string; found: Found | null }> {
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

async function findHere(path: string): Promise<Found | null> {
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
async function describeHere(path: string, follow: boolean): Promise<{ shown: string; real: string; isDirectory: boolean }> {
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

function count(source: AsyncIterable<Uint8Array>): { pieces: AsyncIterable<Uint8Array>; bytes: () => number } {
  let bytes = 0;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      bytes += piece.length;
      yield piece;
    }
  }
  return { pieces: pieces(), bytes: () => bytes };
}

async function report({ args, io }: Invocation, bytes: number, target: string): Promise<void> {
  if (!args.flag('quiet')) await write(io.stderr, `Successfully copied ${formatBytes(bytes)} to ${target}\n`);
}
