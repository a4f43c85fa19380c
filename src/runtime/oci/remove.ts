import { isErrno, isOrlopError, OrlopError } from '#errors';
import type { Spec } from '#oci';
import { parseSignal, signals } from '#sys';
import { removeIntelRdt } from '../sandbox/intel-rdt.ts';
import { type ContainerRecord, loadRecord, loadSpec, removeContainerDirectory } from '../state/record.ts';
import type { RuntimeContext } from './context.ts';
import { tryHooks } from './hooks.ts';
import { takeOffRoot } from './root-in-place.ts';
import { leaveScope } from './scopes.ts';
import { cgroupOf, stateOf, statusOf } from './status.ts';

/** In runc's words. */
function signalNamed(text: string): number {
  try {
    return parseSignal(text);
  } catch (cause) {
    throw new OrlopError('invalid-argument', 'RUNTIME_SIGNAL', `unknown signal ${JSON.stringify(text)}`, { cause });
  }
}

/** Sends a signal to the container's first process, or with `all` to every process in its cgroup. */
export async function killContainer(context: RuntimeContext, record: ContainerRecord, signalText: string, all: boolean): Promise<void> {
  const signal = /^-?\d{1,9}$/.test(signalText) ? Number(signalText) : signalNamed(signalText);
  const status = statusOf(context, record);
  if (status === 'stopped') {
    if (all) return signalAll(context, record, signal);
    // Its other processes may live on where they have no process namespace of their own to end with.
    if (signal === signals.SIGKILL && !record.ownPids && cgroupOf(context, record).pids().length > 0)
      return signalAll(context, record, signal);
    throw new OrlopError('failed-precondition', 'RUNTIME_NOT_RUNNING', `container ${record.id} is not running`);
  }
  // Without its own process namespace a container does not end with its first process.
  if (all || (signal === signals.SIGKILL && !record.ownPids)) return signalAll(context, record, signal);
  signalProcess(context, record.pid, signal);
  // In a frozen cgroup of v1 nothing dies before it is thawed. Any other signal may wait until then.
  if (signal === signals.SIGKILL && status === 'paused') await cgroupOf(context, record).thaw();
}

async function signalAll(context: RuntimeContext, record: ContainerRecord, signal: number): Promise<void> {
  const cgroup = cgroupOf(context, record);
  if (signal === signals.SIGKILL) return cgroup.killAll();
  for (const pid of cgroup.pids()) signalProcess(context, pid, signal);
}

/** A pidfd names the process for good; that it has ended meanwhile is what was wanted. */
function signalProcess(context: RuntimeContext, pid: number, signal: number): void {
  const addon = context.addon();
  try {
    const pidfd = addon.pidfdOpen(pid);
    try {
      addon.pidfdSendSignal(pidfd, signal);
    } finally {
      addon.close(pidfd);
    }
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return;
    if (!isErrno(error, 'EINVAL')) throw error;
    throw new OrlopError('invalid-argument', 'RUNTIME_SIGNAL', 'unable to signal init: invalid argument', { cause: error });
  }
}

/**
 * Deletes a stopped container; one that is only created is ended first, and with `force` any. With `force` an id that is not there is fine, and
 * a record that cannot be read is cleared away.
 */
export async function deleteContainer(context: RuntimeContext, id: string, force: boolean): Promise<void> {
  const record = findRecord(context, id, force);
  if (record === null) return;
  const status = statusOf(context, record);
  if (status !== 'stopped' && status !== 'created' && !force) {
    throw new OrlopError(
      'failed-precondition',
      'RUNTIME_WRONG_STATE',
      `cannot delete container ${id} that is not stopped: it is ${status}`,
      {
        details: { action: 'delete', id, status },
        hint: `stop it with "kill", or use: orlop-runtime delete --force ${id}`,
      },
    );
  }
  await removeWhole(context, record);
}

/** Ends and takes away everything of a container. `spec` spares a caller who has it the reading. */
export async function removeWhole(
  context: RuntimeContext,
  record: ContainerRecord,
  spec: Pick<Spec, 'hooks'> = loadSpec(context.root, record.id),
): Promise<void> {
  const cgroup = cgroupOf(context, record);
  await cgroup.killAll();
  await leaveScope(record.systemdUnit);
  await cgroup.remove();
  removeIntelRdt(record.resctrl ?? []);
  if (record.rootMount !== undefined) takeOffRoot(context.addon(), record.rootfs, record.rootMount);
  // Not before the process is gone, not after the record is (runtime-spec runtime, "Lifecycle" 12 and 13).
  const hooks = spec.hooks?.poststop ?? [];
  if (hooks.length > 0) {
    const row = { hooks, phase: 'poststop', state: stateOf(context, record, 'stopped') };
    tryHooks(context.addon(), row, (message) => context.log.write('error', message));
  }
  removeContainerDirectory(context.root, record.id);
}

function findRecord(context: RuntimeContext, id: string, force: boolean): ContainerRecord | null {
  try {
    return loadRecord(context.root, id);
  } catch (error) {
    if (!force || !isOrlopError(error) || error.kind === 'invalid-argument') throw error;
    removeContainerDirectory(context.root, id);
    return null;
  }
}
