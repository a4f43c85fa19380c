import type { OrlopError } from '#errors';
import type { SpecMount } from '#oci';
import * as k from '#sys';
import type { Op } from '#sys';
import { planCgroupMount } from './cgroup-mount.ts';
import { type MountOptions, parseMountOptions, superblockOptions } from '#sys';
import { type MountFacts, planAttributes, type PlannedMounts, type PreparedMount } from './mount-facts.ts';
import { placeOf } from './places.ts';
import { refuseField, rejectField } from './refuse.ts';

export function planMounts(mounts: readonly SpecMount[], facts: MountFacts): PlannedMounts {
  const mounting: Op[] = [];
  const sealing: Op[] = [];
  mounts.forEach((mount, index) => {
    if (facts.furnished?.has(index) === true) return;
    const planned = planMount(mount, index, facts);
    mounting.push(...planned.mounting);
    sealing.push(...planned.sealing);
  });
  return { mounting, sealing };
}

export function isBind(mount: SpecMount): boolean {
  return mount.type === 'bind' || (mount.options ?? []).some((option) => option === 'bind' || option === 'rbind');
}

/** Nothing new is mounted. */
export function isRemount(mount: SpecMount): boolean {
  return mount.options?.includes('remount') === true;
}

function planMount(mount: SpecMount, index: number, facts: MountFacts): PlannedMounts {
  const at = `mounts[${index}]`;
  const target = checkTarget(mount, at);
  const options = parseMountOptions(mount.options ?? []);
  checkOptions(mount, options, at);
  if (options.remount) return { mounting: planRemount(target, options), sealing: [] };
  const prepared = facts.prepared.get(index);
  if (prepared !== undefined) return { mounting: planPrepared(target, options, prepared, facts), sealing: [] };
  if (isBind(mount)) throw rejectField(`${at}.source`, 'was not opened');
  if (mount.type === 'cgroup') return planCgroupMount(target, options, facts, at);
  return planFileSystem(mount, target, options, facts);
}

/**
 * Where a mount may go. Inside /proc only what stands in for a kernel's report about resources (lxcfs) is allowed: anything else could
 * make the runtime itself believe a forged /proc (CVE-2019-16884 and its kin); the list is runc's.
 */
function checkTarget(mount: SpecMount, at: string): string {
  const target = placeOf(mount);
  if (target === '/') throw rejectField(`${at}.destination`, 'is the root itself', 'mount on a directory below it');
  if (target.startsWith('/proc/') && !(isBind(mount) && maskableReports.has(target))) {
    throw rejectField(`${at}.destination`, `${JSON.stringify(mount.destination)} lies inside /proc`, 'mount it elsewhere');
  }
  if (target === '/proc' && !isBind(mount) && !isRemount(mount) && mount.type !== 'proc') throw rejectOverProc(at, mount);
  return target;
}

/** Whoever mounts something else on /proc could make the runtime believe a forged one. */
export function rejectOverProc(at: string, { destination }: SpecMount): OrlopError {
  return rejectField(`${at}.destination`, `${JSON.stringify(destination)} takes a file system of type proc alone`, 'mount it elsewhere');
}

const maskableReports = new Set(
  [
    'cpuinfo',
    'diskstats',
    'meminfo',
    'stat',
    'swaps',
    'uptime',
    'loadavg',
    'slabinfo',
    'sys/kernel/ns_last_pid',
    'sys/crypto/fips_enabled',
  ].map((name) => `/proc/${name}`),
);

function checkOptions(mount: SpecMount, options: MountOptions, at: string): void {
  const meaningless = options.data.filter((option) => !superblockOptions.has(option));
  if (isBind(mount) && meaningless.length > 0)
    throw rejectField(`${at}.options`, `${JSON.stringify(meaningless)} mean nothing for a bind mount`);
  if (options.remount && options.copyUp) throw rejectField(`${at}.options`, '"tmpcopyup" needs a new mount, "remount" keeps the old one');
  if (options.copyUp && mount.type !== 'tmpfs') throw rejectField(`${at}.options`, '"tmpcopyup" is for tmpfs only');
  const mapped = (mount.uidMappings ?? mount.gidMappings) !== undefined || options.idmap !== 'no';
  if (mapped && !isBind(mount)) throw refuseField(`${at}.uidMappings`, 'only bind mounts can map ids');
}

