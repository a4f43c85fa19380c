import { OrlopError, isErrno } from '#errors';
import type { Addon, MountOption } from './addon.ts';
import * as k from './constants.ts';
import { inInitialUsers } from './kernel.ts';

/**
 * A detached view of the directory tree at `path` in which owners are shifted by the mapping of the user namespace `usernsFd`: what is owned by
 * 0 on disk belongs to the namespace's root. The caller closes it. Mounts below `path` are not part of it. mount_setattr(2), "ID-mapped mounts".
 * Fails with failed-precondition `SYS_IDMAP_UNSUPPORTED` when the file system cannot be mapped, else with ErrnoError.
 */
export function idmappedView(addon: Addon, path: string, usernsFd: number): number {
  const view = addon.openTree(k.AT_FDCWD, path, k.OPEN_TREE_CLONE);
  try {
    addon.mountSetattr(view, '', k.AT_EMPTY_PATH, BigInt(k.MOUNT_ATTR_IDMAP), 0n, 0n, usernsFd);
    return view;
  } catch (cause) {
    addon.close(view);
    throw cannotMap(path, cause);
  }
}

/** EINVAL: the file system lacks FS_ALLOW_IDMAP. EPERM: it belongs to another user namespace, or it is mapped already. */
function cannotMap(path: string, cause: unknown): unknown {
  if (!isErrno(cause, 'EINVAL', 'EPERM')) return cause;
  return new OrlopError('failed-precondition', 'SYS_IDMAP_UNSUPPORTED', `the file system of ${path} cannot be mounted with mapped owners`, {
    hint: 'use ext4, xfs, btrfs, or tmpfs (since Linux 6.3), or run without a user namespace',
    cause,
  });
}

/**
 * How overlays are mounted: `detached` through the new mount API alone (Linux 6.15 takes layers of detached mounts), `attached` with mount(2) in a mount
 * namespace that lasts as long as the call (5.19). The result is the same. `probeOverlayWay` tells which this kernel can do.
 */
export type OverlayWay = 'detached' | 'attached';

export interface OverlayRoot {
  /** The data root's directory descriptor, or its idmapped view for the container's range. */
  readonly base: number;
  /** Layer directories relative to `base`, top first; at least one, at most 500. */
  readonly lower: readonly string[];
  /**
   * Writable directory and its work directory on the same file system, relative to `base`; both or none (then the mount is read-only). `disk`: what they are
   * relative to instead, a detached mount with the same mapping.
   */
  readonly upper?: { readonly directory: string; readonly work: string; readonly disk?: number };
  /** Skip syncing: an unclean end may lose the upper directory's recent changes. */
  readonly volatile?: boolean;
  /** Who owns what the overlay itself makes: the host ids of the container's root (0 without a user namespace). */
  readonly fsuid: number;
  readonly fsgid: number;
  /** MOUNT_ATTR_* of the resulting mount. */
  readonly attributes?: number;
  /** Default: detached. */
  readonly way?: OverlayWay;
}

type Marks = 'trusted' | 'user';

/**
 * Where overlayfs keeps its marks, and is told so: attributes that only the host's root can set, or in a machine, whose root cannot, those of the files' owners (overlayfs.rst, "User xattr").
 * Data roots of the one kind mean nothing to an engine of the other. Marked as pure, so that programs which know no overlay do not read a file for it.
 */
const marks: Marks = /* @__PURE__ */ inInitialUsers() ? 'trusted' : 'user';

/** What a directory has that hides those of the same name below it; its value is then `y`. */
export const opaqueAttribute = marks === 'trusted' ? 'trusted.overlay.opaque' : 'user.overlay.opaque';

/** fsconfig(2) copies strings of at most 255 bytes. */
const longestOption = 255;

/**
 * Mounts an overlay as a detached mount and returns its descriptor; the caller closes it. Nothing appears in any mount table. Owners on disk stay as the
 * container sees them when `base` is an idmapped view and fsuid, fsgid are its range's first ids; with other ids the overlay cannot write its work directory
 * and the kernel would silently make it read-only, which fails here. Documentation/filesystems/overlayfs.rst.
 * Fails with ErrnoError carrying the kernel's words, failed-precondition `SYS_OVERLAY_READ_ONLY` or invalid-argument `SYS_OVERLAY_INVALID`.
 */
export async function mountOverlayRoot(addon: Addon, root: OverlayRoot): Promise<number> {
  const begin = planMount(addon, root);
  if (root.volatile === true && root.upper !== undefined) forgetVolatile(addon, root.upper.disk ?? root.base, root.upper.work);
  const mount = await begin();
  if (isAsWritableAsAsked(addon, root, mount)) return mount;
  addon.close(mount);
  throw new OrlopError(
    'failed-precondition',
    'SYS_OVERLAY_READ_ONLY',
    `the overlay cannot write its work directory ${root.upper?.work ?? ''}`,
    {
      hint: 'mount it with the ids that own the directory in this view, on a file system that is writable',
    },
  );
}

