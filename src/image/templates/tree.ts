import { chmod, lutimes, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One file of a root that is written down by hand. Paths are relative; parents come first. */
export type TreeEntry =
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly content: string | Uint8Array }
  | { readonly type: 'link'; readonly path: string; readonly to: string };

/** Writes the entries below `root`, which must be empty, all of one age (seconds since 1970) so that the same entries make the same layer. */
export async function writeTree(root: string, entries: readonly TreeEntry[], epoch: number): Promise<void> {
  for (const entry of entries) {
    const path = join(root, entry.path);
    if (entry.type === 'directory') await mkdir(path);
    else if (entry.type === 'file') await writeFile(path, entry.content, { flag: 'wx' });
    else await symlink(entry.to, path);
    // The process's umask has no say.
    if (entry.type !== 'link') await chmod(path, entry.mode);
  }
  await chmod(root, 0o755);
  // Directories last: what is written into them changes their time.
  for (const { path } of [{ path: '.' }, ...entries].toReversed()) await lutimes(join(root, path), epoch, epoch);
}
