import { parseBitList } from '../plan/bit-list.ts';
import { infinity, property, type UnitProperty } from './property.ts';
import { planQuota } from './quota.ts';

const amounts: Readonly<Record<string, string>> = {
  'memory.high': 'MemoryHigh',
  'memory.low': 'MemoryLow',
  'memory.min': 'MemoryMin',
  'memory.max': 'MemoryMax',
  'memory.swap.max': 'MemorySwapMax',
  'pids.max': 'TasksMax',
  'cpu.weight': 'CPUWeight',
};

const sets: Readonly<Record<string, string>> = { 'cpuset.cpus': 'AllowedCPUs', 'cpuset.mems': 'AllowedMemoryNodes' };

/** The files of `linux.resources.unified` that systemd has a property for. What is not understood here is left to the kernel, which judges the file. */
export function planUnified(files: Readonly<Record<string, string>>, version: number): UnitProperty[] {
  return Object.entries(files).flatMap(([file, text]): UnitProperty[] => {
    const value = text.trim();
    const [name, set] = [amounts[file], sets[file]];
    if (name !== undefined && /^(\d{1,19}|max)$/.test(value)) return [property(name, 't', value === 'max' ? infinity : BigInt(value))];
    if (set !== undefined && version >= 244 && value !== '')
      return [property(set, 'ay', parseBitList(value, { at: `linux.resources.unified["${file}"]`, what: 'numbers', most: 8192 }))];
    if (file === 'cpu.idle' && value === '1' && version >= 252) return [property('CPUWeight', 't', 0n)];
    const [, quota, period] = file === 'cpu.max' ? (/^(\d+|max)(?:\s+(\d+))?$/.exec(value) ?? []) : [];
    if (quota === undefined) return [];
    return planQuota({ quota: quota === 'max' ? -1 : Number(quota), period: Number(period ?? 100_000) }, version);
  });
}
