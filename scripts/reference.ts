// Writes the reference in docs/reference from the tables of commands, flags and settings; with `--man DIR` the man pages there instead.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { planManual, planReference, referenceFolder } from './reference/pages.ts';
import { readEdition } from './reference/edition.ts';
import { projectRoot } from './rooms.ts';

/** Makes a folder hold these files and no others. Paths are from the folder that holds it. */
export function writeFolder(folder: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(folder, { recursive: true });
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !files.has(path.slice(folder.length + 1))) rmSync(path);
  }
}

if (import.meta.main) {
  const [flag, directory] = process.argv.slice(2);
  const inFolder = [...planReference()].map(([path, text]) => [path.slice(referenceFolder.length + 1), text] as const);
  if (flag === undefined) writeFolder(join(projectRoot, referenceFolder), new Map(inFolder));
  else if (flag === '--man' && directory !== undefined) writeFolder(directory, planManual(readEdition()));
  else throw new Error('usage: reference.ts [--man DIR]');
}