function planMount(addon: Addon, root: OverlayRoot): () => Promise<number> {
  const { base, attributes = 0, fsuid, fsgid } = root;
  if (root.way === 'attached') {
    const { layers, data } = planOverlayData(root);
    return () => addon.mountOverlayAttached(base, root.upper?.disk ?? -1, layers, data, attributes, fsuid, fsgid);
  }
  const options = planOverlayOptions(root);
  return () => addon.mountOverlay(options, attributes, fsuid, fsgid);
}

/** The kernel only logs it when it cannot use the work directory, and mounts read-only. */
function isAsWritableAsAsked(addon: Addon, root: OverlayRoot, mount: number): boolean {
  if (root.upper === undefined || ((root.attributes ?? 0) & k.MOUNT_ATTR_RDONLY) !== 0) return true;
  return (addon.statfs(`/proc/self/fd/${mount}`).flags & k.ST_RDONLY) === 0;
}

/** What only overlayfs can read back would not survive being packed into a layer; the kernel's own defaults are a build option. */
const packable: readonly (readonly [key: string, value: string])[] = [
  ['redirect_dir', 'off'],
  ['metacopy', 'off'],
];

/** With marks of users both are off, and may not be named. */
function optionsOf(where: Marks): readonly MountOption[] {
  return where === 'trusted' ? packable : [['userxattr', null]];
}

/** The parameters, in order (`lowerdir+` appends, Linux 6.5). Paths go through the descriptor, so that they need no place in a mount namespace. */
export function planOverlayOptions(root: OverlayRoot, where: Marks = marks): MountOption[] {
  const { lower, upper } = checkedPaths(root);
  const at = (path: string, base = root.base): string => {
    const option = `/proc/self/fd/${base}/${path}`;
    if (Buffer.byteLength(option) > longestOption) throw invalid(`${JSON.stringify(path)} is too long for a layer's path`);
    return option;
  };
  const options: MountOption[] = [['source', 'orlop'], ...optionsOf(where), ...lower.map((path): MountOption => ['lowerdir+', at(path)])];
  if (upper !== undefined) options.push(['upperdir', at(upper.directory, upper.disk)], ['workdir', at(upper.work, upper.disk)]);
  if (upper !== undefined && root.volatile === true) options.push(['volatile', null]);
  return options;
}

/** The same for mount(2): every directory is named by its number in `layers`, since all names must share one page. */
export function planOverlayData(root: OverlayRoot, where: Marks = marks): { readonly layers: readonly string[]; readonly data: string } {
  const { lower, upper } = checkedPaths(root);
  const data = [
    ...optionsOf(where).map(([key, value]) => (value === null ? key : `${key}=${value}`)),
    `lowerdir=${lower.map((_path, index) => index).join(':')}`,
  ];
  if (upper === undefined) return { layers: lower, data: data.join(',') };
  data.push(`upperdir=${lower.length}`, `workdir=${lower.length + 1}`);
  if (root.volatile === true) data.push('volatile');
  return { layers: [...lower, upper.directory, upper.work], data: data.join(',') };
}

/** overlayfs takes no more (OVL_MAX_STACK). */
const mostLayers = 500;

function checkedPaths({ lower, upper }: OverlayRoot): Pick<OverlayRoot, 'lower' | 'upper'> {
  if (lower.length === 0) throw invalid('an overlay needs at least one lower directory');
  if (lower.length > mostLayers) throw invalid(`an overlay has at most ${mostLayers} lower directories, not ${lower.length}`);
  for (const path of [...lower, ...(upper === undefined ? [] : [upper.directory, upper.work])]) {
    if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
      throw invalid(`${JSON.stringify(path)} is not a plain relative path`);
  }
  return upper === undefined ? { lower } : { lower, upper };
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'SYS_OVERLAY_INVALID', message);
}

/** A volatile overlay leaves work/incompat/volatile/dirty behind and refuses to mount over it again; whoever asks for volatile again accepts what that warns of. */
function forgetVolatile(addon: Addon, base: number, work: string): void {
  const incompat = `${work}/work/incompat`;
  for (const path of [`${incompat}/volatile/dirty`, `${incompat}/volatile`, incompat]) {
    try {
      addon.unlinkat(base, path, path.endsWith('/dirty') ? 0 : k.AT_REMOVEDIR);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
}
