import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno, OrlopError } from '#errors';
import { createCgroup, openCgroup, type CgroupLayout } from '#runtime';
import { commandLine, isAlive, MNT_DETACH, MNT_FORCE, readMountinfo, signals, type Addon } from '#sys';
import { askLxcfs, inTime, openPlaces } from './patience.ts';

export interface LxcfsPlace {
  readonly addon: Addon;
  /** The engine's, for what lxcfs needs while it runs. */
  readonly execRoot: string;
  readonly cgroups: CgroupLayout;
  /** A cgroup of its own: it does not end with what the engine runs in. */
  readonly cgroup: string;
}

/** An lxcfs that runs. */
export interface LxcfsServer {
  readonly pid: number;
  /** Its reports by place, as descriptors (O_PATH) that are closed when it has ended. */
  readonly places: ReadonlyMap<string, number>;
  /** Of its file system, major:minor, as mountinfo has it. */
  readonly device: string;
  /** Resolves once it is gone, for whatever reason. */
  readonly ended: Promise<void>;
  /** Whether it tells anything within 3 s. */
  answers(): Promise<boolean>;
  /** Ends it now, whatever it is at: all who wait for it get an error instead. `ended` follows. */
  abandon(): void;
  /** Ends it; its file system goes with it. */
  stop(): Promise<void>;
}

const startPatienceMs = 10_000;
const failed = 'ENGINE_LXCFS_FAILED';

function pathsOf(execRoot: string) {
  const base = join(execRoot, 'lxcfs');
  return { base, directory: join(base, 'reports'), pidFile: join(base, 'pid'), log: join(base, 'log') };
}

/** The one that an earlier engine started, or null: what a dead one left, and one that does not answer, is cleared away. */
export async function findLxcfs(place: LxcfsPlace): Promise<LxcfsServer | null> {
  const { directory, pidFile } = pathsOf(place.execRoot);
  const pid = readPid(pidFile);
  if (pid !== null && isAlive(pid) && isOurs(pid, directory)) {
    const pidfd = place.addon.pidfdOpen(pid);
    try {
      return await follow(place, pid, pidfd);
    } catch (error) {
      if (!(error instanceof OrlopError && error.code === failed)) throw error;
      return null;
    }
  }
  await clear(place);
  return null;
}

/**
 * Starts lxcfs on a mount point below the exec root, in a session and a cgroup of its own. Unavailable `ENGINE_LXCFS_FAILED` with its own words when it ends at once or does not
 * come up in 10 s; nothing is left then.
 */
export async function startLxcfs(place: LxcfsPlace, program: string): Promise<LxcfsServer> {
  const { addon } = place;
  const { directory, pidFile, log } = pathsOf(place.execRoot);
  unmountAll(addon, directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const output = openSync(log, 'w', 0o600);
  const argv = ['lxcfs', '-f', '--enable-loadavg', '--enable-cfs', '-p', pidFile, directory];
  try {
    const cgroup = createCgroup(place.cgroups, place.cgroup);
    const { pid, pidfd } = addon.spawn(program, argv, ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], [-1, output, output], true);
    const server = follow(place, pid, pidfd);
    for (const file of cgroup.procsFiles) enterCgroup(file, pid);
    return await server;
  } catch (error) {
    await clear(place);
    throw error;
  } finally {
    closeSync(output);
  }
}

