import type { IdMapping, TimeOffset } from '#oci';
import { namespaceFlags, noSlot, type Op, type Plan } from '#sys';
import type { IdMap, NamespaceName, NamespaceRequest } from '../sandbox/types.ts';
import { rejectField } from './refuse.ts';
import { type FurnishFacts, planFurnishing, type Skeleton } from './skeleton.ts';
import { createSlots, type Planned } from './slots.ts';

export interface SandboxRequest {
  readonly namespaces: readonly NamespaceRequest[];
  /** For a new user namespace. */
  readonly idMap: IdMap | null;
  /** The `tasks` files of v1 hierarchies. */
  readonly taskFiles: readonly string[];
  /** Descriptor of a cgroup2 directory to be born in. */
  readonly birthplace: number | null;
  readonly oomScoreAdjust: { readonly value: number; readonly required: boolean } | null;
  readonly timeOffsets: Readonly<Record<string, TimeOffset>> | null;
  /** What the process builds before it waits. */
  readonly furnishing: {
    readonly skeleton: Skeleton;
    readonly facts: Omit<FurnishFacts, 'created' | 'joined' | 'ownCgroupNamespace'>;
  } | null;
}

/**
 * The process before it is anybody's: in its namespaces and cgroup, waiting. Joined namespaces come first and the user namespace last among
 * them: with the host's privileges every other one can be joined, whoever owns it. A new cgroup namespace is left to the run plan,
 * because it takes the cgroup that the process is in at that moment as its root, or to the furnishing.
 */
export function planSandbox(request: SandboxRequest): Planned<Plan> {
  const slots = createSlots();
  const created = createdNamespaces(request.namespaces);
  const flags = [...created].filter((name) => name !== 'cgroup').reduce((bits, name) => bits | namespaceFlags[name], 0);
  const plan: Op[] = [
    ...planCgroupJoins(request.taskFiles),
    ...planJoins(request.namespaces, (descriptor) => slots.add(descriptor)),
    ...planTimeOffsets(request.timeOffsets, created),
    { op: 'clone', flags, cgroup: request.birthplace === null ? noSlot : slots.add(request.birthplace) },
    ...planMaps(request.idMap, created),
    ...(request.oomScoreAdjust === null
      ? []
      : [{ op: 'set_oom_score', value: request.oomScoreAdjust.value, required: request.oomScoreAdjust.required ? 1 : 0 } as const]),
    ...planFurniture(request, created),
  ];
  return { plan, descriptors: slots.descriptors };
}

export function createdNamespaces(namespaces: readonly NamespaceRequest[]): ReadonlySet<NamespaceName> {
  return new Set(namespaces.filter((namespace) => namespace.join === undefined).map((namespace) => namespace.name));
}

export function joinedNamespaces(namespaces: readonly NamespaceRequest[]): ReadonlySet<NamespaceName> {
  return new Set(namespaces.filter((namespace) => namespace.join !== undefined).map((namespace) => namespace.name));
}

function planFurniture({ furnishing, namespaces }: SandboxRequest, created: ReadonlySet<NamespaceName>): Op[] {
  if (furnishing === null) return [];
  const ownCgroupNamespace = namespaces.some(({ name }) => name === 'cgroup');
  return planFurnishing(furnishing.skeleton, { ...furnishing.facts, created, joined: joinedNamespaces(namespaces), ownCgroupNamespace });
}

/** First of all, while the host's paths are still ours. */
export function planCgroupJoins(taskFiles: readonly string[]): Op[] {
  return taskFiles.map((tasks) => ({ op: 'join_cgroup', tasks }));
}

function planJoins(namespaces: readonly NamespaceRequest[], slotOf: (descriptor: number) => number): Op[] {
  const rank = (name: NamespaceName): number => (name === 'user' ? 2 : name === 'mnt' ? 1 : 0);
  return namespaces
    .toSorted((left, right) => rank(left.name) - rank(right.name))
    .flatMap(({ name, join }): Op[] =>
      join === undefined ? [] : [{ op: 'join_namespaces', fd: slotOf(join), flags: namespaceFlags[name] }],
    );
}

/** time_namespaces(7): `monotonic 172800 0`. */
function planTimeOffsets(offsets: SandboxRequest['timeOffsets'], created: ReadonlySet<NamespaceName>): Op[] {
  const entries = Object.entries(offsets ?? {});
  if (entries.length === 0) return [];
  if (!created.has('time'))
    throw rejectField('linux.timeOffsets', 'needs a new time namespace', 'add {"type": "time"} to linux.namespaces');
  const lines = entries.map(([clock, { secs = 0, nanosecs = 0 }]) => {
    if (clock !== 'monotonic' && clock !== 'boottime') throw rejectField(`linux.timeOffsets.${clock}`, 'is no clock with an offset');
    return `${clock} ${secs} ${nanosecs}\n`;
  });
  return [{ op: 'set_time_offsets', text: lines.join('') }];
}

function planMaps(idMap: IdMap | null, created: ReadonlySet<NamespaceName>): Op[] {
  if (!created.has('user')) return [];
  if (idMap === null || idMap.uids.length === 0 || idMap.gids.length === 0) {
    throw rejectField('linux.uidMappings', 'and gidMappings are needed for a new user namespace');
  }
  return [{ op: 'map_ids', uids: formatIdMap(idMap.uids), gids: formatIdMap(idMap.gids) }];
}

/** user_namespaces(7): lines of "inside outside count". */
export function formatIdMap(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
}
