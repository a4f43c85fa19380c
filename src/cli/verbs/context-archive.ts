import { lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { checkEndpoint } from '../contexts/endpoint.ts';
import { parseMeta, placeOf, readContext, tlsNames, writeContext, type Context } from '../contexts/store.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { openArchive, writeArchive } from '../values/archive-file.ts';
import { packNames, unpackHere } from '../values/tar-program.ts';
import { checkNewName, say } from './context.ts';

export const exportContext: Verb = async ({ args, io }) => {
  const [name = '', path = `${name}.dockercontext`] = args.positionals;
  const context = readContext(io.env, name);
  // A key may be in it: no file that is there, with the rights that it has, is written over.
  if (path !== '-') await reserve(path);
  try {
    await writeArchive(io, path, packNames(placeOf(io.env, context.name), ['meta.json', 'tls']), 'name a file');
  } catch (error) {
    if (path !== '-') rmSync(path, { force: true });
    throw error;
  }
  if (path === '-') return exitCodes.ok;
  if (args.flag('json')) await printJson(io, { Name: name, File: path });
  else await write(io.stderr, `Written file ${JSON.stringify(path)}\n`);
  return exitCodes.ok;
};

async function reserve(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (cause) {
    if (!isErrno(cause, 'EEXIST')) throw cause;
    throw new OrlopError('already-exists', 'CLI_CONTEXT', `${path} is there already`, { hint: 'name another file', cause });
  }
}

export const importContext: Verb = async (invocation) => {
  const { args, io } = invocation;
  const [name = '', path] = args.positionals;
  checkNewName(invocation, name);
  const directory = mkdtempSync(join(tmpdir(), 'orlop-context-'));
  try {
    const archive = await openArchive(io, path, 'name a file');
    await unpackHere(atMost(archive, 1024 * 1024), directory, { from: '.', as: null, owners: false });
    writeContext(io.env, { ...readUnpacked(directory), name });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return say(invocation, name, `Successfully imported context ${JSON.stringify(name)}`);
};

function readUnpacked(directory: string): Context {
  const meta = parseMeta(readPlain(directory, 'meta.json') ?? '');
  const files = tlsNames.map((file) => [file, readPlain(directory, 'tls/docker', file)] as const).filter(([, text]) => text !== null);
  return { ...meta, ...checkEndpoint(meta.host, Object.fromEntries(files)) };
}

/** Links would lead out of the archive. */
function readPlain(directory: string, ...parts: readonly string[]): string | null {
  const path = join(directory, ...parts);
  const isLink = (name: string): boolean => lstatSync(join(directory, name), { throwIfNoEntry: false })?.isSymbolicLink() === true;
  if (['tls', 'tls/docker'].some(isLink)) return null;
  const facts = lstatSync(path, { throwIfNoEntry: false });
  return facts?.isFile() === true ? readFileSync(path, 'utf8') : null;
}

async function* atMost(pieces: AsyncIterable<Uint8Array>, limitBytes: number): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const piece of pieces) {
    total += piece.length;
    if (total > limitBytes) throw new OrlopError('invalid-argument', 'CLI_CONTEXT', 'this is no context: it is larger than 1 MiB');
    yield piece;
  }
}
