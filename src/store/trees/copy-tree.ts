import { fchmodSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { isErrno } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  createGiveWay,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  opaqueAttribute,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_BENEATH,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  withErrno,
} from '#sys';
import { dataRuns } from '../layers/holes.ts';
import { beneath, inodeKey, isDirectory, readXattrs } from '../layers/pack-inode.ts';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import { createMergedTree, type MergedDirectory, type MergedEntry, type MergedTree } from './merged-tree.ts';

interface Copying {
  readonly addon: Addon;
  readonly tree: MergedTree;
  /** Opaque directories stay opaque. */
  readonly asLayer: boolean;
  readonly root: number;
  /** The first copy of each file with several names. */
  readonly copied: Map<string, ByteText>;
  readonly giveWay: () => Promise<void>;
  /** Whether the kernel has refused to copy between these file systems by itself. */
  crosses: boolean;
}

/** Copied in one step where blocks cannot be shared; where they can, a step is quick whatever its size. */
const stepBytes = 8 * 1024 * 1024;
const chunkBytes = 1024 * 1024;

/**
 * Copies what a stack of layers (absolute paths, top first) shows into a new, empty directory, with all metadata. Content is shared where the file system
 * can: copy_file_range(2) makes reflinks on btrfs, xfs and bcachefs, so that a copy costs inodes only; elsewhere it copies within the kernel, and to another file
 * system through memory.
 */
export async function copyTree(addon: Addon, from: readonly string[], to: string): Promise<void> {
  await copyInto(addon, createMergedTree(addon, from), to, false);
}

/** Copies one layer as it is, whiteouts and opaque directories included, into a new, empty directory. As `copyTree`. */
export async function copyLayer(addon: Addon, from: string, to: string): Promise<void> {
  await copyInto(addon, createMergedTree(addon, [from], { asLayer: true }), to, true);
}

async function copyInto(addon: Addon, tree: MergedTree, to: string, asLayer: boolean): Promise<void> {
  const root = addon.openat2(AT_FDCWD, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
  try {
    await copyDirectory(
      { addon, tree, asLayer, root, copied: new Map(), giveWay: createGiveWay(), crosses: false },
      tree.openRoot(),
      addon.dup(root),
    );
  } finally {
    addon.close(root);
  }
}

/** Closes both. */
async function copyDirectory(copying: Copying, source: MergedDirectory, target: number): Promise<void> {
  const { addon, tree } = copying;
  try {
    for (const entry of tree.list(source)) {
      await copying.giveWay();
      if (isDirectory(entry.facts)) await copyDirectory(copying, tree.open(entry), makeDirectory(addon, target, entry.name));
      else await copyInode(copying, entry, target);
    }
    const top = source.descriptors[0];
    if (top === undefined) return;
    const { facts, path } = source;
    addon.fchownat(target, '', facts.uid, facts.gid, AT_EMPTY_PATH);
    addon.fchmodat(target, '.', facts.mode & 0o7777, 0);
    const { xattrs, opaque } = readXattrs(addon, top, path);
    for (const [name, value] of xattrs) addon.setxattr(target, name, value);
    if (opaque && copying.asLayer) addon.setxattr(target, opaqueAttribute, Buffer.from('y'));
    addon.utimensat(target, '.', facts.mtimeNs, facts.mtimeNs, 0);
  } finally {
    addon.close(target);
    tree.close(source);
  }
}

function makeDirectory(addon: Addon, parent: number, name: ByteText): number {
  addon.mkdirat(parent, fromByteText(name), 0o700);
  return addon.openat2(parent, fromByteText(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath);
}

async function copyInode(copying: Copying, entry: MergedEntry, target: number): Promise<void> {
  const { addon, copied, root } = copying;
  const { facts, path } = entry;
  const name = fromByteText(entry.name);
  const key = facts.nlink > 1 ? inodeKey(facts) : null;
  const first = key === null ? undefined : copied.get(key);
  if (first !== undefined) return addon.linkat(root, fromByteText(first), target, name, 0);
  if (key !== null) copied.set(key, path);
  if ((facts.mode & S_IFMT) === S_IFREG) await copyFile(copying, entry, target);
  else copySpecial(addon, entry, target);
}

async function copyFile(copying: Copying, { parent, name: text, facts, path }: MergedEntry, targetParent: number): Promise<void> {
  const { addon } = copying;
  const name = fromByteText(text);
  using open = new DisposableStack();
  const held = (descriptor: number): number => open.adopt(descriptor, (one) => addon.close(one));
  const source = held(addon.openat2(parent, name, O_RDONLY | O_NOFOLLOW, 0, beneath));
  const target = held(addon.openat2(targetParent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, RESOLVE_BENEATH));
  await copyContent(copying, source, target, facts.size);
  addon.fchownat(target, '', facts.uid, facts.gid, AT_EMPTY_PATH);
  withErrno('file', () => fchmodSync(target, facts.mode & 0o7777));
  for (const [key, value] of readXattrs(addon, source, path).xattrs) addon.setxattr(target, key, value);
  addon.utimensat(target, '', facts.mtimeNs, facts.mtimeNs, AT_EMPTY_PATH);
}

async function copyContent(copying: Copying, source: number, target: number, size: number): Promise<void> {
  for (let at = 0; at < size; ) {
    const copied = copyPart(copying, { source, target, at, length: Math.min(size - at, stepBytes) });
    if (copied === 0) break;
    at += copied;
    await copying.giveWay();
  }
  withErrno('file', () => ftruncateSync(target, size));
}

interface Part {
  readonly source: number;
  readonly target: number;
  readonly at: number;
  readonly length: number;
}

function copyPart(copying: Copying, part: Part): number {
  const { source, target, at, length } = part;
  if (copying.crosses) return copyThroughMemory(part);
  try {
    return copying.addon.copyFileRange(source, at, target, at, length);
  } catch (error) {
    // To another file system, or from one that has no such call.
    if (!isErrno(error, 'EXDEV', 'EOPNOTSUPP')) throw error;
    copying.crosses = true;
    return copyThroughMemory(part);
  }
}

function copyThroughMemory({ source, target, at, length }: Part): number {
  const chunk = Buffer.allocUnsafe(Math.min(length, chunkBytes));
  return withErrno('file', () => {
    const read = readSync(source, chunk, 0, chunk.length, at);
    for (const { start, end } of dataRuns(chunk.subarray(0, read))) {
      for (let done = start; done < end; ) done += writeSync(target, chunk, done, end - done, at + done);
    }
    return read;
  });
}

function copySpecial(addon: Addon, { parent, name: text, facts, path }: MergedEntry, target: number): void {
  const name = fromByteText(text);
  const isLink = (facts.mode & S_IFMT) === S_IFLNK;
  if (isLink) addon.symlinkat(addon.readlinkatBytes(parent, name), target, name);
  else addon.mknodat(target, name, facts.mode, facts.rdevMajor, facts.rdevMinor);
  addon.fchownat(target, name, facts.uid, facts.gid, AT_SYMLINK_NOFOLLOW);
  if (!isLink) addon.fchmodat(target, name, facts.mode & 0o7777, 0);
  using open = new DisposableStack();
  const [from, to] = [parent, target].map((directory) =>
    open.adopt(addon.openat2(directory, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH), (one) => addon.close(one)),
  ) as [number, number];
  for (const [key, value] of readXattrs(addon, from, path).xattrs) addon.setxattr(to, key, value);
  addon.utimensat(target, name, facts.mtimeNs, facts.mtimeNs, AT_SYMLINK_NOFOLLOW);
}
