import { posix } from 'node:path';
import { OrlopError } from '#errors';
import { type ByteText, fromByteText, toByteText } from '#store';
import { createNameMatcher, isPattern } from './match.ts';
import { factsOf, isDirectory, joinPath, namesIn, openForReading, openPath, type FileTree } from './tree.ts';

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
export function selectSources(tree: FileTree, source: string): Selected[] {
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

function requireThere(tree: FileTree, path: ByteText, source: string): void {
  const handle = openPath(tree, path);
  if (handle === null) throw noSource(source);
  tree.addon.close(handle);
}

function noSource(source: string): OrlopError {
  return new OrlopError('not-found', 'BUILD_NO_SOURCE', `${JSON.stringify(source)}: not found`, { details: { source } });
}

function matchParts(tree: FileTree, parts: readonly ByteText[]): ByteText[] {
  let found: ByteText[] = ['' as ByteText];
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    found = found.flatMap((at) => (part === '**' ? directoriesBelow(tree, at, isLast) : matchOne(tree, at, part)));
  }
  return [...new Set(found)];
}

function matchOne(tree: FileTree, at: ByteText, part: ByteText): ByteText[] {
  if (!isPattern(part)) {
    const path = joinPath(at, part);
    const handle = openPath(tree, path);
    if (handle === null) return [];
    tree.addon.close(handle);
    return [path];
  }
  const matches = createNameMatcher(part);
  return listOf(tree, at)
    .filter((name) => matches(name))
    .map((name) => joinPath(at, name));
}

/** The directory itself and all below it, links not followed; `withFiles`: files too. */
function directoriesBelow(tree: FileTree, at: ByteText, withFiles: boolean): ByteText[] {
  const below = listOf(tree, at).flatMap((name) => {
    const path = joinPath(at, name);
    const handle = openPath(tree, path, false);
    if (handle === null) return [];
    const isFolder = isDirectory(factsOf(tree.addon, handle));
    tree.addon.close(handle);
    if (isFolder) return directoriesBelow(tree, path, withFiles);
    return withFiles ? [path] : [];
  });
  return withFiles ? below : [at, ...below];
}

function listOf(tree: FileTree, path: ByteText): ByteText[] {
  const handle = openPath(tree, path);
  if (handle === null) return [];
  try {
    if (!isDirectory(factsOf(tree.addon, handle))) return [];
    const directory = openForReading(tree.addon, handle);
    try {
      return namesIn(directory);
    } finally {
      tree.addon.close(directory);
    }
  } finally {
    tree.addon.close(handle);
  }
}

/** For people. */
export function showPath(path: ByteText): string {
  return Buffer.from(fromByteText(path)).toString('utf8');
}
