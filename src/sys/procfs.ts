import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { OrlopError, isErrno } from '#errors';
import { withErrno } from './errno.ts';

/** From /proc/PID/stat (proc_pid_stat(5)). */
export interface ProcessStat {
  readonly pid: number;
  readonly command: string;
  /** One letter: R S D Z T t X I. */
  readonly state: string;
  readonly parent: number;
  readonly processGroup: number;
  readonly session: number;
  /** Clock ticks since boot. With the pid it names one process for as long as the machine runs. */
  readonly startTicks: number;
}

/** The command is in parentheses and may hold any byte but NUL, parentheses and newlines included: the last `)` ends it. */
export function parseProcessStat(text: string): ProcessStat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text
    .slice(close + 2)
    .trimEnd()
    .split(' ');
  const pid = Number(text.slice(0, Math.max(open, 0)).trim() || Number.NaN);
  const [state = '', parent, processGroup, session] = fields;
  const startTicks = Number(fields[19]);
  if (open < 0 || close < open || !/^[A-Za-z]$/.test(state) || !Number.isSafeInteger(pid) || !Number.isSafeInteger(startTicks))
    throw unreadable('stat', text);
  return {
    pid,
    command: text.slice(open + 1, close),
    state,
    parent: Number(parent),
    processGroup: Number(processGroup),
    session: Number(session),
    startTicks,
  };
}

function unreadable(file: string, text: string): OrlopError {
  return new OrlopError('internal', 'SYS_PROC_UNREADABLE', `/proc ${file} makes no sense: ${JSON.stringify(text.slice(0, 120))}`);
}

/** Fails with ErrnoError ENOENT or ESRCH when there is no such process. */
export function readProcessStat(pid: number): ProcessStat {
  return parseProcessStat(readProc(pid, 'stat'));
}

/** /proc/PID/status as its lines say, by name: `fields.get('NSpid')`. */
export function parseProcessStatus(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

export function readProcessStatus(pid: number): ReadonlyMap<string, string> {
  return parseProcessStatus(readProc(pid, 'status'));
}

/**
 * Whether the process exists and is not a zombie. With `startTicks` it must be the process that had them: a reused pid is not alive.
 * Followed through a pidfd no such question arises; this serves processes known only from a record on disk.
 */
export function isAlive(pid: number, startTicks?: number): boolean {
  try {
    const stat = readProcessStat(pid);
    return stat.state !== 'Z' && stat.state !== 'X' && (startTicks === undefined || stat.startTicks === startTicks);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return false;
    throw error;
  }
}

/** The children of all threads of a process; empty when it has gone. Needs CONFIG_PROC_CHILDREN, as every distribution has it. */
export function childrenOf(pid: number): number[] {
  try {
    const tasks = withErrno(`/proc/${pid}/task`, () => readdirSync(`/proc/${pid}/task`));
    return tasks.flatMap((task) => words(readProc(pid, `task/${task}/children`)).map(Number));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
}

export type NamespaceKind = 'cgroup' | 'ipc' | 'mnt' | 'net' | 'pid' | 'time' | 'user' | 'uts';

/** The inode number that identifies a process's namespace (namespaces(7)); `self` is this process. */
export function namespaceId(pid: number | 'self', kind: NamespaceKind): number {
  const path = `/proc/${pid}/ns/${kind}`;
  const target = withErrno(path, () => readlinkSync(path));
  const id = /^[a-z_]+:\[([0-9]+)\]$/.exec(target)?.[1];
  if (id === undefined) throw unreadable(`ns/${kind}`, target);
  return Number(id);
}

/** The command line as argv; empty for a zombie or kernel thread. */
export function commandLine(pid: number): string[] {
  const text = readProc(pid, 'cmdline');
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

/** Paths of a process in its cgroup hierarchies, by controller list; the v2 hierarchy is under ''. A named v1 hierarchy is `name=systemd`. */
export function parseProcessCgroups(text: string): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const fields = /^[0-9]+:([^:]*):(\/.*)$/.exec(line);
    if (fields !== null) paths.set(fields[1] ?? '', fields[2] ?? '/');
  }
  return paths;
}

export function readProcessCgroups(pid: number | 'self'): ReadonlyMap<string, string> {
  return parseProcessCgroups(readProc(pid, 'cgroup'));
}

function readProc(pid: number | 'self', file: string): string {
  const path = `/proc/${pid}/${file}`;
  return withErrno(path, () => readFileSync(path, 'utf8'));
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
