import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../scripts/rooms.ts';

export interface SourceFile {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Paths from the project's root: a room may be called `build` as well. */
const skipped = new Set(['node_modules', 'build', '.tsc', '.git']);

/** All files of the project with one of these endings, sorted by path. */
export function readFiles(...endings: readonly string[]): SourceFile[] {
  return listFiles('')
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path, text: readFileSync(join(projectRoot, path), 'utf8') }));
}

export function listFiles(folder: string): string[] {
  const entries = readdirSync(join(projectRoot, folder), { withFileTypes: true });
  const paths = entries.flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return skipped.has(path) ? [] : listFiles(path);
    return entry.isFile() ? [path] : [];
  });
  return paths.sort();
}
