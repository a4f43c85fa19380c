import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  copySelected,
  type CopySource,
  type CopyLayer,
  type CopyStep,
  digestSelected,
  type FileTree,
  type GitSource,
  type IgnoreMatcher,
  isDirectory,
  isTar,
  type Listing,
  type NewLayer,
  noParents,
  openPath,
  type Owner,
  parseIgnoreFile,
  parseMode,
  planCopyLayer,
  readChunks,
  type ReadTree,
  readTree,
  type Selected,
  selectBelow,
  selectSources,
  showPath,
  unpackTar,
  type Work,
} from '#build';
import { OrlopError } from '#errors';
import { addMadeLayer } from '#image';
import { type ByteText, toByteText } from '#store';
import { S_IFMT, S_IFREG } from '#sys';
import { nowNs } from '../context.ts';
import type { BuildRun } from './executor.ts';
import { openRoot, openSource } from './contexts.ts';
import { openTree } from './scratch.ts';
import { wrongChecksum } from './git.ts';
import { onSnapshot, ownerOf, root } from './on-snapshot.ts';

/** Some of a step's files: where they are, and what is to be done with them. */
interface Part extends AsyncDisposable {
  readonly files: ReadTree;
  /** The same, where it was sent and is not unpacked. */
  readonly listing: Listing | null;
  /** The same on disk. */
  readonly tree: () => Promise<FileTree>;
  readonly selected: readonly Selected[];
  /** Their time, ns since the epoch; absent: their own. */
  readonly timeNs?: bigint;
  /** Their owner as long as the step names none; absent: their own. */
  readonly owner?: Owner;
  /** Archives among them are unpacked. */
  readonly unpacks: boolean;
  /** What they are, where that is shorter than looking at them. */
  readonly digest?: string;
}

/** Everything that a COPY or ADD would take, as one digest, after `file:`, `dir:` or, of several, `multi:`; what was fetched for it is not fetched again by the step. */
export async function digestTransfer(build: BuildRun, step: CopyStep, work: Work): Promise<string> {
  await using parts = await openParts(build, step, work);
  const exclude = matcherOf(step);
  const digests: unknown[] = [];
  const options = { signal: work.context.signal, ...(exclude === undefined ? {} : { exclude }) };
  for (const { digest, files, selected, unpacks } of parts.list) {
    digests.push([digest ?? (await digestSelected(files, selected, options)), unpacks]);
  }
  return `${kindOf(parts.list)}:${createHash('sha256').update(JSON.stringify(digests)).digest('hex')}`;
}

function kindOf(list: readonly Part[]): 'file' | 'dir' | 'multi' {
  const all = list.flatMap(({ files, selected }) => selected.map(({ path }) => ({ files, path })));
  const [first] = all;
  if (first === undefined || all.length > 1) return 'multi';
  using found = first.files.find(first.path);
  return found !== null && isDirectory(found.facts) ? 'dir' : 'file';
}

/** Carries out a COPY or ADD; null: it changed nothing. */
export async function transfer(build: BuildRun, step: CopyStep, work: Work): Promise<NewLayer | null> {
  await using parts = await openParts(build, step, work);
  const planned = await planLayer(build, step, work, parts.list);
  if (planned?.isEmpty === true) return null;
  if (planned !== null) {
    const { chain: parent } = work.root;
    return await addMadeLayer(build.context.store, build.lease, planned.pack, {
      parent,
      packed: work.isResult,
      signal: work.context.signal,
    });
  }
  return await onSnapshot(build, work, (to) => copyParts(build, step, { work, to, list: parts.list }));
}

