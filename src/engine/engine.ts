import { OrlopError, toOrlopError } from '#errors';
import { closeSync, constants, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { createSeccompCache, openCgroup } from '#runtime';
import { attachContainer } from './attach.ts';
import { createBuildVerbs } from './build/verbs.ts';
import { removeOldSecrets } from './build/scratch.ts';
import { removeUnfinishedSteps } from './build/step-container.ts';
import { commitContainer, containerChanges, exportContainer } from './container/changes.ts';
import { createContainer, nameInUse } from './container/create.ts';
import { resizeDisk } from './container/disk-limit.ts';
import { filterContainers } from './container/filter.ts';
import { listedImage } from './container/image-name.ts';
import { descendantsOf } from './image/descendants.ts';
import { parseContainerName } from './container/names.ts';
import { isActive } from './container/record.ts';
import { removeContainer } from './container/remove.ts';
import { resumeRestarts } from './container/restart.ts';
import { startContainer } from './container/start.ts';
import { restartContainer } from './container/stop-and-start.ts';
import { killContainer, pauseContainer, requireRunning, stopContainer, unpauseContainer } from './container/stop.ts';
import { createContainerTable, type LiveContainer } from './container/table.ts';
import { sampleContainer } from './container/stats.ts';
import { shutDown } from './container/shutdown.ts';
import { containerTop } from './container/top.ts';
import { updateContainer } from './container/update.ts';
import { viewOf } from './container/view.ts';
import { waitFor } from './container/wait.ts';
import { nowNs, publishContainerEvent, saveRecord, type EngineContext, type EngineOptions } from './context.ts';
import { createDeviceVerbs } from './devices/change.ts';
import { leaveDoor, tryKeepDoor } from './on-demand/door.ts';
import { keepIdle } from './on-demand/idle.ts';
import { wakeContainer } from './on-demand/wake.ts';
import { leaveProxies } from './devices/proxy.ts';
import { leaveRelays } from './network/relays.ts';
import { filterEvents } from './event-filter.ts';
import { createEventBus } from './events.ts';
import { createExecs } from './exec/sessions.ts';
import { createIdRanges, createSharedRange } from './id-ranges.ts';
import { createArchiveVerbs } from './image/archive.ts';
import { createImageVerbs } from './image/images.ts';
import { containerSize } from './container/size.ts';
import { createLxdVerbs } from './image/lxd.ts';
import { createRegistryVerbs } from './image/registries.ts';
import { createTemplateVerbs } from './image/templates.ts';
import { createFileVerbs } from './files/verbs.ts';
import { stopHealthWatch } from './health/watch.ts';
import { engineInfo } from './info.ts';
import { readContainerLog } from './logs/container-log.ts';
import { hostFilesOwner } from './network/joining.ts';
import { refreshLinkers } from './network/attachment.ts';
import { linkNames, linksShown } from './network/links.ts';
import { removeLink } from './network/remove-link.ts';
import { createNetworkVerbs } from './network/networks.ts';
import { changePorts } from './network/ports.ts';
import { endpointViewsOf } from './network/view.ts';
import { awaitBoot } from './system/await-boot.ts';
import { bootViewOf, stopBootWatch } from './system/boot.ts';
import { dedupe } from './system/dedupe.ts';
import { diskView, pruneContainers, pruneImages } from './system/disk.ts';
import { examineHost } from './system/doctor.ts';
import { launchSystem } from './system/launch.ts';
import { withLastingChanges } from './lasting.ts';
import { createLxcfs, lxcfsCgroup } from './lxcfs/keeper.ts';
import { isShown, renewReports } from './lxcfs/views.ts';
import { createLeases } from './lease/leases.ts';
import { withLeases } from './lease/with-leases.ts';
import { collectLeftLayers } from './snapshot/collect.ts';
import { keepSchedules } from './snapshot/schedule.ts';
import { createSnapshotVerbs } from './snapshot/verbs.ts';
import type { ContainerView, Engine } from './model.ts';
import { recoverContainers } from './recover.ts';
import { createSettingVerbs, followProfiles } from './settings/verbs.ts';
import { createVolumeVerbs } from './volume/volumes.ts';
import { createSandboxPool } from './sandbox-pool.ts';
import type { UnhealthyAction } from '#wire';
import { createSerialQueues } from './serial.ts';

/**
 * Opens the engine over its data root: takes up what an earlier one left, then serves. Disposing of it leaves running containers alone
 * and gives back only what was kept ready.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  await using undo = new AsyncDisposableStack();
  const context = createContext(options, undo);
  await context.lxcfs.takeUp();
  await recoverContainers(context);
  await renewReports(context);
  await removeUnfinishedSteps(context);
  await followProfiles(context);
  await removeOldSecrets(context);
  context.pool.fill();
  const closing = undo.adopt(new AbortController(), (controller) => controller.abort());
  void resumeRestarts(context, closing.signal);
  const leases = undo.use(createLeases(context));
  undo.use(keepSchedules(context));
  await Promise.all(context.table.all().map((container) => context.queues.run(container.record.id, () => tryKeepDoor(context, container))));
  undo.use(keepIdle(context));
  // One that closed the store had collected before.
  if (context.store.wasCutOff) collectLeftLayers(context);
  const parts = undo.move();
  const engine: Engine = {
    containers: containersOf(context),
    networks: createNetworkVerbs(context),
    volumes: createVolumeVerbs(context),
    snapshots: createSnapshotVerbs(context),
    execs: createExecs(context),
    images: createImageVerbs(context),
    files: createFileVerbs(context),
    archives: {
      ...createArchiveVerbs(context),
      export: (ref) => exportContainer(context, ref),
      changes: (ref) => containerChanges(context, ref),
      commit: (ref, request) => commitContainer(context, ref, request),
    },
    disk: {
      usage: () => diskView(context),
      pruneContainers: (filter) => pruneContainers(context, filter),
      pruneImages: (filter) => pruneImages(context, filter),
      check: (how) => context.store.check(how),
      dedupe: (refs, signal) => dedupe(context, refs, signal),
    },
    registries: createRegistryVerbs(context),
    builds: createBuildVerbs(context),
    lxd: createLxdVerbs(context),
    templates: createTemplateVerbs(context),
    launch: (source, request, follow) => launchSystem(context, source, request, follow),
    settings: createSettingVerbs(context),
    devices: createDeviceVerbs(context),
    info: () => engineInfo(context),
    shutdown: () => shutDown(context),
    leases,
    doctor: () => examineHost(context),
    events: ({ filters = {}, ...window }, signal) => filterEvents(context.events.subscribe(window, signal), filters),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
  return withLastingChanges(withLeases(engine, leases), () => context.store.metadata.flushed());
}

function createContext(options: EngineOptions, undo: AsyncDisposableStack): EngineContext {
  const idRanges = options.ownIds === null ? createIdRanges(options.dataRoot) : createSharedRange(options.ownIds);
  const context = {
    ...options,
    hostname: hostname(),
    table: createContainerTable(),
    events: createEventBus(nowNs),
    queues: createSerialQueues(),
    seccomp: createSeccompCache(),
    idRanges,
    dataRootDescriptor: undo.adopt(openSync(options.dataRoot, constants.O_RDONLY | constants.O_DIRECTORY), closeSync),
  };
  undo.defer(() => removeEmptyParent(context));
  undo.defer(async () => {
    for (const { packer } of context.table.all()) await packer?.close();
  });
  undo.defer(() => closeConnections(context.table.all()));
  const lxcfs = createLxcfs({
    ...options,
    cgroup: lxcfsCgroup(options),
    program: options.lxcfsProgram,
    onDeath: () => void renewReports(whole),
  });
  undo.defer(() => (isShown(context) ? undefined : lxcfs.close()));
  const pool = undo.use(createSandboxPool({ ...options, idRanges, size: options.sandboxesReady }));
  const whole: EngineContext = {
    ...context,
    lxcfs,
    pool,
    startAgain: (container) => startAgain(whole, container),
    wakeUp: (container) => void wakeContainer(whole, container),
    whenUnhealthy: (container, action) => actOnHealth(whole, container, action),
  };
  return whole;
}

/** The last one out puts the lights off: with nothing running, our cgroup and our bridge have no use. */
async function removeEmptyParent(
  context: Omit<EngineContext, 'pool' | 'lxcfs' | 'startAgain' | 'wakeUp' | 'whenUnhealthy'>,
): Promise<void> {
  if (context.table.all().some((container) => isActive(container.record.state.status))) return;
  try {
    await openCgroup(context.cgroups, context.cgroupParent).remove();
    if (context.table.all().length === 0) await context.networks.removeAll();
  } catch (error) {
    context.logger.warn('something of ours stays on this machine', { cgroup: context.cgroupParent, error });
  }
}

function closeConnections(containers: readonly LiveContainer[]): void {
  for (const container of containers) {
    const { connection } = container;
    container.connection = null;
    connection?.close();
    leaveProxies(container);
    leaveRelays(container);
    leaveDoor(container);
    if (container.restartTimer !== null) clearTimeout(container.restartTimer);
    stopHealthWatch(container);
    stopBootWatch(container);
  }
}

function containersOf(context: EngineContext): Engine['containers'] {
  const view = (container: LiveContainer, named = linkNames(context)): ContainerView => {
    const { id } = container.record;
    const endpoints = endpointViewsOf(context.networks.endpoints(id));
    const links = linksShown(context, container.record);
    const owner = hostFilesOwner(context, container.record);
    const hostFiles = owner === null ? {} : { hostFiles: owner.files };
    const health = container.health === null ? {} : { health: container.health.view };
    const boot = bootViewOf(container);
    const shown = { endpoints, links, linkNames: named.get(id) ?? [], ...(boot === null ? {} : { boot }) };
    return viewOf(container.record, { files: container.files, ...hostFiles, ...health, execIds: [...container.execs], ...shown });
  };
  return {
    create: (request) => createContainer(context, request),
    start: (ref) => startContainer(context, ref),
    stop: (ref, options) => stopContainer(context, ref, options),
    restart: (ref, options) => restartContainer(context, ref, options),
    kill: (ref, signal) => killContainer(context, ref, signal),
    pause: (ref) => pauseContainer(context, ref),
    unpause: (ref) => unpauseContainer(context, ref),
    rename: (ref, name) => renameContainer(context, ref, name),
    remove: (ref, options) => removeContainer(context, ref, options),
    awaitBoot: (ref, timeoutMs, signal) => awaitBoot(context, ref, { timeoutMs, signal }),
    wait: (ref, condition, signal) => waitFor(context, ref, condition, signal),
    removeLink: (ref) => removeLink(context, ref),
    list(filter) {
      const named = linkNames(context);
      const kept = filterContainers(
        context.table.all().map((container) => view(container, named)),
        filter,
        (image) => descendantsOf(context.images, image),
      );
      if (kept.length === 0) return kept;
      const targets = new Map(context.store.metadata.images.list().map(({ name, manifest }) => [name, manifest]));
      return kept.map((each) => ({ ...each, imageName: listedImage(context.table.find(each.id).record, targets) }));
    },
    inspect: (ref) => view(context.table.find(ref)),
    attach: (ref, request) => attachContainer(context, ref, request),
    logs: (ref, request, signal) => readContainerLog(context.table.find(ref), request, signal),
    async resize(ref, rows, columns) {
      const container = context.table.find(ref);
      requireRunning(container, ref);
      container.connection?.resize(rows, columns);
      publishContainerEvent(context, container, 'resize', { height: String(rows), width: String(columns) });
    },
    update: (ref, change) => updateContainer(context, ref, change),
    size: (ref) => containerSize(context, ref),
    sample: (ref) => sampleContainer(context, ref),
    async changePorts(ref, change) {
      const ports = await changePorts(context, ref, change);
      const container = context.table.find(ref);
      await context.queues.run(container.record.id, () => tryKeepDoor(context, container));
      return ports;
    },
    resizeDisk: (ref, sizeBytes) => resizeDisk(context, ref, sizeBytes),
    top: (ref, psArguments) => containerTop(context, ref, psArguments),
  };
}

function startAgain(context: EngineContext, container: LiveContainer): void {
  const { id, name, state } = container.record;
  startContainer(context, id, { again: state.status === 'restarting' }).catch((error: unknown) =>
    context.logger.error('a container did not come back', { container: name, error }),
  );
}

function actOnHealth(context: EngineContext, container: LiveContainer, action: UnhealthyAction): void {
  const { id, name } = container.record;
  const act = async (): Promise<void> => {
    if (action === 'restart') await restartContainer(context, id, {});
    else await stopContainer(context, id, {});
  };
  act().catch((error: unknown) => context.logger.error('an unhealthy container could not be seen to', { container: name, action, error }));
}

function newNameOf(wanted: string): string {
  try {
    return parseContainerName(wanted);
  } catch (cause) {
    const { kind, code, message, hint } = toOrlopError(cause);
    throw new OrlopError(kind, code, `Error when allocating new name: ${message}`, { cause, ...(hint === undefined ? {} : { hint }) });
  }
}

async function renameContainer(context: EngineContext, ref: string, wanted: string): Promise<void> {
  const container = context.table.find(ref);
  const name = newNameOf(wanted);
  if (name === container.record.name)
    throw new OrlopError('invalid-argument', 'ENGINE_SAME_NAME', 'Renaming a container with the same name as its current name');
  await context.queues.run(container.record.id, async () => {
    const holder = context.table.holderOf(name);
    if (holder !== undefined) throw nameInUse(name, holder.record.id);
    const oldName = container.record.name;
    saveRecord(context, container, { ...container.record, name });
    await context.networks.rename(container.record.id, oldName, name);
    publishContainerEvent(context, container, 'rename', { oldName: `/${oldName}` });
    void refreshLinkers(context, container.record);
  });
}
