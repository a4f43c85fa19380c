import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, isOrlopError } from '#errors';
import { openCgroup } from '#runtime';
import { connectMonitor, readExitRecord, type Addon } from '#sys';
import { followExit, recordExit, releaseRun } from './container/exit.ts';
import { cgroupPathOf } from './container/cgroup-path.ts';
import { createLive } from './container/live.ts';
import { isActive, parseRecord } from './container/record.ts';
import { removeWhole } from './container/remove.ts';
import type { LiveContainer } from './container/table.ts';
import { saveState, type EngineContext } from './context.ts';
import { watchHealth } from './health/watch.ts';
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
  await Promise.all(containers.map((container) => recoverContainer(context, container)));
  await recoverVolumes(context);
  await sweepCgroups(context);
  // Before the firewall's table is made anew, so that it has them from the beginning.
  for (const container of containers) await resumeNetwork(context, container, resumePorts);
  await reconcileNetworks(context);
  await Promise.all(containers.map((container) => resumeNetwork(context, container, refreshNames)));
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

async function recoverContainer(context: EngineContext, container: LiveContainer): Promise<void> {
  const { record, files } = container;
  if (record.state.status === 'removing') return removeWhole(context, container);
  if (record.run === null) return;
  const monitor = existsSync(join(files.monitor, 'control.sock')) ? await tryConnect(context.addon, files.monitor) : null;
  if (monitor !== null && monitor.status.state !== 'exited') {
    const { connection, status } = monitor;
    if (!isActive(record.state.status)) {
      saveState(context, container, { status: 'running', pid: status.pid, startedAtNs: status.startedAtNs, exitCode: 0, error: '' });
    }
    followExit(context, container, connection);
    watchHealth(context, container);
    // A process that still waits for its start belongs to a start that was cut off.
    if (status.state !== 'running') connection.signal(9);
    return;
  }
  monitor?.connection.close();
  const exit = readExitRecord(files.monitor);
  if (exit !== null || isActive(record.state.status)) return recordExit(context, container, exit);
  await releaseRun(context, container);
  saveState(context, container, { error: 'its start was cut off by the end of the engine' }, null);
}

async function tryConnect(addon: Addon, directory: string) {
  try {
    return await connectMonitor(directory, addon);
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
  const known = records.flatMap(({ run }) => (run === null ? [] : [run.cgroup]));
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
