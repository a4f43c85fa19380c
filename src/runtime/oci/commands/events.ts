import { setTimeout as delay } from 'node:timers/promises';
import { OrlopError } from '#errors';
import { formatJson } from '#oci';
import type { Cgroup } from '../../cgroups/types.ts';
import { loadRecord } from '../../state/record.ts';
import { type Command, one, takeId } from '../command.ts';
import { readStats } from '../stats.ts';
import { cgroupOf, requireStatus, statusOf } from '../status.ts';

export const events: Command = {
  about: 'display container events such as OOM notifications, cpu, memory, and IO usage statistics',
  usage: '<container-id>',
  description: 'The events command displays information about the container as JSON, one event a line.',
  flags: {
    interval: { kind: 'duration', about: 'set the stats collection interval', preset: '5s' },
    stats: { kind: 'flag', about: "display the container's stats then exit" },
  },
  arity: one,
  async run(context, flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    const intervalMs = flags.duration('interval') ?? 5000;
    if (intervalMs <= 0) throw new OrlopError('invalid-argument', 'RUNTIME_VALUE', 'duration interval must be greater than 0');
    requireStatus(context, record, 'events', 'running', 'created', 'paused');
    const cgroup = cgroupOf(context, record);
    const print = (type: string, data?: unknown): void =>
      context.print(`${formatJson({ type, id: record.id, ...(data === undefined ? {} : { data }) })}\n`);
    if (flags.flag('stats')) {
      print('stats', readStats(cgroup));
      return 0;
    }
    await follow(() => statusOf(context, record) !== 'stopped', cgroup, intervalMs, print);
    return 0;
  },
};

const tickMs = 100;

/** Figures each interval, and each time that memory ran out, looked at often and once more at the end: running out of it may be the end. */
async function follow(
  isRunning: () => boolean,
  cgroup: Cgroup,
  intervalMs: number,
  print: (type: string, data?: unknown) => void,
): Promise<void> {
  let kills = cgroup.outOfMemoryKills();
  let next = performance.now() + intervalMs;
  for (let running = true; running; ) {
    await delay(Math.min(tickMs, intervalMs));
    running = isRunning();
    const now = cgroup.outOfMemoryKills();
    if (now > kills) print('oom');
    kills = Math.max(kills, now);
    if (!running || performance.now() < next) continue;
    print('stats', readStats(cgroup));
    next += intervalMs;
  }
}
