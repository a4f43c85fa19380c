import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { isErrno } from '#errors';
import { openCgroup } from '#runtime';
import type { ContainerSample, InterfaceCounters } from '#wire';
import { nowNs, type EngineContext } from '../context.ts';
import { isActive } from './record.ts';

/** What a container uses at this moment; null when it does not run. */
export function sampleContainer(context: EngineContext, ref: string): ContainerSample | null {
  const { record } = context.table.find(ref);
  if (!isActive(record.state.status) || record.run === null) return null;
  const { cpu, memory, pids, io } = openCgroup(context.cgroups, record.run.cgroup).stats();
  return {
    timeNs: nowNs(),
    cpu: {
      usageNs: cpu.usageUs * 1000,
      userNs: cpu.userUs * 1000,
      kernelNs: cpu.systemUs * 1000,
      periods: cpu.periods,
      throttledPeriods: cpu.throttledPeriods,
      throttledNs: cpu.throttledUs * 1000,
      hostNs: hostCpuNs(readFileSync('/proc/stat', 'latin1')),
      processors: availableParallelism(),
    },
    memory: {
      usageBytes: memory.usageBytes,
      maxUsageBytes: memory.maxUsageBytes,
      limitBytes: memory.limitBytes,
      failures: memory.failures,
      detail: memory.detail,
    },
    hostMemoryBytes: totalmem(),
    pids,
    io,
    networks: record.network === 'host' ? null : readInterfaces(record.state.pid),
  };
}

const tickNs = 10_000_000;

/** user, nice, system, idle, iowait, irq and softirq of all processors (proc_stat(5)): those that Docker adds up. */
export function hostCpuNs(stat: string): number {
  const [line = ''] = stat.split('\n', 1);
  const ticks = line.trim().split(/\s+/).slice(1, 8).map(Number);
  return ticks.reduce((sum, count) => sum + count, 0) * tickNs;
}

function readInterfaces(pid: number): Record<string, InterfaceCounters> {
  try {
    return parseInterfaces(readFileSync(`/proc/${pid}/net/dev`, 'latin1'));
  } catch (error) {
    // It has just ended.
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) return {};
    throw error;
  }
}

/** /proc/net/dev (proc_pid_net(5)) without the loopback. */
export function parseInterfaces(text: string): Record<string, InterfaceCounters> {
  const lines = text.split('\n').filter((line) => line.includes(':'));
  const rows = lines.map((line) => {
    const colon = line.indexOf(':');
    const counts = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0] = counts;
    const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = counts.slice(8);
    return [line.slice(0, colon).trim(), { rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }] as const;
  });
  return Object.fromEntries(rows.filter(([name]) => name !== 'lo'));
}
