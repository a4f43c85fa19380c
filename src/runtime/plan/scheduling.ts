import type { CpuAffinity, IoPriority, Scheduler } from '#oci';
import type { Op } from '#sys';
import { parseBitList } from './bit-list.ts';
import { rejectField } from './refuse.ts';

/** More than any kernel is built for (CONFIG_NR_CPUS). */
const mostCpus = 8192;

/** linux/sched.h */
const policies: Readonly<Record<string, number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
};

const schedulerFlags: Readonly<Record<string, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
};

/** sched_setattr(2). */
export function planScheduler(scheduler: Scheduler | undefined, at: string): Op[] {
  if (scheduler === undefined) return [];
  const policy = policies[scheduler.policy];
  if (policy === undefined)
    throw rejectField(`${at}.policy`, `${JSON.stringify(scheduler.policy)} is no scheduling policy`, 'see sched(7)');
  const flags = (scheduler.flags ?? []).reduce((bits, name) => {
    const bit = schedulerFlags[name];
    if (bit === undefined) throw rejectField(`${at}.flags`, `${JSON.stringify(name)} is no scheduling flag`, 'see sched_setattr(2)');
    return bits | bit;
  }, 0);
  const { nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
  if (nice < -20 || nice > 19) throw rejectField(`${at}.nice`, `${nice} is not between -20 and 19`);
  // The kernel would pass some of these over.
  if (priority !== 0 && policy !== policies['SCHED_FIFO'] && policy !== policies['SCHED_RR'])
    throw rejectField(`${at}.priority`, 'is for SCHED_FIFO and SCHED_RR alone');
  if (policy !== policies['SCHED_DEADLINE'] && (runtime !== 0 || deadline !== 0 || period !== 0))
    throw rejectField(`${at}.runtime`, 'and deadline and period are for SCHED_DEADLINE alone');
  return [{ op: 'set_scheduler', policy, flags, nice, priority, runtime, deadline, period }];
}

const ioClasses: Readonly<Record<IoPriority['class'], number>> = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 };

/** ioprio_set(2): the class in the bits above 13. */
export function planIoPriority(io: IoPriority | undefined, at: string): Op[] {
  if (io === undefined) return [];
  const level = io.priority ?? 0;
  if (level < 0 || level > 7) throw rejectField(`${at}.priority`, `${level} is not between 0 and 7`);
  return [{ op: 'set_io_priority', value: (ioClasses[io.class] << 13) | level }];
}

/** All processors that the cgroup permits: whoever makes a container may itself be bound to some, which is not the container's affair. */
const everyProcessor: Op = { op: 'set_affinity', mask: new Uint8Array(mostCpus / 8).fill(0xff) };

/** Where a process of `exec` runs from the moment it is in the container's cgroup. Where runtime-spec's field names only the beginning, the kernel decides. */
export function planAffinity({ initial = '', final = '' }: CpuAffinity = {}, at: string): Op[] {
  if (final !== '') return [{ op: 'set_affinity', mask: parseCpuList(final, `${at}.final`) }];
  return initial === '' ? [everyProcessor] : [];
}

/** Where whoever makes the process runs until then. */
export function planInitialAffinity(affinity: CpuAffinity | undefined, at: string): Op[] {
  const initial = affinity?.initial ?? '';
  return initial === '' ? [] : [{ op: 'start_on', mask: parseCpuList(initial, `${at}.initial`) }];
}

/** The mask of processors as a number, as runc's log has it: `0x3`. */
export function formatInitialAffinity(affinity: CpuAffinity | undefined, at: string): string | null {
  const [start] = planInitialAffinity(affinity, at);
  if (start?.op !== 'start_on') return null;
  return `0x${[...start.mask].reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n).toString(16)}`;
}

export function parseCpuList(text: string, at: string): Uint8Array {
  return parseBitList(text, { at, what: 'processors', most: mostCpus });
}
