import { isOrlopError } from '#errors';
import { openCgroup } from '#runtime';
import { readExitRecord, type ExitRecord, type MonitorConnection } from '#sys';
import { requestOf } from '#system';
import { nowNs, passState, publishContainerEvent, saveEnd, saveState, type EngineContext } from '../context.ts';
import { closeProxies } from '../devices/proxy.ts';
import { detachPlaces } from '../network/attachment.ts';
import { endFileProcesses } from '../files/distant-verbs.ts';
import { stopHealthWatch } from '../health/watch.ts';
import { stopBootWatch } from '../system/boot.ts';
import { followLog } from '../logs/container-log.ts';
import { publishPlaces } from '../network/places.ts';
import { tryKeepDoor } from '../on-demand/door.ts';
import { releaseMounts } from '../volume/start-mounts.ts';
import { removeWhole } from './remove.ts';
import { startLater, willStartAgain } from './restart.ts';
import { endStragglers } from './stragglers.ts';
import { notify, type LiveContainer } from './table.ts';

/** What is written down when a process's end was seen by nobody: the host went down, or the monitor was killed. */
const unknownExitCode = 255;

/** Follows a running container to its end, whichever engine started it. */
export function followExit(context: EngineContext, container: LiveContainer, connection: MonitorConnection): void {
  container.connection = connection;
  followLog(context, container, connection);
  const stragglers = endStragglers(context, container);
  const ended = connection.exited.catch((error: unknown) => {
    // The engine that closes lets go of its monitors itself.
    if (container.connection !== connection) return null;
    context.logger.warn('the monitor went away without a word', { container: container.record.name, error });
    return readEnd(context, container);
  });
  void ended
    .finally(() => stragglers[Symbol.dispose]())
    .then((exit) => context.queues.run(container.record.id, () => settleExit(context, container, connection, exit)))
    .catch((error: unknown) =>
      context.logger.error('an ended container could not be settled', { container: container.record.name, error }),
    );
}

async function settleExit(
  context: EngineContext,
  container: LiveContainer,
  connection: MonitorConnection,
  exit: ExitRecord | null,
): Promise<void> {
  if (container.connection !== connection) return;
  const { reboots } = await recordExit(context, container, exit);
  if (reboots) context.startAgain(container);
  else if (container.record.state.status === 'restarting') startLater(context, container);
}

/** The record of an end; null when there is none that can be read. */
export function readEnd({ logger }: EngineContext, { files, record }: LiveContainer): ExitRecord | null {
  try {
    return readExitRecord(files.monitor);
  } catch (error) {
    if (!isOrlopError(error, 'data-loss')) throw error;
    logger.warn('how a container ended cannot be read', { container: record.name, error });
    return null;
  }
}

/**
 * Writes the end down, gives back what the run held, tells those who wait, and removes a container that was to be removed. Its policy may leave it `restarting`.
 * `reboots`: it is a machine that wants to be started at once; until it is, its record says so.
 */
export async function recordExit(context: EngineContext, container: LiveContainer, exit: ExitRecord | null): Promise<{ reboots: boolean }> {
  // A machine that powers off or reboots itself ends well.
  const wish = exit === null || exit.signal === null || container.record.kind !== 'system' ? null : requestOf(exit.signal);
  const exitCode = wish === null ? (exit?.exitCode ?? unknownExitCode) : 0;
  const again = wish === null && willStartAgain(container, exitCode);
  // A closed connection takes signals and does nothing: until the end is written down, clients still see a container that runs.
  container.connection?.close();
  stopHealthWatch(container);
  stopBootWatch(container);
  await releaseRun(context, container);
  // A stop may have come while the run was given back.
  const { stopping } = container;
  const reboots = wish === 'reboot' && !stopping;
  // Who powers itself off stays so, unless it was made to for a restart.
  const comesBack = reboots || (container.record.state.comesBack === true && (wish !== 'poweroff' || stopping));
  const save = comesBack ? saveState : passState;
  saveEnd(
    context,
    container,
    {
      status: again && !stopping ? 'restarting' : 'exited',
      stopped: stopping,
      comesBack,
      pid: 0,
      exitCode,
      outOfMemory: exit?.outOfMemory ?? false,
      error: exit === null ? 'its end was seen by nobody: the host or its monitor went down' : '',
      finishedAtNs: exit?.finishedAtNs ?? nowNs(),
    },
    save,
  );
  container.connection = null;
  container.stopping = false;
  if (exit?.outOfMemory === true) publishContainerEvent(context, container, 'oom');
  publishContainerEvent(context, container, 'die', { exitCode: String(container.record.state.exitCode) });
  publishPlaces(context, container, 'disconnect');
  notify(container.onExit);
  if (container.record.request.autoRemove === true && !comesBack) await removeWhole(context, container);
  else await tryKeepDoor(context, container);
  return { reboots };
}

/** Gives back the cgroup, the network link and the id range. What is stuck is reported, keeps its ids, and is left for the next engine's sweep. */
export async function releaseRun(context: EngineContext, container: LiveContainer): Promise<void> {
  const { run, name } = container.record;
  // Who comes from here on waits for its next start.
  await container.door?.order('wait');
  await endFileProcesses(container.fileProcesses);
  await closeProxies(context, container);
  await detachPlaces(context, container);
  await releaseMounts(context, container.record);
  if (run === null) return;
  const cgroup = openCgroup(context.cgroups, run.cgroup);
  try {
    await cgroup.killAll();
    await cgroup.remove();
  } catch (error) {
    if (!isOrlopError(error)) throw error;
    context.logger.warn('a cgroup could not be removed', { container: name, cgroup: run.cgroup, error });
    return;
  }
  if (run.idRange !== null) context.idRanges.release(run.idRange);
}
