import type { Spec } from '#oci';
import * as k from '#sys';
import type { Op, Plan } from '#sys';
import type { Stdio } from '../sandbox/types.ts';
import { type ArrivalFacts, hasOwnMounts, planEntry } from './arrival.ts';
import { planDevices } from './devices.ts';
import { type MountFacts, planAttributes } from './mount-facts.ts';
import { planMounts } from './mounts.ts';
import { placeOf } from './places.ts';
import { planHook, planProcess, type ProcessFacts } from './process.ts';
import { refuseField, rejectField } from './refuse.ts';
import { type Skeleton, skeletonKey, skeletonMembers, skeletonOf, treesOf } from './skeleton.ts';
import { planStreams, planTerminal, type StreamFacts } from './standard-streams.ts';
import type { Planned, Slots } from './slots.ts';
import { planSurroundings } from './surroundings.ts';
import { planLateSysctls, planSysctls } from './sysctls.ts';

export interface ContainerFacts extends MountFacts, StreamFacts, ProcessFacts, ArrivalFacts {
  readonly slots: Slots;
  readonly stdio: Stdio;
  readonly root: { readonly mount: number; readonly at?: number } | { readonly path: string };
  /** What the sandbox has built: the plan then only moves it into the root. */
  readonly skeleton: Skeleton | null;
  readonly hostHasKcore: boolean;
  /** Not within a machine: only the host's root can make device nodes. */
  readonly mayMakeNodes: boolean;
  /** For hosts whose root is an initramfs: chroot instead of pivot_root. */
  readonly noPivot: boolean;
  /** Makes mounts that are cut off from the host's shared again, among themselves. */
  readonly sharedInside: boolean;
  /** With `noPivot`, where the host has whole file systems of proc and sysfs mounted, in the order of its table of mounts. */
  readonly revealing: readonly string[];
}

/** A config.json as the steps from a parked process to the container's program, in runc's order. Pure. */
export function planContainer(spec: Spec, facts: ContainerFacts): Planned<Plan> {
  refuseWhatWeLack(spec);
  const { process } = spec;
  if (process === undefined) throw rejectField('process', 'is missing');
  if ((process.terminal === true) !== (facts.stdio.mode === 'terminal'))
    throw rejectField('process.terminal', 'does not agree with the streams given');
  const user = process.user ?? { uid: 0, gid: 0 };
  // Over the root's own directory, in the host's mount namespace: for whoever asks for no namespace of mounts, as runc does it.
  const inPlace = !hasOwnMounts(facts) && 'mount' in facts.root && facts.root.at !== undefined;
  const files = planRootFiles(spec, facts);
  const plan: Op[] = [
    ...planStreams(facts),
    ...(facts.skeleton === null
      ? [...planEntry(isPrivate(spec) ? k.MS_PRIVATE : k.MS_SLAVE, facts, inPlace), planRoot(facts)]
      : planFurnishedRoot(spec, facts, facts.skeleton)),
    ...files.making,
    // A place for the console is made in a /dev that is read-only from then on.
    ...planTerminal(facts.stdio, user, facts.slots, true),
    ...files.sealing,
    ...planHostsHooks(spec, facts),
    ...planIdentity(spec, facts),
    // While the host's /dev/null can still be reached for masks.
    ...planSealing(spec, facts),
    ...(facts.noPivot && !inPlace ? planHiding(facts.revealing) : []),
    // Nothing of the host lies below a root over a skeleton: there is nothing to take off, which would wait for the kernel.
    { op: 'enter_root', mode: facts.noPivot || inPlace || facts.skeleton !== null ? 1 : 0 },
    ...planPropagation(spec, facts),
    ...planSurroundings(spec.linux),
    ...planProcess(process, facts, 'process'),
  ];
  return { plan, descriptors: facts.slots.descriptors };
}

/**
 * Below a root that was entered by chroot(2) the host's mounts remain. As long as one of them shows a whole proc or sysfs, the kernel lets the container's processes
 * mount a new one without the masks (fs/namespace.c, mount_too_revealing).
 */
function planHiding(paths: readonly string[]): Op[] {
  return paths.toReversed().map((path) => ({ op: 'hide_mount', path }));
}

/** Everything that runtime-spec knows and the op table does not. */
function refuseWhatWeLack(spec: Spec): void {
  const { process } = spec;
  if (process?.commandLine !== undefined) throw refuseField('process.commandLine', 'it is for Windows', 'use process.args');
}

/** The new root, which all targets are resolved in from now on. */
function planRoot({ root, slots }: ContainerFacts): Op {
  if ('path' in root) return { op: 'open_root', path: root.path };
  return { op: 'attach_root', mount: slots.add(root.mount), at: root.at === undefined ? k.noSlot : slots.add(root.at) };
}

