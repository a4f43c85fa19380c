import { posix } from 'node:path';
import type { LinuxDevice } from '#oci';
import * as k from '#sys';
import type { Addon } from '#sys';
import { rejectField } from '../plan/refuse.ts';

/**
 * In a user namespace no device can be made, so the host's nodes are bound, by the path that the spec gives the device inside. What lies there must be that very
 * device: nothing else of the host's gets into the container under its name. Fails with invalid-argument `RUNTIME_SPEC_INVALID`.
 */
export function checkHostDevices(addon: Addon, devices: readonly LinuxDevice[]): void {
  devices.forEach((device, index) => {
    if (device.type === 'p') return;
    const path = posix.normalize(device.path);
    const { mode, rdevMajor, rdevMinor } = addon.fstatat(k.AT_FDCWD, path, 0);
    const wanted = device.type === 'b' ? k.S_IFBLK : k.S_IFCHR;
    if ((mode & k.S_IFMT) === wanted && rdevMajor === device.major && rdevMinor === device.minor) return;
    const numbers = `${device.type} ${device.major ?? '?'}:${device.minor ?? '?'}`;
    throw rejectField(
      `linux.devices[${index}]`,
      `${JSON.stringify(device.path)} is not the device ${numbers} on the host`,
      'a user namespace gets its devices from the host',
    );
  });
}
