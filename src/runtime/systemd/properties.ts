import type { LinuxResources } from '#oci';
import { weightOfShares } from '../cgroups/cpu.ts';
import { parseBitList } from '../plan/bit-list.ts';
import { type DeviceNames, planDeviceProperties } from './devices.ts';
import { infinity, property, type UnitProperty } from './property.ts';
import { planQuota } from './quota.ts';
import { planUnified } from './unified.ts';

export interface UnitFacts {
  /** How systemd has its cgroups; in the hybrid layout its controllers are v1's. */
  readonly cgroups: 'v1' | 'v2';
  /** Of systemd: 252. */
  readonly version: number;
  readonly devices: DeviceNames;
}

/** What makes the scope, besides its limits: systemd.scope(5), systemd.resource-control(5). */
export function planScope(options: {
  readonly id: string;
  readonly slice: string;
  readonly pid: number;
  readonly cgroups: 'v1' | 'v2';
}): UnitProperty[] {
  return [
    property('Description', 's', `Orlop container ${options.id}`),
    property('Slice', 's', options.slice),
    // We manage what lies below the scope; systemd does not touch it.
    property('Delegate', 'b', true),
    property('PIDs', 'au', [options.pid]),
    property('MemoryAccounting', 'b', true),
    property('CPUAccounting', 'b', true),
    property(options.cgroups === 'v1' ? 'BlockIOAccounting' : 'IOAccounting', 'b', true),
    property('TasksAccounting', 'b', true),
    // Else it would be stopped before us at shutdown, and depend on units that containers have nothing to do with.
    property('DefaultDependencies', 'b', false),
  ];
}

/**
 * The limits that systemd has properties for, so that it keeps them when it writes the scope's cgroup again (`systemctl daemon-reload`). The others are only in
 * the cgroup's files. 0 means "not set", as everywhere in runc.
 */
export function planLimits(resources: LinuxResources, facts: UnitFacts): UnitProperty[] {
  const { memory = {}, cpu = {}, pids = {}, blockIO = {}, devices = [], unified = {} } = resources;
  const v1 = facts.cgroups === 'v1';
  return [
    ...planDeviceProperties(devices, facts.devices),
    ...amount(v1 ? 'MemoryLimit' : 'MemoryMax', memory.limit),
    ...(v1 ? [] : [...amount('MemoryLow', memory.reservation), ...planSwap(memory)]),
    ...planShares(cpu.shares, v1),
    ...planIdle(cpu.idle, facts),
    ...planQuota(cpu, facts.version),
    ...planSets(cpu, facts.version),
    ...(v1 ? amount('BlockIOWeight', blockIO.weight) : []),
    ...amount('TasksMax', pids.limit),
    ...(v1 ? [] : planUnified(unified, facts.version)),
  ];
}

/** A size or count; negative: no limit. */
function amount(name: string, value: number | undefined): UnitProperty[] {
  if (value === undefined || value === 0) return [];
  return [property(name, 't', value < 0 ? infinity : BigInt(value))];
}

/** runtime-spec counts swap with memory, cgroup v2 alone. */
function planSwap({ limit = 0, swap = 0 }: NonNullable<LinuxResources['memory']>): UnitProperty[] {
  if (swap === 0) return limit === -1 ? amount('MemorySwapMax', -1) : [];
  return swap < 0 || limit <= 0 ? amount('MemorySwapMax', swap) : [property('MemorySwapMax', 't', BigInt(Math.max(swap - limit, 0)))];
}

function planShares(shares: number | undefined, v1: boolean): UnitProperty[] {
  if (shares === undefined || shares === 0) return [];
  return v1 ? [property('CPUShares', 't', BigInt(shares))] : [property('CPUWeight', 't', BigInt(weightOfShares(shares)))];
}

/** systemd 252 knows the weight "idle", which it takes as 0. */
function planIdle(idle: number | undefined, { cgroups, version }: UnitFacts): UnitProperty[] {
  return idle === 1 && cgroups === 'v2' && version >= 252 ? [property('CPUWeight', 't', 0n)] : [];
}

function planSets({ cpus = '', mems = '' }: NonNullable<LinuxResources['cpu']>, version: number): UnitProperty[] {
  if (version < 244) return [];
  const set = (name: string, text: string, field: string, what: string): UnitProperty[] =>
    text === '' ? [] : [property(name, 'ay', parseBitList(text, { at: `linux.resources.cpu.${field}`, what, most: 8192 }))];
  return [...set('AllowedCPUs', cpus, 'cpus', 'processors'), ...set('AllowedMemoryNodes', mems, 'mems', 'memory nodes')];
}
