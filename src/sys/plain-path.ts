import type * as Path from 'node:path';

// What stands for node:path in the executable of orlop-runtime, as plain-files.ts does for node:fs: what of it programs here use, for POSIX. plain-path.test.ts compares them.

export function isAbsolute(path: string): boolean {
  return path.startsWith('/');
}

export function normalize(path: string): string {
  const absolute = path.startsWith('/');
  const kept: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') kept.push(name);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!absolute) kept.push(name);
  }
  const names = kept.join('/');
  const slash = path.endsWith('/') && names !== '' ? '/' : '';
  if (absolute) return `/${names}${slash}`;
  return names === '' ? (path.endsWith('/') ? './' : '.') : `${names}${slash}`;
}

export function join(...parts: string[]): string {
  const path = parts.filter((part) => part !== '').join('/');
  return normalize(path);
}

export function resolve(...parts: string[]): string {
  let path = '';
  for (const part of parts.toReversed()) {
    if (part === '') continue;
    path = path === '' ? part : `${part}/${path}`;
    if (part.startsWith('/')) break;
  }
  if (!path.startsWith('/')) path = `${process.cwd()}/${path}`;
  return withoutSlash(normalize(path));
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

export function dirname(path: string): string {
  const end = lastName(path);
  const slash = end === 0 ? -1 : path.lastIndexOf('/', end - 1);
  if (slash <= 0) return path.startsWith('/') ? '/' : '.';
  // POSIX lets two slashes at the beginning mean something.
  return slash === 1 && path.startsWith('/') ? '//' : path.slice(0, slash);
}

export function basename(path: string): string {
  const end = lastName(path);
  return path.slice(path.lastIndexOf('/', end - 1) + 1, end);
}

/** Where the last name ends: slashes behind it do not count. */
function lastName(path: string): number {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end -= 1;
  return end;
}

export const posix = { isAbsolute, normalize, join, resolve, dirname, basename } satisfies Partial<typeof Path.posix>;
