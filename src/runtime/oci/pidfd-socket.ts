import type { Addon } from '#sys';

/** Sends a pidfd of the process over the unix stream socket at `path`, as runc 1.2 does; nothing without a path. */
export function sendPidfd(addon: Addon, pid: number, path = ''): void {
  if (path === '') return;
  const socket = addon.connectUnix(path);
  try {
    const pidfd = addon.pidfdOpen(pid);
    try {
      addon.sendDescriptors(socket, Buffer.from('pidfd'), [pidfd]);
    } finally {
      addon.close(pidfd);
    }
  } finally {
    addon.close(socket);
  }
}
