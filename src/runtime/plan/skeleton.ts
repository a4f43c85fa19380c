import { posix } from 'node:path';
import type { LinuxDevice, Spec, SpecMount } from '#oci';
import * as k from '#sys';
import type { Op } from '#sys';
import { type ArrivalFacts, planEntry } from './arrival.ts';
import { planDevices } from './devices.ts';
import { type MountFacts, planAttributes } from './mount-facts.ts';
import { isBind, planMounts } from './mounts.ts';
import { areRelated, isWithin, placeOf } from './places.ts';
import { rejectField } from './refuse.ts';
import { createSlots } from './slots.ts';
import { planSysctls } from './sysctls.ts';

/**
 * What a container has that depends on its kind and not on its root: the kernel's file systems, devices, masks. A sandbox builds it while nobody waits;
 * a start then only moves the trees into the root.
 */
export interface Skeleton {
  readonly mounts: readonly SpecMount[];
  readonly devices: readonly LinuxDevice[];
  /** Set before /proc/sys becomes read-only. A spec may ask for others as well: these are set at the start. */
  readonly sysctl: Readonly<Record<string, string>>;
  readonly readonlyPaths: readonly string[];
  readonly maskedPaths: readonly string[];
  /** SELinux context of file systems made here, or null. */
  readonly label: string | null;
}

const trees = ['/proc', '/sys', '/dev'] as const;

/**
 * The part of a spec that a skeleton can hold: mounts on and below /proc, /sys and /dev, but not what is bound from outside or copied from the root, nor what
 * such a mount lies above or below. Fails with invalid-argument when one of the three has two file systems: it would be moved without the other.
 */
export function skeletonOf(spec: Spec): Skeleton {
  const { mounts = [], linux = {} } = spec;
  const members = skeletonMembers(mounts);
  const own = mounts.filter((_mount, index) => members.has(index));
  const left = mounts.filter((_mount, index) => !members.has(index)).map(placeOf);
  const roots = treesOf(own);
  const belongs = (path: string): boolean =>
    roots.some((root) => isWithin(posix.normalize(path), root)) && !left.some((place) => areRelated(posix.normalize(path), place));
  return {
    mounts: own,
    devices: roots.includes('/dev') ? (linux.devices ?? []) : [],
    sysctl: linux.sysctl ?? {},
    readonlyPaths: (linux.readonlyPaths ?? []).filter(belongs),
    maskedPaths: (linux.maskedPaths ?? []).filter(belongs),
    label: linux.mountLabel ?? null,
  };
}

/** Equal for skeletons that stand for each other. */
export function skeletonKey(skeleton: Skeleton): string {
  const { mounts, devices, readonlyPaths, maskedPaths, label, sysctl } = skeleton;
  return JSON.stringify([
    mounts,
    devices,
    readonlyPaths,
    maskedPaths,
    label,
    Object.entries(sysctl).toSorted(([left], [right]) => (left < right ? -1 : 1)),
  ]);
}

/** Indices of the mounts that a skeleton holds, in the order of the spec. */
export function skeletonMembers(mounts: readonly SpecMount[]): ReadonlySet<number> {
  const members = new Set<number>();
  const left: string[] = [];
  const rooted = new Set<string>();
  mounts.forEach((mount, index) => {
    const place = placeOf(mount);
    const tree = trees.find((candidate) => isWithin(place, candidate));
    const isRoot = place === tree;
    if (tree === undefined || needsMore(mount) || left.some((other) => areRelated(place, other)) || !(isRoot || rooted.has(tree))) {
      left.push(place);
      return;
    }
    if (isRoot && rooted.has(tree)) throw rejectField(`mounts[${index}].destination`, `is ${tree} again, which has a file system`);
    rooted.add(tree);
    members.add(index);
  });
  return members;
}

/** The host's files, or the root's. */
function needsMore(mount: SpecMount): boolean {
  return isBind(mount) || mount.options?.includes('tmpcopyup') === true;
}

/** Those of /proc, /sys and /dev that are trees of their own. */
export function treesOf(mounts: readonly SpecMount[]): string[] {
  const places = new Set(mounts.map(placeOf));
  return trees.filter((tree) => places.has(tree));
}

export interface FurnishFacts extends ArrivalFacts, Pick<MountFacts, 'cgroups' | 'cgroupPath' | 'ownCgroupNamespace'> {
  readonly hostHasKcore: boolean;
  /** Not within a machine: only the host's root can make device nodes. */
  readonly mayMakeNodes: boolean;
}

/** The stage's part of a sandbox plan: from "in its namespaces" to "in a root of its own, with nothing of the host in sight". Pure. */
export function planFurnishing(skeleton: Skeleton, facts: FurnishFacts): Op[] {
  const { mounting, sealing } = planMounts(skeleton.mounts, {
    ...facts,
    label: skeleton.label,
    prepared: new Map(),
    slots: createSlots(),
  });
  const userNamespace = !facts.mayMakeNodes || facts.created.has('user') || facts.joined.has('user');
  return [
    ...planEntry(k.MS_PRIVATE, facts),
    { op: 'open_skeleton' },
    ...mounting,
    ...(treesOf(skeleton.mounts).includes('/dev')
      ? planDevices(skeleton.devices, { userNamespace, hostHasKcore: facts.hostHasKcore })
      : []),
    ...sealing,
    ...planSysctls(skeleton.sysctl, facts),
    ...skeleton.readonlyPaths.map((target): Op => ({ op: 'make_read_only', target })),
    ...skeleton.maskedPaths.map((target): Op => ({ op: 'mask', target })),
    ...planAttributes('/', { set: k.MOUNT_ATTR_RDONLY, clear: 0 }, false),
    { op: 'enter_root', mode: 0 },
  ];
}
