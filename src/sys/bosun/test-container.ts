import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Addon } from '../addon.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  MOUNT_ATTR_NOSUID,
  MS_PRIVATE,
  MS_REC,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from '../constants.ts';
import { loadAddon } from '../load-addon.ts';
import { noSlot, type Op, type Plan } from '../plan/index.ts';
import { prepareMonitorDirectory } from './exit-record.ts';
import { createAttachment, spawnMonitor, type Attachment, type SpawnedMonitor } from './monitor.ts';

// The smallest real container that the tests of this folder run programs of busybox in.

export const busybox = '/bin/busybox';
/** The executable under test; the sanitized build is tested by naming it here. */
export const bosunPath = process.env['ORLOP_BOSUN'] ?? join(import.meta.dirname, '../../../build/bosun');

/** Why container tests cannot run here, or false. */
export function reasonToSkip(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(bosunPath)) return `needs ${bosunPath}: npm run build`;
  return existsSync(busybox) ? false : `needs ${busybox}: apt-get install busybox-static`;
}

export const ownNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;

export interface ContainerOptions {
  readonly argv: readonly string[];
  readonly env?: readonly string[];
  /** Default: pipes without standard input. */
  readonly stdio?: Op;
  readonly sandbox?: { readonly plan: Plan; readonly slots: readonly number[] };
  /** Run before anything is mounted. */
  readonly first?: readonly Op[];
  /** Run right after the basic mounts, inside the old root. */
  readonly before?: readonly Op[];
  /** Run in the new root, before `execute`. */
  readonly after?: readonly Op[];
  /** Descriptors for slots from 2 on; the first two are the monitor's directory and the log. */
  readonly slots?: readonly number[];
  readonly keep?: number;
  readonly terminal?: boolean;
}

