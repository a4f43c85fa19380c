import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOrlopError, OrlopError } from '#errors';
import type { Hook, Hooks, Spec, State } from '#oci';
import * as k from '#sys';
import { type BlockingCreator, openNamespace, readProcessStat, spawnCreatorSync } from '#sys';
import { createCgroup } from '../cgroups/cgroup.ts';
import type { Cgroup } from '../cgroups/types.ts';
import { planSandbox } from '../plan/sandbox.ts';
import { areSameMaps, readIdMap, translateId } from '../sandbox/id-map.ts';
import { openBirthplace, requestOf } from '../sandbox/open.ts';
import { type Parked, type PreparedPlan, prepareStart } from '../sandbox/start.ts';
import type { IdMap, NamespaceName, NamespaceRequest, StartOptions, Stdio } from '../sandbox/types.ts';
import { type ContainerRecord, makeContainerDirectory, removeContainerDirectory, saveRecord } from '../state/record.ts';
import type { Bundle } from './bundle.ts';
import type { RuntimeContext } from './context.ts';
import { wordLimits } from './apply-resources.ts';
import { checkSpec } from './checks.ts';
import { completeProcess } from './complete-process.ts';
import { cachedSeccomp } from './filter-cache.ts';
import { tellAnnotations } from './status.ts';
import { wordFailure } from './failure-words.ts';
import { runHooks } from './hooks.ts';
import { takeHostResources } from './host-resources.ts';
import type { InheritedDescriptors } from './inherited.ts';
import { withNotifySocket } from './notify.ts';
import { writePidFile } from './pid-file.ts';
import { sendPidfd } from './pidfd-socket.ts';
import { isRootInPlace, mountAt, takeOffRoot } from './root-in-place.ts';
import { findScopePlace } from './scopes.ts';
import { makeFifo } from './start.ts';
import { cgroupPathOf, idMapOf, openSpecNamespaces } from './spec-sandbox.ts';

export interface CreateOptions {
  readonly id: string;
  readonly bundle: Bundle;
  /** Stop before the program, for `start`. */
  readonly waitForStart: boolean;
  readonly stdio: Stdio;
  readonly pidFile?: string;
  /** Unix socket that takes a pidfd of the process; empty for none. */
  readonly pidfdSocket: string;
  readonly noPivot: boolean;
  readonly noNewKeyring: boolean;
  readonly inherited: InheritedDescriptors;
  /** Called with the container's directory before anything is started. */
  whenReserved?(directory: string): void;
}

const patienceMs = 120_000;
const limitsPrefix = 'unable to start container process: unable to apply cgroup configuration: ';

/**
 * Makes a container of a bundle: reserves the id, makes the cgroup, parks a process in its namespaces, runs the hooks of that moment, and lets the process become the
 * container's, waiting at its FIFO or running. Whatever fails, nothing stays behind.
 */
