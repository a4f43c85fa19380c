import { readFileSync } from 'node:fs';
import { ErrnoError, isErrno, OrlopError } from '#errors';
import type { Spec, SpecMount } from '#oci';
import * as k from '#sys';
import { type Addon, readMountinfo } from '#sys';
import { dependsOnLocks, planBindAttributes } from '../plan/bind-attributes.ts';
import { type MountOptions, parseMountOptions } from '#sys';
import type { InsideMount, LateMount, PreparedMount } from '../plan/mount-facts.ts';
import { isBind, isRemount, rejectOverProc } from '../plan/mounts.ts';
import { areRelated, isWithin, placeOf } from '../plan/places.ts';
import { rejectField } from '../plan/refuse.ts';
import { formatIdMap } from '../plan/sandbox.ts';
import { openCopiedTmpfs } from './copy-up.ts';
import { type MountQueue, openMountQueue } from './mount-queue.ts';
import { describeErrno } from './errno-words.ts';
import type { IdMap, StartOptions } from './types.ts';

export interface BindContext {
  readonly addon: Addon;
  /** Detached mounts by destination, made by the caller. */
  readonly given: ReadonlyMap<string, number>;
  readonly root: StartOptions['root'];
  /** Where the root lies on the host, when the caller knows. */
  readonly rootPath: string | null;
  /** The container has a user namespace of its own. */
  readonly ownUsers: boolean;
  /** Whoever is in it may mount, and so could take the flags of its mounts away, were these not locked. */
  readonly lock: boolean;
  /** The parked process still sees the host's files, at their paths. */
  readonly hostInSight: boolean;
  /** That namespace, for mounts with its ids; closed by who asked. */
  readonly openUserNamespace: () => number;
}

/** The detached mounts of a spec, open until disposed (those that the caller gave stay the caller's). */
export interface BindMounts extends Disposable {
  readonly prepared: ReadonlyMap<number, PreparedMount>;
}

/** A plan takes 240 descriptors along, which others need some of. */
const mostOpened = 200;
/** So many may be open below any limit of open files that a program can live with. */
const fewestOpened = 16;
/** What this program has open besides, and to spare. */
const openAnyway = 64;

/**
 * Opens every bind mount's source as a detached mount, with the host's rights: a container's root need not be able to walk the host's directories,
 * and what is opened here is what is mounted, whatever happens to the path meanwhile. Fails with not-found `RUNTIME_MOUNT_SOURCE`. Those for which there is no room
 * among a plan's descriptors, or below the limit of open files, are left to the parked process, where it sees the host, their ids stay as they are and nobody could take
 * their flags away; the others it takes out of a queue.
 */
export function openBindMounts(spec: Spec, context: BindContext): BindMounts {
  using undo = new DisposableStack();
  const prepared = new Map<number, PreparedMount>();
  const { addon } = context;
  const room = countRoom(addon);
  const locks = context.lock && cutOf(spec) !== 0;
  let queue: MountQueue | null = null;
  const lineUp = (): MountQueue =>
    (queue ??= undo.use(openMountQueue(addon, Math.min(128, Math.max(8, room() - mostOpened)), locks ? addon.lockMounts : null)));
  (spec.mounts ?? []).forEach((mount, index) => {
    if (isRemount(mount)) return;
    if (!isBind(mount)) {
      const copied = openCopied(mount, context);
      if (copied === null) return;
      undo.defer(() => addon.close(copied));
      prepared.set(index, { descriptor: copied, file: false });
      return;
    }
    const given = context.given.get(mount.destination);
    if (placeOf(mount) === '/proc' && given === undefined) checkIsProc(mount, index, addon);
    const inside = given === undefined ? placeInside(spec, index, context) : null;
    if (inside !== null) {
      prepared.set(index, prepareInside(inside, mount, index, context, undo));
      return;
    }
    const isLate = given === undefined && prepared.size >= fewestOpened && prepared.size >= Math.min(mostOpened, room());
    if (isLate && context.hostInSight && !locks && !isMapped(mount)) {
      prepared.set(index, prepareLate(mount, context));
      return;
    }
    const descriptor = given ?? openSource(mount, index, context, cutOf(spec));
    using opened = new DisposableStack();
    if (given === undefined) opened.defer(() => addon.close(descriptor));
    setAttributes(addon, descriptor, mount, given === undefined && context.ownUsers);
    const { mode } = addon.fstatat(descriptor, '', k.AT_EMPTY_PATH);
    const file = (mode & k.S_IFMT) !== k.S_IFDIR;
    prepared.set(index, isLate ? { queue: lineUp().descriptor, file } : { descriptor, file });
    const held = opened.move();
    if (isLate) lineUp().add(descriptor);
    else undo.use(held);
  });
  (queue as MountQueue | null)?.end();
  if (locks) lockAll(context, prepared, undo);
  const held = undo.move();
  return { prepared, [Symbol.dispose]: () => held.dispose() };
}

