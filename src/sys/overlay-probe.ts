import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { ErrnoError, isErrno, OrlopError } from '#errors';
import type { Addon } from './addon.ts';
import * as k from './constants.ts';
import { withErrno } from './errno.ts';
import { isAtLeast, kernelRelease } from './kernel.ts';
import { idmappedView, mountOverlayRoot, type OverlayWay } from './overlay.ts';
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
  way: OverlayWay,
): Promise<ProbeResult> {
  await using undo = new AsyncDisposableStack();
  const scratch = makeScratch(undo, addon, directory, ['lower', 'upper', 'work']);
  try {
    const base = idmappedView(addon, scratch, usernsFd);
    undo.defer(() => addon.close(base));
    const upper = { directory: 'upper', work: 'work' };
    addon.close(await mountOverlayRoot(addon, { base, lower: ['lower'], upper, fsuid: rootUid, fsgid: rootGid, way }));
    return { supported: true };
  } catch (error) {
    if (error instanceof ErrnoError || error instanceof OrlopError) return { supported: false, reason: error.message };
    throw error;
  }
}

/**
 * How overlays are to be mounted on this kernel, found by trying one over a scratch directory in `directory`: to be asked once, since each trial of the
 * wrong way would cost a start. The kernel loads what it needs for it. For tests, the environment's `ORLOP_OVERLAY=attached` is the answer without asking.
 * Fails with failed-precondition `SYS_OVERLAY_MISSING` when the kernel has no overlay file system.
 */
export async function probeOverlayWay(addon: Addon, directory: string): Promise<OverlayWay> {
  // An older kernel would complain of the unknown parameter in its log.
  if (process.env['ORLOP_OVERLAY'] === 'attached' || !isAtLeast(kernelRelease(), 6, 5)) return loadOverlay(addon);
  await using undo = new AsyncDisposableStack();
  // Without an upper directory the kernel wants two lower ones.
  const lower = ['top', 'bottom'];
  const scratch = makeScratch(undo, addon, directory, lower);
  const base = addon.openTree(k.AT_FDCWD, scratch, k.OPEN_TREE_CLONE);
  undo.defer(() => addon.close(base));
  try {
    addon.close(await mountOverlayRoot(addon, { base, lower, fsuid: 0, fsgid: 0, way: 'detached' }));
    return 'detached';
  } catch (error) {
    if (isErrno(error, 'ENODEV')) throw overlayMissing(error);
    if (error instanceof ErrnoError) return 'attached';
    throw error;
  }
}

/** Asking for a file system by name makes the kernel load it. */
function loadOverlay(addon: Addon): 'attached' {
  try {
    addon.close(addon.mountDetached('overlay', [], 0));
  } catch (error) {
    if (isErrno(error, 'ENODEV')) throw overlayMissing(error);
    // An overlay of nothing is refused, by a file system that is there.
    if (!(error instanceof ErrnoError)) throw error;
  }
  return 'attached';
}

function overlayMissing(cause: unknown): OrlopError {
  return new OrlopError('failed-precondition', 'SYS_OVERLAY_MISSING', 'this kernel has no overlay file system', {
    hint: 'load it: modprobe overlay',
    cause,
  });
}

function makeScratch(undo: AsyncDisposableStack, addon: Addon, directory: string, names: readonly string[]): string {
  const prefix = join(directory, '.probe-');
  const scratch = withErrno(prefix, () => mkdtempSync(prefix));
  undo.defer(() => removeTree(addon, scratch));
  for (const name of names) addon.mkdirat(k.AT_FDCWD, join(scratch, name), 0o755);
  return scratch;
}
