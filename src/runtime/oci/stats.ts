import { childCgroups, parseKeyed, readControl } from '../cgroups/files.ts';
import type { Cgroup, CgroupController } from '../cgroups/types.ts';

type Amount = number | bigint;

/** Beyond all memory: what runc reports for "no limit" on cgroup2. */
const unlimited = 18_446_744_073_709_551_615n;
const tickNs = 10_000_000;

/** The figures of a cgroup as runc's `events` lays them out (its types.Stats): names, units and what is left out when it is nothing. */
export function readStats(cgroup: Cgroup) {
  return {
    cpu: readCpu(cgroup),
    cpuset: readCpuset(cgroup),
    memory: readMemory(cgroup),
    pids: readPids(cgroup),
    blkio: readBlkio(cgroup),
    hugetlb: readHugetlb(cgroup),
    intel_rdt: {},
    network_interfaces: null,
  };
}

interface Files {
  text(file: string): string | null;
  /** 0 for what is not there, no number or nothing. */
  amount(file: string): Amount;
  keyed(file: string): Record<string, number>;
}

function filesOf(directory: string | null): Files {
  const text = (file: string): string | null => (directory === null ? null : readControl(directory, file));
  return { text, amount: (file) => parseAmount(text(file)), keyed: (file) => parseKeyed(text(file)) };
}

function parseAmount(text: string | null): Amount {
  if (text === null) return 0;
  if (text === 'max') return unlimited;
  if (!/^-?\d+$/.test(text)) return 0;
  return text.length > 15 ? BigInt(text) : Number(text);
}

/** Go's omitempty. */
function present<T extends Record<string, unknown>>(fields: T): Partial<T> {
  const entries = Object.entries(fields).filter(([, value]) => value !== 0 && !(Array.isArray(value) && value.length === 0));
  return Object.fromEntries(entries) as Partial<T>;
}

function isV1(cgroup: Cgroup, controller: CgroupController): boolean {
  return cgroup.layout.hierarchies.some(({ version, controllers }) => version === 1 && controllers.includes(controller));
}

function readCpu(cgroup: Cgroup) {
  const stat = filesOf(cgroup.directoryOf('cpu')).keyed('cpu.stat');
  if (!isV1(cgroup, 'cpuacct')) {
    const time = (key: string): number => (stat[key] ?? 0) * 1000;
    return {
      usage: { ...present({ total: time('usage_usec') }), kernel: time('system_usec'), user: time('user_usec') },
      throttling: throttlingOf(stat, time('throttled_usec')),
    };
  }
  const account = filesOf(cgroup.directoryOf('cpuacct'));
  const { user = 0, system = 0 } = account.keyed('cpuacct.stat');
  const rows = (account.text('cpuacct.usage_all') ?? '').split('\n').slice(1);
  const column = (index: number): number[] => rows.map((row) => Number(row.split(' ')[index] ?? 0));
  const percpu = (account.text('cpuacct.usage_percpu') ?? '').split(' ').filter(Boolean).map(Number);
  const total = account.amount('cpuacct.usage');
  return {
    usage: {
      ...present({ total, percpu, percpu_kernel: column(2), percpu_user: column(1) }),
      kernel: system * tickNs,
      user: user * tickNs,
    },
    throttling: throttlingOf(stat, stat['throttled_time'] ?? 0),
  };
}

function throttlingOf(stat: Record<string, number>, throttledTime: number) {
  return present({ periods: stat['nr_periods'] ?? 0, throttledPeriods: stat['nr_throttled'] ?? 0, throttledTime });
}

function readCpuset(cgroup: Cgroup) {
  const files = filesOf(isV1(cgroup, 'cpuset') ? cgroup.directoryOf('cpuset') : null);
  const number = (file: string): Amount => files.amount(`cpuset.${file}`);
  return {
    ...present({ cpus: parseRanges(files.text('cpuset.cpus')) }),
    cpu_exclusive: number('cpu_exclusive'),
    ...present({ mems: parseRanges(files.text('cpuset.mems')) }),
    mem_hardwall: number('mem_hardwall'),
    mem_exclusive: number('mem_exclusive'),
    memory_migrate: number('memory_migrate'),
    memory_spread_page: number('memory_spread_page'),
    memory_spread_slab: number('memory_spread_slab'),
    memory_pressure: number('memory_pressure'),
    sched_load_balance: number('sched_load_balance'),
    sched_relax_domain_level: number('sched_relax_domain_level'),
  };
}

/** `0-2,5` as its members (cpuset(7), "List format"). */
function parseRanges(text: string | null): number[] {
  return (text ?? '').split(',').flatMap((range) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first === undefined) return [];
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_unused, index) => Number(first) + index);
  });
}

