import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isErrno } from '#errors';
import { parseProcessCgroups, readCgroupMounts, readMountinfo } from '#sys';

/** By what an engine's traces on the machine are known. */
export interface Marks {
  /** A directory that nothing else uses and that holds the engine's data root, exec root and socket. */
  readonly root: string;
  /** Begins the names of its links; its firewall table is named after it. */
  readonly prefix: string;
  /** Directory of its cgroups in every hierarchy. */
  readonly cgroupParent: string;
}

/** What of an engine there is on the machine, one sentence each. */
export interface Inventory {
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly links: readonly string[];
  readonly tables: readonly string[];
  /** With the namespaces that they keep: one without a process is held by a mount or by a descriptor, hence by one of these. */
  readonly processes: readonly string[];
}

/** The marks of an engine with this data root, as orlopd derives them. */
export function marksOf(root: string, dataRoot: string): Marks {
  const mark = createHash('sha256').update(dataRoot).digest('hex').slice(0, 8);
  return { root, prefix: `orl${mark.slice(0, 6)}`, cgroupParent: `orlop-${mark}` };
}

/** Looks for everything that carries the marks. This process and those above it do not count. */
export async function takeInventory(marks: Marks): Promise<Inventory> {
  return {
    mounts: findMounts(marks),
    cgroups: findCgroups(marks),
    links: findLinks(marks),
    tables: await findTables(marks),
    processes: findProcesses(marks),
  };
}

/**
 * Waits until nothing carries the marks any more, but for what `before` lists: the kernel ends namespaces in its own time. Fails with what is
 * left. For the end of every system test.
 */
export async function assertNothingLeft(marks: Marks, before?: Inventory, patienceMs = 15_000): Promise<void> {
  for (const deadline = Date.now() + patienceMs; ; await delay(25)) {
    const left = subtract(await takeInventory(marks), before);
    const isClean = Object.values(left).every((found) => found.length === 0);
    if (isClean || Date.now() > deadline) {
      assert.ok(isClean, `left behind: ${JSON.stringify(left, null, 2)}`);
      return;
    }
  }
}

function subtract(now: Inventory, before: Inventory | undefined): Record<keyof Inventory, string[]> {
  const only = (kind: keyof Inventory): string[] => now[kind].filter((found) => before === undefined || !before[kind].includes(found));
  return {
    mounts: only('mounts'),
    cgroups: only('cgroups'),
    links: only('links'),
    tables: only('tables'),
    processes: only('processes'),
  };
}

function findMounts({ root }: Marks): string[] {
  const inside = (path: string): boolean => path === root || path.startsWith(`${root}/`);
  return readMountinfo()
    .filter((mount) => inside(mount.mountPoint) || mount.superOptions.some((option) => option.includes(`${root}/`)))
    .map((mount) => `${mount.fstype} on ${mount.mountPoint}`);
}

/** The parent directory and all below it, in every hierarchy that is mounted. */
function findCgroups({ cgroupParent }: Marks): string[] {
  const { unified, legacy } = readCgroupMounts();
  const hierarchies = new Set([...(unified === null ? [] : [unified]), ...legacy.values()]);
  return [...hierarchies].flatMap((hierarchy) => {
    const parent = join(hierarchy, cgroupParent);
    const below = listDirectory(parent, true).filter((path) => basename(path) === 'cgroup.procs');
    return below.map((path) => join(parent, path, '..'));
  });
}

function findLinks({ prefix }: Marks): string[] {
  const names = readFileSync('/proc/net/dev', 'utf8').split('\n').slice(2);
  return names.map((line) => line.split(':')[0]?.trim() ?? '').filter((name) => name.startsWith(prefix));
}

async function findTables({ prefix }: Marks): Promise<string[]> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  try {
    const { stdout } = await promisify(execFile)('nft', ['list', 'tables'], { env });
    return stdout.split('\n').filter((line) => line.includes(prefix));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Processes in the engine's cgroups, and those whose command line or environment names its directory. */
function findProcesses(marks: Marks): string[] {
  const mine = ancestors();
  const pids = listDirectory('/proc', false).filter((name) => /^\d+$/.test(name) && !mine.has(name));
  return pids.flatMap((pid) => {
    const words = readOptional(`/proc/${pid}/cmdline`).split('\0').join(' ').trim();
    const cgroups = [...parseProcessCgroups(readOptional(`/proc/${pid}/cgroup`)).values()];
    const inCgroup = cgroups.some((path) => path.split('/').includes(marks.cgroupParent));
    const named = [words, ...readOptional(`/proc/${pid}/environ`).split('\0')].some((text) => text.includes(marks.root));
    return inCgroup || named ? [`${pid} ${words}`] : [];
  });
}

function ancestors(): Set<string> {
  const found = new Set<string>();
  for (let pid = String(process.pid); pid !== '0' && pid !== '' && !found.has(pid); ) {
    found.add(pid);
    pid = /^PPid:\s*(\d+)/m.exec(readOptional(`/proc/${pid}/status`))?.[1] ?? '';
  }
  return found;
}

/** Names in a directory; none when it is not there, or goes while it is read. */
function listDirectory(path: string, recursive: boolean): string[] {
  try {
    return readdirSync(path, { recursive, encoding: 'utf8' });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}

/** The text of a file of /proc; empty when its process has gone meanwhile. */
function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) return '';
    throw error;
  }
}
