import { isErrno, isOrlopError } from '#errors';
import { type Addon, AT_EMPTY_PATH, O_NOFOLLOW, O_PATH, openInRoot, readFileInRoot, S_IFLNK, S_IFMT } from '#sys';
import type { InitSystem } from './types.ts';

/** In the order in which a kernel or a distribution looks. */
const places = [
  '/sbin/init',
  '/usr/sbin/init',
  '/etc/init',
  '/bin/init',
  '/lib/systemd/systemd',
  '/usr/lib/systemd/systemd',
  '/sbin/runit-init',
  '/sbin/openrc-init',
];

/** By what a link to the real program is called. */
const names: readonly (readonly [RegExp, InitSystem])[] = [
  [/^systemd$/, 'systemd'],
  [/^busybox/, 'busybox'],
  [/^openrc-init$/, 'openrc'],
  [/^runit(-init)?$/, 'runit'],
];

/** By what the program says of itself: for inits that are /sbin/init itself. */
const marks: readonly (readonly [string, InitSystem])[] = [
  ['BusyBox v', 'busybox'],
  ['runit-init', 'runit'],
  ['openrc-init', 'openrc'],
  // s6-linux-init(8) writes such a script.
  ['s6-linux-init', 's6'],
  ['s6-svscan', 's6'],
  ['libsystemd-core', 'systemd'],
  ['INIT: version', 'sysvinit'],
  ['/etc/inittab', 'sysvinit'],
];

const maxLinks = 8;
const maxProgramBytes = 16 * 1024 * 1024;

/**
 * Which init the root below `root` (a directory descriptor) would boot with, null when none is known. Reads inside the root only, whatever its links
 * say. Fails with ErrnoError for what is not a missing or strange file.
 */
export function detectInit(addon: Addon, root: number): InitSystem | null {
  return findInit(addon, root)?.init ?? null;
}

/** The same, with the path under which a kernel would start it. */
export function findInit(addon: Addon, root: number): FoundInit | null {
  for (const path of places) {
    const init = identify(addon, root, path);
    if (init !== null) return { init, path };
  }
  return null;
}

export interface FoundInit {
  readonly init: InitSystem;
  /** Absolute in the root. */
  readonly path: string;
}

function identify(addon: Addon, root: number, place: string): InitSystem | null {
  let path = place;
  for (let links = 0; links < maxLinks; links += 1) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const known = names.find(([pattern]) => pattern.test(name));
    const target = readLink(addon, root, path);
    if (target === 'missing') return null;
    if (known !== undefined) return known[1];
    if (target === 'file') return identifyProgram(addon, root, path);
    path = target.to.startsWith('/') ? target.to : `${path.slice(0, path.lastIndexOf('/'))}/${target.to}`;
  }
  return null;
}

function readLink(addon: Addon, root: number, path: string): { readonly to: string } | 'file' | 'missing' {
  let handle: number;
  try {
    handle = openInRoot(addon, root, path, O_PATH | O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) return 'missing';
    throw error;
  }
  try {
    const { mode } = addon.fstatat(handle, '', AT_EMPTY_PATH);
    return (mode & S_IFMT) === S_IFLNK ? { to: addon.readlinkat(handle, '') } : 'file';
  } finally {
    addon.close(handle);
  }
}

function identifyProgram(addon: Addon, root: number, path: string): InitSystem | null {
  try {
    const program = readFileInRoot(addon, root, path, maxProgramBytes);
    return marks.find(([mark]) => program.includes(mark))?.[1] ?? null;
  } catch (error) {
    if (isOrlopError(error, 'failed-precondition') || isOrlopError(error, 'resource-exhausted') || isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
