import { basename, dirname } from 'node:path';
import { OrlopError } from '#errors';
import { wrongWords } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { openArchive, writeArchive } from '../values/archive-file.ts';
import { parseCopyPlace, planLanding } from '../values/copy-places.ts';
import { describeHere, findHere, findThere, type ContainerPath } from '../values/copy-sides.ts';
import { formatBytes } from '../values/size.ts';
import { packHere, unpackHere } from '../values/tar-program.ts';

export const cp: Verb = async (invocation) => {
  const [from, to] = invocation.args.positionals.map(parseCopyPlace);
  if (from === undefined || to === undefined) throw wrongWords('cp needs a source and a destination', invocation.command);
  if (from.container !== undefined && to.container !== undefined)
    throw wrongWords('copying between containers is not supported', invocation.command);
  if (from.container !== undefined) await copyOut(invocation, { container: from.container, path: from.path }, to.path);
  else if (to.container !== undefined) await copyIn(invocation, from.path, { container: to.container, path: to.path });
  else throw wrongWords('one of source and destination must be in a container: CONTAINER:PATH', invocation.command);
  return exitCodes.ok;
};

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
      throw new OrlopError('failed-precondition', 'CLI_WRONG_WORDS', `destination "${to.container}:${to.path}" must be a directory`);
    return files.write(to.container, target.path, await openArchive(io, undefined, 'name a file or a directory'), options);
  }
  const source = await describeHere(path, args.flag('follow-link'));
  const landing = planLanding({ path, name: basename(source.shown), isDirectory: source.isDirectory }, target.path, target.found);
  const counted = count(packHere(dirname(source.real), basename(source.real), landing.name));
  await files.write(to.container, landing.directory, counted.pieces, options);
  await report(invocation, counted.bytes(), `${to.container}:${to.path}`);
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
  if (!args.flag('quiet') && io.stderr.isTTY) await write(io.stderr, `Successfully copied ${formatBytes(bytes)} to ${target}\n`);
}
