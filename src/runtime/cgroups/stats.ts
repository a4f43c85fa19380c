import { childCgroups, parseAmount, parseKeyed, readControl } from './files.ts';
import { readHugetlb } from './hugetlb.ts';
import { readPressure } from './pressure.ts';
import { readRdma } from './rdma.ts';
import type { CgroupController, CgroupStats, Place } from './types.ts';

export type DirectoryOf = (controller: CgroupController) => Place | null;

/** `unified` is the cgroup2 directory, which has pressure even where v1 has the controllers. */
export function readStats(directoryOf: DirectoryOf, unified: Place | null): CgroupStats {
  return {
    cpu: readCpu(directoryOf),
    memory: readMemory(directoryOf),
    pids: readPids(directoryOf),
    io: readIo(directoryOf),
    hugetlb: readHugetlb(directoryOf('hugetlb')),
    rdma: readRdma(directoryOf('rdma')),
    pressure: readPressure(unified),
  };
}

export function readOutOfMemoryKills(directoryOf: DirectoryOf): number {
  const memory = directoryOf('memory');
  if (memory === null) return 0;
  const file = memory.version === 1 ? 'memory.oom_control' : 'memory.events';
  const own = parseKeyed(readControl(memory.directory, file))['oom_kill'] ?? 0;
  if (memory.version === 2) return own;
  // v1 counts each cgroup alone; cgroup2's memory.events already holds those below.
  return childCgroups(memory.directory).reduce(
    (sum, child) => sum + (parseKeyed(readControl(`${memory.directory}/${child}`, file))['oom_kill'] ?? 0),
    own,
  );
}

function readCpu(directoryOf: DirectoryOf): CgroupStats['cpu'] {
  const cpu = directoryOf('cpu');
  const account = directoryOf('cpuacct');
  const stat = parseKeyed(cpu === null ? null : readControl(cpu.directory, 'cpu.stat'));
  const throttling = { periods: stat['nr_periods'] ?? 0, throttledPeriods: stat['nr_throttled'] ?? 0, bursts: stat['nr_bursts'] ?? 0 };
  if (account === null || account.version === 2) {
    const times = { usageUs: stat['usage_usec'] ?? 0, userUs: stat['user_usec'] ?? 0, systemUs: stat['system_usec'] ?? 0 };
    return { ...times, ...throttling, throttledUs: stat['throttled_usec'] ?? 0, burstUs: stat['burst_usec'] ?? 0 };
  }
  const read = (file: string): number => Math.round((parseAmount(readControl(account.directory, file)) ?? 0) / 1000);
  const times = { usageUs: read('cpuacct.usage'), userUs: read('cpuacct.usage_user'), systemUs: read('cpuacct.usage_sys') };
  const nanoseconds = (key: string): number => Math.round((stat[key] ?? 0) / 1000);
  return { ...times, ...throttling, throttledUs: nanoseconds('throttled_time'), burstUs: nanoseconds('burst_time') };
}

function readMemory(directoryOf: DirectoryOf): CgroupStats['memory'] {
  const memory = directoryOf('memory');
  const outOfMemoryKills = readOutOfMemoryKills(directoryOf);
  if (memory === null) {
    const nothing = { usageBytes: 0, maxUsageBytes: 0, limitBytes: null, cacheBytes: 0, swapBytes: 0, swapLimitBytes: null, failures: 0 };
    return { ...nothing, outOfMemoryKills, events: {}, detail: {} };
  }
  const amount = (file: string): number => parseAmount(readControl(memory.directory, file)) ?? 0;
  const detail = parseKeyed(readControl(memory.directory, 'memory.stat'));
  if (memory.version === 2) {
    const events = parseKeyed(readControl(memory.directory, 'memory.events'));
    return {
      usageBytes: amount('memory.current'),
      maxUsageBytes: amount('memory.peak'),
      limitBytes: parseAmount(readControl(memory.directory, 'memory.max')),
      cacheBytes: detail['file'] ?? 0,
      swapBytes: amount('memory.swap.current'),
      swapLimitBytes: parseAmount(readControl(memory.directory, 'memory.swap.max')),
      failures: events['max'] ?? 0,
      outOfMemoryKills,
      events,
      detail,
    };
  }
  return {
    usageBytes: amount('memory.usage_in_bytes'),
    maxUsageBytes: amount('memory.max_usage_in_bytes'),
    limitBytes: parseAmount(readControl(memory.directory, 'memory.limit_in_bytes')),
    cacheBytes: detail['total_cache'] ?? detail['cache'] ?? 0,
    swapBytes: detail['total_swap'] ?? detail['swap'] ?? 0,
    swapLimitBytes: parseAmount(readControl(memory.directory, 'memory.memsw.limit_in_bytes')),
    failures: amount('memory.failcnt'),
    outOfMemoryKills,
    events: {},
    detail,
  };
}

function readPids(directoryOf: DirectoryOf): CgroupStats['pids'] {
  const pids = directoryOf('pids');
  if (pids === null) return { current: 0, limit: null };
  return {
    current: parseAmount(readControl(pids.directory, 'pids.current')) ?? 0,
    limit: parseAmount(readControl(pids.directory, 'pids.max')),
  };
}

function readIo(directoryOf: DirectoryOf): CgroupStats['io'] {
  const io = directoryOf('blkio');
  if (io === null) return [];
  return io.version === 2
    ? parseIoStat(readControl(io.directory, 'io.stat') ?? '')
    : parseThrottleStat(
        readControl(io.directory, 'blkio.throttle.io_service_bytes_recursive') ?? '',
        readControl(io.directory, 'blkio.throttle.io_serviced_recursive') ?? '',
      );
}

/** cgroup-v2.rst, io.stat: `8:16 rbytes=1 wbytes=2 rios=3 wios=4 …`. */
export function parseIoStat(text: string): CgroupStats['io'] {
  return text.split('\n').flatMap((line) => {
    const [device = '', ...pairs] = line.split(' ');
    const [major, minor] = device.split(':').map(Number);
    if (major === undefined || minor === undefined || Number.isNaN(major + minor)) return [];
    const values = Object.fromEntries(pairs.map((pair) => pair.split('='))) as Record<string, string>;
    const value = (key: string): number => Number(values[key] ?? 0);
    return [{ major, minor, readBytes: value('rbytes'), writtenBytes: value('wbytes'), reads: value('rios'), writes: value('wios') }];
  });
}

/** cgroup-v1/blkio-controller.rst: lines `8:16 Read 4096`. */
export function parseThrottleStat(bytes: string, operations: string): CgroupStats['io'] {
  const devices = new Map<
    string,
    { major: number; minor: number; readBytes: number; writtenBytes: number; reads: number; writes: number }
  >();
  const collect = (text: string, read: 'readBytes' | 'reads', write: 'writtenBytes' | 'writes'): void => {
    for (const [, major, minor, operation, value] of text.matchAll(/^(\d+):(\d+) (Read|Write) (\d+)$/gm)) {
      const key = `${major}:${minor}`;
      const entry = devices.get(key) ?? { major: Number(major), minor: Number(minor), readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 };
      entry[operation === 'Read' ? read : write] += Number(value);
      devices.set(key, entry);
    }
  };
  collect(bytes, 'readBytes', 'writtenBytes');
  collect(operations, 'reads', 'writes');
  return [...devices.values()];
}
