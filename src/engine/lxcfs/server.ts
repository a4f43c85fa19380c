import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno, OrlopError } from '#errors';
import { createCgroup, openCgroup, type CgroupLayout } from '#runtime';
import { commandLine, isAlive, MNT_DETACH, readMountinfo, signals, type Addon } from '#sys';

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
  /** Its reports lie below. */
  readonly directory: string;
  /** Of its file system, major:minor, as mountinfo has it. */
  readonly device: string;
  /** Resolves once it is gone, for whatever reason. */
  readonly ended: Promise<void>;
  /** Ends it; its file system goes with it. */
  stop(): Promise<void>;
}

const startPatienceMs = 10_000;

function pathsOf(execRoot: string) {
  const base = join(execRoot, 'lxcfs');
  return { base, directory: join(base, 'reports'), pidFile: join(base, 'pid'), log: join(base, 'log') };
}

/** The one that an earlier engine started, or null: what a dead one left is cleared away. */
export async function findLxcfs(place: LxcfsPlace): Promise<LxcfsServer | null> {
  const { directory, pidFile } = pathsOf(place.execRoot);
  const pid = readPid(pidFile);
  if (pid !== null && isAlive(pid) && isOurs(pid, directory)) {
    const pidfd = place.addon.pidfdOpen(pid);
    return await follow(place, pid, pidfd);
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

/** Waits until its file system is there. */
async function follow(place: LxcfsPlace, pid: number, pidfd: number): Promise<LxcfsServer> {
  const { addon } = place;
  const { directory, log } = pathsOf(place.execRoot);
  const state = { isOver: false };
  const ended = new Promise<void>((resolve) => {
    addon.whenReadable(pidfd, false, () => {
      state.isOver = true;
      addon.reap(pidfd);
      addon.close(pidfd);
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    // It keeps nothing that an orderly end would save, and takes seconds for one.
    if (!state.isOver) addon.pidfdSendSignal(pidfd, signals.SIGKILL);
    await clear(place);
  };
  for (const deadline = Date.now() + startPatienceMs; ; await delay(5)) {
    const device = deviceOf(directory);
    if (device !== null && !state.isOver) return { pid, directory, device, ended, stop };
    if (!state.isOver && Date.now() < deadline) continue;
    const why = state.isOver ? 'ended at once' : `did not come up in ${startPatienceMs / 1000} s`;
    const words = lastWords(log);
    await stop();
    throw new OrlopError('unavailable', 'ENGINE_LXCFS_FAILED', `lxcfs ${why}${words === '' ? '' : `: ${words}`}`, {
      hint: 'it needs /dev/fuse and the package lxcfs; limits.visible=false does without it',
    });
  }
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
