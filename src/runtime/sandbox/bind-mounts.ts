import { isErrno, OrlopError } from '#errors';
import type { Spec, SpecMount } from '#oci';
import * as k from '#sys';
import type { Addon } from '#sys';
import { type MountOptions, parseMountOptions } from '../plan/mount-options.ts';
import type { PreparedMount } from '../plan/mount-facts.ts';
import { isBind } from '../plan/mounts.ts';
import { refuseField } from '../plan/refuse.ts';
import { sameIdMap } from './id-map.ts';
import { openCopiedTmpfs } from './copy-up.ts';
import type { IdMap, StartOptions } from './types.ts';

export interface BindContext {
  readonly addon: Addon;
  /** Detached mounts by destination, made by the caller. */
  readonly given: ReadonlyMap<string, number>;
  readonly root: StartOptions['root'];
  readonly idMap: IdMap | null;
  /** The container's user namespace, for mounts with its ids; borrowed. */
  readonly openUserNamespace: () => number;
}

/** The detached mounts of a spec, open until disposed (those that the caller gave stay the caller's). */
export interface BindMounts extends Disposable {
  readonly prepared: ReadonlyMap<number, PreparedMount>;
}

/**
 * Opens every bind mount's source as a detached mount, with the host's rights: a container's root need not be able to walk the host's directories,
 * and what is opened here is what is mounted, whatever happens to the path meanwhile. Fails with not-found `RUNTIME_MOUNT_SOURCE`.
 */
export function openBindMounts(spec: Spec, context: BindContext): BindMounts {
  using undo = new DisposableStack();
  const prepared = new Map<number, PreparedMount>();
  (spec.mounts ?? []).forEach((mount, index) => {
    if (!isBind(mount)) {
      const copied = openCopied(mount, context);
      if (copied === null) return;
      undo.defer(() => context.addon.close(copied));
      prepared.set(index, { descriptor: copied, file: false });
      return;
    }
    const given = context.given.get(mount.destination);
    const descriptor = given ?? openSource(mount, index, context, keepsPeers(spec));
    if (given === undefined) undo.defer(() => context.addon.close(descriptor));
    const { mode } = context.addon.fstatat(descriptor, '', k.AT_EMPTY_PATH);
    prepared.set(index, { descriptor, file: (mode & k.S_IFMT) !== k.S_IFDIR });
  });
  const held = undo.move();
  return { prepared, [Symbol.dispose]: () => held.dispose() };
}

function openCopied(mount: SpecMount, { addon, root }: BindContext): number | null {
  const options = parseMountOptions(mount.options ?? []);
  if (!options.copyUp || mount.type !== 'tmpfs') return null;
  const descriptor = 'mount' in root ? addon.dup(root.mount) : addon.openat2(k.AT_FDCWD, root.path, k.O_PATH | k.O_DIRECTORY, 0, 0);
  try {
    return openCopiedTmpfs(addon, descriptor, mount, options);
  } finally {
    addon.close(descriptor);
  }
}

/** With a shared root, mounts that the host makes and those that the container makes are meant to be seen on the other side. */
function keepsPeers(spec: Spec): boolean {
  return ['shared', 'rshared'].includes(spec.linux?.rootfsPropagation ?? '');
}

function openSource(mount: SpecMount, index: number, context: BindContext, peers: boolean): number {
  const { addon } = context;
  const options = parseMountOptions(mount.options ?? []);
  const source = mount.source ?? '';
  const recursive = options.bind === 'tree' ? k.AT_RECURSIVE : 0;
  const descriptor = openTree(addon, source, recursive, mount);
  try {
    // A slave still sees what the host mounts below it, as with runc, but nothing goes the other way.
    if (!peers) addon.mountSetattr(descriptor, '', k.AT_EMPTY_PATH | k.AT_RECURSIVE, 0n, 0n, BigInt(k.MS_SLAVE), -1);
    mapIds(descriptor, mount, index, options, context);
    return descriptor;
  } catch (error) {
    addon.close(descriptor);
    throw error;
  }
}

function openTree(addon: Addon, source: string, recursive: number, mount: SpecMount): number {
  try {
    return addon.openTree(k.AT_FDCWD, source, k.OPEN_TREE_CLONE | k.OPEN_TREE_CLOEXEC | recursive);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError(
      'not-found',
      'RUNTIME_MOUNT_SOURCE',
      `${JSON.stringify(source)}, to be mounted on ${mount.destination}, does not exist on the host`,
      {
        hint: 'create it, or correct the mount',
        cause: error,
      },
    );
  }
}

/** runtime-spec config, "uidMappings": without mappings of its own, `idmap` takes the container's. */
function mapIds(descriptor: number, mount: SpecMount, index: number, options: MountOptions, context: BindContext): void {
  const { uidMappings, gidMappings } = mount;
  if (options.idmap === 'no' && uidMappings === undefined && gidMappings === undefined) return;
  const at = `mounts[${index}].uidMappings`;
  const wanted =
    uidMappings === undefined && gidMappings === undefined ? context.idMap : { uids: uidMappings ?? [], gids: gidMappings ?? [] };
  if (wanted === null || context.idMap === null) throw refuseField(at, 'ids can only be mapped in a container with an own user namespace');
  if (!sameIdMap(wanted, context.idMap))
    throw refuseField(at, "a mount can have no other mapping than the container's", 'leave the mappings out');
  const recursive = options.idmap === 'tree' ? k.AT_RECURSIVE : 0;
  const users = context.openUserNamespace();
  try {
    context.addon.mountSetattr(descriptor, '', k.AT_EMPTY_PATH | recursive, BigInt(k.MOUNT_ATTR_IDMAP), 0n, 0n, users);
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EPERM')) throw error;
    throw new OrlopError(
      'unimplemented',
      'RUNTIME_IDMAP',
      `the ids of ${mount.source ?? ''} cannot be mapped: its file system does not support it`,
      { cause: error },
    );
  } finally {
    context.addon.close(users);
  }
}
