import { readFileSync, writeSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import * as k from '#sys';
import { statInRoot, type Addon } from '#sys';
import { temporaryName } from '../files/content.ts';
import { openDirectories } from '../files/directories.ts';
import { isMissing, type ContainerRoot } from '../files/root.ts';

const zones = '/usr/share/zoneinfo';
/** Files of tzfile(5) are some kilobytes. */
const largestZone = 1024 * 1024;

/**
 * Makes a zone the container's: /etc/localtime leads to it (localtime(5)), and Debian's /etc/timezone names it. Where the container has no zones, /etc/localtime is the host's file of it.
 * failed-precondition for a zone that neither has.
 */
export function applyTimeZone(addon: Addon, root: ContainerRoot, zone: string, container: string): void {
  const content = hasZone(addon, root, zone) ? null : zoneOfHost(zone, container);
  addon.withFsIds(root.first, root.first, () => {
    const etc = openDirectories(addon, root, '/etc', { uid: 0, gid: 0 });
    try {
      replace(addon, etc, 'localtime', (name) => {
        if (content === null) addon.symlinkat(`..${zones}/${zone}`, etc, name);
        else writeNew(addon, etc, name, content);
      });
      replace(addon, etc, 'timezone', (name) => writeNew(addon, etc, name, Buffer.from(`${zone}\n`)));
    } finally {
      addon.close(etc);
    }
  });
}

function hasZone(addon: Addon, root: ContainerRoot, zone: string): boolean {
  try {
    return (statInRoot(addon, root.descriptor, `${zones}/${zone}`).mode & k.S_IFMT) === k.S_IFREG;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function zoneOfHost(zone: string, container: string): Buffer {
  try {
    const content = readFileSync(`${zones}/${zone}`);
    if (content.toString('latin1', 0, 4) === 'TZif' && content.length <= largestZone) return content;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) throw error;
  }
  throw new OrlopError(
    'failed-precondition',
    'ENGINE_NO_ZONE',
    `${container} cannot have the time zone ${zone}: neither it nor this host knows that`,
    {
      hint: `choose one of /usr/share/zoneinfo, install tzdata in it, or: orlop unset ${container} timezone`,
    },
  );
}

/** The old one is there until the new one is. */
function replace(addon: Addon, directory: number, name: string, make: (name: string) => void): void {
  const temporary = temporaryName();
  make(temporary);
  addon.renameat2(directory, temporary, directory, name, 0);
}

function writeNew(addon: Addon, directory: number, name: string, content: Buffer): void {
  const descriptor = addon.openat2(directory, name, k.O_WRONLY | k.O_CREAT | k.O_EXCL | k.O_NOFOLLOW, 0o600, k.RESOLVE_BENEATH);
  try {
    for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at);
    addon.fchmodat(k.AT_FDCWD, `/proc/self/fd/${descriptor}`, 0o644, 0);
  } finally {
    addon.close(descriptor);
  }
}
