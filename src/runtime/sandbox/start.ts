import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { ErrnoError, isErrno, OrlopError } from '#errors';
import type { LinuxSeccomp, Process, State } from '#oci';
import { type Addon, AT_EMPTY_PATH, AT_RECURSIVE, inInitialUsers, MS_SLAVE, type Plan } from '#sys';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import type { Cgroup } from '../cgroups/types.ts';
import { planContainer } from '../plan/container.ts';
import type { LoadedSeccomp } from '../plan/process.ts';
import { createdNamespaces, joinedNamespaces } from '../plan/sandbox.ts';
import { refuseField } from '../plan/refuse.ts';
import { createSlots, type Planned } from '../plan/slots.ts';
import { compileSeccomp } from '../seccomp/index.ts';
import { openBindMounts } from './bind-mounts.ts';
import { describeErrno } from './errno-words.ts';
import { explainFailure } from './failure.ts';
import { checkHostDevices } from './host-devices.ts';
import { firstIds } from './id-map.ts';
import { findRevealingMounts, readSecurityModules } from './host-facts.ts';
import { moveNetDevices, planNetDevices } from './net-devices.ts';
import { hasCgroupMount } from './open.ts';
import type { NamespaceName, Sandbox, Started, StartOptions, CommonStart } from './types.ts';

/** What a start needs to know of the parked process; a Sandbox is one. `pid` may be one that is waited for when it is first asked for. */
export type Parked = Pick<Sandbox, 'addon' | 'pid' | 'namespaces' | 'idMap' | 'cgroup' | 'openNamespace' | 'hostUid' | 'hostGid'> &
  Partial<Pick<Sandbox, 'skeleton'>>;

/**
 * Turns the parked process into the container's. Resolves once the program runs (`running`), or waits for `connection.start()` (`created`); from then on
 * the process is independent of us and the sandbox disposes of nothing. Rejects with a sentence about what could not be done; the process is dead then.
 */
export async function startContainer(sandbox: Sandbox, options: StartOptions): Promise<Started> {
  // Its groups outlive the process, and only the command line keeps a record of them.
  if (options.spec.linux?.intelRdt !== undefined) throw refuseField('linux.intelRdt', 'groups of resctrl are made for orlop-runtime only');
  using moved = moveNetDevices(sandbox.addon, planNetDevices(options.spec.linux?.netDevices, sandbox.namespaces), () =>
    sandbox.openNamespace('net'),
  );
  try {
    using prepared = prepareStart(sandbox, options);
    const { pid, state } = await runPrepared(sandbox, prepared);
    sandbox.release();
    return { pid, state, connection: sandbox.connection, monitor: sandbox.monitor };
  } catch (error) {
    moved.restore();
    throw error;
  }
}

async function runPrepared(sandbox: Sandbox, prepared: PreparedPlan) {
  try {
    return await sandbox.connection.run(prepared.plan, prepared.descriptors);
  } catch (error) {
    throw explainFailure(error, prepared.plan);
  }
}

/** A run plan with its descriptors, which stay open until disposed. */
export type PreparedPlan = Planned<Plan> & Disposable;

export function prepareStart(parked: Parked, options: StartOptions): PreparedPlan {
  const { addon, cgroup } = parked;
  const { spec } = options;
  using undo = new DisposableStack();
  if ('mount' in options.root) cutOff(addon, options.root.mount);
  if (hasOwn(parked, 'user')) checkHostDevices(addon, spec.linux?.devices ?? []);
  const binds = undo.use(
    openBindMounts(spec, {
      addon,
      given: options.mounts ?? new Map(),
      root: options.root,
      rootPath: options.rootPath ?? null,
      ownUsers: hasOwn(parked, 'user'),
      lock: hasOwn(parked, 'user') && spec.process?.capabilities?.bounding?.includes('CAP_SYS_ADMIN') === true,
      hostInSight: (parked.skeleton ?? null) === null && !joinedNamespaces(parked.namespaces).has('mnt'),
      openUserNamespace: () => parked.openNamespace('user'),
    }),
  );
  const hooked = [...(spec.hooks?.createContainer ?? []), ...(spec.hooks?.startContainer ?? [])].length > 0;
  const planned = planContainer(spec, {
    ...streamFacts(parked, options, spec.process),
    memoryEvents: keep(undo, openMemoryEvents(cgroup)),
    ...processFacts(options, undo, addon, { profile: spec.linux?.seccomp, state: options.state, parked }),
    prepared: binds.prepared,
    cgroups: hasCgroupMount(spec.mounts ?? []) ? (cgroup?.layout ?? detectCgroupLayout()) : null,
    cgroupPath: cgroup?.path ?? null,
    ownCgroupNamespace: hasOwn(parked, 'cgroup'),
    label: spec.linux?.mountLabel ?? null,
    root: options.root,
    created: createdNamespaces(parked.namespaces),
    joined: joinedNamespaces(parked.namespaces),
    firstIds: firstIds(parked.idMap),
    skeleton: parked.skeleton ?? null,
    hostHasKcore: existsSync('/proc/kcore'),
    mayMakeNodes: inInitialUsers(),
    noPivot: options.noPivot === true,
    sharedInside: options.sharedInside === true,
    revealing: options.noPivot === true ? findRevealingMounts() : [],
    hooks: spec.hooks?.startContainer ?? [],
    hookState: hooked ? encodeState(options.state, parked.pid) : new Uint8Array(),
    waitForStart: options.waitForStart === true ? { fifo: options.startFifo ?? null } : null,
    slots: createSlots(),
  });
  adjustOomScore(parked, spec.process);
  const held = undo.move();
  return { ...planned, [Symbol.dispose]: () => held.dispose() };
}

