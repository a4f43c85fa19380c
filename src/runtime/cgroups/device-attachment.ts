import { closeSync, constants, openSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import { type Addon, loadAddon } from '#sys';
import { compileDeviceProgram } from './device-program.ts';
import { allowsEverything, type DeviceMatch } from './devices.ts';
import { errnoOf } from './files.ts';
import { refuseResource } from './writes.ts';

/** Tells our programs from others' (systemd attaches its own for DeviceAllow=): those stay, and both must allow. At most 15 letters. */
const programName = 'orlop_devices';

/**
 * Makes the rules hold in this cgroup2 directory: one program, put in the place of the one that is there. It lasts as long as the cgroup; nobody need keep a
 * descriptor. Rules that allow everything leave no program. Fails with `unimplemented` on kernels without CONFIG_CGROUP_BPF, `permission-denied`
 * without CAP_BPF and CAP_NET_ADMIN.
 */
export function applyDeviceProgram(directory: string, rules: readonly DeviceMatch[], addon: Addon = loadAddon()): void {
  using descriptors = new DisposableStack();
  const own = (descriptor: number): number => {
    descriptors.defer(() => addon.close(descriptor));
    return descriptor;
  };
  try {
    const cgroup = openDirectory(directory, descriptors);
    const ours = addon.devicePrograms(cgroup).filter(({ name }) => name === programName);
    const old = ours.map(({ id }) => own(addon.openProgram(id)));
    const superfluous = allowsEverything(rules) ? old : old.slice(1);
    if (!allowsEverything(rules)) {
      const program = own(addon.loadDeviceProgram(compileDeviceProgram(rules), programName));
      addon.attachDeviceProgram(cgroup, program, old[0] ?? -1);
    }
    for (const program of superfluous) addon.detachDeviceProgram(cgroup, program);
  } catch (error) {
    throw explain(error, directory);
  }
}

/** Whether this kernel takes device programs from us. */
export function canLoadDevicePrograms(addon: Addon = loadAddon()): boolean {
  try {
    addon.close(addon.loadDeviceProgram(compileDeviceProgram([]), programName));
    return true;
  } catch (error) {
    if (isErrno(error, 'EPERM', 'EINVAL', 'ENOSYS')) return false;
    throw error;
  }
}

function openDirectory(directory: string, descriptors: DisposableStack): number {
  try {
    const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    descriptors.defer(() => closeSync(descriptor));
    return descriptor;
  } catch (error) {
    throw errnoOf(error, 'open', directory);
  }
}

/** What the verifier minds comes as EINVAL or EACCES with its words, and would be a mistake of ours. */
function explain(error: unknown, directory: string): unknown {
  if (isErrno(error, 'ENOSYS')) return refuseResource('linux.resources.devices', 'this kernel takes no device programs');
  if (!isErrno(error, 'EPERM')) return error;
  return new OrlopError(
    'permission-denied',
    'RUNTIME_DEVICES_FORBIDDEN',
    `linux.resources.devices: the kernel does not let us restrict devices of ${directory}`,
    { hint: 'device programs need CAP_BPF and CAP_NET_ADMIN in the initial user namespace', cause: error },
  );
}
