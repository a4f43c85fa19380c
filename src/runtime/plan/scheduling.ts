import type { CpuAffinity, IoPriority, Scheduler } from '#oci';
import type { Op } from '#sys';
import { refuseField, rejectField } from './refuse.ts';

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

/** For processes of `exec` only, as runtime-spec says. */
export function planAffinity(affinity: CpuAffinity | undefined, at: string): Op[] {
  if (affinity === undefined) return [];
  if ((affinity.initial ?? '') !== '') throw refuseField(`${at}.initial`, 'the process has no life before it enters the container');
  return (affinity.final ?? '') === '' ? [] : [{ op: 'set_affinity', mask: parseCpuList(affinity.final ?? '', `${at}.final`) }];
}

const mostCpus = 8192;

/** cpuset(7), "List format": `0-3,7`, as a bit set. */
export function parseCpuList(text: string, at: string): Uint8Array {
  const mask = new Uint8Array(mostCpus / 8);
  let highest = 0;
  for (const part of text.split(',')) {
    const [, first, last = first] = /^\s*(\d{1,4})(?:-(\d{1,4}))?\s*$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || from > to || to >= mostCpus)
      throw rejectField(at, `${JSON.stringify(text)} is no list of processors`, 'write it as 0-3,7');
    for (let cpu = from; cpu <= to; cpu += 1) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
    highest = Math.max(highest, to);
  }
  return mask.slice(0, (Math.floor(highest / 64) + 1) * 8);
}