export async function createContainer(context: RuntimeContext, options: CreateOptions): Promise<ContainerRecord> {
  const { bundle } = options;
  checkSpec(bundle.spec);
  const whole = completeSpec(context, options);
  await using undo = new AsyncDisposableStack();
  const directory = makeContainerDirectory(context.root, options.id);
  undo.defer(() => removeContainerDirectory(context.root, options.id));
  const spec = withNotifySocket(whole, directory);
  options.whenReserved?.(directory);
  // It gets going on another processor while we make the cgroup.
  using creator = spawnCreatorSync({ addon: context.addon(), bosun: context.bosun(), timeoutMs: patienceMs });
  using opened = openSpecNamespaces(spec);
  const inPlace = isRootInPlace(opened.namespaces);
  const scope = await findScopePlace(context, spec, options.id);
  const made = scope === null ? prepareCgroup(context, spec, options.id, undo) : null;
  context.log.write('debug', 'nsexec container setup');
  const parking = park(context, spec, opened.namespaces, made, creator);
  const state: State = {
    ociVersion: spec.ociVersion,
    id: options.id,
    status: 'creating',
    get pid() {
      return parking.pid;
    },
    bundle: bundle.directory,
    ...tellAnnotations(spec.annotations),
  };
  const parts: RunParts = { context, spec, rootfs: bundle.rootfs, state, directory, inPlace };
  // While the kernel makes namespaces.
  writeFileSync(join(directory, 'config.json'), bundle.text, { mode: 0o600 });
  applyLimits(spec, made);
  using early = made === null || hasEarlyHooks(spec) ? null : prepare(parking, parts, options);
  const { pid } = parking;
  limitProcesses(spec, made);
  const cgroup = made ?? (await scope?.enter(pid, undo)) ?? null;
  const parked: Parked = { ...parking, cgroup };
  const taken = takeHostResources(spec, options.id, parked, undo);
  context.log.write('debug', 'child process in init()');
  const draft: ContainerRecord = {
    version: 1,
    id: options.id,
    ociVersion: spec.ociVersion,
    bundle: bundle.directory,
    rootfs: bundle.rootfs,
    created: new Date().toISOString(),
    pid,
    startTicks: readProcessStat(pid).startTicks,
    cgroupPath: cgroup?.path ?? '',
    ...(scope === null ? {} : { systemdUnit: scope.unit }),
    ...(taken.resctrl.length === 0 ? {} : { resctrl: taken.resctrl }),
    idMap: parked.idMap,
    ownPids: opened.namespaces.some(({ name, join }) => name === 'pid' && join === undefined),
    annotations: spec.annotations ?? {},
  };
  runEarlyHooks(context, spec, state);
  if (options.waitForStart) makeFifo(context.addon(), directory, parked.hostUid(0) ?? 0, parked.hostGid(0) ?? 0);
  using prepared = early ?? prepare(parked, parts, options);
  const covered = inPlace ? mountAt(bundle.rootfs) : null;
  if (inPlace) undo.defer(() => uncover(context, bundle.rootfs, covered));
  run(creator, prepared, spec);
  context.log.write('debug', 'init: closing the pipe to signal completion');
  const rootMount = inPlace ? mountAt(bundle.rootfs) : null;
  const record = rootMount === null ? draft : { ...draft, rootMount };
  saveRecord(context.root, record);
  if (options.pidFile !== undefined) writePidFile(options.pidFile, draft.pid);
  sendPidfd(context.addon(), draft.pid, options.pidfdSocket);
  taken.settle();
  undo.move();
  return record;
}

function completeSpec(context: RuntimeContext, { bundle: { spec, rootfs }, inherited }: CreateOptions): Spec {
  if (spec.process === undefined) return spec;
  const prefix = 'unable to start container process: error during container init: ';
  const process = completeProcess(context, spec.process, { root: rootfs, prefix, listening: inherited.listening });
  return { ...spec, process, ...(spec.hooks === undefined ? {} : { hooks: completeHooks(spec.hooks, spec.process.env, process.env) }) };
}

/** Inside the container a hook without an environment of its own has the process's, as it then is: HOME is not known before the root is entered. */
function completeHooks(hooks: Hooks, before: readonly string[] = [], after: readonly string[] = []): Hooks {
  const withEnv = (row: readonly Hook[] = [], env: readonly string[]): Hook[] => row.map((hook) => ({ env, ...hook }));
  return {
    ...hooks,
    createContainer: withEnv(hooks.createContainer, before),
    startContainer: withEnv(hooks.startContainer, after),
  };
}

/** They may change what the container's root is made of: nothing of it is opened before they have run. */
function hasEarlyHooks({ hooks = {} }: Spec): boolean {
  return (hooks.prestart ?? []).length + (hooks.createRuntime ?? []).length > 0;
}