/** How many mounts may be open at once. The kernel is asked only when there are many. */
function countRoom(addon: Addon): () => number {
  let room: number | undefined;
  return () => (room ??= Number(addon.getrlimit(k.rlimits.RLIMIT_NOFILE).soft) - openAnyway);
}

/** All that were opened here: a mount that the caller gave stays as it is. */
function lockAll({ addon, given }: BindContext, prepared: Map<number, PreparedMount>, undo: DisposableStack): void {
  const foreign = new Set(given.values());
  const open = [...prepared].flatMap(([index, mount]) =>
    'descriptor' in mount && !foreign.has(mount.descriptor) ? [{ index, mount }] : [],
  );
  if (open.length === 0) return;
  const locked = addon.lockMounts(open.map(({ mount }) => mount.descriptor));
  locked.forEach((descriptor, at) => {
    undo.defer(() => addon.close(descriptor));
    const { index, mount } = open[at] ?? {};
    if (index !== undefined && mount !== undefined) prepared.set(index, { ...mount, descriptor });
  });
}

function isMapped({ uidMappings = [], gidMappings = [], options = [] }: SpecMount): boolean {
  return uidMappings.length + gidMappings.length > 0 || parseMountOptions(options).idmap !== 'no';
}

function prepareLate(mount: SpecMount, { addon, ownUsers }: BindContext): LateMount {
  const { source = '' } = mount;
  const { mode } = orMissing(mount, () => addon.fstatat(k.AT_FDCWD, source, 0));
  const recursive = parseMountOptions(mount.options ?? []).bind === 'tree';
  return { source, recursive, file: (mode & k.S_IFMT) !== k.S_IFDIR, ...attributesOf(addon, mount, ownUsers) };
}

/**
 * The place in the container that a source names by its path on the host, if an earlier mount of the list has changed what lies there: as with runc, whose sources are
 * looked for where the root is mounted already. Null for all others, which are opened on the host.
 */
function placeInside({ mounts = [] }: Spec, index: number, { rootPath, hostInSight }: BindContext): string | null {
  const source = mounts[index]?.source ?? '';
  if (rootPath === null || !hostInSight || rootPath === '/' || !isWithin(source, rootPath)) return null;
  const inside = placeOf({ destination: source.slice(rootPath.length) });
  return mounts.slice(0, index).some((earlier) => areRelated(placeOf(earlier), inside)) ? inside : null;
}

function prepareInside(inside: string, mount: SpecMount, index: number, context: BindContext, undo: DisposableStack): InsideMount {
  const options = parseMountOptions(mount.options ?? []);
  const own = planBindAttributes(mount.options ?? [], null) ?? { set: 0, clear: 0 };
  const users = findUsers(mount, index, options, context);
  if (users !== null) undo.defer(() => context.addon.close(users));
  return { inside, recursive: options.bind === 'tree', own, tree: options.tree, users, mapsTree: options.idmap === 'tree' };
}

