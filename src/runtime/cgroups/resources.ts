import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { applyDeviceProgram } from './device-attachment.ts';
import { completeDeviceRules } from './devices.ts';
import { parseAmount, readControl, writeControl } from './files.ts';
import { planResources } from './plan.ts';
import type { CgroupController, CgroupLayout, Place } from './types.ts';
import { type CgroupWrite, refuseResource } from './writes.ts';

export function applyResources(
  resources: LinuxResources,
  path: string,
  layout: CgroupLayout,
  placeOf: (controller: CgroupController) => Place | null,
): void {
  const memory = placeOf('memory');
  const amount = (file: string): bigint =>
    BigInt(memory === null ? 0 : (parseAmount(readControl(memory.directory, file)) ?? Number.MAX_SAFE_INTEGER));
  const writes = planResources(resources, {
    versionOf: (controller) => placeOf(controller)?.version ?? null,
    memory: {
      limitBytes: amount(memory?.version === 2 ? 'memory.max' : 'memory.limit_in_bytes'),
      usageBytes:
        resources.memory?.checkBeforeUpdate === true ? amount(memory?.version === 2 ? 'memory.current' : 'memory.usage_in_bytes') : 0n,
    },
  });
  const devices = placeOf('devices');
  if (resources.devices !== undefined && devices?.version === 2)
    applyDeviceProgram(devices.directory, completeDeviceRules(resources.devices));
  for (const write of writes) applyWrite(write, placeOf(write.controller)?.directory ?? '');
  for (const [file, value] of Object.entries(resources.unified ?? {})) applyUnified(layout, path, file, value);
}

function applyWrite(write: CgroupWrite, directory: string): void {
  try {
    writeControl(directory, write.file, write.value);
  } catch (error) {
    if (isErrno(error, 'ENOENT') && write.otherwise !== undefined) {
      applyWrite({ controller: write.controller, about: write.about, ...write.otherwise }, directory);
      return;
    }
    throw explainWrite(error, write);
  }
}

function explainWrite(error: unknown, write: CgroupWrite): Error {
  if (isErrno(error, 'ENOENT', 'EOPNOTSUPP'))
    return refuseResource(write.about, `this kernel's ${write.controller} controller has no ${write.file}`);
  if (isErrno(error, 'EINVAL', 'ERANGE')) {
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
  return error as Error;
}

/** cgroup v2 files by name, written as they are: runtime-spec config-linux, "Unified". */
function applyUnified(layout: CgroupLayout, path: string, file: string, value: string): void {
  const about = `linux.resources.unified.${file}`;
  if (layout.mode !== 'v2' || layout.unified === null) throw refuseResource(about, 'this host does not use cgroup v2');
  if (file.includes('/') || file.startsWith('.') || !file.includes('.')) {
    throw new OrlopError('invalid-argument', 'RUNTIME_CGROUP_FILE', `${about} does not name a control file`);
  }
  applyWrite({ controller: 'cpu', file, value, about }, join(layout.unified, path));
}
