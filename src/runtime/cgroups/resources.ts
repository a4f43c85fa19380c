import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { applyDeviceProgram } from './device-attachment.ts';
import { completeDeviceRules } from './devices.ts';
import { parseAmount, readControl, writeControl } from './files.ts';
import { planResources, type ResourceFacts } from './plan.ts';
import type { CgroupController, CgroupLayout, Place } from './types.ts';
import { type CgroupWrite, refuseResource } from './writes.ts';

export function applyResources(
  resources: LinuxResources,
  path: string,
  layout: CgroupLayout,
  placeOf: (controller: CgroupController) => Place | null,
): void {
  const writes = planResources(resources, readFacts(resources, placeOf));
  const unified = Object.entries(resources.unified ?? {}).flatMap(([file, value]) => planUnified(layout, file, value));
  const devices = placeOf('devices');
  if (resources.devices !== undefined && devices?.version === 2)
    applyDeviceProgram(devices.directory, completeDeviceRules(resources.devices));
  for (const write of writes) applyWrite(write, placeOf(write.controller)?.directory ?? '');
  for (const write of unified) applyWrite(write, join(layout.unified ?? '', path));
}

/** What the plan depends on, read only as far as it is asked for. */
function readFacts({ memory, cpu }: LinuxResources, placeOf: (controller: CgroupController) => Place | null): ResourceFacts {
  const read = (controller: CgroupController, v1: string, v2: string): string | null => {
    const place = placeOf(controller);
    return place === null ? null : readControl(place.directory, place.version === 2 ? v2 : v1);
  };
  const amount = (v1: string, v2: string): bigint | null => {
    const value = parseAmount(read('memory', v1, v2));
    return value === null ? null : BigInt(value);
  };
  return {
    versionOf: (controller) => placeOf(controller)?.version ?? null,
    memory: {
      limitBytes: memory === undefined ? null : amount('memory.limit_in_bytes', 'memory.max'),
      usageBytes: memory?.checkBeforeUpdate === true ? (amount('memory.usage_in_bytes', 'memory.current') ?? 0n) : 0n,
    },
    cpu: {
      quota: (cpu?.period === undefined ? null : read('cpu', 'cpu.cfs_quota_us', 'cpu.max'))?.split(' ')[0] ?? 'max',
      periodUs: placeOf('cpu')?.version === 1 ? periodNow(cpu, () => read('cpu', 'cpu.cfs_period_us', '')) : null,
    },
  };
}

/** Matters only where both quota and period change. */
function periodNow(cpu: LinuxResources['cpu'], read: () => string | null): number | null {
  if (cpu?.period === undefined || cpu.quota === undefined) return null;
  const period = Number.parseInt(read() ?? '', 10);
  return Number.isNaN(period) ? null : period;
}

function applyWrite(write: CgroupWrite, directory: string): void {
  try {
    writeControl(directory, write.file, write.value);
  } catch (error) {
    const missing = isErrno(error, 'ENOENT');
    if (missing && write.otherwise !== undefined) {
      applyWrite({ controller: write.controller, about: write.about, ...write.otherwise }, directory);
      return;
    }
    if (missing && write.optional === true && existsSync(directory)) return;
    if (write.unlessForbidden === true && isErrno(error, 'EPERM')) return;
    throw explainWrite(error, write, directory);
  }
}

function explainWrite(error: unknown, write: CgroupWrite, directory: string): unknown {
  if (isErrno(error, 'ENOENT', 'EOPNOTSUPP')) return refuseResource(write.about, whyMissing(write, directory));
  if (isErrno(error, 'EINVAL', 'ERANGE', 'ENODEV')) {
    return new OrlopError(
      'invalid-argument',
      'RUNTIME_RESOURCE_VALUE',
      `${write.about}: the kernel refuses ${JSON.stringify(write.value)} for ${write.file}`,
      { cause: error },
    );
  }
  if (isErrno(error, 'EBUSY')) {
    return new OrlopError(
      'conflict',
      'RUNTIME_RESOURCE_BUSY',
      `${write.about}: ${write.file} cannot be set to ${write.value} while more than that is in use`,
      { cause: error },
    );
  }
  return error;
}

/** On cgroup2 a controller's files are there once the cgroup above hands it down, which processes in that one prevent. */
function whyMissing({ controller, file }: CgroupWrite, directory: string): string {
  if (!existsSync(directory)) return `there is no cgroup ${directory}`;
  const name = file.split('.')[0] ?? controller;
  const available = readControl(directory, 'cgroup.controllers')?.split(' ');
  if (name === 'cgroup' || available === undefined || available.includes(name)) return `this kernel's ${name} controller has no ${file}`;
  return `cgroup ${directory} has no ${name} controller`;
}

/** Files of cgroup2 by name, written as they are, one line at a time as the kernel takes them: runtime-spec config-linux, "Unified". */
function planUnified(layout: CgroupLayout, file: string, value: string): CgroupWrite[] {
  const about = `linux.resources.unified.${file}`;
  if (layout.mode !== 'v2') throw refuseResource(about, 'this host does not use cgroup v2');
  if (!/^[^./]+\.[^/]+$/.test(file)) {
    throw new OrlopError('invalid-argument', 'RUNTIME_CGROUP_FILE', `${about} does not name a control file`, {
      hint: 'write it as CONTROLLER.PARAMETER, without slashes',
    });
  }
  const lines = value.split('\n').filter((line, index) => line !== '' || index === 0);
  return lines.map((line) => ({ controller: 'cpu', file, value: line, about }));
}
