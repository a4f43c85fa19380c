import { isErrno, OrlopError } from '#errors';
import type { Lease } from '#store';
import * as k from '#sys';
import { mountOverlayRoot, openInRoot } from '#sys';
import type { ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import { resolveImageForUse } from '../image/images.ts';
import type { MountWish } from '#wire';
import type { ResolvedMount } from './resolved-mount.ts';

/** What images of mounts stand for, by the reference that asks for them. Not-found for one that is not here. */
export async function resolveMountImages(
  context: EngineContext,
  wishes: readonly MountWish[],
): Promise<ReadonlyMap<string, NonNullable<ResolvedMount['image']>>> {
  const found = new Map<string, NonNullable<ResolvedMount['image']>>();
  for (const { type, source } of wishes) {
    if (type !== 'image' || source === undefined) continue;
    const { image } = await resolveImageForUse(context, source);
    found.set(source, { id: image.id, manifest: image.target, chain: image.chain });
  }
  return found;
}

/** Keeps the content of mounted images as long as the lease lives; null when there is nothing to keep. */
export function leaseImages({ store }: EngineContext, { mounts }: ContainerRecord): Lease | null {
  const manifests = mounts.flatMap(({ image }) => (image === undefined || image.manifest === '' ? [] : [image.manifest]));
  if (manifests.length === 0) return null;
  const lease = store.leases.create();
  for (const manifest of manifests) lease.hold({ image: manifest });
  return lease;
}

/**
 * A view of an image's layers as a detached mount, read-only unless it has a place for what is written. `base` is the data root as the container's ids see it, `first` the
 * host's id of its root. The caller closes it.
 */
export async function openImageMount(
  context: EngineContext,
  { image, source, subpath, readOnly }: Pick<ResolvedMount, 'image' | 'source' | 'subpath' | 'readOnly'>,
  { base, first }: { readonly base: number; readonly first: number },
): Promise<number> {
  const { addon, store, overlayWay } = context;
  const lower = image?.directory === undefined ? store.snapshots.view(image?.chain ?? null).lower : [image.directory];
  const writable = readOnly ? undefined : image?.writable;
  // overlayfs without a writable directory wants two layers; an empty one changes nothing.
  const [empty = ''] = store.snapshots.view(null).lower;
  const layers = [...new Set(lower.length > 1 ? lower : [...lower, empty])];
  const isEmpty = layers.length === 1 && writable === undefined;
  const written =
    writable === undefined
      ? { fsuid: 0, fsgid: 0, attributes: k.MOUNT_ATTR_RDONLY }
      : { upper: { directory: writable.upper, work: writable.work }, volatile: true, fsuid: first, fsgid: first };
  const whole = isEmpty
    ? openEmptyImage(addon, base, empty)
    : await mountOverlayRoot(addon, { base, lower: layers, ...written, way: overlayWay });
  if (subpath === undefined) return whole;
  try {
    const inside = openInRoot(addon, whole, subpath, k.O_PATH);
    try {
      return addon.openTree(inside, '', k.AT_EMPTY_PATH | k.OPEN_TREE_CLONE);
    } finally {
      addon.close(inside);
    }
  } catch (error) {
    throw subpathFailed(source, subpath, error);
  } finally {
    addon.close(whole);
  }
}

/** An image of nothing is the empty layer itself. */
function openEmptyImage(addon: k.Addon, base: number, empty: string): number {
  const mount = addon.openTree(base, empty, k.OPEN_TREE_CLONE);
  addon.mountSetattr(mount, '', k.AT_EMPTY_PATH, BigInt(k.MOUNT_ATTR_RDONLY), 0n, 0n, -1);
  return mount;
}

function subpathFailed(image: string, subpath: string, cause: unknown): unknown {
  if (isErrno(cause, 'ENOENT', 'ENOTDIR', 'ELOOP'))
    return new OrlopError(
      'not-found',
      'ENGINE_MOUNT_SOURCE',
      `cannot access ${subpath} in image ${image}: there is no such file or directory`,
      { cause },
    );
  // What is mounted nowhere can be cloned since Linux 6.15.
  if (!isErrno(cause, 'EINVAL')) return cause;
  return new OrlopError('unimplemented', 'ENGINE_IMAGE_SUBPATH', `a part of image ${image} cannot be mounted on this kernel`, {
    hint: 'mount the whole image, or take Linux 6.15 or newer',
    cause,
  });
}
