import { posix } from 'node:path';
import type { LinuxDevice } from '#oci';
import * as k from '#sys';
import type { Op } from '#sys';
import { rejectField } from './refuse.ts';

/** runtime-spec config-linux, "Default devices"; /dev/console and /dev/ptmx come with the terminal and devpts. */
export const defaultDevices: readonly LinuxDevice[] = [
  { path: '/dev/null', type: 'c', major: 1, minor: 3, fileMode: 0o666 },
  { path: '/dev/zero', type: 'c', major: 1, minor: 5, fileMode: 0o666 },
  { path: '/dev/full', type: 'c', major: 1, minor: 7, fileMode: 0o666 },
  { path: '/dev/random', type: 'c', major: 1, minor: 8, fileMode: 0o666 },
  { path: '/dev/urandom', type: 'c', major: 1, minor: 9, fileMode: 0o666 },
  { path: '/dev/tty', type: 'c', major: 5, minor: 0, fileMode: 0o666 },
];

export interface DeviceFacts {
  /** A process in a user namespace may not make device nodes: the host's are bound instead. */
  readonly userNamespace: boolean;
  readonly hostHasKcore: boolean;
}

/** The nodes and links of /dev; spec'd devices replace default ones of the same path. */
export function planDevices(devices: readonly LinuxDevice[], facts: DeviceFacts): Op[] {
  const wanted = new Map([...defaultDevices, ...devices].map((device) => [posix.normalize(device.path), device]));
  const nodes = [...wanted.values()].map((device) => planNode(device, devices.indexOf(device), facts));
  return [...nodes, ...planLinks(facts)];
}

const typeBits = { c: k.S_IFCHR, u: k.S_IFCHR, b: k.S_IFBLK, p: k.S_IFIFO } as const;

function planNode(device: LinuxDevice, index: number, { userNamespace }: DeviceFacts): Op {
  const at = `linux.devices[${index}]`;
  const target = posix.normalize(device.path);
  if (!target.startsWith('/')) throw rejectField(`${at}.path`, `${JSON.stringify(device.path)} is not absolute`);
  const { major = -1, minor = -1 } = device;
  if (device.type !== 'p' && (major < 0 || minor < 0)) throw rejectField(at, 'names no device: major and minor are missing');
  if (userNamespace && device.type !== 'p') return { op: 'bind', source: target, target, recursive: 0, make: 2 };
  return {
    op: 'make_node',
    target,
    mode: typeBits[device.type] | ((device.fileMode ?? 0o666) & 0o7777),
    major: Math.max(major, 0),
    minor: Math.max(minor, 0),
    uid: device.uid ?? 0,
    gid: device.gid ?? 0,
  };
}

/** runtime-spec runtime-linux, "Dev symbolic links"; ptmx leads to the container's own devpts. */
function planLinks({ hostHasKcore }: DeviceFacts): Op[] {
  const links: readonly (readonly [string, string])[] = [
    ['/dev/fd', '/proc/self/fd'],
    ['/dev/stdin', '/proc/self/fd/0'],
    ['/dev/stdout', '/proc/self/fd/1'],
    ['/dev/stderr', '/proc/self/fd/2'],
    ['/dev/ptmx', 'pts/ptmx'],
    ...(hostHasKcore ? [['/dev/core', '/proc/kcore'] as const] : []),
  ];
  return links.map(([target, to]) => ({ op: 'make_symlink', target, to }));
}
