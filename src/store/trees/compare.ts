import { read } from 'node:fs';
import { promisify } from 'node:util';
import {
  type Addon,
  createGiveWay,
  type FileFacts,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '#sys';
import { beneath, compareBytes, inodeKey, isDirectory, readXattrs } from '../layers/pack-inode.ts';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import type { ChangesOptions } from '../types.ts';
import type { MergedDirectory, MergedEntry, MergedTree } from './merged-tree.ts';

const readAt = promisify(read);
const chunkBytes = 256 * 1024;

/** What differs between two trees. */
export interface TreeDifference {
  /** New in `after`, or not the same there. The root is the empty path. */
  readonly changed: ReadonlySet<ByteText>;
  /** Of `changed`: what `before` does not have. */
  readonly added: ReadonlySet<ByteText>;
  /** Gone, where the directory that it was in still is one. */
  readonly gone: ReadonlySet<ByteText>;
}

interface Comparing {
  readonly addon: Addon;
  readonly before: MergedTree;
  readonly after: MergedTree;
  readonly options: ChangesOptions;
  readonly giveWay: () => Promise<void>;
  readonly changed: Set<ByteText>;
  readonly added: Set<ByteText>;
  readonly gone: Set<ByteText>;
  /** Files with several names, by inode: the paths seen so far. */
  readonly namesBefore: Map<string, ByteText[]>;
  readonly namesAfter: Map<string, ByteText[]>;
}

/**
 * Compares all that can be seen of two trees: type, mode, owner, time, size, content, link target, device, extended attributes, and which names are one
 * file. Files that are the same inode are not read.
 */
export async function compareTrees(
  addon: Addon,
  before: MergedTree,
  after: MergedTree,
  options: ChangesOptions = {},
): Promise<TreeDifference> {
  const comparing: Comparing = {
    addon,
    before,
    after,
    options,
    giveWay: createGiveWay(),
    changed: new Set(),
    added: new Set(),
    gone: new Set(),
    namesBefore: new Map(),
    namesAfter: new Map(),
  };
  const [old, young] = [before.openRoot(), after.openRoot()];
  if (!isSameDirectory(addon, old, young)) comparing.changed.add('' as ByteText);
  await compareDirectories(comparing, old, young);
  compareLinks(comparing);
  return comparing;
}

/** Closes both; `old` is null where nothing was. */
async function compareDirectories(comparing: Comparing, old: MergedDirectory | null, young: MergedDirectory): Promise<void> {
  const { addon, before, after, changed } = comparing;
  try {
    const olds = new Map(old === null ? [] : before.list(old).map((entry) => [entry.name, entry]));
    for (const entry of after.list(young)) {
      await comparing.giveWay();
      const former = olds.get(entry.name);
      olds.delete(entry.name);
      if (former === undefined && comparing.options.leaveOut?.(entry.path, entry.facts) === true) continue;
      remember(comparing.namesAfter, entry);
      if (former !== undefined) remember(comparing.namesBefore, former);
      if (former === undefined) comparing.added.add(entry.path);
      if (former === undefined || !(await isSame(addon, former, entry))) changed.add(entry.path);
      await descend(comparing, former, entry);
    }
    for (const { path } of olds.values()) comparing.gone.add(path);
  } finally {
    if (old !== null) before.close(old);
    after.close(young);
  }
}

async function descend(comparing: Comparing, former: MergedEntry | undefined, entry: MergedEntry): Promise<void> {
  if (!isDirectory(entry.facts)) return;
  const { addon, before, after, changed } = comparing;
  const old = former !== undefined && isDirectory(former.facts) ? before.open(former) : null;
  const young = after.open(entry);
  if (old !== null && !isSameDirectory(addon, old, young)) changed.add(entry.path);
  await compareDirectories(comparing, old, young);
}

function remember(names: Map<string, ByteText[]>, { facts, path }: MergedEntry): void {
  if (facts.nlink < 2 || isDirectory(facts)) return;
  const key = inodeKey(facts);
  const paths = names.get(key);
  if (paths === undefined) names.set(key, [path]);
  else paths.push(path);
}

/** Names that were one file and are not, or the reverse, have changed; and a layer must hold all names of a file when it holds one. */
function compareLinks({ namesBefore, namesAfter, changed }: Comparing): void {
  const groupOf = (names: Map<string, ByteText[]>): Map<ByteText, ByteText> =>
    new Map(names.values().flatMap((paths) => paths.map((path) => [path, paths.toSorted(compareBytes)[0] ?? path] as const)));
  const [before, after] = [groupOf(namesBefore), groupOf(namesAfter)];
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    if ((before.get(path) ?? path) !== (after.get(path) ?? path)) changed.add(path);
  }
  for (const paths of namesAfter.values()) if (paths.some((path) => changed.has(path))) for (const path of paths) changed.add(path);
}

function isSameDirectory(addon: Addon, one: MergedDirectory, other: MergedDirectory): boolean {
  const [first, second] = [one.descriptors[0], other.descriptors[0]];
  if (first === undefined || second === undefined) return first === second;
  return sameFacts(one.facts, other.facts) && sameXattrs(addon, first, second, one.path);
}

async function isSame(addon: Addon, one: MergedEntry, other: MergedEntry): Promise<boolean> {
  if (inodeKey(one.facts) === inodeKey(other.facts)) return true;
  if (!sameFacts(one.facts, other.facts)) return false;
  // Directories are compared when they are open.
  if (isDirectory(one.facts)) return true;
  const type = one.facts.mode & S_IFMT;
  const flags = type === S_IFREG ? O_RDONLY | O_NONBLOCK : O_PATH;
  using open = new DisposableStack();
  const [first, second] = [one, other].map(({ parent, name }) =>
    open.adopt(addon.openat2(parent, fromByteText(name), flags | O_NOFOLLOW, 0, type === S_IFLNK ? 0 : beneath), (held) =>
      addon.close(held),
    ),
  ) as [number, number];
  if (!sameXattrs(addon, first, second, one.path)) return false;
  if (type === S_IFLNK) return addon.readlinkatBytes(first, '').equals(addon.readlinkatBytes(second, ''));
  return type !== S_IFREG || (await sameContent(first, second, one.facts.size));
}

function sameFacts(one: FileFacts, other: FileFacts): boolean {
  if (one.mode !== other.mode || one.uid !== other.uid || one.gid !== other.gid || one.mtimeNs !== other.mtimeNs) return false;
  const type = one.mode & S_IFMT;
  if (type === S_IFDIR) return true;
  if (type === S_IFCHR || type === S_IFBLK) return one.rdevMajor === other.rdevMajor && one.rdevMinor === other.rdevMinor;
  return one.size === other.size;
}

function sameXattrs(addon: Addon, one: number, other: number, path: ByteText): boolean {
  const [first, second] = [readXattrs(addon, one, path).xattrs, readXattrs(addon, other, path).xattrs];
  return first.size === second.size && [...first].every(([name, value]) => second.get(name)?.equals(value) === true);
}

async function sameContent(one: number, other: number, size: number): Promise<boolean> {
  const buffers = [Buffer.allocUnsafe(chunkBytes), Buffer.allocUnsafe(chunkBytes)] as const;
  for (let at = 0; at < size; ) {
    const [first, second] = await Promise.all([readAt(one, buffers[0], 0, chunkBytes, at), readAt(other, buffers[1], 0, chunkBytes, at)]);
    const count = Math.min(first.bytesRead, second.bytesRead);
    if (count === 0) return first.bytesRead === second.bytesRead;
    if (buffers[0].compare(buffers[1], 0, count, 0, count) !== 0) return false;
    at += count;
  }
  return true;
}
