import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Linux, Process, Spec, SpecMount } from '#oci';
import { type Addon, AT_FDCWD, AT_RECURSIVE, loadAddon, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '#sys';
import { createCgroup, openCgroup } from '../cgroups/cgroup.ts';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import { skeletonOf } from '../plan/skeleton.ts';
import { openSandbox } from '../sandbox/open.ts';
import { startContainer } from '../sandbox/start.ts';
import type { IdMap, NamespaceName, Sandbox, SandboxOptions, StartOptions } from '../sandbox/types.ts';
import { findLeaks } from './leaks.ts';
import { bosunPath, makeBusyboxRoot } from './root.ts';

const quiet = ['nosuid', 'noexec', 'nodev'];

/** The file systems that most containers have. */
export const usualMounts: readonly SpecMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: quiet },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...quiet, 'mode=1777', 'size=64k'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...quiet, 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...quiet, 'ro'] },
];

const range = { containerID: 0, hostID: 300_000, size: 65_536 };
export const testIdMap: IdMap = { uids: [range], gids: [range] };
const usualNamespaces: readonly NamespaceName[] = ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'];

export interface SandboxWishes extends Partial<SandboxOptions> {
  /** An own user namespace. */
  readonly users?: boolean;
}

export interface RunWishes {
  readonly sandbox?: SandboxWishes & {
    /** With the skeleton of the spec. */
    readonly furnished?: boolean;
  };
  readonly start?: Partial<StartOptions>;
}

/** Containers of busybox for the tests of one file, and what they need on the host. */
export interface TestContainers {
  readonly addon: Addon;
  readonly home: ReturnType<typeof makeBusyboxRoot>;
  park(undo: AsyncDisposableStack, wishes?: SandboxWishes): Promise<Sandbox>;
  /** Runs a program to its end and gives what it wrote and how it ended. */
  run(spec: Spec, wishes?: RunWishes): Promise<{ code: number; output: string }>;
  /** Takes everything away and gives what was left behind nevertheless. */
  close(): Promise<string[]>;
}

/** `mark` names what belongs to these tests. */
export function openTestContainers(mark: string): TestContainers {
  const addon = loadAddon();
  const layout = detectCgroupLayout();
  const home = makeBusyboxRoot();
  let count = 0;

  async function park(undo: AsyncDisposableStack, { users = false, ...rest }: SandboxWishes = {}): Promise<Sandbox> {
    count += 1;
    const cgroup = createCgroup(layout, `${mark}/${count}`);
    undo.defer(async () => {
      await cgroup.killAll();
      await cgroup.remove();
    });
    const namespaces = [...usualNamespaces, ...(users ? (['user'] as const) : [])].map((name) => ({ name }));
    return undo.use(await openSandbox({ addon, bosun: bosunPath, namespaces, cgroup, ...(users ? { idMap: testIdMap } : {}), ...rest }));
  }

  return {
    addon,
    home,
    park,
    async run(spec, { sandbox: { furnished = false, ...wishes } = {}, start = {} } = {}) {
      await using undo = new AsyncDisposableStack();
      const sandbox = await park(undo, { ...wishes, ...(furnished ? { skeleton: skeletonOf(spec) } : {}) });
      const log = join(home.directory, `log-${count}`);
      const descriptor = openSync(log, 'w');
      undo.defer(() => closeSync(descriptor));
      const root = addon.openTree(AT_FDCWD, home.root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
      undo.defer(() => addon.close(root));
      const streams = { mode: 'pipes', openStdin: false, stdinOnce: false } as const;
      const started = await startContainer(sandbox, { spec, root: { mount: root }, stdio: streams, log: { file: descriptor }, ...start });
      undo.defer(() => started.connection.close());
      const { exitCode } = await started.connection.exited;
      return { code: exitCode, output: readLog(log) };
    },
    async close() {
      await openCgroup(layout, mark).remove();
      home.remove();
      return [...findLeaks(mark), ...findLeaks(home.directory)];
    },
  };
}

/** What was logged, both streams in their order. */
export function readLog(file: string): string {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => (JSON.parse(line) as { log: string }).log).join('');
}

export function specOf(process: Partial<Process>, rest: Partial<Spec> = {}, linux: Linux = {}): Spec {
  return {
    ociVersion: '1.2.0',
    process: { cwd: '/', env: ['PATH=/bin'], args: ['true'], user: { uid: 0, gid: 0 }, ...process },
    mounts: [...usualMounts],
    linux,
    ...rest,
  };
}

export function shell(script: string): Partial<Process> {
  return { args: ['sh', '-c', script] };
}
