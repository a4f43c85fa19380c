import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { OrlopError, ErrnoError } from '#errors';
import type { Addon } from './addon.ts';
import * as k from './constants.ts';
import { withErrno } from './errno.ts';
import { idmappedView, mountOverlayRoot } from './overlay.ts';
import { removeTree } from './remove-tree.ts';

export type ProbeResult = { readonly supported: true } | { readonly supported: false; readonly reason: string };

/**
 * Tries whether containers can have mapped, writable roots on the file system of `directory`: an overlay over a detached idmapped view of a scratch
 * directory there, as `usernsFd` maps it, `rootUid` and `rootGid` being the host ids of its root. What the kernel refuses is the reason; other errors throw.
 */
export async function probeMappedOverlay(
  addon: Addon,
  directory: string,
  usernsFd: number,
  rootUid: number,
  rootGid: number,
): Promise<ProbeResult> {
  await using undo = new AsyncDisposableStack();
  const prefix = join(directory, '.probe-');
  const scratch = withErrno(prefix, () => mkdtempSync(prefix));
  undo.defer(() => removeTree(addon, scratch));
  for (const name of ['lower', 'upper', 'work']) addon.mkdirat(k.AT_FDCWD, join(scratch, name), 0o755);
  try {
    const base = idmappedView(addon, scratch, usernsFd);
    undo.defer(() => addon.close(base));
    const upper = { directory: 'upper', work: 'work' };
    addon.close(await mountOverlayRoot(addon, { base, lower: ['lower'], upper, fsuid: rootUid, fsgid: rootGid }));
    return { supported: true };
  } catch (error) {
    if (error instanceof ErrnoError || error instanceof OrlopError) return { supported: false, reason: error.message };
    throw error;
  }
}
