import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { LinuxDevice, LinuxDeviceCgroup } from '#oci';
import type { CgroupLayout } from '#runtime';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, S_IFBLK, S_IFCHR, S_IFMT, type Addon } from '#sys';
import type { ContainerRecord } from '../container/record.ts';
import type { GivenDevice } from '../devices/gather.ts';
import type { DeviceNumbers } from './resources.ts';

/** What a container makes for itself, or what other containers and the host keep to themselves. */
const ownDirectories = new Set(['pts', 'shm', 'mqueue', 'fd', '.udev', '.orlop', 'lxc', 'lxd']);

/** The host's device nodes, as a privileged container sees them; the console is its own. */
export function hostDevices(addon: Addon, directory = '/dev'): LinuxDevice[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return ownDirectories.has(entry.name) ? [] : hostDevices(addon, path);
    // In a machine nodes are bound over files, and a directory tells of the files.
    const mayBe = entry.isCharacterDevice() || entry.isBlockDevice() || entry.isFile();
    return mayBe && path !== '/dev/console' ? readDevice(addon, path) : [];
  });
}

function readDevice(addon: Addon, path: string): LinuxDevice[] {
  try {
    const { mode, uid, gid, rdevMajor: major, rdevMinor: minor } = addon.fstatat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
    const type = (mode & S_IFMT) === S_IFBLK ? 'b' : (mode & S_IFMT) === S_IFCHR ? 'c' : null;
    return type === null ? [] : [{ path, type, major, minor, fileMode: mode & 0o7777, uid, gid }];
  } catch (error) {
    // Unplugged meanwhile.
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** The numbers of a block device that limits are about; invalid-argument for what is none. Links are followed. */
export function findBlockDevice(addon: Addon, path: string): DeviceNumbers {
  try {
    const { mode, rdevMajor: major, rdevMinor: minor } = addon.fstatat(AT_FDCWD, path, 0);
    if ((mode & S_IFMT) === S_IFBLK) return { major, minor };
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error;
  }
  throw new OrlopError('invalid-argument', 'ENGINE_NOT_A_BLOCK_DEVICE', `${path} is no block device of this host`, {
    hint: 'block I/O is limited by device: see lsblk',
  });
}

/** By v1's lists or cgroup2's programs. */
export function canRestrictDevices(layout: CgroupLayout): boolean {
  return layout.devicePrograms === true || layout.hierarchies.some((hierarchy) => hierarchy.controllers.includes('devices'));
}

/**
 * Which devices a container may open: none but what the runtime always grants and what was asked for. With a user namespace of its own it can make no nodes, but images and
 * what is mounted from the host can hold some, with owners that it sees as its own. A privileged container may open all.
 */
export function deviceRules(
  { request }: Pick<ContainerRecord, 'request'>,
  given: readonly GivenDevice[],
  layout: CgroupLayout,
): LinuxDeviceCgroup[] {
  if (request.privileged === true) return [];
  if (!canRestrictDevices(layout)) {
    const narrow = given.find(({ permissions }) => !permissions.includes('r') || !permissions.includes('w'));
    if (narrow === undefined) return [];
    throw new OrlopError(
      'unimplemented',
      'ENGINE_NO_DEVICE_RULES',
      `${narrow.target} cannot be given with ${narrow.permissions} alone: no cgroup here restricts devices`,
      { hint: 'give it with rwm, or leave it out' },
    );
  }
  return [
    ...usualDeviceRules(layout),
    ...given.map(({ type, major, minor, permissions }): LinuxDeviceCgroup => ({ allow: true, type, major, minor, access: permissions })),
    ...(request.deviceRules ?? []).map(parseDeviceRule),
  ];
}

/** Those of a container that asked for no device. */
export function usualDeviceRules(layout: CgroupLayout): LinuxDeviceCgroup[] {
  return canRestrictDevices(layout) ? [{ allow: false, type: 'a', access: 'rwm' }] : [];
}

/** `c 42:* rwm`; all of a kind where there is a star. */
export function parseDeviceRule(text: string): LinuxDeviceCgroup {
  const [, type = '', major = '', minor = '', access = ''] = /^([acb]) (\d{1,10}|\*):(\d{1,10}|\*) ([rwm]{1,3})$/.exec(text) ?? [];
  if (type !== 'a' && type !== 'b' && type !== 'c')
    throw new OrlopError('invalid-argument', 'ENGINE_DEVICE_RULE', `invalid device cgroup rule format: '${text}'`, {
      hint: 'write it as c 42:* rwm',
    });
  if (type === 'a') return { allow: true, type, access: 'rwm' };
  return {
    allow: true,
    type,
    access,
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
  };
}
