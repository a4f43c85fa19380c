import { constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { OrlopError, toOrlopError } from '#errors';
import type { LinuxDevice } from '#oci';
import { resolveUser, startContainer as startProcess, type Started, type Stdio } from '#runtime';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  bootId,
  idmappedView,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_RDONLY,
  OPEN_TREE_CLONE,
  prepareMonitorDirectory,
} from '#sys';
import { nowNs, publishContainerEvent, saveRecord, saveState, type EngineContext } from '../context.ts';
import type { GivenDevice } from '../devices/gather.ts';
import { deviceMounts, openDeviceNodes } from '../devices/nodes.ts';
import { openProxies } from '../devices/proxy.ts';
import { planDevices } from '../devices/plan.ts';
import { openSeed, seedMount } from '../system/seed.ts';
import { attachPlaces, detachPlaces, prepareNames, refreshLinkers, serveNames } from '../network/attachment.ts';
import { linkVariables } from '../network/links.ts';
import { placesForStart, publishPlaces } from '../network/places.ts';
import { gatewayOf } from '../network/gateway.ts';
import { portWishesOf, reservePorts } from '../network/ports.ts';
import { keepRelays } from '../network/relays.ts';
import { isOnDemand, keepDoor, openInlet, tryKeepDoor } from '../on-demand/door.ts';
import { isShifted } from '../id-ranges.ts';
import type { ReadySandbox } from '../sandbox-pool.ts';
import { boundingSet, buildSpec } from '../spec/build-spec.ts';
import { canRestrictDevices, deviceRules, findBlockDevice, hostDevices } from '../spec/devices.ts';
import { hostFilesOf } from '../spec/mounts.ts';
import { limitsToResources } from '../spec/resources.ts';
import { seccompFilter } from '../spec/seccomp.ts';
import { planSkeleton } from '../spec/skeleton.ts';
import { exitCodeOfFailure } from '../exec/exit-code.ts';
import { openLog } from '../logs/container-log.ts';
import { reportMounts } from '../lxcfs/reports.ts';
import { openReports } from '../lxcfs/views.ts';
import { openMounts, releaseMounts } from '../volume/start-mounts.ts';
import { watchHealth } from '../health/watch.ts';
import type { ContainerRoot } from '../files/root.ts';
import { watchBoot } from '../system/boot.ts';
import { applyGuestFiles } from '../system/guest-files.ts';
import { cgroupPathOf } from './cgroup-path.ts';
import { followExit } from './exit.ts';
import { openSurroundings } from './joining.ts';
import { chainOf, type ContainerRecord, type ContainerState } from './record.ts';
import { removeWhole } from './remove.ts';
import { triesOf } from './restart.ts';
import { mountRoot, openUsers } from './root-mount.ts';
import { openSharedMemory } from './shared-memory.ts';
import type { LiveContainer } from './table.ts';

/**
 * Starts a container that does not run. false: it runs already, or its policy is about to start it; `again`: this is that start. A failure is written into its
 * record and leaves nothing of the run behind.
 */
export async function startContainer(context: EngineContext, ref: string, { again = false } = {}): Promise<boolean> {
  const container = context.table.find(ref);
  return context.queues.run(container.record.id, async () => {
    const { status } = container.record.state;
    if (status === 'running' || (status === 'restarting') !== again) return false;
    if (!['created', 'exited', 'restarting'].includes(status)) {
      const words =
        status === 'paused'
          ? 'cannot start a paused container, try unpause instead'
          : `container ${container.record.name} cannot be started: it is ${status}`;
      throw new OrlopError('conflict', 'ENGINE_CONTAINER_BUSY', words, {
        hint: status === 'paused' ? `unpause it with: orlop unpause ${container.record.name}` : 'remove it',
      });
    }
    container.restartDelayMs = again ? container.restartDelayMs : 0;
    try {
      await launch(context, container);
    } catch (error) {
      await settleFailure(context, container, error);
      throw error;
    }
    await openInlet(context, container);
    publishPlaces(context, container, 'connect');
    // On their own: two that link to each other must not wait for each other.
    void refreshLinkers(context, container.record);
    publishContainerEvent(context, container, 'start');
    return true;
  });
}

async function settleFailure(context: EngineContext, container: LiveContainer, error: unknown): Promise<void> {
  await detachPlaces(context, container);
  await releaseMounts(context, container.record);
  for (const client of container.waitingClients.splice(0)) context.addon.close(client.socket);
  const status = container.record.state.status === 'restarting' ? ({ status: 'exited' } as const) : {};
  saveState(
    context,
    container,
    { ...status, comesBack: false, error: toOrlopError(error).message, exitCode: exitCodeOfFailure(error), pid: 0 },
    null,
  );
  if (container.record.request.autoRemove === true) await removeWhole(context, container);
  else await tryKeepDoor(context, container);
}

