import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, isOrlopError } from '#errors';
import { openCgroup } from '#runtime';
import { bootId, connectMonitor, type Addon, type ExitRecord } from '#sys';
import { followExit, readEnd, recordExit, releaseRun } from './container/exit.ts';
import { cgroupPathOf } from './container/cgroup-path.ts';
import { createLive } from './container/live.ts';
import { isActive, parseRecord, type ContainerRecord } from './container/record.ts';
import { removeWhole } from './container/remove.ts';
import { resumePause } from './container/stop.ts';
import type { LiveContainer } from './container/table.ts';
import { saveState, type EngineContext } from './context.ts';
import { resumeProxies } from './devices/proxy.ts';
import { lxcfsCgroup } from './lxcfs/keeper.ts';
import { settleSettings } from './settings/change.ts';
import { watchHealth } from './health/watch.ts';
import { watchBoot } from './system/boot.ts';
import { recoverVolumes } from './volume/recover-volumes.ts';
import { refreshNames, resumePorts } from './network/attachment.ts';

/**
 * Finds what an earlier engine left: takes up running containers, writes down ends that nobody saw, finishes removals, and clears what a
 * kill between two steps left behind. Says how many containers run.
 */
export async function recoverContainers(context: EngineContext): Promise<void> {
  for (const row of context.store.metadata.containers.list()) {
    try {
      context.table.add(createLive(context.dataRoot, parseRecord(row.id, row.record)));
    } catch (error) {
      if (!isOrlopError(error, 'data-loss')) throw error;
      context.logger.error('a container is left out', { container: row.name, error });
    }
  }
  const containers = context.table.all();
  for (const { record } of containers) if (record.run?.idRange != null) context.idRanges.hold(record.run.idRange);
  const boot = bootId();
  await Promise.all(containers.map((container) => takeUp(context, container, boot)));
  await recoverVolumes(context);
  await sweepCgroups(context);
  // Before the firewall's table is made anew, so that it has them from the beginning.
  for (const container of containers) await resumeNetwork(context, container, resumePorts);
  await reconcileNetworks(context);
  await Promise.all(containers.map((container) => resumeNetwork(context, container, refreshNames)));
  await Promise.all(containers.map((container) => resumeNetwork(context, container, resumeProxies)));
  for (const container of context.table.all()) await settleSettings(context, container);
}

/** A host that has lost what bridges need (nft, say) still runs containers without them. */
async function reconcileNetworks(context: EngineContext): Promise<void> {
  try {
    const records = context.table.all().map((container) => container.record);
    const running = records.filter(({ state }) => isActive(state.status) && state.pid > 0);
    await context.networks.reconcile(
      records.map(({ id }) => id),
      running.map(({ id, state }) => ({ containerId: id, netns: `/proc/${state.pid}/ns/net` })),
    );
  } catch (error) {
    if (!isOrlopError(error, 'failed-precondition')) throw error;
    context.logger.warn('the networks could not be put right', { error });
  }
}

/** What a running container has of the network goes on, but for what this process does for it. */
async function resumeNetwork(context: EngineContext, container: LiveContainer, step: typeof resumePorts): Promise<void> {
  await context.queues.run(container.record.id, async () => {
    if (!isActive(container.record.state.status)) return;
    try {
      await step(context, container);
    } catch (error) {
      context.logger.warn('a container goes on without all of its network', { container: container.record.name, error });
    }
  });
}

/** One container that cannot be taken up keeps no engine from the others. */
async function takeUp(context: EngineContext, container: LiveContainer, boot: string): Promise<void> {
  try {
    await recoverContainer(context, container, boot);
    // What is to be removed at its end and has no process has nobody who would start it: whoever made it asked an engine that is gone.
    const { request, state } = container.record;
    const isOver = ['created', 'exited'].includes(state.status) && state.comesBack !== true;
    if (request.autoRemove === true && isOver && context.table.get(container.record.id) === container)
      await removeWhole(context, container);
  } catch (error) {
    context.logger.error('a container could not be taken up', { container: container.record.name, error });
  }
}

