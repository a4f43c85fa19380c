import { type DockerStats, usageOf as reckon, type Usage as Reckoned } from '#wire';

/** What a container uses; what only grows is in bytes since its start. */
export interface Usage extends Omit<Reckoned, 'time' | 'pids' | 'processors'> {
  readonly id: string;
  readonly name: string;
  /** Of one processor: two that are busy are 2. null: nothing to compare with yet. */
  readonly processors: number | null;
  readonly processes: number;
}

/** A sample of a container, with what has been used since another before. Pure. */
export function usageOf(now: DockerStats, before: DockerStats | undefined): Usage {
  const { time: _, pids, processors, ...bytes } = reckon(now, before);
  const name = now.name.replace(/^\//, '');
  return { id: now.id, name, processors: before === undefined ? null : processors, processes: pids, ...bytes };
}
