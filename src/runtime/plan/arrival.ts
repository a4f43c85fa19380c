import * as k from '#sys';
import type { Op } from '#sys';
import type { NamespaceName } from '../sandbox/types.ts';
import { rejectField } from './refuse.ts';

export interface ArrivalFacts {
  /** New ones. A namespace that is neither here nor in `joined` is the host's. */
  readonly created: ReadonlySet<NamespaceName>;
  readonly joined: ReadonlySet<NamespaceName>;
  /** Who to be in a user namespace that does not map root. */
  readonly firstIds?: { readonly uid: number; readonly gid: number };
}

/** Whether what is mounted stays out of the host's sight. */
export function hasOwnMounts({ created, joined }: ArrivalFacts): boolean {
  return created.has('mnt') || joined.has('mnt');
}

/**
 * Becoming the root of the own user namespace, and cutting the mount tree off from the host's with MS_PRIVATE or MS_SLAVE. In the host's mount namespace (`inPlace`)
 * that would be the host's tree.
 */
export function planEntry(propagation: number, facts: ArrivalFacts, inPlace = false): Op[] {
  const { created, joined, firstIds = { uid: 0, gid: 0 } } = facts;
  if (!hasOwnMounts(facts) && !inPlace) throw rejectField('linux.namespaces', 'has no new mount namespace', 'add {"type": "mount"}');
  const owned = created.has('user') || joined.has('user');
  return [
    ...(owned ? [{ op: 'become', ...firstIds } as const] : []),
    // Only now is the process in its cgroup, which a new cgroup namespace takes as its root.
    ...(created.has('cgroup') ? [{ op: 'unshare', flags: k.CLONE_NEWCGROUP } as const] : []),
    ...(inPlace ? [] : [{ op: 'set_root_propagation', flags: k.MS_REC | propagation } as const]),
    ...(created.has('net') ? [{ op: 'bring_up_loopback' } as const] : []),
  ];
}