function planPrepared(target: string, options: MountOptions, prepared: PreparedMount, facts: MountFacts): Op[] {
  return [...planPlacing(target, prepared, facts), ...planPropagation(target, options)];
}

function planPlacing(target: string, prepared: PreparedMount, { slots }: MountFacts): Op[] {
  if ('descriptor' in prepared) return [{ op: 'attach_mount', mount: slots.add(prepared.descriptor), target, make: makeOf(prepared) }];
  if ('queue' in prepared) return [{ op: 'attach_queued', queue: slots.add(prepared.queue), target, make: makeOf(prepared) }];
  const { own, tree } = prepared;
  const recursive = prepared.recursive ? 1 : 0;
  const binding: Op =
    'source' in prepared
      ? { op: 'bind', source: prepared.source, target, recursive, make: makeOf(prepared) }
      : {
          op: 'bind_inside',
          source: prepared.inside,
          target,
          recursive,
          userns: prepared.users === null ? k.noSlot : slots.add(prepared.users),
          mapped: prepared.mapsTree ? 1 : 0,
        };
  return [binding, ...planAttributes(target, own, false), ...planAttributes(target, tree, true)];
}

function makeOf({ file }: { readonly file: boolean }): number {
  return file ? 2 : 1;
}

/**
 * mount(8), "remount": what is mounted at target changes in what the options name, and keeps the rest. `bind` leaves the file system alone. In a user namespace
 * the kernel refuses to clear what came locked from outside (mount_namespaces(7)).
 */
function planRemount(target: string, options: MountOptions): Op[] {
  const reconfigure = options.bind === 'no' && options.data.length > 0;
  return [
    ...(reconfigure ? [{ op: 'reconfigure_mount', target, options: options.data } as const] : []),
    ...planAttributes(target, options.own, options.bind === 'tree'),
    ...planAttributes(target, options.tree, true),
    ...planPropagation(target, options),
  ];
}

/** A file system of its own: the attributes come with it, so there is no moment at which it lies there without them. */
function planFileSystem(mount: SpecMount, target: string, options: MountOptions, facts: MountFacts): PlannedMounts {
  const fstype = mount.type ?? '';
  const late = fstype === 'tmpfs' && (options.own.set & k.MOUNT_ATTR_RDONLY) !== 0;
  const attributes = (options.own.set | options.tree.set) & ~(late ? k.MOUNT_ATTR_RDONLY : 0);
  // The file system itself as well: one on a device must not be written to, not even by its journal.
  const sealed = (attributes & k.MOUNT_ATTR_RDONLY) === 0 ? [] : ['ro'];
  const label = facts.label === null || unlabelled.has(fstype) ? [] : [`context=${facts.label}`];
  // A tmpfs on /tmp or /run has the permissions that the image gave these, as with runc.
  const make = fstype === 'tmpfs' && !options.data.some((option) => option.startsWith('mode=')) ? 3 : 1;
  return {
    mounting: [
      { op: 'mount', fstype, source: mount.source ?? fstype, options: [...sealed, ...options.data, ...label], attributes, target, make },
      ...planPropagation(target, options),
    ],
    sealing: late ? planAttributes(target, { set: k.MOUNT_ATTR_RDONLY, clear: 0 }, false) : [],
  };
}

/** File systems whose files the kernel labels itself. */
const unlabelled = new Set(['proc', 'sysfs', 'mqueue', 'cgroup2']);

function planPropagation(target: string, options: MountOptions): Op[] {
  return options.propagation.map(({ flag, recursive }) => ({
    op: 'set_mount_attributes',
    target,
    set: 0,
    clear: 0,
    propagation: flag,
    recursive: recursive ? 1 : 0,
    userns: k.noSlot,
  }));
}
