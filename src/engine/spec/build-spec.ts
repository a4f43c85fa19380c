import type { LinuxCapabilities, LinuxDevice, Process, Rlimit, Spec, SpecMount } from '#oci';
import { allCapabilities, availableCapabilities, defaultCapabilities, type CgroupLayout, type ResolvedUser } from '#runtime';
import { mergeEnvironment } from '../container/effective.ts';
import { endingSignal, type ContainerRecord } from '../container/record.ts';
import type { CreateRequest } from '../model.ts';
import { capabilitiesOf } from './capabilities.ts';
import { canRestrictDevices } from './devices.ts';
import { planMounts } from './mounts.ts';
import { defaultSysctls, planVisibility } from './skeleton.ts';

export interface SpecFacts {
  /** The process's user, looked up in the container's own /etc. */
  readonly user: ResolvedUser;
  /** The container has a user namespace of its own. */
  readonly ownUsers: boolean;
  /** The engine runs in a machine, which has fewer ids than a host. */
  readonly inMachine?: boolean;
  readonly layout: CgroupLayout;
  /** Beyond those that every container has; the same that the skeleton was planned with. */
  readonly devices?: readonly LinuxDevice[];
  /** What comes with devices; their mounts stand last. */
  readonly extra?: { readonly mounts: readonly SpecMount[]; readonly env: readonly string[]; readonly gids: readonly number[] };
  /** Host path of bosun, when the container asked for an init of ours. */
  readonly init: string | null;
}

/** Where our own init is bound in the container, as Docker's. */
const initTarget = '/sbin/docker-init';

/** A container's record as an OCI spec (runtime-spec config). Pure. Namespaces, ids and cgroup are the sandbox's and are not repeated. */
export function buildSpec(record: ContainerRecord, facts: SpecFacts): Spec {
  const { request } = record;
  const init = facts.init === null ? [] : [{ destination: initTarget, type: 'bind', source: facts.init, options: ['bind', 'ro'] }];
  return {
    ociVersion: '1.2.0',
    // In the host's namespace of names nothing is to be named.
    ...(request.utsNamespace === 'host' ? {} : { hostname: record.hostname }),
    ...(request.domainname === undefined || request.domainname === '' ? {} : { domainname: request.domainname }),
    root: { path: 'rootfs', readonly: request.readOnlyRoot === true },
    mounts: [...planMounts(record.kind, request, record.mounts), ...init, ...(facts.extra?.mounts ?? [])],
    process: planProcess(record, facts),
    annotations: { 'org.opencontainers.image.stopSignal': endingSignal(record.process), ...request.annotations },
    linux: {
      sysctl: { ...defaultSysctls({ ...facts, network: record.network }), ...request.sysctls },
      rootfsPropagation: 'rprivate',
      devices: [...(facts.devices ?? [])],
      ...planVisibility(record),
    },
  };
}

function planProcess(record: ContainerRecord, facts: SpecFacts): Process {
  const { request, process } = record;
  const argv = [...process.entrypoint, ...process.command];
  const terminal = request.terminal === true;
  return {
    terminal,
    args: facts.init === null ? argv : [initTarget, 'init', '--', ...argv],
    env: withVariables(environmentOf(record, facts.user, terminal), facts.extra?.env ?? []),
    cwd: process.workingDirectory || '/',
    user: { uid: facts.user.uid, gid: facts.user.gid, additionalGids: [...new Set([...facts.user.groups, ...(facts.extra?.gids ?? [])])] },
    capabilities: capabilitySets(record, facts),
    noNewPrivileges: request.noNewPrivileges === true,
    ...(request.appArmorProfile === undefined ? {} : { apparmorProfile: request.appArmorProfile }),
    rlimits: rlimitsOf(request),
    ...(request.oomScoreAdjust === undefined ? {} : { oomScoreAdj: request.oomScoreAdjust }),
  };
}

/** Those of devices take the place of others of their name. */
function withVariables(env: readonly string[], added: readonly string[]): string[] {
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('='));
  const names = new Set(added.map(nameOf));
  return [...env.filter((entry) => !names.has(nameOf(entry))), ...added];
}

/** Docker's additions, each only where image and request are silent. */
function environmentOf(record: ContainerRecord, user: ResolvedUser, terminal: boolean): string[] {
  // An empty HOME is none, to runc as well.
  const env = mergeEnvironment(record.process.env, []).filter((entry) => entry !== 'HOME=');
  // A name without a value asks that there be no such variable. HOME there is always.
  const unwanted = record.process.env.filter((entry) => !entry.includes('=') && entry !== 'HOME');
  const names = new Set([...env.map((entry) => entry.slice(0, entry.indexOf('='))), ...unwanted]);
  const additions = [
    `HOSTNAME=${record.hostname}`,
    ...(terminal ? ['TERM=xterm'] : []),
    ...(record.kind === 'system' ? ['container=orlop'] : []),
    `HOME=${user.home}`,
  ];
  return [...env, ...additions.filter((entry) => !names.has(entry.slice(0, entry.indexOf('='))))];
}

/** All that there are, as far as the engine has them itself: outside a user namespace of its own nobody gets more. */
function privilegedSet(record: ContainerRecord): readonly string[] {
  return record.request.userNamespace === 'auto' ? allCapabilities : availableCapabilities();
}

/** What its processes can have at most: all of an own user namespace for a machine, Docker's default set for an app. */
export function boundingSet(record: ContainerRecord, layout: CgroupLayout, ownUsers: boolean): string[] {
  const { request } = record;
  const base = request.privileged === true ? privilegedSet(record) : record.kind === 'system' ? allCapabilities : defaultCapabilities;
  const names = capabilitiesOf(base, request.capAdd ?? [], request.capDrop ?? []);
  return ownUsers || maySeeDevices(record, layout) ? names : names.filter((name) => name !== 'CAP_MKNOD');
}

/** A root that is the host's must not make nodes for devices where no cgroup can keep it from opening them. */
function maySeeDevices({ request }: ContainerRecord, layout: CgroupLayout): boolean {
  return request.privileged === true || canRestrictDevices(layout);
}

function capabilitySets(record: ContainerRecord, facts: SpecFacts): LinuxCapabilities {
  const names = boundingSet(record, facts.layout, facts.ownUsers);
  // A process that is not root keeps only the bounding set, as Docker's does.
  const held = facts.user.uid === 0 ? names : [];
  return { bounding: names, effective: held, permitted: held, inheritable: [], ambient: [] };
}

/** Of each process in the container: its first and those that join it. */
export function rlimitsOf({ ulimits = [] }: Pick<CreateRequest, 'ulimits'>): Rlimit[] {
  return ulimits.map(rlimitOf);
}

function rlimitOf(limit: NonNullable<CreateRequest['ulimits']>[number]): Rlimit {
  const number = (value: number): number | bigint => (value < 0 ? 0xffff_ffff_ffff_ffffn : value);
  return { type: `RLIMIT_${limit.name.toUpperCase()}`, soft: number(limit.soft), hard: number(limit.hard) };
}
