import type { SortKey } from '../commands/sort-keys.ts';
import type { Usage } from '../values/usage.ts';
import { formatBinaryBytes, formatBytes } from '../values/size.ts';
import { formatTable } from './table.ts';

export interface UsageOrder {
  readonly key: SortKey;
  /** Least first, or names from behind. */
  readonly reversed: boolean;
}

/** What a container does per second, from two looks at it. */
export interface Activity extends Usage {
  readonly netBytesPerSecond: number;
  readonly ioBytesPerSecond: number;
}

/** Counters that went back are those of another start of the container: nothing is known of the time before. Pure. */
export function activityOf(now: Usage, before: Usage | undefined, elapsedMs: number): Activity {
  const perSecond = (count: (usage: Usage) => number): number =>
    before === undefined || elapsedMs <= 0 ? 0 : (Math.max(0, count(now) - count(before)) * 1000) / elapsedMs;
  return {
    ...now,
    netBytesPerSecond: perSecond(({ receivedBytes, sentBytes }) => receivedBytes + sentBytes),
    ioBytesPerSecond: perSecond(({ readBytes, writtenBytes }) => readBytes + writtenBytes),
  };
}

/** The greatest first; names in the order of letters; what is equal by name. Pure. */
export function sortUsage(list: readonly Activity[], { key, reversed }: UsageOrder): Activity[] {
  const byName = (a: Activity, b: Activity): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const numbers: Readonly<Record<Exclude<SortKey, 'name'>, (one: Activity) => number>> = {
    cpu: ({ processors }) => processors ?? 0,
    memory: ({ memoryBytes }) => memoryBytes,
    pids: ({ processes }) => processes,
    net: ({ netBytesPerSecond }) => netBytesPerSecond,
    io: ({ ioBytesPerSecond }) => ioBytesPerSecond,
  };
  const compare = key === 'name' ? byName : (a: Activity, b: Activity) => numbers[key](b) - numbers[key](a) || byName(a, b);
  const sorted = list.toSorted(compare);
  return reversed ? sorted.toReversed() : sorted;
}

const titles = ['NAME', 'CPU %', 'MEM', 'MEM %', 'PIDS', 'NET/S', 'NET IN / OUT', 'IO/S', 'IO READ / WRITTEN'];

/** Title and rows, each a line without its end. */
export function formatUsage(list: readonly Activity[]): string[] {
  const share = (part: number, whole: number): string => `${((whole === 0 ? 0 : part / whole) * 100).toFixed(1)}%`;
  const rows = list.map((one) => [
    one.name,
    one.processors === null ? '--' : share(one.processors, 1),
    formatBinaryBytes(one.memoryBytes),
    share(one.memoryBytes, one.memoryLimitBytes),
    String(one.processes),
    formatBytes(one.netBytesPerSecond),
    `${formatBytes(one.receivedBytes)} / ${formatBytes(one.sentBytes)}`,
    formatBytes(one.ioBytesPerSecond),
    `${formatBytes(one.readBytes)} / ${formatBytes(one.writtenBytes)}`,
  ]);
  return formatTable([titles, ...rows])
    .trimEnd()
    .split('\n');
}

/** One line over all: how many there are and what they use together. */
export function formatTotals(list: readonly Activity[]): string {
  const sum = (count: (one: Activity) => number): number => list.reduce((total, one) => total + count(one), 0);
  const processors = sum(({ processors: share }) => share ?? 0);
  const containers = `${list.length} container${list.length === 1 ? '' : 's'}`;
  return `${containers}   cpu ${(processors * 100).toFixed(1)}%   memory ${formatBinaryBytes(sum(({ memoryBytes }) => memoryBytes))}   pids ${sum(({ processes }) => processes)}`;
}
