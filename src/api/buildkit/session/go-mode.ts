import type { SentFile } from '#wire';

/** Go's os.FileMode, in which fsutil tells what a file is: bits of its own above the permissions (Go, package io/fs). */
const bits = {
  directory: 0x8000_0000,
  symlink: 0x0800_0000,
  device: 0x0400_0000,
  fifo: 0x0200_0000,
  socket: 0x0100_0000,
  setuid: 0x0080_0000,
  setgid: 0x0040_0000,
  character: 0x0020_0000,
  sticky: 0x0010_0000,
} as const;

const has = (mode: number, bit: number): boolean => (mode & bit) !== 0;

/** null: a socket, or something that Linux does not have. */
export function typeOfMode(mode: number): SentFile['type'] | null {
  if (has(mode, bits.directory)) return 'directory';
  if (has(mode, bits.symlink)) return 'symlink';
  if (has(mode, bits.fifo)) return 'fifo';
  if (has(mode, bits.device)) return has(mode, bits.character) ? 'character' : 'block';
  return has(mode, bits.socket) ? null : 'file';
}

/** The permission bits as the kernel has them, 07777. */
export function permissionsOfMode(mode: number): number {
  const special = (has(mode, bits.setuid) ? 0o4000 : 0) | (has(mode, bits.setgid) ? 0o2000 : 0) | (has(mode, bits.sticky) ? 0o1000 : 0);
  return (mode & 0o777) | special;
}

/** The other way round. */
export function goModeOf({ type, mode }: Pick<SentFile, 'type' | 'mode'>): number {
  const kinds = { file: 0, link: 0, directory: bits.directory, symlink: bits.symlink, fifo: bits.fifo, block: bits.device } as const;
  const kind = type === 'character' ? bits.device | bits.character : kinds[type];
  const special = (has(mode, 0o4000) ? bits.setuid : 0) | (has(mode, 0o2000) ? bits.setgid : 0) | (has(mode, 0o1000) ? bits.sticky : 0);
  return (kind | special | (mode & 0o777)) >>> 0;
}
