import { fchmodSync } from 'node:fs';
import { type ByteText, type CopyContent, createContentCopier, fromByteText } from '#store';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  createGiveWay,
  type FileFacts,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  RESOLVE_BENEATH,
  withErrno,
} from '#sys';
import type { IgnoreMatcher } from '../model.ts';
import { isLeftOut } from './digest.ts';
import { type ModeChange, modeOfNew } from './mode.ts';
import type { Selected } from './select.ts';
import {
  clearOtherKind,
  clearPlace,
  type NamedPlace,
  type NewDirectories,
  notADirectory,
  openFilePlace,
  openOrMakeDirectory,
  type Owner,
  statPlace,
} from './target.ts';
import { factsOf, isDirectory, isFile, isLink, joinPath, namesIn, openForReading, openPath, plainly, type FileTree } from './tree.ts';

export interface CopyOptions {
  /** Absolute; a trailing slash says that it is a directory. */
  readonly target: string;
  /** Whose all of it becomes; absent: whose it is. */
  readonly owner?: Owner;
  readonly mode?: ModeChange;
  /** The time of all of it, ns since the epoch; absent: its own. */
  readonly timeNs?: bigint;
  /** Directories above a source are kept. */
  readonly parents?: boolean;
  readonly exclude?: IgnoreMatcher;
  /** A directory takes the place of a file or link, and a file that of a directory, as with Docker's first builder; else both are refused, as with BuildKit. */
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

interface Copying extends CopyOptions {
  readonly from: FileTree;
  readonly to: FileTree;
  /** The first copy of each file with several names, O_PATH. */
  readonly copied: Map<string, number>;
  readonly giveWay: () => Promise<void>;
  readonly copyContent: CopyContent;
}

/**
 * Copies what was selected in one tree into another, by the rules of COPY: of a directory its content; a file into `target` when that is a directory, ends with a slash or there are several, else as
 * `target`. Directories join those that are there, anything else replaces what is there. Attributes and hard links are kept. Paths of both trees stay inside them.
 */
export async function copySelected(from: FileTree, selected: readonly Selected[], to: FileTree, options: CopyOptions): Promise<void> {
  await using copied = new AsyncDisposableStack();
  const pause = createGiveWay();
  const giveWay = async (): Promise<void> => {
    await pause();
    options.signal?.throwIfAborted();
  };
  const copying: Copying = { ...options, from, to, copied: new Map(), giveWay, copyContent: createContentCopier(to.addon, giveWay) };
  copied.defer(() => {
    for (const descriptor of copying.copied.values()) to.addon.close(descriptor);
  });
  const several = selected.length > 1 || options.target.endsWith('/') || options.parents === true;
  // BuildKit makes the target of --parents even when a pattern matches nothing.
  if (options.parents === true) to.addon.close(openOrMakeDirectory(to, options.target, newDirectories(copying)).descriptor);
  for (const one of selected) await copyOne(copying, one, several);
}

function newDirectories({ owner, timeNs, mode }: Copying): NewDirectories {
  return {
    owner: owner ?? { uid: 0, gid: 0 },
    ...(timeNs === undefined ? {} : { timeNs }),
    ...(mode === undefined ? {} : { mode: modeOfNew(mode) }),
  };
}

async function copyOne(copying: Copying, one: Selected, several: boolean): Promise<void> {
  const { from, to } = copying;
  const { path, name, relative } = one;
  const handle = openPath(from, path);
  if (handle === null) return;
  try {
    const withParents = copying.parents === true && name !== '';
    const target = withParents ? keepParents(copying, one) : copying.target;
    if (isDirectory(factsOf(from.addon, handle)) && !withParents) return await copyContent(copying, handle, target);
    const place = several || isTargetDirectory(to, target) ? `${target.replace(/\/+$/, '')}/${show(name)}` : target;
    const opened = openFilePlace(to, place, newDirectories(copying));
    try {
      await copyNode(copying, handle, opened, relative);
    } finally {
      to.addon.close(opened.parent);
    }
  } finally {
    from.addon.close(handle);
  }
}

/** Names that are no UTF-8 can only be reached by patterns; what they are called in a path text is not theirs. */
function show(name: ByteText): string {
  return Buffer.from(fromByteText(name)).toString('utf8');
}

function isTargetDirectory(to: FileTree, target: string): boolean {
  const handle = openPath(to, target as ByteText);
  if (handle === null) return false;
  const found = isDirectory(factsOf(to.addon, handle));
  to.addon.close(handle);
  return found;
}

/** Makes the directories above a source below the target, as they are in the source. */
function keepParents(copying: Copying, { path, parents, relative }: Selected): string {
  const { from, to, target } = copying;
  let at = target.replace(/\/+$/, '');
  let source = path.slice(0, path.length - relative.length);
  for (const name of parents === '' ? [] : parents.split('/')) {
    source = source === '' || source.endsWith('/') ? `${source}${name}` : `${source}/${name}`;
    at = `${at}/${show(name as ByteText)}`;
    const { descriptor, made } = openOrMakeDirectory(to, at, newDirectories(copying));
    try {
      const handle = made ? openPath(from, source as ByteText) : null;
      if (handle === null) continue;
      settle(copying, handle, descriptor, factsOf(from.addon, handle));
      from.addon.close(handle);
    } finally {
      to.addon.close(descriptor);
    }
  }
  return `${at}/`;
}

/** What is in a directory, into another, whose own attributes stay as they are; one that is made for it is like any directory on the way (BuildKit's). */
async function copyContent(copying: Copying, handle: number, target: string): Promise<void> {
  const { to } = copying;
  const { descriptor } = openOrMakeDirectory(to, target, newDirectories(copying));
  try {
    await copyEntries(copying, handle, { descriptor, path: target.replace(/\/+$/, '') as ByteText, relative: '' as ByteText });
  } finally {
    to.addon.close(descriptor);
  }
}

interface TargetDirectory {
  readonly descriptor: number;
  readonly path: ByteText;
  /** What `exclude` is asked about: in what was selected, or below the pivot. */
  readonly relative: ByteText;
}

async function copyEntries(copying: Copying, handle: number, target: TargetDirectory): Promise<void> {
  const { addon } = copying.from;
  const directory = openForReading(addon, handle);
  try {
    for (const name of namesIn(directory)) {
      const relative = joinPath(target.relative, name);
      const inner = addon.openat2(directory, fromByteText(name), O_PATH | O_NOFOLLOW, 0, plainly);
      try {
        if (copying.exclude !== undefined && isLeftOut(copying.exclude, factsOf(addon, inner), relative)) continue;
        await copyNode(copying, inner, { parent: target.descriptor, name, path: joinPath(target.path, name) }, relative);
      } finally {
        addon.close(inner);
      }
    }
  } finally {
    addon.close(directory);
  }
}

async function copyNode(copying: Copying, handle: number, place: NamedPlace, relative: ByteText): Promise<void> {
  await copying.giveWay();
  const { from, to } = copying;
  const facts = factsOf(from.addon, handle);
  if (copying.replace === true) await clearOtherKind(to, place, isDirectory(facts));
  if (isDirectory(facts)) return copyDirectory(copying, handle, place, relative);
  clearPlace(to, place);
  const key = facts.nlink > 1 ? `${facts.dev}:${facts.ino}` : null;
  const first = key === null ? undefined : copying.copied.get(key);
  const name = fromByteText(place.name);
  if (first !== undefined) return to.addon.linkat(first, '', place.parent, name, AT_EMPTY_PATH);
  if (isFile(facts)) await copyFile(copying, handle, place, facts);
  else if (isLink(facts)) to.addon.symlinkat(from.addon.readlinkatBytes(handle, ''), place.parent, name);
  else to.addon.mknodat(place.parent, name, facts.mode, facts.rdevMajor, facts.rdevMinor);
  const made = to.addon.openat2(place.parent, name, O_PATH | O_NOFOLLOW, 0, plainly);
  try {
    settle(copying, handle, made, facts);
  } catch (error) {
    to.addon.close(made);
    throw error;
  }
  if (key === null) to.addon.close(made);
  else copying.copied.set(key, made);
}

async function copyDirectory(copying: Copying, handle: number, place: NamedPlace, relative: ByteText): Promise<void> {
  const { from, to } = copying;
  const name = fromByteText(place.name);
  const there = statPlace(to, place);
  if (there !== null && !isDirectory(there)) throw notADirectory(place.path);
  if (there === null) to.addon.mkdirat(place.parent, name, 0o700);
  const made = to.addon.openat2(place.parent, name, O_PATH | O_NOFOLLOW, 0, plainly);
  try {
    await copyEntries(copying, handle, { descriptor: made, path: place.path, relative });
    settle(copying, handle, made, factsOf(from.addon, handle));
  } finally {
    to.addon.close(made);
  }
}

/** Owner, mode, attributes and time, in the order in which one does not undo another. Both are O_PATH. */
function settle({ from, to, owner, mode, timeNs }: Copying, source: number, target: number, facts: FileFacts): void {
  const { addon } = to;
  const { uid, gid } = owner ?? facts;
  addon.fchownat(target, '', uid, gid, AT_EMPTY_PATH);
  if (!isLink(facts)) {
    const wanted = facts.mode & 0o7777;
    addon.fchmodat(AT_FDCWD, `/proc/self/fd/${target}`, mode === undefined ? wanted : mode(wanted, isDirectory(facts)), 0);
  }
  for (const name of from.addon.listxattr(source)) {
    const value = name.startsWith('trusted.overlay.') ? null : from.addon.getxattr(source, name);
    if (value !== null) addon.setxattr(target, name, value);
  }
  const time = timeNs ?? facts.mtimeNs;
  addon.utimensat(target, '', time, time, AT_EMPTY_PATH | (isLink(facts) ? AT_SYMLINK_NOFOLLOW : 0));
}

async function copyFile(copying: Copying, handle: number, place: NamedPlace, { size }: FileFacts): Promise<void> {
  const { from, to } = copying;
  using open = new DisposableStack();
  const source = open.adopt(openForReading(from.addon, handle), (one) => from.addon.close(one));
  const target = open.adopt(
    to.addon.openat2(place.parent, fromByteText(place.name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, RESOLVE_BENEATH),
    (one) => to.addon.close(one),
  );
  withErrno(place.path, () => fchmodSync(target, 0o600));
  await copying.copyContent(source, target, size);
}