function readMemory(cgroup: Cgroup) {
  const files = filesOf(cgroup.directoryOf('memory'));
  const raw = readExactly(files.text('memory.stat'));
  if (isV1(cgroup, 'memory')) {
    const entry = (kind: string) => ({
      limit: files.amount(`memory.${kind}limit_in_bytes`),
      ...present({ usage: files.amount(`memory.${kind}usage_in_bytes`), max: files.amount(`memory.${kind}max_usage_in_bytes`) }),
      failcnt: files.amount(`memory.${kind}failcnt`),
    });
    const parts = { usage: entry(''), swap: entry('memsw.'), kernel: entry('kmem.'), kernelTCP: entry('kmem.tcp.') };
    return { ...present({ cache: raw['cache'] ?? 0 }), ...parts, raw };
  }
  const nothing = { limit: 0, failcnt: 0 };
  const entry = (limit: string, usage: string, peak: string) => ({
    limit: files.amount(limit),
    ...present({ usage: files.amount(usage), max: files.amount(peak) }),
    failcnt: 0,
  });
  return {
    ...present({ cache: raw['file'] ?? 0 }),
    usage: entry('memory.max', 'memory.current', 'memory.peak'),
    swap: entry('memory.swap.max', 'memory.swap.current', 'memory.swap.peak'),
    kernel: nothing,
    kernelTCP: nothing,
    raw,
  };
}

/** Sorted, as Go prints maps; with all digits, because the limits in it are near 2^63. */
function readExactly(text: string | null): Record<string, Amount> {
  const lines = (text ?? '').split('\n').filter((line) => / \d+$/.test(line));
  const pairs = lines.map((line) => line.split(' ') as [string, string]).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(pairs.map(([key, value]) => [key, parseAmount(value)]));
}

function readPids(cgroup: Cgroup) {
  const files = filesOf(cgroup.directoryOf('pids'));
  const limit = files.amount('pids.max');
  return present({ current: files.amount('pids.current'), limit: limit === unlimited ? 0 : limit });
}

function readBlkio(cgroup: Cgroup) {
  if (!isV1(cgroup, 'blkio')) return readIo(filesOf(cgroup.directoryOf('io')));
  const files = filesOf(cgroup.directoryOf('blkio'));
  const first = (name: string) => {
    const found = ['blkio.bfq', 'blkio.throttle'].map((prefix) => parseBlkio(files.text(`${prefix}.${name}_recursive`)));
    return found.find((entries) => entries.length > 0) ?? [];
  };
  return present({ ioServiceBytesRecursive: first('io_service_bytes'), ioServicedRecursive: first('io_serviced') });
}

/** Lines `major:minor operation value`; the sum of all at the end has no device and is left out. */
function parseBlkio(text: string | null) {
  return (text ?? '').split('\n').flatMap((line) => {
    const [, major, minor, op, value] = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line) ?? [];
    return op === undefined ? [] : [present({ major: Number(major), minor: Number(minor), op, value: Number(value) })];
  });
}

/** io.stat of cgroup2: `major:minor rbytes=… wbytes=… rios=… wios=…`. */
function readIo(files: Files) {
  const lines = (files.text('io.stat') ?? '').split('\n').flatMap((line) => {
    const [device = '', ...pairs] = line.split(' ');
    const [major, minor] = device.split(':').map(Number);
    return minor === undefined ? [] : [{ major, minor, values: new Map(pairs.map((pair) => pair.split('=') as [string, string])) }];
  });
  const entries = (read: string, write: string) =>
    lines.flatMap(({ major, minor, values }) => [
      present({ major, minor, op: 'Read', value: Number(values.get(read) ?? 0) }),
      present({ major, minor, op: 'Write', value: Number(values.get(write) ?? 0) }),
    ]);
  return present({ ioServiceBytesRecursive: entries('rbytes', 'wbytes'), ioServicedRecursive: entries('rios', 'wios') });
}

function readHugetlb(cgroup: Cgroup) {
  const directory = cgroup.directoryOf('hugetlb');
  // Beside v1 hierarchies, what cgroup2 has is left to others.
  if (directory === null || (cgroup.layout.mode !== 'v2' && !isV1(cgroup, 'hugetlb'))) return {};
  const files = filesOf(directory);
  const v1 = isV1(cgroup, 'hugetlb');
  return Object.fromEntries(
    // In the order of Go's maps in JSON.
    hugePageSizes()
      .toSorted()
      .flatMap((size) => {
        const name = `hugetlb.${size}`;
        if (files.text(v1 ? `${name}.usage_in_bytes` : `${name}.current`) === null) return [];
        const usage = files.amount(v1 ? `${name}.usage_in_bytes` : `${name}.current`);
        const failcnt = v1 ? files.amount(`${name}.failcnt`) : (files.keyed(`${name}.events`)['max'] ?? 0);
        return [[size, { ...present({ usage, max: v1 ? files.amount(`${name}.max_usage_in_bytes`) : 0 }), failcnt }] as const];
      }),
  );
}

/** As the controller names them: `2MB`, `1GB`. */
function hugePageSizes(): string[] {
  return childCgroups('/sys/kernel/mm/hugepages').flatMap((name) => {
    const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0);
    if (kilobytes === 0) return [];
    const [unit, size] = kilobytes >= 1024 ** 2 ? ['GB', 1024 ** 2] : kilobytes >= 1024 ? ['MB', 1024] : ['KB', 1];
    return [`${kilobytes / size}${unit}`];
  });
}
