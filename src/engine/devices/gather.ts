import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { CdiDeviceNode } from '#oci';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, S_IFBLK, S_IFCHR, S_IFDIR, S_IFMT, type Addon, type FileFacts } from '#sys';
import type { DeviceWish } from '#wire';

/** A device of the host as a container gets it. */
export interface GivenDevice {
  /** On the host. */
  readonly source: string;
  /** In the container. */
  readonly target: string;
  readonly type: 'b' | 'c';
  readonly major: number;
  readonly minor: number;
  /** Permission bits, and who has them, as the container sees it. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Letters of `rwm`. */
  readonly permissions: string;
}

/** Each takes a descriptor of a start, which has some two hundred. */
const mostDevices = 128;

/** What the host has at these paths: a node, also behind links, or all nodes of a directory. Docker's words for what is neither. */
export function gatherDevices(addon: Addon, wishes: readonly DeviceWish[]): GivenDevice[] {
  return checkCount(wishes.flatMap((wish) => gatherDevice(addon, wish)));
}

function gatherDevice(addon: Addon, { source, target, permissions }: DeviceWish): GivenDevice[] {
  const facts = lookUp(addon, source, 0, source);
  const device = deviceOf(facts, source, target, permissions);
  if (device !== null) return [device];
  const below = (facts.mode & S_IFMT) === S_IFDIR ? walk(addon, source, target, permissions) : [];
  if (below.length > 0) return below;
  throw notGathered(source, 'not a device node');
}

function walk(addon: Addon, directory: string, target: string, permissions: string): GivenDevice[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const [path, place] = [join(directory, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) return walk(addon, path, place, permissions);
    // In a machine nodes are bound over files, and a directory tells of the files.
    if (!entry.isCharacterDevice() && !entry.isBlockDevice() && !entry.isFile()) return [];
    const device = deviceOf(lookUp(addon, path, AT_SYMLINK_NOFOLLOW, directory), path, place, permissions);
    return device === null ? [] : [device];
  });
}

/** A node that a specification of CDI names; what it says of numbers and owners goes before what the host has. */
export function gatherNodes(addon: Addon, nodes: readonly CdiDeviceNode[]): GivenDevice[] {
  return checkCount(
    nodes.map((node) => {
      const source = node.hostPath ?? node.path;
      const permissions = node.permissions === undefined || node.permissions === '' ? 'rwm' : node.permissions;
      const device = deviceOf(lookUp(addon, source, 0, source), source, node.path, permissions);
      if (device === null || (node.type !== undefined && node.type !== '' && node.type !== device.type))
        throw notGathered(source, 'not a device node');
      const { major = device.major, minor = device.minor, fileMode: mode = device.mode, uid = device.uid, gid = device.gid } = node;
      if (major !== device.major || minor !== device.minor)
        throw notGathered(source, `its numbers are ${device.major}:${device.minor} and not ${major}:${minor}`);
      return { ...device, mode, uid, gid };
    }),
  );
}

function lookUp(addon: Addon, path: string, flags: number, about: string): FileFacts {
  try {
    return addon.fstatat(AT_FDCWD, path, flags);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) throw notGathered(about, 'no such file or directory', error);
    throw error;
  }
}

function deviceOf(
  { mode, uid, gid, rdevMajor: major, rdevMinor: minor }: FileFacts,
  source: string,
  target: string,
  permissions: string,
): GivenDevice | null {
  const kind = mode & S_IFMT;
  if (kind !== S_IFBLK && kind !== S_IFCHR) return null;
  return { source, target, type: kind === S_IFBLK ? 'b' : 'c', major, minor, mode: mode & 0o7777, uid, gid, permissions };
}

function checkCount(devices: GivenDevice[]): GivenDevice[] {
  if (devices.length <= mostDevices) return devices;
  throw new OrlopError(
    'invalid-argument',
    'ENGINE_TOO_MANY_DEVICES',
    `${devices.length} devices are more than the ${mostDevices} that a container can be given`,
    {
      hint: 'name them one by one, or mount their directory: --userns host -v /dev/bus/usb:/dev/bus/usb --device-cgroup-rule "c 189:* rwm"',
    },
  );
}

function notGathered(path: string, why: string, cause?: unknown): OrlopError {
  const message = `error gathering device information while adding custom device ${JSON.stringify(path)}: ${why}`;
  return new OrlopError('invalid-argument', 'ENGINE_NOT_A_DEVICE', message, {
    hint: 'name a device of this host, or a directory of them',
    cause,
  });
}
