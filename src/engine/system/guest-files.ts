import type { Addon } from '#sys';
import type { ContainerRoot } from '../files/root.ts';
import type { ContainerRecord } from '../container/record.ts';
import { applySshKeys, type LoginKeys, type SshKeys } from './ssh-keys.ts';
import { applyTimeZone } from './time-zone.ts';

const family = 'ssh.keys.';

function isLogin(name: string): boolean {
  return name === 'ssh.keys' || name.startsWith(family);
}

/** Whether keys were asked for by the container itself, and not by a profile alone. Pure. */
export function hasOwnLogins({ request, inherited = {} }: Pick<ContainerRecord, 'request' | 'inherited'>): boolean {
  return Object.keys(request.settings ?? {}).some((name) => isLogin(name) && inherited[name] === undefined);
}

/** Keys by the user whom they let in. Pure. */
export function loginKeysOf({ request }: Pick<ContainerRecord, 'request'>): LoginKeys {
  const { settings = {} } = request;
  const keys: Record<string, readonly string[]> = {};
  for (const [name, text] of Object.entries(settings)) {
    if (name === 'ssh.keys') keys['root'] = [...(keys['root'] ?? []), ...text.split('\n')];
    if (name.startsWith(family)) keys[name.slice(family.length)] = [...(keys[name.slice(family.length)] ?? []), ...text.split('\n')];
  }
  return keys;
}

/**
 * Puts what settings say into the root of a container that is about to start: its time zone, and who may log in by ssh. Machines alone have logins. Fails, naming
 * setting and container, where that cannot be.
 */
export async function applyGuestFiles(addon: Addon, root: ContainerRoot, record: ContainerRecord): Promise<void> {
  const zone = record.request.settings?.['timezone'];
  if (zone !== undefined) applyTimeZone(addon, root, zone, record.name);
  if (record.kind === 'system') await applySshKeys(addon, root, { ...wantedLogins(record), container: record.name });
}

/** Whom ssh is to let in: also holds for a machine that runs. Pure. */
export function wantedLogins(record: ContainerRecord): Omit<SshKeys, 'container'> {
  // A profile may name users that this machine does not have, or not yet.
  const awaited = Object.keys(record.inherited ?? {})
    .filter(isLogin)
    .map((name) => name.slice(family.length));
  return { keys: loginKeysOf(record), awaited, mounts: record.mounts.map(({ target }) => target) };
}
