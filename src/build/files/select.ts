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
  /** What excluding patterns see before what is below it: with `--parents` its path from the pivot on. */
  readonly relative: ByteText;
}

/** Of what is put somewhere by its name alone. */
export const noParents = { parents: '' as ByteText, relative: '' as ByteText } as const;

/**
 * What a source of COPY or ADD means in a tree: itself, or all that its pattern matches, in order. `..` stays at the top. Links are followed up to the first
 * pattern, as BuildKit does it. Nothing matches: an empty list for a pattern, which copies nothing; not-found `BUILD_NO_SOURCE` for a plain path.
 */
export function selectSources(tree: ReadTree, source: string): Selected[] {
  const parts = partsOf(source);
  if (!parts.some(isPattern)) requireThere(tree, parts, source);
  return matchParts(tree, ['' as ByteText], parts, false).map((path) => ({ path, name: baseOf(path), ...noParents }));
}

/**
 * The same for `--parents`: what `pattern` means below `pivot`, which may be a pattern as well. Directories are kept from the pivot on. `**` stands for any
 * number of directories here, and only here.
 */
export function selectBelow(tree: ReadTree, pivot: string, pattern: string): Selected[] {
  const [above, below] = [partsOf(pivot), partsOf(pattern)];
  if (!above.some(isPattern) && !below.some(isPattern)) requireThere(tree, [...above, ...below], posix.join('/', pivot, pattern));
  return matchParts(tree, ['' as ByteText], above, false).flatMap((top) =>
    matchParts(tree, [top], below, true).map((path) => {
      const kept = (top === '' ? path : path.slice(top.length + 1)) as ByteText;
      return { path, name: baseOf(kept), parents: kept.slice(0, Math.max(kept.lastIndexOf('/'), 0)) as ByteText, relative: kept };
    }),
  );
}

function partsOf(source: string): ByteText[] {
  return posix
    .join('/', source)
    .split('/')
    .filter((part) => part !== '')
    .map(toByteText);
}

function baseOf(path: ByteText): ByteText {
  return path.slice(path.lastIndexOf('/') + 1) as ByteText;
}

function requireThere(tree: ReadTree, parts: readonly ByteText[], source: string): void {
  using found = tree.find(parts.join('/') as ByteText);
  if (found === null) {
    throw new OrlopError('not-found', 'BUILD_NO_SOURCE', `${JSON.stringify(source)}: not found`, { details: { source } });
  }
}

function matchParts(tree: ReadTree, tops: readonly ByteText[], parts: readonly ByteText[], deep: boolean): ByteText[] {
  let found = [...tops];
  let follow = true;
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    found = found.flatMap((at) => (deep && part === '**' ? directoriesBelow(tree, at, isLast) : matchOne(tree, at, part, follow)));
    follow &&= !isPattern(part);
  }
  return [...new Set(found)];
}

/** `follow`: links on the way are followed. */
function matchOne(tree: ReadTree, at: ByteText, part: ByteText, follow: boolean): ByteText[] {
  if (!isPattern(part)) {
    const path = joinPath(at, part);
    using found = tree.find(path, follow);
    return found === null ? [] : [path];
  }
  const matches = createNameMatcher(part);
  return listOf(tree, at, follow)
    .filter((name) => matches(name))
    .map((name) => joinPath(at, name));
}

/** The directory itself and all below it, links not followed; `withFiles`: files too. */
function directoriesBelow(tree: ReadTree, at: ByteText, withFiles: boolean): ByteText[] {
  const below = listOf(tree, at, false).flatMap((name) => {
    const path = joinPath(at, name);
    using found = tree.find(path, false);
    if (found === null) return [];
    if (isDirectory(found.facts)) return directoriesBelow(tree, path, withFiles);
    return withFiles ? [path] : [];
  });
  return withFiles ? below : [at, ...below];
}

function listOf(tree: ReadTree, path: ByteText, follow: boolean): ByteText[] {
  using found = tree.find(path, follow);
  return found !== null && isDirectory(found.facts) ? found.names() : [];
}

/** For people. */
export function showPath(path: ByteText): string {
  return Buffer.from(fromByteText(path)).toString('utf8');
}
