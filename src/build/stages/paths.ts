/** Joins and cleans as Go's path.Join does: no `.`, no `..` but leading ones of a relative path, single slashes; empty parts do not count. */
export function joinPath(...parts: readonly string[]): string {
  const joined = parts.filter((part) => part !== '').join('/');
  return joined === '' ? '' : cleanPath(joined);
}

/** Go's path.Clean: `.` for an empty path; `..` does not lead above `/`. */
export function cleanPath(path: string): string {
  const isAbsolute = path.startsWith('/');
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!isAbsolute) kept.push(part);
  }
  const clean = kept.join('/');
  if (isAbsolute) return `/${clean}`;
  return clean === '' ? '.' : clean;
}

/** An absolute path from one that may be relative to the working directory. A slash at its end is not kept. */
export function fromWorkdir(workdir: string, path: string): string {
  return path.startsWith('/') ? cleanPath(path) : joinPath('/', workdir, path);
}

/** The same for a target of COPY: the slash that says "directory" is kept, and `.` and what ends with `/.` get one. */
export function targetFromWorkdir(workdir: string, path: string): string {
  const target = fromWorkdir(workdir, path);
  const isDirectory = path === '' || path === '.' || path.endsWith('/') || path.endsWith('/.');
  return isDirectory && target !== '/' ? `${target}/` : target;
}

/** A path in a source, relative to its root however it is written: nothing leads outside. `.` is the root. */
export function insideSource(path: string): string {
  const clean = joinPath('/', path).slice(1);
  return clean === '' ? '.' : clean;
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