export interface TestContainer {
  readonly addon: Addon;
  readonly directory: string;
  readonly root: string;
  readonly monitorDirectory: string;
  readonly monitor: SpawnedMonitor;
  /** Sandbox, then run. */
  run(options: ContainerOptions): Promise<{ pid: number; state: 'created' | 'running' }>;
  /** The records of the log. */
  readLog(): LogRecord[];
  /** All that one stream wrote to the log. */
  logged(stream: 'stdout' | 'stderr'): string;
  /** Kills what still runs, waits for the monitor, and removes the directory. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface LogRecord {
  readonly log: string;
  readonly stream: string;
  readonly time: string;
}

/** Every line must be a record of its own. */
export function parseLog(text: string): LogRecord[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the log does not end with a whole line');
  return lines.map((line) => JSON.parse(line) as LogRecord);
}

export const pipes = (open = 0, once = 0): Op => ({
  op: 'stdio',
  mode: 1,
  open_stdin: open,
  stdin_once: once,
  uid: 0,
  gid: 0,
  stdin: noSlot,
  stdout: noSlot,
  stderr: noSlot,
});

export const terminal: Op = { ...pipes(1, 1), mode: 2 } as Op;

const applets = [
  'sh',
  'cat',
  'echo',
  'ls',
  'stty',
  'id',
  'hostname',
  'sleep',
  'readlink',
  'mkdir',
  'dd',
  'tail',
  'touch',
  'kill',
  'head',
  'true',
  'grep',
];

/** Mounts that every test container has: the tests of busybox need /proc, a terminal needs devpts. */
function basicMounts(): Op[] {
  const nosuid = MOUNT_ATTR_NOSUID;
  const links = applets.map((name): Op => ({ op: 'make_symlink', target: `/bin/${name}`, to: 'busybox' }));
  return [
    { op: 'bind', source: busybox, target: '/bin/busybox', recursive: 0, make: 2 },
    ...links,
    { op: 'mount', fstype: 'proc', source: 'proc', options: [], attributes: nosuid, target: '/proc', make: 1 },
    { op: 'mount', fstype: 'tmpfs', source: 'tmpfs', options: ['mode=755', 'size=1m'], attributes: nosuid, target: '/dev', make: 1 },
    {
      op: 'mount',
      fstype: 'devpts',
      source: 'devpts',
      options: ['newinstance', 'ptmxmode=0666'],
      attributes: nosuid,
      target: '/dev/pts',
      make: 1,
    },
    { op: 'bind', source: '/dev/null', target: '/dev/null', recursive: 0, make: 2 },
    { op: 'bind', source: '/dev/zero', target: '/dev/zero', recursive: 0, make: 2 },
  ];
}

export function runPlan(root: string, options: ContainerOptions): Plan {
  const openTerminal: Op = { op: 'open_terminal', rows: 24, columns: 80, uid: 0, gid: 0, bind_console: 1, console: noSlot };
  return [
    { op: 'keep_directory', directory: 0 },
    { op: 'keep_log', file: 1 },
    options.stdio ?? (options.terminal === true ? terminal : pipes()),
    { op: 'new_session' },
    ...(options.first ?? []),
    { op: 'set_root_propagation', flags: MS_REC | MS_PRIVATE },
    { op: 'open_root', path: root },
    ...basicMounts(),
    ...(options.before ?? []),
    { op: 'enter_root', mode: 0 },
    ...(options.terminal === true ? [openTerminal] : []),
    ...(options.after ?? []),
    { op: 'execute', argv: options.argv, env: options.env ?? ['PATH=/bin'], keep: options.keep ?? 0 },
  ];
}

/** A detached copy of a directory's mount. Of a host whose mounts are shared it would stay a peer, and what is mounted in it would appear there too. */
export function openPrivateTree(addon: Addon, path: string): number {
  const tree = addon.openTree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  addon.mountSetattr(tree, '', AT_EMPTY_PATH, 0n, 0n, BigInt(MS_PRIVATE), -1);
  return tree;
}

export function openTestContainer(): TestContainer {
  const addon = loadAddon();
  const directory = mkdtempSync(join(tmpdir(), 'orlop-bosun-'));
  const root = join(directory, 'root');
  const monitorDirectory = join(directory, 'monitor');
  mkdirSync(root);
  prepareMonitorDirectory(monitorDirectory);
  const monitor = spawnMonitor({ addon, bosun: bosunPath });
  const ended = whenEnded(addon, monitor.pid);
  const logFile = join(directory, 'log');
  const readLog = (): LogRecord[] => parseLog(readFileSync(logFile, 'utf8'));
  return {
    addon,
    directory,
    root,
    monitorDirectory,
    monitor,
    async run(options) {
      const sandbox = options.sandbox ?? { plan: [{ op: 'clone', flags: ownNamespaces, cgroup: noSlot }], slots: [] };
      await monitor.sandbox(sandbox.plan, sandbox.slots);
      const own = [openSync(monitorDirectory, 'r'), openSync(logFile, 'a')];
      try {
        return await monitor.run(runPlan(root, options), [...own, ...(options.slots ?? [])]);
      } finally {
        own.forEach((fd) => closeSync(fd));
      }
    },
    readLog,
    logged: (stream) =>
      readLog()
        .filter((record) => record.stream === stream)
        .map((record) => record.log)
        .join(''),
    async [Symbol.asyncDispose]() {
      monitor.signal(9);
      await monitor.exited.catch(() => undefined);
      monitor.close();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Options for a container in a user namespace of its own, whose ids begin at `base` on the host: its root directory then belongs to it. */
export function inUserNamespace(container: TestContainer, base: number): Pick<ContainerOptions, 'sandbox' | 'first'> {
  const ids = `0 ${base} 65536\n`;
  chmodSync(container.directory, 0o711);
  chownSync(container.root, base, base);
  return {
    sandbox: {
      plan: [
        { op: 'clone', flags: ownNamespaces | CLONE_NEWUSER, cgroup: noSlot },
        { op: 'map_ids', uids: ids, gids: ids },
      ],
      slots: [],
    },
    first: [{ op: 'become', uid: 0, gid: 0 }],
  };
}

/** Settles when the process has ended; it need not be our child. */
export function whenEnded(addon: Addon, pid: number): Promise<void> {
  let pidfd: number;
  try {
    pidfd = addon.pidfdOpen(pid);
  } catch {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    addon.whenReadable(pidfd, true, () => {
      addon.close(pidfd);
      resolve();
    });
  });
}

/** Collects what an attached client receives. */
export function collect(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('end', () => {
      socket.end();
      resolve(Buffer.concat(chunks));
    });
  });
}

/** Docker's frames: the streams' bytes by number. */
export function demultiplex(data: Buffer): Readonly<Record<number, string>> {
  const streams: Record<number, Buffer[]> = {};
  for (let at = 0; at < data.length; ) {
    const length = data.readUInt32BE(at + 4);
    (streams[data[at] ?? 0] ??= []).push(data.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Object.fromEntries(Object.entries(streams).map(([stream, parts]) => [stream, Buffer.concat(parts).toString()]));
}

/** A client that is attached from the first byte on: its op and the descriptor for slot 2. */
export function attachFirst(addon: Addon, streams: number): { attachment: Attachment; op: Op } {
  return { attachment: createAttachment(addon), op: { op: 'attach_client', socket: 2, streams } };
}
