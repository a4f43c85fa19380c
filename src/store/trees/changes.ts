import { isErrno } from '#errors';
import {
  type Addon,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  createGiveWay,
  type FileFacts,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  opaqueAttribute,
} from '#sys';
import { below, beneath, isDirectory, listNames } from '../layers/pack-inode.ts';
import { isWhiteout } from '../layers/lower-lookup.ts';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import type { Change, ChangesOptions } from '../types.ts';
import { createMergedTree, type MergedDirectory, type MergedEntry, type MergedTree } from './merged-tree.ts';

interface Comparing {
  readonly addon: Addon;
  readonly lower: MergedTree;
  readonly options: ChangesOptions;
  readonly changes: Map<ByteText, Change['kind']>;
  readonly giveWay: () => Promise<void>;
}

/** See `Snapshotter.changes`. `lower`: absolute paths, top first. */
export async function changesOfUpper(addon: Addon, upper: string, lower: readonly string[], options: ChangesOptions): Promise<Change[]> {
  const tree = createMergedTree(addon, lower);
  const comparing: Comparing = { addon, lower: tree, options, changes: new Map(), giveWay: createGiveWay() };
  const descriptor = addon.openat2(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
  await compareDirectory(comparing, { descriptor, path: '' as ByteText }, tree.openRoot());
  return inOrder(comparing.changes);
}

export function inOrder(changes: ReadonlyMap<ByteText, Change['kind']>): Change[] {
  return [...changes]
    .map(([path, kind]) => ({ path: `/${path}` as ByteText, kind }))
    .sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** Closes both; `old` is null where nothing was. */
async function compareDirectory(
  comparing: Comparing,
  { descriptor, path }: { readonly descriptor: number; readonly path: ByteText },
  old: MergedDirectory | null,
): Promise<void> {
  const { addon, lower } = comparing;
  try {
    const before = new Map(old === null ? [] : lower.list(old).map((entry) => [entry.name, entry]));
    const opaque = addon.getxattr(descriptor, opaqueAttribute)?.toString() === 'y';
    for (const name of listNames(descriptor)) {
      await comparing.giveWay();
      const replaced = before.get(name);
      before.delete(name);
      await compareEntry(comparing, { parent: descriptor, name, path: below(path, name) }, replaced);
    }
    // An opaque directory deletes what it does not have itself.
    if (opaque) for (const gone of before.values()) note(comparing.changes, gone.path, 'D');
  } finally {
    addon.close(descriptor);
    if (old !== null) lower.close(old);
  }
}

async function compareEntry(
  comparing: Comparing,
  { parent, name, path }: { readonly parent: number; readonly name: ByteText; readonly path: ByteText },
  old: MergedEntry | undefined,
): Promise<void> {
  const { addon, changes, lower, options } = comparing;
  try {
    const facts = addon.fstatat(parent, fromByteText(name), AT_SYMLINK_NOFOLLOW);
    if (isWhiteout(facts)) {
      if (old !== undefined) note(changes, path, 'D');
      return;
    }
    if (old === undefined && options.leaveOut?.(path, facts) === true) return;
    if (old === undefined) note(changes, path, 'A');
    else if (!isOnTheWay(old.facts, facts)) note(changes, path, 'C');
    if (!isDirectory(facts)) return;
    const descriptor = addon.openat2(parent, fromByteText(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath);
    await compareDirectory(comparing, { descriptor, path }, old !== undefined && isDirectory(old.facts) ? lower.open(old) : null);
  } catch (error) {
    // A running container removed it.
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** overlayfs copies a directory up before anything in it changes: as long as it looks the same, it is no change itself. Its time tells of what is in it. */
function isOnTheWay(old: FileFacts, facts: FileFacts): boolean {
  return isDirectory(facts) && old.mode === facts.mode && old.uid === facts.uid && old.gid === facts.gid;
}

/** What leads to a change is changed. */
export function note(changes: Map<ByteText, Change['kind']>, path: ByteText, kind: Change['kind']): void {
  changes.set(path, kind);
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const above = path.slice(0, slash) as ByteText;
    if (changes.has(above)) return;
    changes.set(above, 'C');
  }
}
