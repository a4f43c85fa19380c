import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import type { ContainerStatus, State } from '#oci';
import { isAlive } from '#sys';
import { openCgroup } from '../cgroups/cgroup.ts';
import type { Cgroup } from '../cgroups/types.ts';
import { type ContainerRecord, directoryOf } from '../state/record.ts';
import type { RuntimeContext } from './context.ts';

export function cgroupOf(context: RuntimeContext, record: ContainerRecord): Cgroup {
  return openCgroup(context.cgroups(), record.cgroupPath);
}

export function fifoOf(context: RuntimeContext, record: ContainerRecord): string {
  return join(directoryOf(context.root, record.id), 'start.fifo');
}

export function statusOf(context: RuntimeContext, record: ContainerRecord): ContainerStatus {
  if (record.pid <= 0 || !isAlive(record.pid, record.startTicks)) return 'stopped';
  if (cgroupOf(context, record).isFrozen()) return 'paused';
  return existsSync(fifoOf(context, record)) ? 'created' : 'running';
}

/** What `state` prints and hooks read. */
export function stateOf(context: RuntimeContext, record: ContainerRecord, status = statusOf(context, record)): State {
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    status,
    pid: status === 'stopped' ? 0 : record.pid,
    bundle: record.bundle,
    ...tellAnnotations(record.annotations),
  };
}

/** As with runc a container without any does not speak of them. */
export function tellAnnotations(annotations: State['annotations'] = {}): Pick<State, 'annotations'> {
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

/** failed-precondition `RUNTIME_WRONG_STATE` unless the container is in one of these states. */
export function requireStatus(
  context: RuntimeContext,
  record: ContainerRecord,
  action: string,
  ...allowed: readonly ContainerStatus[]
): ContainerStatus {
  const status = statusOf(context, record);
  if (allowed.includes(status)) return status;
  throw new OrlopError(
    'failed-precondition',
    'RUNTIME_WRONG_STATE',
    `cannot ${action} container ${record.id}: it is ${status}, not ${allowed.join(' or ')}`,
    { details: { action, status, id: record.id } },
  );
}
