import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Client } from '#client';
import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { planLanding } from '../values/copy-places.ts';
import { describeHere, findThere, type ContainerPath } from '../values/copy-sides.ts';
import { parseFilePlace, pathOfFile } from '../values/file-places.ts';
import { readFileOwner } from '../values/file-owner.ts';
import { packHere } from '../values/tar-program.ts';

/** One after another; what was pushed before a failure stays. */
export const pushFiles: Verb = async (invocation) => {
  const { args, client, command } = invocation;
  const sources = args.positionals.slice(0, -1);
  const to = parseFilePlace(args.positionals.at(-1) ?? '');
  const recursive = args.flag('recursive');
  if (recursive && args.has('mode'))
    throw usageError('--mode does not go with --recursive: files and directories keep the permissions that they have here', command);
  const owner = readFileOwner(args);
  const { files } = await client();
  const target = await findThere(files, to);
  const several = sources.length > 1;
  if (several && target.found !== null && !target.found.isDirectory)
    throw usageError(`${to.container}${to.path} is not a directory`, command);
  const isDirectory = several || target.found?.isDirectory === true;
  for (const source of sources) {
    if (recursive && source !== '-') await pushTree(invocation, { files, source, to, isDirectory: isDirectory || to.path.endsWith('/') });
    else await pushFile(invocation, files, { source, to: { ...to, path: placeOf(source, to, isDirectory) }, owner });
  }
  return exitCodes.ok;
};

function placeOf(source: string, { container, path }: ContainerPath, isDirectory: boolean): string {
  if (source === '-' && (isDirectory || path.endsWith('/')))
    throw usageError(`${container}${path} is a directory: give what is read a name in it`);
  return pathOfFile(path, basename(source), isDirectory);
}

type PushOwner = ReturnType<typeof readFileOwner>;

async function pushFile(
  { args, io }: Invocation,
  files: Client['files'],
  { source, to, owner }: { readonly source: string; readonly to: ContainerPath; readonly owner: PushOwner },
): Promise<void> {
  const parents = args.flag('create-dirs') ? { parents: true } : {};
  if (source === '-') return files.writeContent(to.container, to.path, io.stdin as AsyncIterable<Uint8Array>, { ...owner, ...parents });
  const facts = await stat(source).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'CLI_NO_FILE', `${source}: no such file or directory`);
  });
  if (facts.isDirectory()) throw usageError(`${source} is a directory: push it with --recursive`);
  const here = { uid: facts.uid, gid: facts.gid, mode: facts.mode & 0o7777 };
  await files.writeContent(to.container, to.path, createReadStream(source, { highWaterMark: 256 * 1024 }), {
    ...here,
    ...owner,
    ...parents,
  });
}

interface TreePush {
  readonly files: Client['files'];
  readonly source: string;
  readonly to: ContainerPath;
  readonly isDirectory: boolean;
}

/** Where it lands is as with `cp -r`: in a directory that is there, else under the name that is given. */
async function pushTree({ args }: Invocation, { files, source, to, isDirectory }: TreePush): Promise<void> {
  const { uid, gid } = readFileOwner(args);
  const here = await describeHere(source, true);
  const landing = planLanding(
    { path: source, name: basename(here.shown), isDirectory: here.isDirectory },
    to.path,
    isDirectory ? { isDirectory } : null,
  );
  if (args.flag('create-dirs') && landing.directory !== '/')
    await files.makeDirectory(to.container, landing.directory, { parents: true, ...ownerOf(uid, gid) });
  await files.write(to.container, landing.directory, packHere(dirname(here.real), basename(here.real), landing.name, { uid, gid }));
}

function ownerOf(uid: number | undefined, gid: number | undefined): { uid?: number; gid?: number } {
  return { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
}
