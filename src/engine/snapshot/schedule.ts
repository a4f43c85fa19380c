import { OrlopError } from '#errors';
import type { SnapshotSchedule, SnapshotScheduleChange } from '#wire';
import { isActive } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { saveRecord, type EngineContext } from '../context.ts';
import { nextMoment, parseCron } from './cron.ts';
import { findSnapshot, snapshotsOf } from './find.ts';
import { defaultPattern, nameByPattern } from './names.ts';
import { removeSnapshot } from './remove.ts';
import { takeSnapshot } from './take.ts';

/** How a container's snapshots are made by themselves; in its record. */
export interface SnapshotPolicy extends SnapshotSchedule {
  /** The last time that one was due and taken, or the schedule set; ms since the epoch. */
  readonly lastMs: number;
}

/** Often enough for schedules by the minute. */
const tickMs = 15_000;

/**
 * Takes snapshots that are due of containers that run, and removes those that have expired, as long as it is open. What was missed while no engine ran, or the container did not, is
 * made up for by one.
 */
export function keepSchedules(context: EngineContext): Disposable {
  let isBusy = false;
  const tick = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    try {
      for (const container of context.table.all()) await keepSchedule(context, container, Date.now());
    } finally {
      isBusy = false;
    }
  };
  const timer = setInterval(() => void tick(), tickMs).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** What is due now for one container. A failure is logged: the next one may do better. */
export async function keepSchedule(context: EngineContext, container: LiveContainer, nowMs: number): Promise<void> {
  const { record } = container;
  try {
    for (const { id, expiresMs } of snapshotsOf(context, record))
      if (expiresMs !== null && expiresMs <= nowMs) await removeSnapshot(context, record.id, id);
    if (record.snapshots === undefined || !isDue(record.snapshots, nowMs) || !isActive(record.state.status)) return;
    const { expiresInMs } = record.snapshots;
    // Written down first: one that cannot be made is not tried again every few seconds.
    await context.queues.run(record.id, async () => {
      if (container.record.snapshots !== undefined)
        saveRecord(context, container, { ...container.record, snapshots: { ...container.record.snapshots, lastMs: nowMs } });
    });
    const name = await takeSnapshot(context, record.id, { isScheduled: true, ...(expiresInMs === null ? {} : { expiresInMs }) });
    context.logger.info('took a snapshot by schedule', { container: record.name, snapshot: findSnapshot(context, record, name).name });
  } catch (error) {
    context.logger.error('a snapshot by schedule failed', { container: record.name, error });
  }
}

/** Whether a moment of the schedule has come since the last snapshot. Pure. */
export function isDue({ schedule, lastMs }: Pick<SnapshotPolicy, 'schedule' | 'lastMs'>, nowMs: number): boolean {
  if (schedule === '') return false;
  const next = nextMoment(parseCron(schedule), new Date(lastMs));
  return next !== null && next.getTime() <= nowMs;
}

/** See `SnapshotVerbs.setSchedule`. */
export async function changeSchedule(context: EngineContext, ref: string, change: SnapshotScheduleChange): Promise<SnapshotSchedule> {
  const container = context.table.find(ref);
  if (change.schedule !== undefined && change.schedule !== '') parseCron(change.schedule);
  if (change.pattern !== undefined) nameByPattern(change.pattern, new Date(), () => false);
  if (change.expiresInMs !== undefined && change.expiresInMs !== null && !(change.expiresInMs > 0))
    throw new OrlopError('invalid-argument', 'ENGINE_BAD_EXPIRY', 'snapshots must stay for longer than nothing');
  return context.queues.run(container.record.id, async () => {
    const before = container.record.snapshots ?? { schedule: '', pattern: defaultPattern, expiresInMs: null };
    const { schedule, pattern, expiresInMs } = { ...before, ...change };
    saveRecord(context, container, { ...container.record, snapshots: { schedule, pattern, expiresInMs, lastMs: Date.now() } });
    return { schedule, pattern, expiresInMs };
  });
}
