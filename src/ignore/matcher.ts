import { OrlopError } from '#errors';
import { cleanPath, trim } from './text.ts';
import { badPattern, compilePattern, type PathPattern } from './pattern.ts';

/** A parsed .dockerignore. Paths are relative to the context, slash-separated, without a leading slash. */
export interface IgnoreMatcher {
  /** The path, or a directory that it is in, is ignored. */
  excludes(path: string): boolean;
  /** Of an ignored directory: an exception may bring something below it back, so it must be walked. */
  mayContain(directory: string): boolean;
  /** Some pattern begins with `!`. */
  readonly hasExceptions: boolean;
  /** A pattern hides everything in the context's root: `*`, `**`. */
  readonly excludesAll: boolean;
}

/** In characters. */
const longestIgnoreFile = 1024 * 1024;
const mostPatterns = 10_000;
/** Directories whose matches are remembered at once. */
const mostRemembered = 4096;

/**
 * Reads a .dockerignore as Docker does (Docker build reference, "Dockerignore files"; moby/patternmatcher): one pattern a line, `#` at the very
 * start of a line makes a comment, `!` an exception, leading slashes do not count, and of the patterns that match a path or a directory it is
 * in, the last decides. Fails with invalid-argument `BUILD_BAD_IGNORE_FILE`.
 */
export function parseIgnoreFile(text: string): IgnoreMatcher {
  return createIgnoreMatcher(linesOf(text));
}

/** The patterns of a .dockerignore, clean, for a client that leaves out by itself what is ignored. Fails as parseIgnoreFile. */
export function readIgnorePatterns(text: string): string[] {
  return linesOf(text)
    .map(readPattern)
    .filter((pattern) => pattern !== undefined)
    .map(({ text: pattern, isException }) => (isException ? `!${pattern}` : pattern));
}

function linesOf(text: string): string[] {
  if (text.length > longestIgnoreFile) {
    throw new OrlopError('invalid-argument', 'BUILD_BAD_IGNORE_FILE', `the ignore file is longer than ${longestIgnoreFile} characters`);
  }
  const lines = text.replace(/^\ufeff/, '').split('\n');
  return lines.filter((line) => !line.startsWith('#'));
}

/** The same for patterns by themselves, as `--exclude` of COPY has them. */
export function createIgnoreMatcher(lines: readonly string[]): IgnoreMatcher {
  const patterns = lines.map(readLine).filter((pattern) => pattern !== undefined);
  if (patterns.length > mostPatterns) {
    throw new OrlopError('invalid-argument', 'BUILD_BAD_IGNORE_FILE', `more than ${mostPatterns} patterns`);
  }
  const matchesOf = rememberMatches(patterns);
  const exceptions = patterns.filter(({ isException }) => isException);
  return {
    hasExceptions: exceptions.length > 0,
    excludesAll: patterns.some(({ isException, text }) => !isException && ['*', '**', '**/*'].includes(text)),
    excludes(path) {
      const clean = relativePath(path);
      // Nobody can hide the whole context.
      if (clean === '.') return false;
      return decide(patterns, matchesOf(clean));
    },
    mayContain(directory) {
      const clean = relativePath(directory);
      return clean === '.' || exceptions.some((pattern) => pattern.mayMatchBelow(clean));
    },
  };
}

function relativePath(path: string): string {
  return path === '' ? '.' : cleanPath(path);
}

function readLine(line: string): PathPattern | undefined {
  const pattern = readPattern(line);
  return pattern === undefined ? undefined : compilePattern(pattern.text, pattern.isException);
}

function readPattern(line: string): { readonly text: string; readonly isException: boolean } | undefined {
  const trimmed = trim(line);
  if (trimmed === '') return undefined;
  const isException = trimmed.startsWith('!');
  const written = isException ? trim(trimmed.slice(1)) : trimmed;
  if (written === '') throw badPattern('!', 'illegal exclusion pattern: "!"');
  const clean = cleanPath(written);
  return { text: clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean, isException };
}

/** For each pattern whether it matches the path or a directory that it is in. */
type Matches = readonly boolean[];

/** Walks ask for one directory's entries after another's: what its patterns match is found once. */
function rememberMatches(patterns: readonly PathPattern[]): (path: string) => Matches {
  const remembered = new Map<string, Matches>();
  const none: Matches = patterns.map(() => false);
  const matchesOf = (path: string): Matches => {
    let above = none;
    for (let slash = path.indexOf('/', 1); slash >= 0; slash = path.indexOf('/', slash + 1))
      above = ofDirectory(path.slice(0, slash), above);
    return match(path, above);
  };
  const match = (path: string, above: Matches): Matches => patterns.map((pattern, index) => above[index] === true || pattern.matches(path));
  const ofDirectory = (path: string, above: Matches): Matches => {
    const known = remembered.get(path);
    if (known !== undefined) return known;
    if (remembered.size >= mostRemembered) remembered.clear();
    const matches = match(path, above);
    remembered.set(path, matches);
    return matches;
  };
  return matchesOf;
}

function decide(patterns: readonly PathPattern[], matches: Matches): boolean {
  let excluded = false;
  for (const [index, { isException }] of patterns.entries()) if (matches[index] === true) excluded = !isException;
  return excluded;
}
