import { readFileSync } from 'node:fs';
import { OrlopError } from '#errors';
import * as k from '#sys';
import { type Addon, type Mount, readMountinfo } from '#sys';
import type { ResolvedMount } from './resolved-mount.ts';

/**
 * Gives a clone of the host's mounts the propagation that was asked for. Nothing is left shared with the host unless that was the wish: what a container mounts
 * stays inside. Failed-precondition `ENGINE_PROPAGATION` when the source's mount cannot do it, in Docker's words.
 */
export function setPropagation(addon: Addon, descriptor: number, mount: ResolvedMount, ownUsers: boolean): void {
  const { propagation = 'rprivate', source } = mount;
  const recursive = propagation.startsWith('r');
  const kind = recursive ? propagation.slice(1) : propagation;
  if (kind === 'shared' && ownUsers) throw notWithOwnUsers(source);
  if (kind !== 'private') checkSource(addon, source, kind);
  // A clone is a peer of what it was cloned from already.
  if (kind === 'shared') return;
  const change = (flag: number, flags: number): void =>
    addon.mountSetattr(descriptor, '', k.AT_EMPTY_PATH | flags, 0n, 0n, BigInt(flag), -1);
  change(k.MS_SLAVE, k.AT_RECURSIVE);
  if (kind === 'private') change(k.MS_PRIVATE, recursive ? k.AT_RECURSIVE : 0);
}

function checkSource(addon: Addon, source: string, kind: string): void {
  const { mountPoint, propagation } = mountOf(addon, source);
  const shared = propagation.some((word) => word.startsWith('shared:'));
  const slave = propagation.some((word) => word.startsWith('master:'));
  if (shared || (kind === 'slave' && slave)) return;
  const wanted = kind === 'shared' ? 'a shared mount' : 'a shared or slave mount';
  throw new OrlopError('failed-precondition', 'ENGINE_PROPAGATION', `path ${source} is mounted on ${mountPoint} but it is not ${wanted}`, {
    hint: `make it one on the host: mount --make-rshared ${mountPoint}`,
  });
}

function mountOf(addon: Addon, path: string): Mount {
  const descriptor = addon.openat2(k.AT_FDCWD, path, k.O_PATH, 0, 0);
  try {
    const id = Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1]);
    const found = readMountinfo().find((mount) => mount.id === id);
    if (found !== undefined) return found;
  } finally {
    addon.close(descriptor);
  }
  throw new OrlopError('failed-precondition', 'ENGINE_PROPAGATION', `the mount that ${path} is on cannot be told`);
}

function notWithOwnUsers(source: string): OrlopError {
  return new OrlopError(
    'failed-precondition',
    'ENGINE_PROPAGATION',
    `${source} cannot be shared with a container that has user ids of its own: what it mounts would appear on the host`,
    { hint: 'take rslave, or run it with --userns host' },
  );
}
