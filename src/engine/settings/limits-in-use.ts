import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#errors';
import { openCgroup, type Cgroup, type CgroupStats } from '#runtime';
import { type LimitUse, parseCpuShare } from '#wire';
import { diskSizeOf } from '../container/disk-limit.ts';
import { isActive } from '../container/record.ts';
import { containerSize } from '../container/size.ts';
import type { EngineContext } from '../context.ts';
import { settingFacts } from './facts.ts';
import { readSetting } from './places.ts';
import { inForceOf } from './plan-change.ts';

/** What else counts how often a limit was met. */
export interface Counters {
  readonly pidsPeak: number | null;
  /** Forks that were refused: pids.events. */
  readonly pidsHits: number | null;
  readonly swapHits: number | null;
}

/** How close a container is to each of its limits, and how often it has met it since its start: cgroup-v1/memory.rst, pids.rst, cgroup-v2.rst. */
export async function limitsInUse(context: EngineContext, ref: string): Promise<LimitUse[]> {
  const { record } = context.table.find(ref);
  const facts = settingFacts(context, record);
  const inForce = inForceOf(record, facts);
  const limitBytes = diskSizeOf(inForce.request) ?? null;
  const disk: LimitUse = {
    name: 'limits.disk',
    unit: 'bytes',
    current: (await containerSize(context, ref)).writableBytes,
    peak: null,
    limit: limitBytes,
    hits: null,
    note: limitBytes === null ? '' : 'who meets it hears "no space left"; the kernel does not count that',
  };
  if (!isActive(record.state.status) || record.run === null) return [disk];
  const cgroup = openCgroup(context.cgroups, record.run.cgroup);
  const cpu = readSetting(inForce, 'limits.cpu', facts);
  return [...planLimitUses(cgroup.stats(), readCounters(cgroup), cpu === undefined ? null : processorsOf(parseCpuShare(cpu))), disk];
}

function processorsOf({ nano, quotaUs, periodUs = 100_000 }: ReturnType<typeof parseCpuShare>): number | null {
  if (nano !== undefined) return nano / 1e9;
  return quotaUs === undefined ? null : quotaUs / periodUs;
}

/** Pure. `processors`: that it may use; null: all. */
export function planLimitUses({ memory, cpu, pids }: CgroupStats, counters: Counters, processors: number | null): LimitUse[] {
  const kills = memory.outOfMemoryKills;
  return [
    {
      name: 'limits.memory',
      unit: 'bytes',
      current: memory.usageBytes,
      peak: memory.maxUsageBytes,
      limit: memory.limitBytes,
      hits: memory.failures,
      note: kills === 0 ? '' : `${kills} ${kills === 1 ? 'process' : 'processes'} killed for want of memory`,
    },
    {
      name: 'limits.memory.swap',
      unit: 'bytes',
      current: memory.swapBytes,
      peak: null,
      limit:
        memory.swapLimitBytes === null ? null : Math.max(0, memory.swapLimitBytes - (isTogether(memory) ? (memory.limitBytes ?? 0) : 0)),
      hits: counters.swapHits,
      note: '',
    },
    {
      name: 'limits.cpu',
      unit: 'processors',
      current: null,
      peak: null,
      limit: processors,
      hits: cpu.throttledPeriods,
      note:
        cpu.throttledPeriods === 0
          ? ''
          : `throttled in ${cpu.throttledPeriods} of ${cpu.periods} periods, ${(cpu.throttledUs / 1e6).toFixed(1)} s in all`,
    },
    {
      name: 'limits.pids',
      unit: 'count',
      current: pids.current,
      peak: counters.pidsPeak,
      limit: pids.limit,
      hits: counters.pidsHits,
      note: '',
    },
  ];
}

/** v1 counts swap and memory in one limit; its events are empty. */
function isTogether({ events }: CgroupStats['memory']): boolean {
  return Object.keys(events).length === 0;
}

function readCounters(cgroup: Cgroup): Counters {
  const [pids, memory] = [cgroup.directoryOf('pids'), cgroup.directoryOf('memory')];
  const swap = keyed(memory, 'memory.swap.events', 'max') ?? number(memory, 'memory.memsw.failcnt');
  return { pidsPeak: number(pids, 'pids.peak'), pidsHits: keyed(pids, 'pids.events', 'max'), swapHits: swap };
}

function number(directory: string | null, file: string): number | null {
  const text = read(directory, file);
  return text !== null && /^\d+\n?$/.test(text) ? Number(text) : null;
}

function keyed(directory: string | null, file: string, key: string): number | null {
  const [, value] = new RegExp(`^${key} (\\d+)$`, 'm').exec(read(directory, file) ?? '') ?? [];
  return value === undefined ? null : Number(value);
}

function read(directory: string | null, file: string): string | null {
  if (directory === null) return null;
  try {
    return readFileSync(join(directory, file), 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return null;
    throw error;
  }
}