function attributesOf(addon: Addon, mount: SpecMount, lockedBySource: boolean): Pick<LateMount, 'own' | 'tree'> {
  const options = mount.options ?? [];
  const own = planBindAttributes(options, lockedBySource ? readLocks(addon, mount.source ?? '', options) : null);
  if (own === null) throw lockedMount(mount);
  return { own, tree: parseMountOptions(options).tree };
}

/** While the mount is nowhere yet: it never lies in the container without its options. */
function setAttributes(addon: Addon, descriptor: number, mount: SpecMount, lockedBySource: boolean): void {
  const { own, tree } = attributesOf(addon, mount, lockedBySource);
  for (const [{ set, clear }, flags] of [[own, 0] as const, [tree, k.AT_RECURSIVE] as const]) {
    if (set === 0 && clear === 0) continue;
    try {
      addon.mountSetattr(descriptor, '', k.AT_EMPTY_PATH | flags, BigInt(set), BigInt(clear), 0n, -1);
    } catch (error) {
      if (isErrno(error, 'EPERM')) throw lockedMount(mount, error);
      const reason = error instanceof ErrnoError ? describeErrno(error.errno) : String(error);
      throw new OrlopError(
        'invalid-argument',
        'RUNTIME_MOUNT_OPTIONS',
        `the options of the mount on ${mount.destination} cannot be set: ${reason}`,
        {
          cause: error,
        },
      );
    }
  }
}

/** The flags of the mount that the path leads to on the host, as mountinfo names them; null when they do not matter, which is soon known. */
function readLocks(addon: Addon, path: string, options: readonly string[]): ReadonlySet<string> | null {
  const restricting = k.ST_RDONLY | k.ST_NOSUID | k.ST_NODEV | k.ST_NOEXEC;
  if (!dependsOnLocks(options, (addon.statfs(path).flags & restricting) !== 0)) return null;
  const descriptor = addon.openat2(k.AT_FDCWD, path, k.O_PATH, 0, 0);
  try {
    const id = Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1]);
    return new Set(readMountinfo().find((mount) => mount.id === id)?.options);
  } finally {
    addon.close(descriptor);
  }
}

function lockedMount({ source = '', destination, options = [] }: SpecMount, cause?: unknown): OrlopError {
  return new OrlopError(
    'permission-denied',
    'RUNTIME_MOUNT_LOCKED',
    `${source} cannot be mounted on ${destination} with the options ${options.join(',')}: the host has mounted it otherwise`,
    {
      hint: 'a container with a user namespace of its own cannot take flags off a mount of the host',
      details: { source, destination },
      cause,
    },
  );
}

function openCopied(mount: SpecMount, { addon, root }: BindContext): number | null {
  const options = parseMountOptions(mount.options ?? []);
  if (!options.copyUp || mount.type !== 'tmpfs') return null;
  const descriptor = 'mount' in root ? addon.dup(root.mount) : addon.openat2(k.AT_FDCWD, root.path, k.O_PATH | k.O_DIRECTORY, 0, 0);
  try {
    const copied = openCopiedTmpfs(addon, descriptor, mount, options);
    if (copied !== null) setAttributes(addon, copied, mount, false);
    return copied;
  } finally {
    addon.close(descriptor);
  }
}

/**
 * How a source is cut off from the host's mount, 0: not at all. As with runc, which changes the whole tree of its new namespace: a slave still sees what the
 * host mounts below it, a private root's mounts do not, and with a shared one what either side mounts is meant to be seen on the other.
 */
function cutOf(spec: Spec): number {
  const kind = spec.linux?.rootfsPropagation ?? '';
  if (kind === 'shared' || kind === 'rshared') return 0;
  return kind === 'private' || kind === 'rprivate' ? k.MS_PRIVATE : k.MS_SLAVE;
}

function openSource(mount: SpecMount, index: number, context: BindContext, cut: number): number {
  const { addon } = context;
  const options = parseMountOptions(mount.options ?? []);
  const source = mount.source ?? '';
  const recursive = options.bind === 'tree' ? k.AT_RECURSIVE : 0;
  const descriptor = openTree(addon, source, recursive, mount);
  try {
    if (cut !== 0) addon.mountSetattr(descriptor, '', k.AT_EMPTY_PATH | k.AT_RECURSIVE, 0n, 0n, BigInt(cut), -1);
    mapIds(descriptor, mount, index, options, context);
    return descriptor;
  } catch (error) {
    addon.close(descriptor);
    throw error;
  }
}

