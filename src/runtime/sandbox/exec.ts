import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { CpuAffinity } from '#oci';
import { type Addon, namespaceFlags, namespaceId, noSlot, type Op, type Plan, readProcessCgroups } from '#sys';
import type { Cgroup } from '../cgroups/types.ts';
import { planExec } from '../plan/exec.ts';
import { planCgroupJoins } from '../plan/sandbox.ts';
import { planInitialAffinity } from '../plan/scheduling.ts';
import { createSlots, type Planned } from '../plan/slots.ts';
import { explainFailure } from './failure.ts';
import { firstIds } from './id-map.ts';
import { openBirthplace, parkProcess } from './open.ts';
import { adjustOomScore, type Parked, type PreparedPlan, processFacts, streamFacts } from './start.ts';
import type { ExecOptions, ExecSandboxOptions, NamespaceName, Sandbox, Started } from './types.ts';

/** A parked process in the namespaces and the cgroup of a running container. Fails with not-found `RUNTIME_PROCESS_GONE` when that has ended. */
export async function openExecSandbox(options: ExecSandboxOptions): Promise<Sandbox> {
  using prepared = prepareExecSandbox(options);
  return parkProcess(prepared, execParking(options, prepared.names));
}

export function execParking(options: ExecSandboxOptions, names: readonly NamespaceName[]) {
  // They are joined by the pidfd, not one by one: the descriptors are not needed again.
  const namespaces = names.map((name) => ({ name, join: -1 }));
  return {
    addon: options.addon,
    bosun: options.bosun,
    namespaces,
    idMap: options.idMap ?? null,
    cgroup: options.cgroup ?? null,
    skeleton: null,
  };
}

export function prepareExecSandbox(options: ExecSandboxOptions): PreparedPlan & { readonly names: readonly NamespaceName[] } {
  using undo = new DisposableStack();
  const pidfd = options.pidfd ?? openPidfd(options.addon, options.pid, undo);
  const names = options.namespaces ?? foreignNamespaces(options.pid);
  const place = findPlace(options.cgroup ?? null, options.pid);
  const birthplace = undo.use(openBirthplace(options.cgroup ?? null, place));
  const planned = planExecSandbox({
    pidfd,
    names,
    taskFiles: options.cgroup?.taskFiles ?? [],
    birthplace: birthplace.descriptor,
    oomScoreAdjust: options.oomScoreAdjust,
    affinity: options.affinity,
  });
  const held = undo.move();
  return { ...planned, names, [Symbol.dispose]: () => held.dispose() };
}

interface ExecRequest {
  readonly pidfd: number;
  readonly names: readonly NamespaceName[];
  readonly taskFiles: readonly string[];
  readonly birthplace: number | null;
  readonly oomScoreAdjust: ExecSandboxOptions['oomScoreAdjust'];
  readonly affinity?: CpuAffinity | undefined;
}

/** setns(2) by pidfd: all namespaces of the process at once, and the user namespace last, while we have the host's rights over the others. */
export function planExecSandbox(request: ExecRequest): Planned<Plan> {
  const slots = createSlots();
  const others = request.names.filter((name) => name !== 'user').reduce((bits, name) => bits | namespaceFlags[name], 0);
  const join = (flags: number): Op => ({ op: 'join_namespaces', fd: slots.add(request.pidfd), flags });
  const plan: Op[] = [
    ...planInitialAffinity(request.affinity, 'process.execCPUAffinity'),
    ...planCgroupJoins(request.taskFiles),
    ...(others === 0 ? [] : [join(others)]),
    ...(request.names.includes('user') ? [join(namespaceFlags.user)] : []),
    { op: 'clone', flags: 0, cgroup: request.birthplace === null ? noSlot : slots.add(request.birthplace) },
    ...(request.oomScoreAdjust === undefined
      ? []
      : [{ op: 'set_oom_score', value: request.oomScoreAdjust.value, required: request.oomScoreAdjust.required ? 1 : 0 } as const]),
  ];
  return { plan, descriptors: slots.descriptors };
}

/** What a start waits for at most: the program and the directory that it begins in may be in a file system that does not answer. */
const beginPatienceMs = 60_000;

/** Runs the process. As startContainer: resolves once the program runs. deadline-exceeded `RUNTIME_EXEC_STUCK` when it has not begun after a minute; it is killed then. */
export async function startExec(sandbox: Sandbox, options: ExecOptions): Promise<Started> {
  using prepared = prepareExec(sandbox, options);
  try {
    const { pid, state } = await beginInTime(sandbox, prepared);
    sandbox.release();
    return { pid, state, connection: sandbox.connection, monitor: sandbox.monitor };
  } catch (error) {
    throw explainFailure(error, prepared.plan);
  }
}

/** The monitor kills a process that has not begun when we hang up. */
export async function beginInTime(sandbox: Sandbox, { plan, descriptors }: Planned<Plan>): ReturnType<Sandbox['connection']['run']> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    sandbox.connection.close();
  }, beginPatienceMs);
  try {
    return await sandbox.connection.run(plan, descriptors);
  } catch (error) {
    if (!isLate) throw error;
    throw new OrlopError('deadline-exceeded', 'RUNTIME_EXEC_STUCK', `the process has not begun after ${beginPatienceMs / 1000} s`, {
      hint: 'its program, its directory or its /etc/passwd are in a file system that does not answer, or its container is frozen',
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

export function prepareExec(parked: Parked, options: ExecOptions): PreparedPlan {
  using undo = new DisposableStack();
  const planned = planExec(options.process, {
    ...streamFacts(parked, options, options.process),
    ...processFacts(options, undo, parked.addon, { profile: options.profile, state: options.state, parked }),
    memoryEvents: null,
    surroundings: options.surroundings ?? {},
    firstIds: firstIds(parked.idMap),
    userNamespace: parked.namespaces.some((namespace) => namespace.name === 'user'),
    waitForStart: null,
    hooks: [],
    hookState: new Uint8Array(),
    slots: createSlots(),
  });
  adjustOomScore(parked, options.process);
  const held = undo.move();
  return { ...planned, [Symbol.dispose]: () => held.dispose() };
}

function openPidfd(addon: Addon, pid: number, undo: DisposableStack): number {
  try {
    const descriptor = addon.pidfdOpen(pid);
    undo.defer(() => addon.close(descriptor));
    return descriptor;
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
    throw new OrlopError('not-found', 'RUNTIME_PROCESS_GONE', `process ${pid} of the container has ended`, { cause: error });
  }
}

const allNames: readonly NamespaceName[] = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'time'];

/** The namespaces of a process that are not ours. */
function foreignNamespaces(pid: number): NamespaceName[] {
  return allNames.filter((name) => existsSync(`/proc/self/ns/${name}`) && namespaceId(pid, name) !== namespaceId('self', name));
}

/**
 * On cgroup2 an init with controllers of its own below it leaves no room in the container's cgroup itself ("no internal processes"): then the process
 * goes where the init is. On hybrid hosts, too: there are controllers on their cgroup2 that no cgroup of version 1 has taken.
 */
function findPlace(cgroup: Cgroup | null, pid: number): string | null {
  if (cgroup === null) return null;
  const { unified } = cgroup.layout;
  if (unified === null) return cgroup.unifiedDirectory;
  const own = readProcessCgroups(pid).get('') ?? '';
  const inside = own === `/${cgroup.path}` || own.startsWith(`/${cgroup.path}/`);
  return inside ? join(unified, own) : cgroup.unifiedDirectory;
}