/** One that is gone already says so by itself. */
function enterCgroup(file: string, pid: number): void {
  try {
    writeFileSync(file, String(pid));
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

/** Waits until its file system is there and answers. */
async function follow(place: LxcfsPlace, pid: number, pidfd: number): Promise<LxcfsServer> {
  const { addon } = place;
  const { directory } = pathsOf(place.execRoot);
  const state = { isOver: false };
  const ended = new Promise<void>((resolve) => {
    addon.whenReadable(pidfd, false, () => {
      state.isOver = true;
      addon.reap(pidfd);
      addon.close(pidfd);
      resolve();
    });
  });
  const abandon = (): void => {
    // It keeps nothing that an orderly end would save, and takes seconds for one.
    if (!state.isOver) addon.pidfdSendSignal(pidfd, signals.SIGKILL);
    abort(addon, directory);
  };
  const device = await mounted(place, state);
  const places = device === null ? null : await openInTime(directory, ended);
  if (device === null || places === null) {
    const words = state.isOver ? 'ended at once' : device === null ? `did not come up in ${startPatienceMs / 1000} s` : 'does not answer';
    const error = failure(place, words);
    abandon();
    await clear(place);
    throw error;
  }
  const answers = async (): Promise<boolean> => (await inTime(askLxcfs(directory)).catch(() => null)) !== null;
  const stop = async (): Promise<void> => {
    abandon();
    await clear(place);
  };
  return { pid, device, places, ended, answers, abandon, stop };
}

/** Its places, which are closed with its end; null where it does not answer in time, or no more. The kernel may know the places for a second without asking it. */
async function openInTime(directory: string, ended: Promise<void>): Promise<Map<string, number> | null> {
  const opening = askLxcfs(directory).then(() => openPlaces(directory));
  const places = await inTime(opening).catch(() => null);
  const close = async (): Promise<void> => {
    for (const handle of (await opening.catch(() => null))?.values() ?? []) await handle.close();
  };
  void ended.then(close);
  return places && new Map([...places].map(([report, { fd }]) => [report, fd]));
}

/** The device of its file system as soon as that is there; null when it does not come. */
async function mounted({ execRoot }: LxcfsPlace, state: { readonly isOver: boolean }): Promise<string | null> {
  const { directory } = pathsOf(execRoot);
  for (const deadline = Date.now() + startPatienceMs; !state.isOver && Date.now() < deadline; await delay(5)) {
    const device = deviceOf(directory);
    if (device !== null) return device;
  }
  return null;
}

function failure({ execRoot }: LxcfsPlace, what: string): OrlopError {
  const words = lastWords(pathsOf(execRoot).log);
  return new OrlopError('unavailable', failed, `lxcfs ${what}${words === '' ? '' : `: ${words}`}`, {
    hint: 'it needs /dev/fuse and the package lxcfs; limits.visible=false does without it',
  });
}

/** Ends what may still be in its cgroup, and takes away all that it had. */
async function clear(place: LxcfsPlace): Promise<void> {
  const { base, directory } = pathsOf(place.execRoot);
  const cgroup = openCgroup(place.cgroups, place.cgroup);
  await cgroup.killAll();
  unmountAll(place.addon, directory);
  await cgroup.remove();
  rmSync(base, { recursive: true, force: true });
}

function deviceOf(directory: string): string | null {
  const found = readMountinfo().findLast(({ mountPoint, fstype }) => mountPoint === directory && fstype === 'fuse.lxcfs');
  return found === undefined ? null : `${found.major}:${found.minor}`;
}

/** Ends all requests that wait for an answer with ECONNABORTED, also if the process cannot be ended (fs/fuse/inode.c, fuse_umount_begin). */
function abort(addon: Addon, directory: string): void {
  if (deviceOf(directory) !== null) addon.umount(directory, MNT_FORCE | MNT_DETACH);
}

/** One that has died stays mounted until somebody unmounts it; containers that show it keep their own hold. */
function unmountAll(addon: Addon, directory: string): void {
  for (const { mountPoint } of readMountinfo()) if (mountPoint === directory) addon.umount(directory, MNT_DETACH);
}

function isOurs(pid: number, directory: string): boolean {
  const words = commandLine(pid);
  return words[0] === 'lxcfs' && words.at(-1) === directory;
}

function readPid(file: string): number | null {
  const text = readOptional(file).trim();
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : null;
}

/** Its last line that says something. */
function lastWords(log: string): string {
  return (
    readOptional(log)
      .split('\n')
      .findLast((line) => line.trim() !== '')
      ?.trim()
      .slice(0, 300) ?? ''
  );
}

function readOptional(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}
