import { fchmodSync } from 'node:fs';
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
import { beneath, inodeKey, isDirectory, readXattrs } from '../layers/pack-inode.ts';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import { createContentCopier, type CopyContent } from './copy-content.ts';
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
  readonly copyContent: CopyContent;
}

/**
 * Copies what a stack of layers (absolute paths, top first) shows into a new, empty directory, with all metadata. Where the file system can share
 * content, a copy costs inodes only.
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
  const giveWay = createGiveWay();
  try {
    await copyDirectory(
      { addon, tree, asLayer, root, copied: new Map(), giveWay, copyContent: createContentCopier(addon, giveWay) },
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
  await copying.copyContent(source, target, facts.size);
  addon.fchownat(target, '', facts.uid, facts.gid, AT_EMPTY_PATH);
  withErrno('file', () => fchmodSync(target, facts.mode & 0o7777));
  for (const [key, value] of readXattrs(addon, source, path).xattrs) addon.setxattr(target, key, value);
  addon.utimensat(target, '', facts.mtimeNs, facts.mtimeNs, AT_EMPTY_PATH);
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
