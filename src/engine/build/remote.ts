import { createHash } from 'node:crypto';
import { constants, createWriteStream, openSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isTar, readChunks, unpackTar } from '#build';
import { isErrno, OrlopError } from '#errors';
import { O_DIRECTORY, O_PATH, openInRoot } from '#sys';
import type { EngineContext } from '../context.ts';
import { checkOut, type GitPlace, parseGitPlace } from './git.ts';
import { openTree, type Scratch } from './scratch.ts';

/** A file that was downloaded. */
export interface FetchedFile {
  readonly path: string;
  /** The last part of its address; empty when that has none. */
  readonly name: string;
  readonly sha256: string;
  /** When it was last changed, as the server says; 0 when it says nothing. ns since the epoch. */
  readonly timeNs: bigint;
}

/** Files and repositories that a build gets from elsewhere, each once. */
export interface RemoteFiles {
  file(url: string): Promise<FetchedFile>;
  /** A directory with the repository's files, and the commit. */
  repository(place: GitPlace, options: { readonly keepGitDir: boolean }): Promise<{ readonly path: string; readonly commit: string }>;
}

export function createRemoteFiles(context: EngineContext, scratch: Scratch, signal: AbortSignal): RemoteFiles {
  const files = new Map<string, Promise<FetchedFile>>();
  const repositories = new Map<string, Promise<{ path: string; commit: string }>>();
  const once = <Value>(known: Map<string, Promise<Value>>, key: string, get: () => Promise<Value>): Promise<Value> => {
    const found = known.get(key) ?? get();
    known.set(key, found);
    return found;
  };
  return {
    file: (url) => once(files, url, () => fetchFile(context, scratch, url, signal)),
    repository: (place, { keepGitDir }) =>
      once(repositories, JSON.stringify([keepGitDir, place]), () => fetchRepository(context, scratch, place, { keepGitDir, signal })),
  };
}

async function fetchFile(context: EngineContext, scratch: Scratch, text: string, signal: AbortSignal): Promise<FetchedFile> {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new OrlopError('invalid-argument', 'BUILD_BAD_URL', `${JSON.stringify(text)} is not an address that files can be got from`);
  const path = join(scratch.make('download').path, 'content');
  const hash = createHash('sha256');
  let timeNs = 0n;
  const onModified = (timeMs: number): void => void (timeNs = BigInt(Math.max(timeMs, 0)) * 1_000_000n);
  const source = context.downloads.stream(url, { object: url.pathname, signal, onModified });
  const hashing = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(hashing, createWriteStream(path, { mode: 0o600 }), { signal });
  return { path, name: decodeURIComponent(basename(url.pathname)), sha256: hash.digest('hex'), timeNs };
}

async function fetchRepository(
  context: EngineContext,
  scratch: Scratch,
  place: GitPlace,
  options: { readonly keepGitDir: boolean; readonly signal: AbortSignal },
): Promise<{ path: string; commit: string }> {
  const { path } = scratch.make('repository');
  const commit = await checkOut(place, path, options);
  return { path: place.directory === '' ? path : directoryInside(context, path, place.directory), commit };
}

/** Where a directory of a repository really is: a link in it leads to no other place of this machine. */
function directoryInside({ addon }: EngineContext, path: string, directory: string): string {
  const top = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const inside = openInRoot(addon, top, directory, O_PATH | O_DIRECTORY);
    try {
      return readlinkSync(`/proc/self/fd/${inside}`);
    } finally {
      addon.close(inside);
    }
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw cause;
    throw new OrlopError('not-found', 'BUILD_BAD_URL', `the repository has no directory ${JSON.stringify(directory)}`, { cause });
  } finally {
    addon.close(top);
  }
}

/** What an address stands for as a context: a directory with files, or a Dockerfile's text. */
export type RemoteContext = { readonly kind: 'directory'; readonly path: string } | { readonly kind: 'dockerfile'; readonly text: string };

const longestDockerfile = 16 * 1024 * 1024;

/** A Git repository, an archive, or a Dockerfile, told apart by address and content. */
export async function fetchContext(
  context: EngineContext,
  scratch: Scratch,
  remote: RemoteFiles,
  url: string,
  signal: AbortSignal,
): Promise<RemoteContext> {
  const place = parseGitPlace(url);
  if (place !== null) return { kind: 'directory', path: (await remote.repository(place, { keepGitDir: place.keepGitDir ?? false })).path };
  const { path } = await remote.file(url);
  const handle = openSync(path, constants.O_RDONLY);
  try {
    if (!(await isTar(context.addon, handle))) {
      const text = await readFile(path, 'utf8');
      if (text.length > longestDockerfile)
        throw new OrlopError('invalid-argument', 'BUILD_BAD_CONTEXT', `what is at ${url} is neither an archive nor a Dockerfile`);
      return { kind: 'dockerfile', text };
    }
    const { path: directory } = scratch.make('context');
    using tree = openTree(context, directory);
    await unpackTar(tree, readChunks(handle), { target: '/', owner: { uid: 0, gid: 0 }, signal });
    return { kind: 'directory', path: directory };
  } finally {
    context.addon.close(handle);
  }
}
