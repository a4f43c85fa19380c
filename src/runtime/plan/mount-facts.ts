import { noSlot, type Op } from '#sys';
import type { CgroupLayout } from '../cgroups/types.ts';
import type { AttributeChange } from '#sys';
import type { Slots } from './slots.ts';

/** A mount that was made before, detached and with its attributes, and is only moved into place. */
export interface OpenedMount {
  readonly descriptor: number;
  /** Its root is a file, not a directory. */
  readonly file: boolean;
}

/** Such a mount that has no slot: the stage takes it from a socket, `queue`, in which they wait in the order of spec.mounts. */
export interface QueuedMount {
  readonly queue: number;
  readonly file: boolean;
}

/** A bind mount that the stage opens itself, by its path on the host, and gives its attributes. */
export interface LateMount {
  readonly source: string;
  readonly recursive: boolean;
  readonly file: boolean;
  readonly own: AttributeChange;
  readonly tree: AttributeChange;
}

/** A bind mount of what the container itself has at that place by then, earlier mounts of the list included. */
export interface InsideMount {
  readonly inside: string;
  readonly recursive: boolean;
  readonly own: AttributeChange;
  readonly tree: AttributeChange;
  /** A user namespace whose ids the mount's become, or null; `mapsTree`: also those of the mounts below it. */
  readonly users: number | null;
  readonly mapsTree: boolean;
}

export type PreparedMount = OpenedMount | QueuedMount | LateMount | InsideMount;

export interface MountFacts {
  /** By index into spec.mounts: every bind mount and every tmpfs that is copied into. */
  readonly prepared: ReadonlyMap<number, PreparedMount>;
  /** By index: mounts that the skeleton has already. */
  readonly furnished?: ReadonlySet<number>;
  readonly slots: Slots;
  readonly cgroups: CgroupLayout | null;
  /** Path of the container's cgroup in each hierarchy, for hosts without cgroup namespaces. */
  readonly cgroupPath: string | null;
  readonly ownCgroupNamespace: boolean;
  /** SELinux context for file systems made here, or null. */
  readonly label: string | null;
}

export interface PlannedMounts {
  readonly mounting: readonly Op[];
  /** What makes a tmpfs read-only once all that lies in it has been made. */
  readonly sealing: readonly Op[];
}

/** Attributes of one mount, or of the tree below it: MOUNT_ATTR_* bits. Nothing to change is no op. */
export function planAttributes(target: string, { set, clear }: { set: number; clear: number }, recursive: boolean): Op[] {
  if (set === 0 && clear === 0) return [];
  return [{ op: 'set_mount_attributes', target, set, clear, propagation: 0, recursive: recursive ? 1 : 0, userns: noSlot }];
}