/** Those of the runtime's own namespaces that come before the root is entered. As with runc they find themselves in the bundle. */
function runEarlyHooks(context: RuntimeContext, spec: Spec, state: State): void {
  if (!hasEarlyHooks(spec)) return;
  const { hooks = {} } = spec;
  for (const phase of ['prestart', 'createRuntime'] as const) {
    try {
      runHooks(context.addon(), { hooks: hooks[phase] ?? [], phase, state, directory: state.bundle });
    } catch (error) {
      if (!isOrlopError(error) || error.code !== 'RUNTIME_HOOK_FAILED') throw error;
      throw new OrlopError(error.kind, error.code, `unable to start container process: error during container init: ${error.message}`, {
        cause: error,
      });
    }
  }
}

function prepareCgroup(context: RuntimeContext, spec: Spec, id: string, undo: AsyncDisposableStack): Cgroup {
  const cgroup = createCgroup(context.cgroups(), cgroupPathOf(spec, id));
  undo.defer(async () => {
    await cgroup.killAll();
    await cgroup.remove();
  });
  return cgroup;
}

/** All but the number of processes. A container without device rules has an empty list of allowed devices, not none. */
function applyLimits({ linux = {} }: Spec, cgroup: Cgroup | null): void {
  const { pids: _later, ...limits } = { ...linux.resources, devices: linux.resources?.devices ?? [] };
  wordLimits(() => cgroup?.apply(limits), limitsPrefix);
}

/** Once the container's process is there: a limit of one process must not hinder those that make it. */
function limitProcesses({ linux = {} }: Spec, cgroup: Cgroup | null): void {
  const { pids } = linux.resources ?? {};
  if (pids !== undefined) wordLimits(() => cgroup?.apply({ pids }), limitsPrefix);
}

/** Has a process made in its namespaces; `pid` waits for it. */
function park(
  context: RuntimeContext,
  spec: Spec,
  namespaces: readonly NamespaceRequest[],
  cgroup: Cgroup | null,
  creator: BlockingCreator,
): Parked {
  const idMap = idMapOf(spec);
  const timeOffsets = spec.linux?.timeOffsets;
  using birthplace = openBirthplace(cgroup);
  const request = requestOf(
    {
      namespaces,
      ...(cgroup === null ? {} : { cgroup }),
      ...(idMap === null ? {} : { idMap }),
      ...(timeOffsets === undefined ? {} : { timeOffsets }),
    },
    birthplace.descriptor,
  );
  const planned = planSandbox(request);
  const told = <T>(step: () => T): T => {
    try {
      return step();
    } catch (error) {
      throw wordFailure(error, planned.plan);
    }
  };
  const made = told(() => creator.beginSandbox(planned.plan, planned.descriptors));
  let known: number | null = null;
  const pid = (): number => (known ??= told(made).pid);
  const joinsUsers = namespaces.some(({ name, join }) => name === 'user' && join !== undefined);
  let joined: IdMap | undefined;
  const mapped = (): IdMap | null => (joinsUsers ? (joined ??= joinedMap(pid(), idMap)) : idMap);
  const translate = (id: number, which: keyof IdMap): number | null => {
    const map = mapped();
    return map === null ? id : translateId(id, map[which]);
  };
  return {
    addon: context.addon(),
    get pid() {
      return pid();
    },
    namespaces,
    get idMap() {
      return mapped();
    },
    cgroup,
    openNamespace: (name) => openNamespace(pid(), name),
    hostUid: (uid) => translate(uid, 'uids'),
    hostGid: (gid) => translate(gid, 'gids'),
  };
}

/** A joined user namespace has the map that it has. As with runc, the spec may repeat it (containerd and CRI-O do), and may not name another. */
function joinedMap(pid: number, stated: IdMap | null): IdMap {
  const map = readIdMap(pid);
  if (stated === null || areSameMaps(map, stated)) return map;
  throw new OrlopError(
    'invalid-argument',
    'RUNTIME_SPEC_INVALID',
    'user namespaces enabled, but both namespace path and non-matching mapping specified -- you may only provide one',
    { hint: 'remove linux.uidMappings and linux.gidMappings, or the path of the user namespace' },
  );
}

