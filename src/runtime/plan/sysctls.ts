import * as k from '#sys';
import type { Op } from '#sys';
import type { NamespaceName } from '../sandbox/types.ts';
import type { ArrivalFacts } from './arrival.ts';
import { planAttributes } from './mount-facts.ts';
import { isWithin } from './places.ts';
import { rejectField } from './refuse.ts';
import type { Skeleton } from './skeleton.ts';

/** sysctl(8) names; what is not of a namespace of the container's own would change the host. */
export function planSysctls(sysctls: Readonly<Record<string, string>>, facts: ArrivalFacts): Extract<Op, { op: 'set_sysctl' }>[] {
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

/** Those that the skeleton has not set. What it has made read-only above them is writable for that moment. */
export function planLateSysctls(sysctls: Readonly<Record<string, string>>, skeleton: Skeleton, facts: ArrivalFacts): Op[] {
  const late = Object.fromEntries(Object.entries(sysctls).filter(([name, value]) => skeleton.sysctl[name] !== value));
  const setting = planSysctls(late, facts);
  const sealed = skeleton.readonlyPaths.filter((path) => setting.some((op) => isWithin(`/proc/sys/${op.path}`, path)));
  return [
    ...sealed.flatMap((path) => planAttributes(path, { set: 0, clear: k.MOUNT_ATTR_RDONLY }, true)),
    ...setting,
    ...sealed.flatMap((path) => planAttributes(path, { set: k.MOUNT_ATTR_RDONLY, clear: 0 }, true)),
  ];
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
