import { mkdir } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { OrlopError } from '#errors';
import type { Client, PathStat } from '#client';
import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { writeWhole } from '../values/archive-file.ts';
import { planLanding } from '../values/copy-places.ts';
import { findHere, findThere, type ContainerPath } from '../values/copy-sides.ts';
import { parseFilePlace } from '../values/file-places.ts';
import { unpackHere } from '../values/tar-program.ts';

/** What is pulled belongs to who pulls it, with the permissions that it has in the container. One after another; what was pulled before a failure stays. */
export const pullFiles: Verb = async ({ args, io, client, command }) => {
  const sources = args.positionals.slice(0, -1).map((word) => parseFilePlace(word));
  const target = args.positionals.at(-1) ?? '';
  const recursive = args.flag('recursive');
  const toOutput = target === '-';
  if (toOutput && recursive)
    throw usageError('--recursive does not go with -: to have a directory as a tar, use orlop cp CONTAINER:PATH -', command);
  if (args.flag('create-dirs') && !toOutput)
    await mkdir(target.endsWith('/') || sources.length > 1 ? target : dirname(target), { recursive: true });
  const { files } = await client();
  const here = toOutput ? null : await findHere(target);
  if (sources.length > 1 && here !== null && !here.isDirectory) throw usageError(`${target} is not a directory`, command);
  for (const source of sources) {
    const there = await findThere(files, source);
    if (there.found === null) throw missing(source);
    if (there.found.isDirectory && !recursive)
      throw usageError(`${source.container}${source.path} is a directory: pull it with --recursive`);
    const found = { container: source.container, path: there.path, facts: there.found };
    if (toOutput) for await (const piece of files.readContent(source.container, source.path)) await write(io.stdout, piece);
    else if (there.found.isDirectory) await pullTree(files, source, found, target);
    else await pullFile(files, found, here?.isDirectory === true || target.endsWith('/') ? join(target, nameOf(source)) : target);
  }
  return exitCodes.ok;
};

interface Found extends ContainerPath {
  readonly facts: PathStat;
}

function nameOf({ path }: ContainerPath): string {
  return basename(posix.normalize(path)) || '.';
}

async function pullFile(files: Client['files'], { container, path, facts }: Found, target: string): Promise<void> {
  await writeWhole(target, files.readContent(container, path), facts.mode & 0o777);
}

/** Where it lands is as with `cp -r`: in a directory that is there, else under the name that is given. */
async function pullTree(files: Client['files'], asked: ContainerPath, { container, path, facts }: Found, target: string): Promise<void> {
  const source = { path: asked.path, name: nameOf(asked), isDirectory: true };
  const { directory, name } = planLanding(source, target, await findHere(target));
  await unpackHere(files.read(container, path), directory, { from: facts.name === '/' ? '.' : facts.name, as: name, owners: false });
}

function missing({ container, path }: ContainerPath): OrlopError {
  return new OrlopError('not-found', 'CLI_NO_FILE', `${container}${path}: no such file or directory`);
}