/** The layer of files that were sent, for it need not be written to a snapshot and read from there again; null: it must. */
async function planLayer(build: BuildRun, step: CopyStep, { root: on, context }: Work, list: readonly Part[]): Promise<CopyLayer | null> {
  const [part, ...more] = list;
  if (part === undefined || part.listing === null || more.length > 0 || step.parents) return null;
  const { listing } = part;
  if (part.unpacks && part.selected.some(({ path }) => isPlainFile(listing, path))) return null;
  await using opened = new AsyncDisposableStack();
  const below = on.chain === null ? null : opened.adopt(await openRoot(build.context, on), (one) => build.context.addon.close(one));
  const to = below === null ? null : { addon: build.context.addon, root: below };
  // Without a root there are no names of users: that the other way says.
  if (to === null && step.chown !== undefined) return null;
  const owner = to === null || step.chown === undefined ? root : ownerOf(build, to, step.chown);
  const exclude = matcherOf(step);
  return await planCopyLayer(listing, part.selected, to === null ? null : readTree(to), {
    target: step.target,
    owner,
    nowNs: nowNs(),
    ...(part.timeNs === undefined ? {} : { timeNs: part.timeNs }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(step.chmod === undefined ? {} : { mode: parseMode(step.chmod) }),
    signal: context.signal,
  });
}

function isPlainFile(listing: Listing, path: ByteText): boolean {
  const mode = listing.find(path)?.facts.mode ?? 0;
  return (mode & S_IFMT) === S_IFREG;
}

interface Copying {
  readonly work: Work;
  readonly to: FileTree;
  readonly list: readonly Part[];
}

async function copyParts(build: BuildRun, step: CopyStep, { work, to, list }: Copying): Promise<void> {
  const owner = step.chown === undefined ? undefined : ownerOf(build, to, step.chown);
  const exclude = matcherOf(step);
  for (const part of list) {
    const given = owner ?? part.owner;
    const timeNs = part.timeNs;
    const from = await part.tree();
    const common = {
      ...(given === undefined ? {} : { owner: given }),
      ...(timeNs === undefined ? {} : { timeNs }),
      signal: work.context.signal,
    };
    const plain: Selected[] = [];
    for (const one of part.selected) {
      if (part.unpacks && (await unpackOne(from, one, to, { ...common, owner, target: step.target }))) continue;
      plain.push(one);
    }
    await copySelected(from, plain, to, {
      ...common,
      target: plain.length < part.selected.length || list.length > 1 ? `${step.target.replace(/\/+$/, '')}/` : step.target,
      parents: step.parents,
      replace: build.request.sequential === true,
      ...(exclude === undefined ? {} : { exclude }),
      ...(step.chmod === undefined ? {} : { mode: parseMode(step.chmod) }),
    });
  }
}

function matcherOf({ exclude }: CopyStep): IgnoreMatcher | undefined {
  return exclude.length === 0 ? undefined : parseIgnoreFile(exclude.join('\n'));
}

interface Parts extends AsyncDisposable {
  readonly list: readonly Part[];
}

async function openParts(build: BuildRun, step: CopyStep, work: Work): Promise<Parts> {
  await using opened = new AsyncDisposableStack();
  const list: Part[] = [];
  const paths = step.sources.filter((source) => source.kind === 'path');
  if (paths.length > 0) list.push(opened.use(await openPaths(build, step, work, paths)));
  for (const source of step.sources) if (source.kind !== 'path') list.push(opened.use(await openOther(build, step, source)));
  const parts = opened.move();
  return { list, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function openPaths(
  build: BuildRun,
  step: CopyStep,
  work: Work,
  sources: readonly Extract<CopySource, { kind: 'path' }>[],
): Promise<Part> {
  const source = work.sources(step.from);
  const opened = await openSource(build.context, build.contexts, source, build.imageRoot);
  try {
    const selected = sources.flatMap(({ pattern, pivot }) =>
      pivot === undefined ? selectSources(opened.files, pattern) : selectBelow(opened.files, pivot, pattern),
    );
    if (build.request.sequential === true) checkClassic(step, selected.length);
    const wanted = withoutExcluded(opened.files, selected, step);
    return {
      ...opened,
      selected: wanted,
      unpacks: step.isAdd && step.unpack !== false,
      // Files of a context are nobody's; those of an image keep their owners.
      ...(source.kind === 'context' ? { owner: root } : {}),
      ...(source.kind === 'context' && build.latestNs !== undefined ? { timeNs: build.latestNs } : {}),
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** What Docker's first builder refuses and BuildKit does not, in its words. */
function checkClassic(step: CopyStep, found: number): void {
  const { isAdd, target, sources } = step;
  const name = isAdd ? 'ADD' : 'COPY';
  const count = found + sources.filter(({ kind }) => kind !== 'path').length;
  for (const source of sources) {
    if (step.from.kind !== 'context' || source.kind !== 'path' || source.outside === undefined) continue;
    const message = `${name} failed: forbidden path outside the build context: ${source.outside} ()`;
    throw new OrlopError('invalid-argument', 'BUILD_OUTSIDE_CONTEXT', message);
  }
  if (count === 0) throw new OrlopError('not-found', 'BUILD_NO_SOURCES', `${name} failed: no source files were specified`);
  if (count > 1 && !target.endsWith('/')) {
    const message = `When using ${name} with more than one source file, the destination must be a directory and end with a /`;
    throw new OrlopError('invalid-argument', 'BUILD_MANY_SOURCES', message);
  }
}

/** A file that was selected goes by its name, or with `--parents` by its path below the pivot. A directory is looked into later. */
function withoutExcluded(files: ReadTree, selected: readonly Selected[], step: CopyStep): readonly Selected[] {
  const exclude = matcherOf(step);
  if (exclude === undefined) return selected;
  return selected.filter(({ path, name, relative }) => {
    const kept = showPath(relative === '' ? name : relative);
    if (name === '' || !exclude.excludes(kept)) return true;
    using found = files.find(path);
    if (found === null || !isDirectory(found.facts)) return false;
    return !step.parents || exclude.mayContain(kept);
  });
}

async function openOther(build: BuildRun, step: CopyStep, source: Exclude<CopySource, { kind: 'path' }>): Promise<Part> {
  switch (source.kind) {
    case 'inline':
      return openInline(build, source.name, source.content);
    case 'url':
      return openDownload(build, step, source);
    case 'git':
      return openRepository(build, step, source);
  }
}

function one(path: string, name: string): Selected {
  return { path: toByteText(path), name: toByteText(name), ...noParents };
}

function onDisk(tree: FileTree & Disposable): Pick<Part, 'files' | 'listing' | 'tree' | typeof Symbol.asyncDispose> {
  return { files: readTree(tree), listing: null, tree: async () => tree, [Symbol.asyncDispose]: async () => tree[Symbol.dispose]() };
}

/** The content of a heredoc as a file. */
function openInline({ context, scratch, latestNs }: BuildRun, name: string, content: string): Part {
  const { path } = scratch.make('inline');
  const tree = openTree(context, path);
  writeFileSync(join(path, 'content'), content, { mode: 0o644 });
  return {
    ...onDisk(tree),
    selected: [one('content', name)],
    owner: root,
    // Its digest says when it changed; a time of its own it has not.
    timeNs: latestNs ?? 0n,
    unpacks: false,
  };
}

async function openDownload(
  { context, remote, request, latestNs }: BuildRun,
  step: CopyStep,
  { url, fileName }: Extract<CopySource, { kind: 'url' }>,
): Promise<Part> {
  const file = await remote.file(url);
  const wanted = step.checksum;
  if (wanted !== undefined && wanted !== `sha256:${file.sha256}`) throw wrongChecksum(url, wanted, `sha256:${file.sha256}`);
  if (file.name === '' && step.target.endsWith('/') && request.sequential === true) {
    const message = `ADD failed: cannot determine filename for source ${url}`;
    throw new OrlopError('invalid-argument', 'BUILD_BAD_URL', message, { hint: 'name the file in the target' });
  }
  const tree = openTree(context, join(file.path, '..'));
  return {
    ...onDisk(tree),
    digest: JSON.stringify([file.name, file.sha256]),
    selected: [one('content', fileName)],
    owner: root,
    timeNs: latestNs !== undefined && latestNs < file.timeNs ? latestNs : file.timeNs,
    unpacks: step.unpack === true,
  };
}

async function openRepository({ context, remote, latestNs }: BuildRun, step: CopyStep, source: GitSource): Promise<Part> {
  const { remote: url, ref = '', subdir: directory = '', submodules } = source;
  const { path, commit } = await remote.repository({ url, ref, directory, submodules }, { keepGitDir: step.keepGitDir });
  if (step.checksum !== undefined && !commit.startsWith(step.checksum)) throw wrongChecksum(source.url, step.checksum, commit);
  const tree = openTree(context, path);
  return {
    ...onDisk(tree),
    digest: JSON.stringify([commit, directory, step.keepGitDir, submodules]),
    selected: [one('', '')],
    owner: root,
    timeNs: latestNs ?? 0n,
    unpacks: false,
  };
}

interface UnpackOne {
  readonly target: string;
  /** That the step names. */
  readonly owner: Owner | undefined;
  readonly timeNs?: bigint;
  readonly signal: AbortSignal;
}

/** Unpacks an archive into the target, which is a directory then. false: it is no archive. */
async function unpackOne(from: FileTree, { path }: Selected, to: FileTree, { owner, target, signal }: UnpackOne): Promise<boolean> {
  const { addon } = from;
  const handle = openPath(from, path);
  if (handle === null) return false;
  try {
    const facts = addon.fstatat(handle, '', 0x1000);
    if ((facts.mode & 0o170_000) !== 0o100_000 || facts.size === 0 || !(await isTar(addon, handle))) return false;
    const file = addon.openat2(-100, `/proc/self/fd/${handle}`, 0, 0, 0);
    try {
      await unpackTar(to, readChunks(file), { target, signal, ...(owner === undefined ? {} : { owner }) });
    } finally {
      addon.close(file);
    }
    return true;
  } finally {
    addon.close(handle);
  }
}

/** A directory for what is only there while a step runs. */
export function makeDirectoryFor({ scratch }: BuildRun, purpose: string): { readonly path: string; readonly relative: string } {
  const made = scratch.make(purpose);
  for (const name of ['upper', 'work']) mkdirSync(join(made.path, name), { mode: 0o755 });
  return made;
}