async function launch(context: EngineContext, container: LiveContainer): Promise<void> {
  const { record, files } = container;
  await using undo = new AsyncDisposableStack();
  await using borrowed = new AsyncDisposableStack();
  const borrow = (descriptor: number): number => {
    borrowed.defer(() => context.addon.close(descriptor));
    return descriptor;
  };

  const links = linkVariables(context, record);
  const { namespaces, sharesMemoryWith } = borrowed.use(openSurroundings(context, record));
  const ownUsers = !namespaces.shared.has('user');
  const devices = devicesOf(context, record, ownUsers);
  const given = planDevices(context.addon, record, context.cdiDirectories);
  const reports = await openReports(context, record, { ownUsers, borrow });
  const last = [...deviceMounts(given.devices), ...given.specMounts, ...reportMounts(reports.keys())];
  const snapshot = await context.store.snapshots.locate(record.id, chainOf(record));
  const places = await placesForStart(context, container);
  const ports = portWishesOf(record);
  if (isOnDemand(record)) await keepDoor(context, container);
  if (ports.length > 0) await reservePorts(context, container, ports);
  const inMachine = context.ownIds !== null;
  const skeleton = planSkeleton({ ...record, ownUsers, inMachine, devices, last });
  const rules = deviceRules(record, given.devices, context.cgroups);
  const ready = await context.pool.take(namespaces, skeleton, {
    path: cgroupPathOf(context, record),
    devices: rules,
    ids: idCountOf(record),
  });
  undo.defer(() => ready.discard());
  borrowed.defer(() => ready.release());
  // Both go on while the disk is waited for; whatever fails meanwhile, they are over before what they work on is taken away.
  const mounting = mountRoot(context, { record, ready, snapshot });
  borrowed.defer(() => mounting.then(context.addon.close, () => undefined));
  const attaching = attachPlaces(context, container, places, () => ready.sandbox.openNamespace('net'));
  borrowed.defer(() => attaching.catch(() => undefined));
  const beginnings = Promise.all([mounting, attaching]);
  beginnings.catch(() => undefined);
  const run = { cgroup: ready.cgroup.path, idRange: ready.idRange, boot: bootId() };
  // From here on a new engine can find what this run holds.
  saveState(context, container, { error: '' }, run);
  const limits = limitsToResources(record.request.limits ?? {}, (path) => findBlockDevice(context.addon, path));
  ready.cgroup.apply(limits);
  if (record.kind === 'system' && ready.idRange !== null) ready.cgroup.delegate(ready.idRange.first, ready.idRange.first);
  prepareMonitorDirectory(files.monitor);
  const { filesOwner, service } = await prepareNames(context, container, places);
  const mounts = mountHostFiles(context, filesOwner, { ready, isReadOnly: record.request.readOnlyRoot === true }, borrow);
  const filter = seccompFilter(record, boundingSet(record, context.cgroups, ownUsers), context.seccomp);
  const [root] = await beginnings;
  await applyGuestFiles(context.addon, rootSeenFrom(root, ready), record);
  // Where no cgroup can keep a container from devices, its files are none.
  if (!canRestrictDevices(context.cgroups) && record.request.privileged !== true) forbidDevices(context, root);
  if (service !== null) await serveNames(context, record, service, () => ready.sandbox.openNamespace('net'));
  const { opened: asked, below } = await openMounts(context, record, [...record.mounts, ...given.mounts], ready, borrow);
  if (!canRestrictDevices(context.cgroups) && record.request.privileged !== true)
    for (const mount of asked.values()) forbidDevices(context, mount);
  const nodes = openNodes(context, container, given.devices, ready, borrow);
  const seed = openSeed(context, container, { root, ready, borrow });
  const memory = sharesMemoryWith === null ? [] : [['/dev/shm', borrow(openSharedMemory(context, sharesMemoryWith))] as const];

  const user = resolveUser(context.addon, root, record.process.user, record.request.groupAdd);
  const process = { ...record.process, env: [...links, ...record.process.env, ...container.hiddenEnv] };
  const spec = buildSpec(
    { ...record, process, mounts: [...record.mounts, ...below] },
    {
      user,
      ownUsers: ready.idRange !== null,
      inMachine: context.ownIds !== null,
      devices,
      extra: { mounts: seed === null ? last : [...last, seedMount()], env: given.env, gids: given.gids },
      layout: context.cgroups,
      init: record.request.init === true ? context.bosunFile : null,
    },
  );
  const clients = container.waitingClients.splice(0);
  for (const client of clients) borrow(client.socket);
  const log = openLog(context, container, borrow);
  // Before the process can say anything: clients ask for the log from this moment on.
  const startedAtNs = nowNs();
  const started = await startProcess(ready.sandbox, {
    spec,
    root: { mount: root },
    sharedInside: record.kind === 'system',
    mounts: new Map([
      ...memory,
      ...mounts,
      ...asked,
      ...nodes,
      ...reports,
      ...(seed === null ? [] : [[seedMount().destination, seed] as const]),
    ]),
    stdio: stdioOf(record),
    monitorDirectory: borrow(openDirectory(files.monitor)),
    clients,
    ...(log === null ? {} : { log }),
    ...(filter === null ? {} : { seccomp: filter }),
  });
  undo.defer(() => ready.cgroup.killAll());
  await keepRelays(context, container, gatewayOf(context, context.networks.endpoints(record.id)), { pid: started.pid });
  await openProxies(context, container, { pid: started.pid, range: ready.idRange }, undo);
  undo.move();
  settleStart(context, container, started, startedAtNs);
}

