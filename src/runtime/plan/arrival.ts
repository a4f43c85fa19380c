import * as k from '#sys';
import type { Op } from '#sys';
import type { NamespaceName } from '../sandbox/types.ts';
import { rejectField } from './refuse.ts';

export interface ArrivalFacts {
  /** New ones. A namespace that is neither here nor in `joined` is the host's. */
  readonly created: ReadonlySet<NamespaceName>;
  readonly joined: ReadonlySet<NamespaceName>;
}

/** Becoming the root of the own user namespace, and cutting the mount tree off from the host's with MS_PRIVATE or MS_SLAVE. */
export function planEntry(propagation: number, { created, joined }: ArrivalFacts): Op[] {
  if (!created.has('mnt')) throw rejectField('linux.namespaces', 'has no new mount namespace', 'add {"type": "mount"}');
  const owned = created.has('user') || joined.has('user');
  return [
    ...(owned ? [{ op: 'become', uid: 0, gid: 0 } as const] : []),
    // Only now is the process in its cgroup, which a new cgroup namespace takes as its root.
    ...(created.has('cgroup') ? [{ op: 'unshare', flags: k.CLONE_NEWCGROUP } as const] : []),
    { op: 'set_root_propagation', flags: k.MS_REC | propagation },
    ...(created.has('net') ? [{ op: 'bring_up_loopback' } as const] : []),
  ];
}
