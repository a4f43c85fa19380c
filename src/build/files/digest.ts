import { createHash, type Hash } from 'node:crypto';
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { type ByteText, fromByteText } from '#store';
import { AT_SYMLINK_NOFOLLOW, createGiveWay, type FileFacts, O_NOFOLLOW, O_PATH, S_IFMT } from '#sys';
import type { IgnoreMatcher } from '../model.ts';
import type { Selected } from './select.ts';
import { factsOf, isDirectory, isFile, isLink, joinPath, namesIn, openForReading, openPath, plainly, type FileTree } from './tree.ts';

const readAt = promisify(read);
const chunkBytes = 512 * 1024;

/** Digests of files of a tree that are known already, by path. */
export type KnownDigests = ReadonlyMap<ByteText, string>;

export interface DigestOptions {
  readonly known?: KnownDigests;
  /** Paths relative to what was selected. */
  readonly exclude?: IgnoreMatcher;
  /** Names below directories that were selected count; that of the selected thing itself only when it is put into a directory. */
  readonly signal?: AbortSignal;
}

interface Digesting extends DigestOptions {
  readonly tree: FileTree;
  readonly hash: Hash;
  readonly giveWay: () => Promise<void>;
  readonly seen: Map<string, number>;
}

/**
 * One digest of what selected files are: names, kinds, modes, owners, contents, attributes, which of them are one file. Times do not count: a checkout at another time is the same
 * source.
 */
export async function digestSelected(tree: FileTree, selected: readonly Selected[], options: DigestOptions = {}): Promise<string> {
  const digesting: Digesting = { ...options, tree, hash: createHash('sha256'), giveWay: createGiveWay(), seen: new Map() };
  for (const { path, name, parents } of selected) {
    digesting.hash.update(`source ${JSON.stringify([name, parents])}\n`);
    const handle = openPath(tree, path);
    if (handle === null) continue;
    try {
      await digestNode(digesting, handle, { path, relative: '' as ByteText });
    } finally {
      tree.addon.close(handle);
    }
  }
  return digesting.hash.digest('hex');
}

interface Place {
  /** In the tree. */
  readonly path: ByteText;
  /** In what was selected. */
  readonly relative: ByteText;
}

async function digestNode(digesting: Digesting, handle: number, place: Place): Promise<void> {
  const { tree, hash, seen } = digesting;
  const { addon } = tree;
  await digesting.giveWay();
  digesting.signal?.throwIfAborted();
  const facts = factsOf(addon, handle);
  const say = (what: unknown): void => void hash.update(`${JSON.stringify([place.relative, facts.mode, facts.uid, facts.gid, what])}\n`);
  for (const name of addon.listxattr(handle).toSorted()) hash.update(`${name}=${addon.getxattr(handle, name)?.toString('base64') ?? ''}\n`);
  if (isDirectory(facts)) {
    say('directory');
    return digestDirectory(digesting, handle, place);
  }
  const key = `${facts.dev}:${facts.ino}`;
  const first = facts.nlink > 1 ? seen.get(key) : undefined;
  if (first !== undefined) return say({ link: first });
  seen.set(key, seen.size);
  if (isLink(facts)) say(addon.readlinkatBytes(handle, '').toString('latin1'));
  else if (isFile(facts)) say(digesting.known?.get(place.path) ?? (await digestFile(tree, handle, facts)));
  else say([facts.mode & S_IFMT, facts.rdevMajor, facts.rdevMinor]);
}

async function digestDirectory(digesting: Digesting, handle: number, place: Place): Promise<void> {
  const { tree, exclude } = digesting;
  const { addon } = tree;
  const directory = openForReading(addon, handle);
  try {
    for (const name of namesIn(directory)) {
      const relative = joinPath(place.relative, name);
      if (exclude !== undefined && isLeftOut(exclude, addon.fstatat(directory, fromByteText(name), AT_SYMLINK_NOFOLLOW), relative))
        continue;
      const inner = addon.openat2(directory, fromByteText(name), O_PATH | O_NOFOLLOW, 0, plainly);
      try {
        await digestNode(digesting, inner, { path: joinPath(place.path, name), relative });
      } finally {
        addon.close(inner);
      }
    }
  } finally {
    addon.close(directory);
  }
}

/** A directory stays when something below it may. */
export function isLeftOut(exclude: IgnoreMatcher, facts: FileFacts, relative: ByteText): boolean {
  const path = Buffer.from(fromByteText(relative)).toString('utf8');
  if (!exclude.excludes(path)) return false;
  return !isDirectory(facts) || !exclude.mayContain(path);
}

async function digestFile({ addon }: FileTree, handle: number, { size }: FileFacts): Promise<string> {
  const hash = createHash('sha256');
  const descriptor = openForReading(addon, handle);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(size, 1)));
    for (;;) {
      const { bytesRead } = await readAt(descriptor, buffer, 0, buffer.length, null);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    addon.close(descriptor);
  }
}
