import { constants, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import {
  type FileTree,
  type IgnoreMatcher,
  type Listing,
  listTar,
  openPath,
  readSmall,
  type ReadTree,
  readTree,
  type Root,
  type SourceTree,
  unpackTar,
} from '#build';
import { toByteText } from '#store';
import type { BuildRequest } from '#wire';
import { openImageMount } from '../volume/image-mounts.ts';
import type { EngineContext } from '../context.ts';
import type { KeptContexts } from './kept-contexts.ts';
import { fetchContext, type RemoteFiles } from './remote.ts';
import { openTree, type Scratch } from './scratch.ts';
import { type ContextSource, tarOf } from './sent-files.ts';

/** A directory with files that a build may take. */
export interface ContextDirectory {
  readonly path: string;
  /** Below the data root. */
  readonly relative: string;
}

/** Files that a build may take, wherever they are. */
export interface ContextFiles {
  /** What was sent; null: it was fetched and is on disk. */
  readonly listing: Listing | null;
  /** All of it on disk: made when it is first asked for. */
  directory(): Promise<ContextDirectory>;
}

/** What was sent or fetched for a build, by name; the main context has none. */
export interface Contexts {
  /** The Dockerfile that came in place of a context. */
  readonly dockerfile: string | null;
  files(name: string | null): ContextFiles;
  /** The image that a name stands for; null: it is a directory. */
  imageOf(name: string): string | null;
}

export interface ContextStreams {
  /** The main context; absent: it is empty. */
  readonly main?: ContextSource;
  /** Further contexts by the number that the request gives them. */
  readonly others: ReadonlyMap<number, ContextSource>;
  readonly kept: KeptContexts;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** Receives all contexts of a build, at the client's pace, and unpacks none of them; files are hashed as they come. All files belong to root, as in any context. */
export async function receiveContexts(
  context: EngineContext,
  scratch: Scratch,
  { request, streams, remote }: { readonly request: BuildRequest; readonly streams: ContextStreams; readonly remote: RemoteFiles },
): Promise<Contexts> {
  const { signal } = streams;
  const found = new Map<string | null, ContextFiles>();
  const images = new Map<string, string>();
  let dockerfile: string | null = null;
  if (request.remote !== undefined && request.remote !== '') {
    const fetched = await fetchContext(context, scratch, remote, request.remote, signal);
    if (fetched.kind === 'dockerfile') dockerfile = fetched.text;
    found.set(null, fetched.kind === 'directory' ? adopt(context, fetched.path) : contextOf(scratch, request, fetched.text));
  } else found.set(null, streams.main === undefined ? emptyContext(scratch) : await receive(context, scratch, streams.main, streams));
  for (const [name, source] of Object.entries(request.namedContexts ?? {})) {
    if (source.kind === 'image') images.set(name, source.reference);
    else if (source.kind === 'remote') {
      const fetched = await fetchContext(context, scratch, remote, source.url, signal);
      if (fetched.kind === 'dockerfile') throw badContext(name, 'its address leads to a single file');
      found.set(name, adopt(context, fetched.path));
    } else {
      const tar = streams.others.get(source.stream);
      if (tar === undefined) throw badContext(name, 'it was not sent');
      found.set(name, await receive(context, scratch, tar, streams));
    }
  }
  return {
    dockerfile,
    files(name) {
      const files = found.get(name);
      if (files === undefined) throw badContext(name ?? '', 'there is none of this name');
      return files;
    },
    imageOf: (name) => images.get(name) ?? null,
  };
}

function badContext(name: string, why: string): OrlopError {
  return new OrlopError('invalid-argument', 'BUILD_BAD_CONTEXT', `build context ${JSON.stringify(name)} cannot be used: ${why}`);
}

function emptyContext(scratch: Scratch): ContextFiles {
  const made = scratch.make('context');
  return { listing: null, directory: async () => made };
}

async function receive(
  context: EngineContext,
  scratch: Scratch,
  source: ContextSource,
  { signal, onBytes, kept }: ContextStreams,
): Promise<ContextFiles> {
  const listing =
    'list' in source
      ? await kept.receive(source, { adopt: scratch.adopt, signal, onBytes })
      : await listTar(tarOf(source), scratch.openFile('context'), { signal, onBytes });
  let unpacked: Promise<ContextDirectory> | null = null;
  return { listing, directory: () => (unpacked ??= unpack(context, scratch, listing, signal)) };
}

async function unpack(context: EngineContext, scratch: Scratch, listing: Listing, signal: AbortSignal): Promise<ContextDirectory> {
  const made = scratch.make('context');
  using tree = openTree(context, made.path);
  await unpackTar(tree, listing.pack(), { target: '/', owner: { uid: 0, gid: 0 }, signal });
  return made;
}

/** A directory that was fetched: it is in the scratch directory already. */
function adopt(context: EngineContext, path: string): ContextFiles {
  const made = { path, relative: path.slice(context.dataRoot.length).replace(/^\/+/, '') };
  return { listing: null, directory: async () => made };
}

/** Nothing; with Docker's first builder the Dockerfile that was fetched. */
function contextOf(scratch: Scratch, { sequential = false }: BuildRequest, dockerfile: string): ContextFiles {
  const made = scratch.make('context');
  if (sequential) writeFileSync(join(made.path, 'Dockerfile'), dockerfile);
  return { listing: null, directory: async () => made };
}

const longestFile = 16 * 1024 * 1024;

/** A small text file of a context; null: it is not there. */
export async function readContextFile(context: EngineContext, files: ContextFiles, path: string): Promise<string | null> {
  if (files.listing !== null) return textOf(files.listing, path);
  using tree = openTree(context, (await files.directory()).path);
  return await textOf(readTree(tree), path);
}

async function textOf(tree: ReadTree, path: string): Promise<string | null> {
  return (await readSmall(tree, toByteText(path), longestFile))?.toString('utf8') ?? null;
}

/** Takes the Dockerfile and the ignore file themselves out of a context that ignores them: clients send them all the same. */
export async function hideIgnored(
  context: EngineContext,
  files: ContextFiles,
  matcher: IgnoreMatcher,
  paths: readonly string[],
): Promise<void> {
  const hidden = paths.filter((path) => matcher.excludes(path));
  if (hidden.length === 0) return;
  if (files.listing !== null) {
    for (const path of hidden) files.listing.remove(toByteText(path));
    return;
  }
  using tree = openTree(context, (await files.directory()).path);
  for (const path of hidden) unlink(tree, path);
}

function unlink(tree: FileTree, path: string): void {
  const slash = path.lastIndexOf('/');
  const parent = openPath(tree, toByteText(path.slice(0, Math.max(slash, 0))));
  if (parent === null) return;
  try {
    tree.addon.unlinkat(parent, path.slice(slash + 1), 0);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EISDIR')) throw error;
  } finally {
    tree.addon.close(parent);
  }
}

/** What a step takes files from, open until it is disposed. */
export interface OpenSource extends AsyncDisposable {
  readonly files: ReadTree;
  /** The same where it was sent and is not unpacked; else null. */
  readonly listing: Listing | null;
  /** The same on disk: for what copies from there. */
  tree(): Promise<FileTree>;
}

/** Opens what a step takes files from. */
export async function openSource(
  context: EngineContext,
  contexts: Contexts,
  source: SourceTree,
  imageRoot: (reference: string) => Promise<Root>,
): Promise<OpenSource> {
  const named = source.kind === 'context' && source.name !== null ? contexts.imageOf(source.name) : null;
  if (source.kind === 'context' && named === null) return openContext(context, contexts.files(source.name));
  const root = source.kind === 'root' ? source.root : await imageRoot(named ?? '');
  return openOnDisk(context, await openRoot(context, root));
}

async function openContext(context: EngineContext, { listing, directory }: ContextFiles): Promise<OpenSource> {
  if (listing === null) return openOnDisk(context, await openDirectory(directory));
  let opened: Promise<number> | null = null;
  return {
    files: listing,
    listing,
    tree: async () => ({ addon: context.addon, root: await (opened ??= openDirectory(directory)) }),
    async [Symbol.asyncDispose]() {
      if (opened !== null) context.addon.close(await opened);
    },
  };
}

async function openDirectory(directory: ContextFiles['directory']): Promise<number> {
  return openSync((await directory()).path, constants.O_RDONLY | constants.O_DIRECTORY);
}

function openOnDisk({ addon }: EngineContext, root: number): OpenSource {
  const tree = { addon, root };
  return { files: readTree(tree), listing: null, tree: async () => tree, [Symbol.asyncDispose]: async () => addon.close(root) };
}

/** A root as it is mounted to be read. The caller closes it. */
export async function openRoot(context: EngineContext, { chain }: Root): Promise<number> {
  const image = { id: '', manifest: '', chain } as const;
  return openImageMount(context, { image, source: 'a stage', readOnly: true }, { base: context.dataRootDescriptor, first: 0 });
}
