import { readFileInRoot } from '#sys';
import { isErrno, OrlopError } from '#errors';
import { type IgnoreMatcher, type KnownDigests, type Root, type SourceTree, unpackTar, openPath } from '#build';
import { type ByteText, toByteText } from '#store';
import type { BuildRequest } from '#wire';
import { openImageMount } from '../volume/image-mounts.ts';
import type { EngineContext } from '../context.ts';
import { fetchContext, type RemoteFiles } from './remote.ts';
import { openTree, type Scratch } from './scratch.ts';
import { type ContextSource, tarOf } from './sent-files.ts';
import type { FileTree } from '#build';

/** A directory with files that a build may take. */
export interface ContextDirectory {
  readonly path: string;
  /** Below the data root. */
  readonly relative: string;
  readonly digests: KnownDigests;
}

/** What was sent or fetched for a build, by name; the main context has none. */
export interface Contexts {
  /** The Dockerfile that came in place of a context. */
  readonly dockerfile: string | null;
  directory(name: string | null): ContextDirectory;
  /** The image that a name stands for; null: it is a directory. */
  imageOf(name: string): string | null;
}

export interface ContextStreams {
  /** The main context; absent: it is empty. */
  readonly main?: ContextSource;
  /** Further contexts by the number that the request gives them. */
  readonly others: ReadonlyMap<number, ContextSource>;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** Receives all contexts of a build, at the client's pace; files are hashed as they come. All files belong to root, as in any context. */
export async function receiveContexts(
  context: EngineContext,
  scratch: Scratch,
  { request, streams, remote }: { readonly request: BuildRequest; readonly streams: ContextStreams; readonly remote: RemoteFiles },
): Promise<Contexts> {
  const { signal } = streams;
  const found = new Map<string | null, ContextDirectory>();
  const images = new Map<string, string>();
  let dockerfile: string | null = null;
  if (request.remote !== undefined && request.remote !== '') {
    const fetched = await fetchContext(context, scratch, remote, request.remote, signal);
    if (fetched.kind === 'dockerfile') dockerfile = fetched.text;
    found.set(null, fetched.kind === 'dockerfile' ? emptyContext(scratch) : await adopt(context, scratch, fetched.path));
  } else found.set(null, streams.main === undefined ? emptyContext(scratch) : await receive(context, scratch, streams.main, streams));
  for (const [name, source] of Object.entries(request.namedContexts ?? {})) {
    if (source.kind === 'image') images.set(name, source.reference);
    else if (source.kind === 'remote') {
      const fetched = await fetchContext(context, scratch, remote, source.url, signal);
      if (fetched.kind === 'dockerfile') throw badContext(name, 'its address leads to a single file');
      found.set(name, await adopt(context, scratch, fetched.path));
    } else {
      const tar = streams.others.get(source.stream);
      if (tar === undefined) throw badContext(name, 'it was not sent');
      found.set(name, await receive(context, scratch, tar, streams));
    }
  }
  return {
    dockerfile,
    directory(name) {
      const directory = found.get(name);
      if (directory === undefined) throw badContext(name ?? '', 'there is none of this name');
      return directory;
    },
    imageOf: (name) => images.get(name) ?? null,
  };
}

function badContext(name: string, why: string): OrlopError {
  return new OrlopError('invalid-argument', 'BUILD_BAD_CONTEXT', `build context ${JSON.stringify(name)} cannot be used: ${why}`);
}

function emptyContext(scratch: Scratch): ContextDirectory {
  return { ...scratch.make('context'), digests: new Map() };
}

async function receive(
  context: EngineContext,
  scratch: Scratch,
  source: ContextSource,
  { signal, onBytes }: ContextStreams,
): Promise<ContextDirectory> {
  const made = scratch.make('context');
  const digests = new Map<ByteText, string>();
  using tree = openTree(context, made.path);
  await unpackTar(tree, tarOf(source), { target: '/', owner: { uid: 0, gid: 0 }, digests, signal, onBytes });
  return { ...made, digests };
}

/** A directory that was fetched: it is in the scratch directory already. */
async function adopt(context: EngineContext, _scratch: Scratch, path: string): Promise<ContextDirectory> {
  return { path, relative: path.slice(context.dataRoot.length).replace(/^\/+/, ''), digests: new Map() };
}

const longestFile = 16 * 1024 * 1024;

/** A small text file of a context; null: it is not there. */
export function readContextFile(context: EngineContext, directory: ContextDirectory, path: string): string | null {
  using tree = openTree(context, directory.path);
  try {
    return readFileInRoot(context.addon, tree.root, path, longestFile).toString('utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null;
    throw error;
  }
}

/** Takes the Dockerfile and the ignore file themselves out of a context that ignores them: clients send them all the same. */
export function hideIgnored(context: EngineContext, directory: ContextDirectory, matcher: IgnoreMatcher, paths: readonly string[]): void {
  using tree = openTree(context, directory.path);
  for (const path of paths) {
    if (!matcher.excludes(path)) continue;
    const slash = path.lastIndexOf('/');
    const parent = openPath(tree, toByteText(path.slice(0, Math.max(slash, 0))));
    if (parent === null) continue;
    try {
      context.addon.unlinkat(parent, path.slice(slash + 1), 0);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EISDIR')) throw error;
    } finally {
      context.addon.close(parent);
    }
  }
}

/** What a step takes files from, open for reading. */
export async function openSource(
  context: EngineContext,
  contexts: Contexts,
  source: SourceTree,
  imageRoot: (reference: string) => Promise<Root>,
): Promise<{ readonly tree: FileTree; readonly digests: KnownDigests } & Disposable> {
  const named = source.kind === 'context' && source.name !== null ? contexts.imageOf(source.name) : null;
  if (source.kind === 'context' && named === null) {
    const directory = contexts.directory(source.name);
    const tree = openTree(context, directory.path);
    return { tree, digests: directory.digests, [Symbol.dispose]: () => tree[Symbol.dispose]() };
  }
  const root = source.kind === 'root' ? source.root : await imageRoot(named ?? '');
  const image = { id: '', manifest: '', chain: root.chain } as const;
  const descriptor = await openImageMount(
    context,
    { image, source: 'a stage', readOnly: true },
    { base: context.dataRootDescriptor, first: 0 },
  );
  return { tree: { addon: context.addon, root: descriptor }, digests: new Map(), [Symbol.dispose]: () => context.addon.close(descriptor) };
}
