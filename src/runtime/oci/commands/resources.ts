import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type LinuxResources, parseJson, parseResources } from '#oci';
import type { CgroupStats } from '../../cgroups/types.ts';
import { type ContainerRecord, loadRecord } from '../../state/record.ts';
import { type ParsedFlags, usageError } from '../arguments.ts';
import { type Command, takeId } from '../command.ts';
import type { RuntimeContext } from '../context.ts';
import { cgroupOf, requireStatus, statusOf } from '../status.ts';

export const update: Command = {
  about: 'change the limits of a container',
  usage: '<container-id>',
  flags: {
    resources: { kind: 'text', short: 'r', about: 'file with linux.resources as JSON, "-" for standard input' },
    memory: { kind: 'text', about: 'memory limit, in bytes' },
    'memory-reservation': { kind: 'text', about: 'memory reservation, in bytes' },
    'memory-swap': { kind: 'text', about: 'memory and swap together, in bytes; -1: no limit' },
    'cpu-period': { kind: 'number', about: 'period of the CPU quota, in microseconds' },
    'cpu-quota': { kind: 'number', about: 'CPU time in each period, in microseconds' },
    'cpu-burst': { kind: 'number', about: 'CPU time that may be saved up, in microseconds' },
    'cpu-share': { kind: 'number', also: 'cpu-shares', about: 'weight against other containers' },
    'cpu-idle': { kind: 'number', about: '1: only when nobody else wants the CPU' },
    'cpuset-cpus': { kind: 'text', about: 'processors it may use' },
    'cpuset-mems': { kind: 'text', about: 'memory nodes it may use' },
    'pids-limit': { kind: 'number', about: 'how many processes it may have; -1: no limit' },
    'blkio-weight': { kind: 'number', about: 'weight of its block I/O, 10 to 1000' },
  },
  run(context, flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    requireStatus(context, record, 'update', 'running', 'created', 'paused');
    cgroupOf(context, record).apply(resourcesOf(flags));
    return 0;
  },
};

function resourcesOf(flags: ParsedFlags): LinuxResources {
  const file = flags.text('resources');
  if (file !== undefined) return parseResources(parseJson(readFileSync(file === '-' ? 0 : file), { name: file, maxBytes: 1024 * 1024 }));
  const numbers = (names: Readonly<Record<string, string>>): Record<string, number> =>
    Object.fromEntries(
      Object.entries(names).flatMap(([field, flag]) => (flags.number(flag) === undefined ? [] : [[field, flags.number(flag) ?? 0]])),
    );
  const sizes = (names: Readonly<Record<string, string>>): Record<string, number> =>
    Object.fromEntries(
      Object.entries(names).flatMap(([field, flag]) =>
        flags.text(flag) === undefined ? [] : [[field, parseSize(flags.text(flag) ?? '', flag)]],
      ),
    );
  const texts = (names: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(names).flatMap(([field, flag]) => (flags.text(flag) === undefined ? [] : [[field, flags.text(flag) ?? '']])),
    );
  return parseResources({
    memory: sizes({ limit: 'memory', reservation: 'memory-reservation', swap: 'memory-swap' }),
    cpu: {
      ...numbers({ period: 'cpu-period', quota: 'cpu-quota', burst: 'cpu-burst', shares: 'cpu-share', idle: 'cpu-idle' }),
      ...texts({ cpus: 'cpuset-cpus', mems: 'cpuset-mems' }),
    },
    pids: numbers({ limit: 'pids-limit' }),
    blockIO: numbers({ weight: 'blkio-weight' }),
  });
}

/** `512m`, `1g`, `-1`; powers of 1024. */
export function parseSize(text: string, flag: string): number {
  const [, digits, unit = ''] = /^(-?\d+)([kmgt]?)b?$/i.exec(text) ?? [];
  if (digits === undefined) throw usageError(`invalid value ${JSON.stringify(text)} for --${flag}: not a size`);
  return Number(digits) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' ');
}

export const events: Command = {
  about: 'print figures, and running out of memory, as JSON lines',
  usage: '<container-id>',
  flags: {
    stats: { kind: 'flag', about: 'print the figures once' },
    interval: { kind: 'text', about: 'time between figures (default 5s)' },
  },
  async run(context, flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    requireStatus(context, record, 'watch', 'running', 'created', 'paused');
    const print = (type: string, data?: unknown): void =>
      context.print(`${JSON.stringify({ type, id: record.id, ...(data === undefined ? {} : { data }) })}\n`);
    if (flags.flag('stats')) {
      print('stats', formatStats(cgroupOf(context, record).stats()));
      return 0;
    }
    await follow(context, record, parseInterval(flags.text('interval') ?? '5s'), print);
    return 0;
  },
};

async function follow(
  context: RuntimeContext,
  record: ContainerRecord,
  intervalMs: number,
  print: (type: string, data?: unknown) => void,
): Promise<void> {
  const cgroup = cgroupOf(context, record);
  let kills = cgroup.outOfMemoryKills();
  while (statusOf(context, record) !== 'stopped') {
    const stats = cgroup.stats();
    if (stats.memory.outOfMemoryKills > kills) print('oom');
    kills = stats.memory.outOfMemoryKills;
    print('stats', formatStats(stats));
    await delay(intervalMs);
  }
}

function parseInterval(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const milliseconds = Number(digits) * { ms: 1, s: 1000, m: 60_000 }[(unit ?? 's') as 'ms' | 's' | 'm'];
  if (!(milliseconds > 0)) throw usageError(`invalid value ${JSON.stringify(text)} for --interval`);
  return milliseconds;
}

/** runc's names; times in nanoseconds. */
export function formatStats({ cpu, memory, pids, io }: CgroupStats) {
  const limit = (value: number | null): number => value ?? Number.MAX_SAFE_INTEGER;
  return {
    cpu: {
      usage: { total: cpu.usageUs * 1000, percpu: [], kernel: cpu.systemUs * 1000, user: cpu.userUs * 1000 },
      throttling: { periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledTime: cpu.throttledUs * 1000 },
    },
    memory: {
      cache: memory.cacheBytes,
      usage: { limit: limit(memory.limitBytes), usage: memory.usageBytes, max: memory.maxUsageBytes, failcnt: memory.failures },
      swap: { usage: memory.swapBytes },
      raw: memory.detail,
    },
    pids: { current: pids.current, ...(pids.limit === null ? {} : { limit: pids.limit }) },
    blkio: {
      ioServiceBytesRecursive: io.flatMap(({ major, minor, readBytes, writtenBytes }) => [
        { major, minor, op: 'Read', value: readBytes },
        { major, minor, op: 'Write', value: writtenBytes },
      ]),
      ioServicedRecursive: io.flatMap(({ major, minor, reads, writes }) => [
        { major, minor, op: 'Read', value: reads },
        { major, minor, op: 'Write', value: writes },
      ]),
    },
  };
}
