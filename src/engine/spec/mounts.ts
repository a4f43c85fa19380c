import { posix } from 'node:path';
import type { SpecMount } from '#oci';
import type { CreateRequest, Kind } from '../model.ts';
import type { ResolvedMount } from '../volume/resolved-mount.ts';
import { specMountOf } from '../volume/spec-mounts.ts';
import { joinedId } from './namespaces.ts';

/** Where the files that the engine writes for a container are bound, and their names in its directory. */
const hostFileTargets: Readonly<Record<string, string>> = {
  '/etc/resolv.conf': 'resolv.conf',
  '/etc/hostname': 'hostname',
  '/etc/hosts': 'hosts',
};

const defaultShmBytes = 64 * 1024 * 1024;
const quiet = ['nosuid', 'noexec', 'nodev'] as const;

/** A machine's files are its own (see system/prepare.ts): nothing is bound over them. */
export function hostFilesOf(kind: Kind): Readonly<Record<string, string>> {
  return kind === 'app' ? hostFileTargets : {};
}

/** The file systems of a container, in the order in which they are mounted. What is asked for takes the place of ours. */
export function planMounts(kind: Kind, request: CreateRequest, own: readonly ResolvedMount[] = []): SpecMount[] {
  const mounts = kind === 'system' ? systemMounts(request) : appMounts(request);
  const hostFiles = Object.keys(hostFilesOf(kind)).map((destination) => ({
    destination,
    type: 'bind',
    source: destination,
    options: ['bind', 'rprivate'],
  }));
  // By depth, so that none hides another.
  const asked = [...temporaryMounts(request.tmpfs ?? {}), ...own.map((mount) => specMountOf(mount, quiet))].toSorted(
    (one, other) => depthOf(one) - depthOf(other),
  );
  const places = new Set(asked.map(({ destination }) => posix.resolve('/', destination)));
  const isFree = ({ destination }: SpecMount): boolean =>
    !places.has(destination) && !['/dev', '/sys'].some((place) => places.has(place) && destination.startsWith(`${place}/`));
  return [...mounts.filter(isFree), ...asked, ...hostFiles.filter(isFree)];
}

function depthOf({ destination }: SpecMount): number {
  return posix.resolve('/', destination).split('/').length;
}

function appMounts(request: CreateRequest): SpecMount[] {
  const sysOptions = request.privileged === true ? [...quiet, 'rw'] : [...quiet, 'ro'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: [...quiet] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    terminals,
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: sysOptions },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: sysOptions },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: [...quiet] },
    ...sharedMemory(request),
  ];
}

/** What an init expects to find (systemd, "The Container Interface"): /run empty, /sys read-only so that udev stays away, an own cgroup2 tree to write. */
function systemMounts(request: CreateRequest): SpecMount[] {
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: [...quiet] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    terminals,
    ...forNesting,
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...quiet, 'ro'] },
    { destination: '/sys/fs/cgroup', type: 'cgroup2', source: 'cgroup2', options: [...quiet, 'rw', 'nsdelegate'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: [...quiet] },
    ...sharedMemory(request),
    { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'strictatime', 'mode=755'] },
  ];
}

/**
 * A user namespace inside may mount no proc and no sysfs unless one is in sight that nothing covers and that is as writable (fs/namespace.c, mount_too_revealing): where lxcfs' reports
 * lie over files of the usual ones, containers in a machine need these.
 */
const forNesting: readonly SpecMount[] = [
  { destination: '/dev/.orlop/proc', type: 'proc', source: 'proc', options: [...quiet] },
  { destination: '/dev/.orlop/sys', type: 'sysfs', source: 'sysfs', options: [...quiet] },
];

const terminals: SpecMount = {
  destination: '/dev/pts',
  type: 'devpts',
  source: 'devpts',
  options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
};

/** POSIX shared memory goes with the IPC namespace: that of the host, or of another container, which comes as a descriptor. */
function sharedMemory({ shmSizeBytes: size = defaultShmBytes, ipcNamespace = 'private' }: CreateRequest): SpecMount[] {
  const destination = '/dev/shm';
  if (ipcNamespace === 'none') return [];
  if (ipcNamespace === 'host' || joinedId(ipcNamespace) !== null)
    return [{ destination, type: 'bind', source: '/dev/shm', options: ['rbind', ...quiet] }];
  return [{ destination, type: 'tmpfs', source: 'shm', options: [...quiet, 'mode=1777', `size=${size}`] }];
}

function temporaryMounts(tmpfs: Readonly<Record<string, string>>): SpecMount[] {
  return Object.entries(tmpfs).map(([destination, options]) => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [...quiet, ...options.split(',').filter((option) => option !== '')],
  }));
}
