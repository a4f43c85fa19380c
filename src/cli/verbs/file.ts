import { buffer } from 'node:stream/consumers';
import { basename } from 'node:path';
import { isOrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatFiles } from '../render/files.ts';
import { editBytes } from '../terminal/editor.ts';
import { readFileOwner } from '../values/file-owner.ts';
import { parseFilePlace } from '../values/file-places.ts';
import { forEach } from './each.ts';

/** A file that is not there yet begins empty. */
export const editFile: Verb = async ({ args, io, client }) => {
  const { container, path } = parseFilePlace(args.positionals[0] ?? '');
  const { files } = await client();
  const bytes = await buffer(files.readContent(container, path)).catch((error: unknown) => {
    if (isOrlopError(error, 'not-found') && error.code === 'ENGINE_PATH_NOT_FOUND') return Buffer.alloc(0);
    throw error;
  });
  await editBytes(io, { name: basename(path), bytes }, (edited) => files.writeContent(container, path, once(edited)));
  return exitCodes.ok;
};

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

export const listFiles: Verb = async ({ args, io, client }) => {
  const { files } = await client();
  const places = args.positionals.map((word) => parseFilePlace(word, { root: true }));
  const listings = [];
  for (const place of places) listings.push({ ...place, ...(await files.list(place.container, place.path)) });
  if (args.flag('json')) {
    await printJson(io, listings.length === 1 ? listings[0] : listings);
    return exitCodes.ok;
  }
  for (const [at, { container, path, entry, entries }] of listings.entries()) {
    const title = listings.length > 1 && entries !== null ? `${at > 0 ? '\n' : ''}${container}${path}:\n` : '';
    await write(io.stdout, `${title}${formatFiles(entries ?? [{ ...entry, name: listings.length > 1 ? `${container}${path}` : path }])}`);
  }
  return exitCodes.ok;
};

export const removeFiles: Verb = async (invocation) => {
  const { args } = invocation;
  const { files } = await invocation.client();
  const places = new Map(args.positionals.map((word) => [word, parseFilePlace(word)] as const));
  const [recursive, force] = [args.flag('recursive'), args.flag('force')];
  return forEach(invocation, async (word) => {
    const { container, path } = places.get(word) ?? parseFilePlace(word);
    await files.remove(container, path, { recursive }).catch((error: unknown) => {
      if (!force || !isOrlopError(error, 'not-found') || error.code !== 'ENGINE_PATH_NOT_FOUND') throw error;
    });
    return { text: null, data: {} };
  });
};

export const makeDirectories: Verb = async (invocation) => {
  const { args } = invocation;
  const options = { ...readFileOwner(args), ...(args.flag('create-dirs') ? { parents: true } : {}) };
  const places = new Map(args.positionals.map((word) => [word, parseFilePlace(word)] as const));
  const { files } = await invocation.client();
  return forEach(invocation, async (word) => {
    const { container, path } = places.get(word) ?? parseFilePlace(word);
    await files.makeDirectory(container, path, options);
    return { text: null, data: {} };
  });
};
