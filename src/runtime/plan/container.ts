import type { Spec } from '#oci';
import * as k from '#sys';
import type { Op, Plan } from '#sys';
import type { NamespaceName, Stdio } from '../sandbox/types.ts';
import { planDevices } from './devices.ts';
import { type MountFacts, planAttributes, planMounts } from './mounts.ts';
import { planHook, planProcess, type ProcessFacts } from './process.ts';
import { refuseField, rejectField } from './refuse.ts';
import { planStreams, planTerminal, type StreamFacts } from './standard-streams.ts';
import type { Planned, Slots } from './slots.ts';

export interface ContainerFacts extends MountFacts, StreamFacts, ProcessFacts {
  readonly slots: Slots;
  readonly stdio: Stdio;
  readonly root: { readonly mount: number; readonly at?: number } | { readonly path: string };
  /** New ones. A namespace that is neither here nor in `joined` is the host's. */
  readonly created: ReadonlySet<NamespaceName>;
  readonly joined: ReadonlySet<NamespaceName>;
  readonly hostHasKcore: boolean;
  /** For hosts whose root is an initramfs: chroot instead of pivot_root. */
  readonly noPivot: boolean;
}

/** A config.json as the steps from a parked process to the container's program, in runc's order. Pure. */
export function planContainer(spec: Spec, facts: ContainerFacts): Planned<Plan> {
  refuseWhatWeLack(spec);
  const { process } = spec;
  if (process === undefined) throw rejectField('process', 'is missing');
  if ((process.terminal === true) !== (facts.stdio.mode === 'terminal'))
    throw rejectField('process.terminal', 'does not agree with the streams given');
  const user = process.user ?? { uid: 0, gid: 0 };
  const plan: Op[] = [
    ...planStreams(facts),
    ...planArrival(spec, facts),
    ...planRootFiles(spec, facts),
    ...planTerminal(facts.stdio, user, facts.slots, true),
    ...planHostsHooks(spec, facts),
    ...planIdentity(spec, facts),
    // While the host's /dev/null can still be reached for masks.
    ...planSealing(spec),
    { op: 'enter_root', mode: facts.noPivot ? 1 : 0 },
    ...planPersonality(spec),
    ...planProcess(process, facts, 'process'),
  ];
  return { plan, descriptors: facts.slots.descriptors };
}

/** Everything that runtime-spec knows and the op table does not. */
function refuseWhatWeLack(spec: Spec): void {
  const { linux = {}, process } = spec;
  if (linux.intelRdt !== undefined) throw refuseField('linux.intelRdt', 'Intel RDT is not managed here');
  if (linux.memoryPolicy !== undefined)
    throw refuseField('linux.memoryPolicy', 'memory policies are not set here', 'use linux.resources.cpu.mems');
  if (Object.keys(linux.netDevices ?? {}).length > 0) throw refuseField('linux.netDevices', 'network devices are not moved here');
  if (process?.commandLine !== undefined) throw refuseField('process.commandLine', 'it is for Windows', 'use process.args');
}

/** Becoming the root of the own user namespace, and cutting the mount tree off from the host's. */
function planArrival(spec: Spec, facts: ContainerFacts): Op[] {
  const owned = facts.created.has('user') || facts.joined.has('user');
  if (!facts.created.has('mnt')) throw rejectField('linux.namespaces', 'has no new mount namespace', 'add {"type": "mount"}');
  return [
    ...(owned ? [{ op: 'become', uid: 0, gid: 0 } as const] : []),
    // Only now is the process in its cgroup, which a new cgroup namespace takes as its root.
    ...(facts.created.has('cgroup') ? [{ op: 'unshare', flags: k.CLONE_NEWCGROUP } as const] : []),
    { op: 'set_root_propagation', flags: k.MS_REC | (isPrivate(spec) ? k.MS_PRIVATE : k.MS_SLAVE) },
    ...(facts.created.has('net') ? [{ op: 'bring_up_loopback' } as const] : []),
    'path' in facts.root
      ? { op: 'open_root', path: facts.root.path }
      : {
          op: 'attach_root',
          mount: facts.slots.add(facts.root.mount),
          at: facts.root.at === undefined ? k.noSlot : facts.slots.add(facts.root.at),
        },
  ];
}

