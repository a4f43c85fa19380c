import { posix } from 'node:path';
import { OrlopError } from '#errors';
import { type ByteText, fromByteText, toByteText } from '#store';
import { createNameMatcher, isPattern } from './match.ts';
import type { ReadTree } from './read-tree.ts';
import { isDirectory, joinPath } from './tree.ts';

/** Something that a pattern means. */
export interface Selected {
  /** In the tree, without a leading slash; empty: the top itself. */
  readonly path: ByteText;
  /** What it is called when it is put into a directory. */
  readonly name: ByteText;
  /** For `--parents`: the directories above it that are to be made as well, relative to where they go. */
  readonly parents: ByteText;
}

/**
 * What a source of COPY or ADD means in a tree: itself, or all that its pattern matches, in order. `..` stays at the top. `**` stands for any number of
 * directories. Nothing matches: an empty list for a pattern, which copies
 * nothing, as BuildKit's; not-found `BUILD_NO_SOURCE` for a plain path.
 */
export function selectSources(tree: ReadTree, source: string): Selected[] {
  const { path, pivot } = parseSource(source);
  const parts = path.split('/').filter((part) => part !== '');
  const bytes = parts.map(toByteText);
  const found = parts.some(isPattern) ? matchParts(tree, bytes) : [bytes.join('/') as ByteText];
  if (!parts.some(isPattern)) requireThere(tree, found[0] ?? toByteText(''), source);
  return found.map((one) => {
    const slash = one.lastIndexOf('/');
    const above = slash < 0 ? '' : one.slice(0, slash);
    return { path: one, name: one.slice(slash + 1) as ByteText, parents: parentsFrom(above, pivot) };
  });
}

/** `a/./b`: with `--parents` only what follows the dot is kept. `pivot`: how many parts come before it. */
function parseSource(source: string): { path: string; pivot: number } {
  const at = source.indexOf('/./');
  const clean = (text: string): string => posix.join('/', text).replace(/(?<=.)\/$/, '');
  if (at < 0) return { path: clean(source), pivot: 0 };
  const before = clean(source.slice(0, at));
  return { path: clean(source), pivot: before === '/' ? 0 : before.split('/').length - 1 };
}

function parentsFrom(path: string, pivot: number): ByteText {
  return path.split('/').slice(pivot).join('/') as ByteText;
}

function requireThere(tree: ReadTree, path: ByteText, source: string): void {
  using found = tree.find(path);
  if (found === null) throw noSource(source);
}

function noSource(source: string): OrlopError {
  return new OrlopError('not-found', 'BUILD_NO_SOURCE', `${JSON.stringify(source)}: not found`, { details: { source } });
}

function matchParts(tree: ReadTree, parts: readonly ByteText[]): ByteText[] {
  let found: ByteText[] = ['' as ByteText];
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    found = found.flatMap((at) => (part === '**' ? directoriesBelow(tree, at, isLast) : matchOne(tree, at, part)));
  }
  return [...new Set(found)];
}

function matchOne(tree: ReadTree, at: ByteText, part: ByteText): ByteText[] {
  if (!isPattern(part)) {
    const path = joinPath(at, part);
    using found = tree.find(path);
    return found === null ? [] : [path];
  }
  const matches = createNameMatcher(part);
  return listOf(tree, at)
    .filter((name) => matches(name))
    .map((name) => joinPath(at, name));
}

/** The directory itself and all below it, links not followed; `withFiles`: files too. */
function directoriesBelow(tree: ReadTree, at: ByteText, withFiles: boolean): ByteText[] {
  const below = listOf(tree, at).flatMap((name) => {
    const path = joinPath(at, name);
    using found = tree.find(path, false);
    if (found === null) return [];
    if (isDirectory(found.facts)) return directoriesBelow(tree, path, withFiles);
    return withFiles ? [path] : [];
  });
  return withFiles ? below : [at, ...below];
}

function listOf(tree: ReadTree, path: ByteText): ByteText[] {
  using found = tree.find(path);
  return found !== null && isDirectory(found.facts) ? found.names() : [];
}

/** For people. */
export function showPath(path: ByteText): string {
  return Buffer.from(fromByteText(path)).toString('utf8');
}