function settleStart(context: EngineContext, container: LiveContainer, started: Started, startedAtNs: bigint): void {
  const { record } = container;
  const again = record.state.status === 'restarting';
  const state: Partial<ContainerState> = {
    status: 'running',
    pid: started.pid,
    exitCode: 0,
    outOfMemory: false,
    startedAtNs,
    finishedAtNs: 0n,
    restartCount: again ? record.state.restartCount + 1 : 0,
    ...(record.request.restartPolicy?.windowMs === undefined
      ? {}
      : { shortRuns: again ? triesOf(record, record.state.finishedAtNs) + 1 : 0 }),
    stopped: false,
    comesBack: false,
  };
  container.record = { ...record, state: { ...record.state, ...state } };
  followExit(context, container, started.connection);
  watchHealth(context, container);
  watchBoot(context, container);
  writeDownLater(context, container, container.record);
}

/** A new engine hears from the monitor that its process runs: nobody needs to wait until this is on disk. A later change of the record writes all of it. */
function writeDownLater(context: EngineContext, container: LiveContainer, record: ContainerRecord): void {
  setImmediate(() => {
    if (container.record !== record || container.connection === null) return;
    try {
      saveRecord(context, container, record);
    } catch (error) {
      context.logger.error('that a container runs could not be written down', { container: record.name, error });
    }
  });
}

/** undefined: as many as usual. */
function idCountOf({ request }: ContainerRecord): number | undefined {
  const count = request.settings?.['security.idmap.size'];
  return count === undefined ? undefined : Number(count);
}

/** Its mount maps owners as those of the running container will. */
function rootSeenFrom(descriptor: number, { idRange }: ReadySandbox): ContainerRoot {
  const { first, count } = idRange ?? { first: 0, count: 2 ** 32 - 1 };
  return { descriptor, first, count, [Symbol.dispose]: () => {} };
}

function forbidDevices({ addon }: EngineContext, mount: number): void {
  addon.mountSetattr(mount, '', AT_EMPTY_PATH | AT_RECURSIVE, BigInt(MOUNT_ATTR_NODEV), 0n, 0n, -1);
}

function openNodes(
  { addon }: EngineContext,
  { files }: LiveContainer,
  devices: readonly GivenDevice[],
  ready: ReadySandbox,
  borrow: (descriptor: number) => number,
): Map<string, number> {
  const users = devices.length > 0 && isShifted(ready.idRange) ? borrow(ready.sandbox.openNamespace('user')) : null;
  return openDeviceNodes(addon, devices, { directory: files.devices, users, borrow });
}

/** Device nodes beyond those that every container has. */
function devicesOf(context: EngineContext, record: ContainerRecord, ownUsers: boolean): LinuxDevice[] {
  return record.request.privileged === true && !ownUsers ? hostDevices(context.addon) : [];
}

/** Each file is a view of its own: before Linux 6.15 nothing can be cloned out of the data root's view. They are as read-only as the container's root. */
function mountHostFiles(
  context: EngineContext,
  record: ContainerRecord,
  { ready, isReadOnly }: { readonly ready: ReadySandbox; readonly isReadOnly: boolean },
  borrow: (descriptor: number) => number,
): Map<string, number> {
  using users = isShifted(ready.idRange) ? openUsers(context, ready) : null;
  const clone = (path: string): number =>
    users === null ? context.addon.openTree(AT_FDCWD, path, OPEN_TREE_CLONE) : idmappedView(context.addon, path, users.descriptor);
  const open = (path: string): number => {
    const descriptor = clone(path);
    if (isReadOnly) context.addon.mountSetattr(descriptor, '', AT_EMPTY_PATH, BigInt(MOUNT_ATTR_RDONLY), 0n, 0n, -1);
    return descriptor;
  };
  const files = Object.entries(hostFilesOf(record.kind));
  return new Map(files.map(([target, file]) => [target, borrow(open(join(context.dataRoot, 'containers', record.id, file)))]));
}

function stdioOf(record: ContainerRecord): Stdio {
  const { request } = record;
  if (request.terminal === true) {
    const [rows, columns] = request.consoleSize ?? [24, 80];
    return { mode: 'terminal', rows, columns };
  }
  return { mode: 'pipes', openStdin: request.openStdin === true, stdinOnce: request.stdinOnce === true };
}

function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
}