/** The root comes over the skeleton's, and the skeleton's trees into the root. */
function planFurnishedRoot(spec: Spec, facts: ContainerFacts, skeleton: Skeleton): Op[] {
  const hooks = spec.hooks?.createContainer ?? [];
  if (hooks.length > 0) throw refuseField('hooks.createContainer', "the sandbox no longer sees the host's files that they need");
  if ('path' in facts.root || facts.root.at !== undefined)
    throw rejectField('root', 'lies on the host, which the sandbox no longer sees', 'give a detached mount');
  const without = (whole: Skeleton): string => skeletonKey({ ...whole, sysctl: {} });
  if (without(skeletonOf(spec)) !== without(skeleton)) throw rejectField('mounts', 'are not those that the sandbox was furnished with');
  const moved = treesOf(skeleton.mounts);
  const bound = (spec.mounts ?? []).some((mount, index) => placeOf(mount) === '/dev' && facts.prepared.has(index));
  if (!moved.includes('/dev') && !bound) throw refuseField('mounts', 'devices need a file system on /dev', 'mount a tmpfs there');
  return [planRoot(facts), ...moved.map((tree): Op => ({ op: 'move_tree', from: tree, target: tree, make: 1 }))];
}

function isPrivate(spec: Spec): boolean {
  return ['private', 'rprivate'].includes(spec.linux?.rootfsPropagation ?? '');
}

/** What is made below the root, and what makes some of it read-only afterwards. */
function planRootFiles(spec: Spec, facts: ContainerFacts): { readonly making: readonly Op[]; readonly sealing: readonly Op[] } {
  const mounts = spec.mounts ?? [];
  const furnished = facts.skeleton === null ? new Set<number>() : skeletonMembers(mounts);
  const { mounting, sealing } = planMounts(mounts, { ...facts, furnished });
  const userNamespace = !facts.mayMakeNodes || facts.created.has('user') || facts.joined.has('user');
  // A /dev that is bound from outside is complete already and not ours to change.
  const ownDev = !mounts.some((mount, index) => placeOf(mount) === '/dev' && facts.prepared.has(index));
  const devices =
    ownDev && facts.skeleton === null ? planDevices(spec.linux?.devices ?? [], { userNamespace, hostHasKcore: facts.hostHasKcore }) : [];
  return { making: [...mounting, ...devices], sealing };
}

/** createContainer hooks see the host's files from within the container's namespaces (runtime-spec config, "POSIX-platform Hooks"). */
function planHostsHooks(spec: Spec, facts: ContainerFacts): Op[] {
  return (spec.hooks?.createContainer ?? []).map((hook, index) => planHook(hook, facts.hookState, `hooks.createContainer[${index}]`));
}

function planIdentity(spec: Spec, facts: ContainerFacts): Op[] {
  const { hostname = '', domainname = '' } = spec;
  const own = facts.created.has('uts') || facts.joined.has('uts');
  if (!own && (hostname !== '' || domainname !== ''))
    throw rejectField('hostname', 'cannot be set without an own UTS namespace', 'add {"type": "uts"} to linux.namespaces');
  return [
    ...(hostname === '' ? [] : [{ op: 'set_hostname', name: hostname } as const]),
    ...(domainname === '' ? [] : [{ op: 'set_domainname', name: domainname } as const]),
    ...(facts.skeleton === null
      ? planSysctls(spec.linux?.sysctl ?? {}, facts)
      : planLateSysctls(spec.linux?.sysctl ?? {}, facts.skeleton, facts)),
  ];
}

/** The last changes to the file system, after which it is as the process may see it. */
function planSealing(spec: Spec, { skeleton, firstIds = { uid: 0, gid: 0 } }: ContainerFacts): Op[] {
  const { linux = {}, process } = spec;
  const cwd = process?.cwd ?? '/';
  return [
    ...(cwd === '/' ? [] : [{ op: 'make_working_directory', path: cwd, ...firstIds } as const]),
    ...withoutThose(linux.readonlyPaths, skeleton?.readonlyPaths).map((target): Op => ({ op: 'make_read_only', target })),
    ...withoutThose(linux.maskedPaths, skeleton?.maskedPaths).map((target): Op => ({ op: 'mask', target })),
    ...(spec.root?.readonly === true ? planAttributes('/', { set: k.MOUNT_ATTR_RDONLY, clear: 0 }, false) : []),
  ];
}

const shared: Readonly<Record<string, number>> = {
  shared: k.MS_SHARED,
  rshared: k.MS_SHARED | k.MS_REC,
  unbindable: k.MS_UNBINDABLE,
  runbindable: k.MS_UNBINDABLE | k.MS_REC,
};

/** Mounts that are to be shared from now on. Not before the root is entered: pivot_root(2) takes no shared mount. */
function planPropagation(spec: Spec, { sharedInside }: ContainerFacts): Op[] {
  const flags = shared[sharedInside ? 'rshared' : (spec.linux?.rootfsPropagation ?? '')];
  return flags === undefined ? [] : [{ op: 'set_root_propagation', flags }];
}

function withoutThose(paths: readonly string[] = [], done: readonly string[] = []): string[] {
  return paths.filter((path) => !done.includes(path));
}