interface RunParts {
  readonly context: RuntimeContext;
  readonly spec: Spec;
  readonly rootfs: string;
  readonly state: State;
  readonly directory: string;
  readonly inPlace: boolean;
}

function prepare(parked: Parked, parts: RunParts, options: CreateOptions): PreparedPlan {
  const { addon } = parked;
  using undo = new DisposableStack();
  const own = (descriptor: number): number => {
    undo.defer(() => addon.close(descriptor));
    return descriptor;
  };
  const startFifo = options.waitForStart ? own(addon.openat2(k.AT_FDCWD, parts.directory, k.O_PATH | k.O_DIRECTORY, 0, 0)) : null;
  const prepared = undo.use(
    prepareStart(parked, {
      spec: parts.spec,
      root: chooseRoot(parked, parts, own),
      rootPath: parts.rootfs,
      stdio: options.stdio,
      waitForStart: options.waitForStart,
      ...(startFifo === null ? {} : { startFifo }),
      noPivot: options.noPivot,
      keyring: options.noNewKeyring ? null : `_ses.${options.id}`,
      passed: options.inherited.passed,
      compile: (profile) => cachedSeccomp(profile, parts.context),
      state: parts.state,
    }),
  );
  const held = undo.move();
  return { plan: prepared.plan, descriptors: prepared.descriptors, [Symbol.dispose]: () => held.dispose() };
}

/**
 * As a rule a mount that we open with our rights. After hooks that could enter the container's mount namespace it is the path there, because what they have mounted below
 * it is seen from there alone; not with a user namespace, whose root may be unable to walk the host's directories.
 */
function chooseRoot(parked: Parked, parts: RunParts, own: (descriptor: number) => number): StartOptions['root'] {
  const find = (wanted: NamespaceName): NamespaceRequest | undefined => parked.namespaces.find(({ name }) => name === wanted);
  const mounts = find('mnt');
  const ownMounts = mounts !== undefined && mounts.join === undefined;
  if (hasEarlyHooks(parts.spec) && ownMounts && find('user') === undefined) return { path: parts.rootfs };
  const mount = own(openRoot(parked, parts));
  // createContainer hooks look for what the container has mounted where the bundle, which their state names, has its root.
  const looked = (parts.spec.hooks?.createContainer ?? []).length > 0;
  if (!parts.inPlace && !looked) return { mount };
  return { mount, at: own(parked.addon.openat2(k.AT_FDCWD, parts.rootfs, k.O_PATH | k.O_DIRECTORY, 0, 0)) };
}

function run(creator: BlockingCreator, prepared: PreparedPlan, { mounts = [] }: Spec): void {
  try {
    creator.run(prepared.plan, prepared.descriptors);
  } catch (error) {
    throw wordFailure(error, prepared.plan, { mounts });
  }
}

/** Whether the failed plan got as far as mounting the root over its directory. */
function uncover(context: RuntimeContext, rootfs: string, before: number | null): void {
  const now = mountAt(rootfs);
  if (now !== null && now !== before) takeOffRoot(context.addon(), rootfs, now);
}

/** As a bind mount's source: opened with our rights, and cut off so that nothing mounted in it comes out (runtime-spec, rootfsPropagation). */
function openRoot({ addon }: Parked, { spec, rootfs }: RunParts): number {
  const isPrivate = ['private', 'rprivate'].includes(spec.linux?.rootfsPropagation ?? '');
  const mount = addon.openTree(k.AT_FDCWD, rootfs, k.OPEN_TREE_CLONE | k.OPEN_TREE_CLOEXEC | k.AT_RECURSIVE);
  try {
    addon.mountSetattr(mount, '', k.AT_EMPTY_PATH | k.AT_RECURSIVE, 0n, 0n, BigInt(isPrivate ? k.MS_PRIVATE : k.MS_SLAVE), -1);
    return mount;
  } catch (error) {
    addon.close(mount);
    throw error;
  }
}