async function recoverContainer(context: EngineContext, container: LiveContainer, boot: string): Promise<void> {
  const { record, files } = container;
  if (record.state.status === 'removing') return removeWhole(context, container);
  if (record.making === true) return removeWhole(context, container, true);
  if (record.run === null) return;
  container.stopping = isActive(record.state.status) && record.state.stopped === true;
  // Of an earlier boot nothing runs: its pids are other processes' now, and what answers at the old socket is not its monitor.
  const hostWentDown = record.run.boot !== undefined && record.run.boot !== boot;
  const monitor = !hostWentDown && existsSync(join(files.monitor, 'control.sock')) ? await tryConnect(context.addon, files.monitor) : null;
  if (monitor !== null && monitor.status?.state !== 'exited') {
    const { connection, status } = monitor;
    if (status === null)
      context.logger.warn('a monitor does not answer; its log may lie on a disk that is stuck', { container: record.name });
    if (status !== null && !isActive(record.state.status)) {
      saveState(context, container, { status: 'running', pid: status.pid, startedAtNs: status.startedAtNs, exitCode: 0, error: '' });
    }
    followExit(context, container, connection);
    // A snapshot that was cut off has left it frozen.
    if (container.record.state.status === 'running') await openCgroup(context.cgroups, record.run.cgroup).thaw();
    watchHealth(context, container);
    watchBoot(context, container);
    // A process that still waits for its start, or was never said to run, belongs to a start that was cut off.
    const runs = status === null ? isActive(record.state.status) : status.state === 'running';
    if (!runs) connection.signal(9);
    await resumePause(context, container);
    return;
  }
  monitor?.connection.close();
  const exit = endOfRun(record, readEnd(context, container), hostWentDown);
  if (exit !== null || isActive(record.state.status)) {
    if (hostWentDown && runsWithItsHost(record)) saveState(context, container, { comesBack: true });
    await recordExit(context, container, exit);
    return;
  }
  await releaseRun(context, container);
  saveState(context, container, { error: 'its start was cut off by the end of the engine' }, null);
}

/** After a power cut the record of the run before may be back: wiping it waits for no disk. Within a boot nothing comes back, and clocks may be set. Pure. */
export function endOfRun({ state }: Pick<ContainerRecord, 'state'>, exit: ExitRecord | null, hostWentDown: boolean): ExitRecord | null {
  if (exit === null || !hostWentDown) return exit;
  const isOld = exit.finishedAtNs <= state.finishedAtNs || exit.finishedAtNs < state.startedAtNs;
  return isOld ? null : exit;
}

/** A machine without a policy of its own does as its host: it runs again after the host's boot if it ran before, unless somebody was about to stop it. Pure. */
export function runsWithItsHost({ kind, request, state }: Pick<ContainerRecord, 'kind' | 'request' | 'state'>): boolean {
  return (
    kind === 'system' &&
    request.restartPolicy === undefined &&
    request.autoRemove !== true &&
    request.settings?.['boot.autostart'] !== 'false' &&
    isActive(state.status) &&
    state.stopped !== true
  );
}

/** A monitor answers within a millisecond, unless the disk of its log holds it up. */
const monitorPatienceMs = 3000;

async function tryConnect(addon: Addon, directory: string) {
  try {
    return await connectMonitor(directory, addon, monitorPatienceMs);
  } catch (error) {
    if (isOrlopError(error, 'unavailable') || isErrno(error, 'ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE')) return null;
    throw error;
  }
}

/**
 * Ends and removes what is in our parent cgroup and belongs to no container: sandboxes that an earlier engine had ready; and, wherever containers asked for theirs, those of
 * starts that were cut off.
 */
async function sweepCgroups(context: EngineContext): Promise<void> {
  const records = context.table.all().map(({ record }) => record);
  // That of lxcfs has been seen to.
  const known = [lxcfsCgroup(context), ...records.flatMap(({ run }) => (run === null ? [] : [run.cgroup]))];
  for (const record of records) {
    const path = record.run === null ? cgroupPathOf(context, record) : undefined;
    if (path !== undefined) await removeStray(context, path);
  }
  await sweepBelow(context, context.cgroupParent, known);
}

async function sweepBelow(context: EngineContext, parent: string, known: readonly string[]): Promise<void> {
  const found = new Set(context.cgroups.hierarchies.flatMap((hierarchy) => childCgroups(join(hierarchy.mountPoint, parent))));
  for (const name of found) {
    const path = `${parent}/${name}`;
    if (known.includes(path)) continue;
    if (known.some((one) => one.startsWith(`${path}/`))) await sweepBelow(context, path, known);
    else await removeStray(context, path);
  }
}

async function removeStray(context: EngineContext, path: string): Promise<void> {
  const cgroup = openCgroup(context.cgroups, path);
  try {
    await cgroup.killAll();
    await cgroup.remove();
  } catch (error) {
    context.logger.warn('a cgroup of an earlier engine could not be removed', { cgroup: path, error });
  }
}

function childCgroups(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