function checkIsProc(mount: SpecMount, index: number, addon: Addon): void {
  const { type } = orMissing(mount, () => addon.statfs(mount.source ?? ''));
  if (type !== k.PROC_SUPER_MAGIC) throw rejectOverProc(`mounts[${index}]`, mount);
}

function openTree(addon: Addon, source: string, recursive: number, mount: SpecMount): number {
  return orMissing(mount, () => addon.openTree(k.AT_FDCWD, source, k.OPEN_TREE_CLONE | k.OPEN_TREE_CLOEXEC | recursive));
}

function orMissing<T>({ source = '', destination }: SpecMount, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError(
      'not-found',
      'RUNTIME_MOUNT_SOURCE',
      `${JSON.stringify(source)}, to be mounted on ${destination}, does not exist on the host`,
      {
        hint: 'create it, or correct the mount',
        details: { source, destination },
        cause: error,
      },
    );
  }
}

/**
 * runtime-spec config, "uidMappings" and "idmap": the mount's own mappings, or the container's where it names none. They stand beside the container's, not below them: an id on
 * disk (`containerID`) becomes the host's id (`hostID`), which the container's user namespace, if it has one, then shows as one of its own.
 */
function mapIds(descriptor: number, mount: SpecMount, index: number, options: MountOptions, context: BindContext): void {
  const users = findUsers(mount, index, options, context);
  if (users === null) return;
  const recursive = options.idmap === 'tree' ? k.AT_RECURSIVE : 0;
  try {
    context.addon.mountSetattr(descriptor, '', k.AT_EMPTY_PATH | recursive, BigInt(k.MOUNT_ATTR_IDMAP), 0n, 0n, users);
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EPERM')) throw error;
    throw new OrlopError('unimplemented', 'RUNTIME_IDMAP', `the ids of ${mount.source ?? ''} on ${mount.destination} cannot be mapped`, {
      hint: 'its file system does not support it, or is mapped already',
      cause: error,
    });
  } finally {
    context.addon.close(users);
  }
}

/** The user namespace whose mappings a mount is to have, for who asks to close; null when its ids stay as they are. */
function findUsers(mount: SpecMount, index: number, options: MountOptions, context: BindContext): number | null {
  const { uidMappings = [], gidMappings = [] } = mount;
  const own = uidMappings.length + gidMappings.length > 0;
  if (!own && options.idmap === 'no') return null;
  const at = `mounts[${index}]`;
  return own ? makeUsers(context.addon, { uids: uidMappings, gids: gidMappings }, at) : containersUsers(context, at);
}

function containersUsers(context: BindContext, at: string): number {
  if (context.ownUsers) return context.openUserNamespace();
  throw rejectField(
    `${at}.options`,
    'ask for mapped ids and there are no mappings: neither on the mount nor of a user namespace',
    'give uidMappings and gidMappings',
  );
}

/** A container's user namespace with the same mappings would do as well, but this takes no longer than opening that. */
function makeUsers(addon: Addon, { uids, gids }: IdMap, at: string): number {
  if (uids.length === 0 || gids.length === 0) throw rejectField(`${at}.uidMappings`, 'and gidMappings come together');
  try {
    return addon.userNamespace(formatIdMap(uids), formatIdMap(gids));
  } catch (error) {
    const which = error instanceof ErrnoError && error.syscall === 'gid_map' ? 'gidMappings' : 'uidMappings';
    if (!isErrno(error, 'EINVAL', 'ERANGE')) throw error;
    throw new OrlopError(
      'invalid-argument',
      'RUNTIME_SPEC_INVALID',
      `config.json ${at}.${which} are no mappings that the kernel accepts (sizes must not be 0, ranges must not overlap, at most 340)`,
      { cause: error },
    );
  }
}
