import { type Dirent, readdirSync } from 'node:fs';
import { isErrno } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  createGiveWay,
  type FileFacts,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFDIR,
  S_IFMT,
  withErrno,
} from '#sys';
import type { DiskSize } from '../types.ts';

/** Deeper directories are not looked into: no sane tree has them, and each level holds a descriptor. */
const deepest = 200;

interface Measuring {
  readonly addon: Addon;
  readonly giveWay: () => Promise<void>;
  /** Inodes with several names that have been counted. */
  readonly seen: Set<string>;
  bytes: number;
  contentBytes: number;
  inodes: number;
}

/** What a tree takes on disk, as du(1) counts: each inode once. Other file systems mounted in it are left out. ENOENT when it is not there. */
export async function measureTree(addon: Addon, path: string): Promise<DiskSize> {
  const root = addon.openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
  const measuring: Measuring = { addon, giveWay: createGiveWay(), seen: new Set(), bytes: 0, contentBytes: 0, inodes: 0 };
  try {
    count(measuring, addon.fstatat(root, '', AT_EMPTY_PATH));
    await measureBelow(measuring, root, 0);
  } finally {
    addon.close(root);
  }
  return { bytes: measuring.bytes, contentBytes: measuring.contentBytes, inodes: measuring.inodes };
}

async function measureBelow(measuring: Measuring, directory: number, depth: number): Promise<void> {
  const { addon } = measuring;
  for (const entry of list(directory)) {
    await measuring.giveWay();
    try {
      count(measuring, addon.fstatat(directory, entry.name, AT_SYMLINK_NOFOLLOW));
      if (entry.isDirectory() && depth < deepest) await measureChild(measuring, directory, entry.name, depth);
    } catch (error) {
      // A running container removes files while they are counted; ELOOP, ENOTDIR: it put a link there.
      if (!isErrno(error, 'ENOENT', 'ELOOP', 'ENOTDIR', 'EXDEV')) throw error;
    }
  }
}

async function measureChild(measuring: Measuring, directory: number, name: Buffer, depth: number): Promise<void> {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const child = measuring.addon.openat2(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, resolve);
  try {
    await measureBelow(measuring, child, depth + 1);
  } finally {
    measuring.addon.close(child);
  }
}

function list(directory: number): Dirent<Buffer>[] {
  return withErrno('directory', () => readdirSync(`/proc/self/fd/${directory}`, { withFileTypes: true, encoding: 'buffer' }));
}

function count(measuring: Measuring, facts: FileFacts): void {
  if (facts.nlink > 1) {
    const key = `${facts.dev}:${facts.ino}`;
    if (measuring.seen.has(key)) return;
    measuring.seen.add(key);
  }
  measuring.bytes += facts.blocks * 512;
  if ((facts.mode & S_IFMT) !== S_IFDIR) measuring.contentBytes += facts.size;
  measuring.inodes += 1;
}
