import { readFileSync } from 'node:fs';
import { OrlopError } from '#errors';
import type { CgroupLayout } from '#runtime';
import type { Limits } from '../model.ts';

/** What of processors and memory nodes this host has. */
export interface HostResources {
  readonly cpus: ReadonlySet<number>;
  readonly memoryNodes: ReadonlySet<number>;
  /** What `cpu.shares` of the first version of cgroups can be: the kernel bends others (kernel/sched/sched.h, MIN_SHARES). null: with the second, where they become weights. */
  readonly cpuShares: readonly [least: number, most: number] | null;
}

/** sysfs: `/sys/devices/system/{cpu,node}/online`. A kernel without NUMA has node 0 alone. */
export function readHostResources({ mode }: Pick<CgroupLayout, 'mode'>): HostResources {
  return { cpus: readOnline('cpu'), memoryNodes: readOnline('node'), cpuShares: mode === 'v2' ? null : [2, 262_144] };
}

function readOnline(what: 'cpu' | 'node'): ReadonlySet<number> {
  try {
    return parseCpuList(readFileSync(`/sys/devices/system/${what}/online`, 'utf8').trim()) ?? new Set([0]);
  } catch {
    return new Set([0]);
  }
}

/** Limits that this host cannot give, in Docker's words: invalid-argument. */
export function checkHostLimits(limits: Limits, host: HostResources): void {
  const { nanoCpus = 0, cpusetCpus = '', cpusetMems = '', cpuShares = 0 } = limits;
  checkShares(cpuShares, host);
  const count = host.cpus.size;
  if (nanoCpus > count * 1e9) throw invalid(`range of CPUs is from 0.01 to ${count.toFixed(2)}, as there are only ${count} CPUs available`);
  checkSet(cpusetCpus, host.cpus, 'cpuset cpus', 'CPUs');
  checkSet(cpusetMems, host.memoryNodes, 'cpuset mems', 'memory nodes');
}

function checkShares(shares: number, { cpuShares }: HostResources): void {
  if (cpuShares === null || shares === 0) return;
  const [least, most] = cpuShares;
  if (shares < least) throw invalid(`the minimum allowed cpu-shares is ${least}`);
  if (shares > most) throw invalid(`the maximum allowed cpu-shares is ${most}`);
}

function checkSet(text: string, available: ReadonlySet<number>, field: string, noun: string): void {
  if (text === '') return;
  const wanted = parseCpuList(text);
  if (wanted === null) throw invalid(`Invalid value ${text} for ${field}`);
  if (wanted.values().every((number) => available.has(number))) return;
  throw invalid(`Requested ${noun} are not available - requested ${text}, available: ${formatCpuList(available)}`);
}

/** The kernel's list format, cpuset(7): `0-2,7`. null for what is none. */
export function parseCpuList(text: string): Set<number> | null {
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const range = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim());
    if (range === null) return null;
    const first = Number(range[1]);
    const last = Number(range[2] ?? range[1]);
    if (last < first) return null;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return numbers;
}

/** The inverse of `parseCpuList`. */
export function formatCpuList(numbers: ReadonlySet<number>): string {
  const sorted = [...numbers].sort((one, other) => one - other);
  const ranges: [first: number, last: number][] = [];
  for (const number of sorted) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] === number - 1) range[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',');
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_BAD_LIMITS', message);
}