function isPrivate(spec: Spec): boolean {
  return ['private', 'rprivate'].includes(spec.linux?.rootfsPropagation ?? '');
}

function planRootFiles(spec: Spec, facts: ContainerFacts): Op[] {
  const { mounting, sealing } = planMounts(spec.mounts ?? [], facts);
  const userNamespace = facts.created.has('user') || facts.joined.has('user');
  // A /dev that is bound from outside is complete already and not ours to change.
  const ownDev = !(spec.mounts ?? []).some(
    (mount) => /^\/dev\/*$/.test(mount.destination) && facts.prepared.has((spec.mounts ?? []).indexOf(mount)),
  );
  const devices = ownDev ? planDevices(spec.linux?.devices ?? [], { userNamespace, hostHasKcore: facts.hostHasKcore }) : [];
  return [...mounting, ...devices, ...sealing];
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
    ...planSysctls(spec.linux?.sysctl ?? {}, facts),
  ];
}

/** sysctl(8) names; what is not of a namespace of the container's own would change the host. */
function planSysctls(sysctls: Readonly<Record<string, string>>, facts: ContainerFacts): Op[] {
  return Object.entries(sysctls).map(([name, value]) => {
    const path = sysctlPath(name);
    const namespace = namespaceOfSysctl(path);
    const owned = namespace !== null && (facts.created.has(namespace) || facts.joined.has(namespace));
    if (!owned || path.split('/').includes('..')) {
      const why = namespace === null ? 'is not of any namespace: setting it would change the host' : `needs an own ${namespace} namespace`;
      throw rejectField(`linux.sysctl["${name}"]`, why);
    }
    return { op: 'set_sysctl', path, value };
  });
}

/** sysctl.d(5): the first separator decides whether dots or slashes separate; the other one then stands for itself. */
export function sysctlPath(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first !== '.') return name;
  return name.replaceAll(/[./]/g, (separator) => (separator === '.' ? '/' : '.'));
}

const ipcSysctls = new Set(
  ['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced'].map((name) => `kernel/${name}`),
);

function namespaceOfSysctl(path: string): NamespaceName | null {
  if (path.startsWith('net/')) return 'net';
  if (ipcSysctls.has(path) || path.startsWith('fs/mqueue/')) return 'ipc';
  // The host name has a field of its own in the spec; the domain name may come either way.
  if (path === 'kernel/domainname') return 'uts';
  if (path.startsWith('user/')) return 'user';
  return null;
}

/** The last changes to the file system, after which it is as the process may see it. */
function planSealing(spec: Spec): Op[] {
  const { linux = {}, process } = spec;
  const cwd = process?.cwd ?? '/';
  const shared = {
    shared: k.MS_SHARED,
    rshared: k.MS_SHARED | k.MS_REC,
    unbindable: k.MS_UNBINDABLE,
    runbindable: k.MS_UNBINDABLE | k.MS_REC,
  };
  const propagation = shared[linux.rootfsPropagation as keyof typeof shared] ?? 0;
  return [
    ...(cwd === '/' ? [] : [{ op: 'make_working_directory', path: cwd, uid: 0, gid: 0 } as const]),
    ...(linux.readonlyPaths ?? []).map((target): Op => ({ op: 'make_read_only', target })),
    ...(linux.maskedPaths ?? []).map((target): Op => ({ op: 'mask', target })),
    ...(spec.root?.readonly === true ? planAttributes('/', { set: k.MOUNT_ATTR_RDONLY, clear: 0 }, false) : []),
    ...(propagation === 0
      ? []
      : [
          {
            op: 'set_mount_attributes',
            target: '/',
            set: 0,
            clear: 0,
            propagation: propagation & ~k.MS_REC,
            recursive: (propagation & k.MS_REC) === 0 ? 0 : 1,
            userns: k.noSlot,
          } as const,
        ]),
  ];
}

/** personality(2): PER_LINUX32 makes uname(2) speak of the 32-bit machine. */
function planPersonality(spec: Spec): Op[] {
  const personality = spec.linux?.personality;
  if (personality === undefined) return [];
  if ((personality.flags ?? []).length > 0) throw refuseField('linux.personality.flags', 'runtime-spec names none yet');
  return [{ op: 'set_personality', persona: personality.domain === 'LINUX32' ? 0x0008 : 0 }];
}
