import { createHash, type Hash } from 'node:crypto';
import { type ByteText, fromByteText } from '#store';
import { createGiveWay, S_IFMT } from '#sys';
import type { IgnoreMatcher } from '../model.ts';
import type { ReadFacts, ReadNode, ReadTree } from './read-tree.ts';
import type { Selected } from './select.ts';
import { isDirectory, isFile, isLink, joinPath } from './tree.ts';

export interface DigestOptions {
  /** Of paths relative to what was selected, with parents to what they begin below. */
  readonly exclude?: IgnoreMatcher;
  readonly signal?: AbortSignal;
}

interface Digesting extends DigestOptions {
  readonly hash: Hash;
  readonly giveWay: () => Promise<void>;
  readonly seen: Map<string, number>;
}

/**
 * One digest of what selected files are: names, kinds, modes, owners, contents, attributes, which of them are one file. Times do not count: a checkout at another time is the same
 * source. Names below directories that were selected count; that of the selected thing itself only when it is put into a directory.
 */
export async function digestSelected(tree: ReadTree, selected: readonly Selected[], options: DigestOptions = {}): Promise<string> {
  const digesting: Digesting = { ...options, hash: createHash('sha256'), giveWay: createGiveWay(), seen: new Map() };
  for (const { path, name, parents, relative } of selected) {
    digesting.hash.update(`source ${JSON.stringify([name, parents])}\n`);
    using node = tree.find(path);
    if (node !== null) await digestNode(digesting, node, relative);
  }
  return digesting.hash.digest('hex');
}

/** `relative`: in what was selected, or below what its parents begin at. */
async function digestNode(digesting: Digesting, node: ReadNode, relative: ByteText): Promise<void> {
  const { hash, seen, exclude } = digesting;
  const { facts } = node;
  await digesting.giveWay();
  digesting.signal?.throwIfAborted();
  const say = (what: unknown): void => void hash.update(`${JSON.stringify([relative, facts.mode, facts.uid, facts.gid, what])}\n`);
  for (const [name, value] of node.attributes()) hash.update(`${name}=${value.toString('base64')}\n`);
  if (isDirectory(facts)) {
    say('directory');
    for (const name of node.names()) {
      const path = joinPath(relative, name);
      using inner = node.child(name);
      if (exclude === undefined || !isLeftOut(exclude, inner.facts, path)) await digestNode(digesting, inner, path);
    }
    return;
  }
  const first = facts.nlink > 1 ? seen.get(facts.id) : undefined;
  if (first !== undefined) return say({ link: first });
  seen.set(facts.id, seen.size);
  if (isLink(facts)) say(node.target());
  else if (isFile(facts)) say(await node.digest());
  else say([facts.mode & S_IFMT, facts.rdevMajor, facts.rdevMinor]);
}

/** A directory stays when something below it may. */
export function isLeftOut(exclude: IgnoreMatcher, facts: Pick<ReadFacts, 'mode'>, relative: ByteText): boolean {
  const path = Buffer.from(fromByteText(relative)).toString('utf8');
  if (!exclude.excludes(path)) return false;
  return !isDirectory(facts) || !exclude.mayContain(path);
}