/** A clone of a shared mount is shared with it: what is mounted in the container would come out on the host, and pivot_root(2) would refuse it. */
function cutOff(addon: Addon, mount: number): void {
  addon.mountSetattr(mount, '', AT_EMPTY_PATH | AT_RECURSIVE, 0n, 0n, BigInt(MS_SLAVE), -1);
}

function hasOwn(parked: Parked, name: NamespaceName): boolean {
  return parked.namespaces.some((namespace) => namespace.name === name);
}

/** The parts of the facts that starts and execs share. */
export function streamFacts(parked: Parked, options: CommonStart, process: Process | undefined) {
  const user = process?.user ?? { uid: 0, gid: 0 };
  const [hostUid, hostGid] = [parked.hostUid(user.uid), parked.hostGid(user.gid)];
  if (hostUid === null || hostGid === null) {
    throw new OrlopError(
      'invalid-argument',
      'RUNTIME_USER',
      `user ${user.uid}:${user.gid} is not mapped in the container's user namespace`,
      {
        hint: 'choose a user within the range of the container, or give it a larger one',
      },
    );
  }
  return {
    stdio: options.stdio,
    hostUid,
    hostGid,
    monitorDirectory: options.monitorDirectory ?? null,
    log: options.log ?? null,
    clients: options.clients ?? [],
  };
}

export interface SeccompSource {
  readonly profile: LinuxSeccomp | undefined;
  readonly state: State | undefined;
  readonly parked: Pick<Parked, 'pid'>;
}

export function processFacts(options: CommonStart, undo: DisposableStack, addon: Addon, source: SeccompSource) {
  return {
    seccomp: options.seccomp ?? loadSeccomp(source, undo, addon, options.compile),
    security: readSecurityModules(),
    keyring: options.keyring === undefined ? '' : options.keyring,
    passed: options.passed ?? [],
  };
}

/** A profile that asks a supervisor has its socket connected here, on the host (runtime-spec config-linux, "listenerPath"). */
function loadSeccomp(
  { profile, state, parked }: SeccompSource,
  undo: DisposableStack,
  addon: Addon,
  compile: CommonStart['compile'] = (asked) => compileSeccomp(asked, { arch: process.arch }),
): LoadedSeccomp | null {
  if (profile === undefined) return null;
  const { filter, flags, listener } = compile(profile);
  if (listener === undefined) return { filter, flags };
  const socket = connectAgent(addon, listener.path);
  undo.defer(() => addon.close(socket));
  const told = {
    ociVersion: '1.2.0',
    fds: ['seccompFd'],
    pid: parked.pid,
    metadata: listener.metadata,
    ...(state === undefined ? {} : { state }),
  };
  return { filter, flags, listener: { socket, state: Buffer.from(JSON.stringify(told)) } };
}

function connectAgent(addon: Addon, path: string): number {
  try {
    return addon.connectUnix(path);
  } catch (error) {
    const words = error instanceof ErrnoError ? describeErrno(error.errno) : String(error);
    const message = `failed to connect with seccomp agent specified in the seccomp profile: dial unix ${path}: connect: ${words}`;
    throw new OrlopError('failed-precondition', 'RUNTIME_SECCOMP_AGENT', message, {
      hint: 'start it, or correct listenerPath',
      cause: error,
    });
  }
}

/** What hooks read on their standard input. */
function encodeState(state: State | undefined, pid: number): Uint8Array {
  return Buffer.from(JSON.stringify({ ociVersion: '1.2.0', id: '', status: 'creating', bundle: '', ...state, pid }));
}

/** With it the monitor can tell whether memory ran out. */
export function openMemoryEvents(cgroup: Cgroup | null): number | null {
  const directory = cgroup?.directoryOf('memory') ?? null;
  if (directory === null) return null;
  for (const file of ['memory.events', 'memory.oom_control']) {
    try {
      return openSync(`${directory}/${file}`, 'r');
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return null;
}

export function keep(undo: DisposableStack, descriptor: number | null): number | null {
  if (descriptor !== null) undo.defer(() => closeSync(descriptor));
  return descriptor;
}

/** From outside, where a parked process of any user namespace can be adjusted with our rights. */
export function adjustOomScore(parked: Pick<Parked, 'pid'>, process: Process | undefined): void {
  const value = process?.oomScoreAdj;
  if (value === undefined) return;
  try {
    writeFileSync(`/proc/${parked.pid}/oom_score_adj`, String(value));
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
    throw new OrlopError('permission-denied', 'RUNTIME_OOM_SCORE', `oom_score_adj cannot be set to ${value}`, {
      hint: 'lowering it takes CAP_SYS_RESOURCE',
      cause: error,
    });
  }
}
