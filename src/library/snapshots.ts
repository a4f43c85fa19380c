import type { Client } from '#client';
import type { PathChange, SnapshotBody, SnapshotSchedule, SnapshotScheduleChange } from '#wire';

/** A container's past: its root and its settings, as they were. What is in volumes is no part of it. */
export interface Snapshots {
  /** Resolves with its name, which is chosen when there is none. Quick for any size when the container does not run. */
  take(name?: string, options?: { readonly comment?: string; readonly expiresInMs?: number }): Promise<string>;
  /** Oldest first. */
  list(): Promise<readonly SnapshotBody[]>;
  /** What was written since goes. conflict when the container runs, unless it may be stopped and started again (`restart`). */
  restore(name: string, options?: { readonly restart?: boolean }): Promise<void>;
  rename(name: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** What differs from it to another one, or to the container as it is. */
  changes(name: string, to?: string): Promise<readonly PathChange[]>;
  /** Snapshots that the engine takes by itself while the container runs; `schedule: ''` ends that. */
  setSchedule(change: SnapshotScheduleChange): Promise<SnapshotSchedule>;
}

export function createSnapshots({ snapshots }: Client, id: string): Snapshots {
  return {
    take: (name, options = {}) => snapshots.take(id, { ...options, ...(name === undefined ? {} : { name }) }),
    list: async () => (await snapshots.list(id)).snapshots,
    restore: (name, options) => snapshots.restore(id, name, options),
    rename: (name, to) => snapshots.rename(id, name, to),
    remove: (name) => snapshots.remove(id, name),
    changes: (name, to) => snapshots.changes(id, name, to),
    setSchedule: (change) => snapshots.setSchedule(id, change),
  };
}
