import { readFileSync } from 'node:fs';
import type { IdMapping } from '#oci';
import type { IdMap } from './types.ts';

/** The id outside that `id` has, or null when the map does not hold it. */
export function translateId(id: number, mappings: readonly IdMapping[]): number | null {
  const mapping = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return mapping === undefined ? null : mapping.hostID + (id - mapping.containerID);
}

/** Who a process is in its user namespace until it becomes the container's user: root, or the first id where that is not mapped. */
export function firstIds(idMap: IdMap | null): { readonly uid: number; readonly gid: number } {
  const first = (mappings: readonly IdMapping[]): number => (translateId(0, mappings) === null ? (mappings[0]?.containerID ?? 0) : 0);
  return { uid: first(idMap?.uids ?? []), gid: first(idMap?.gids ?? []) };
}

/** The map of the user namespace that a process is in (user_namespaces(7)), with ids outside as we see them. */
export function readIdMap(pid: number): IdMap {
  return { uids: readMappings(`/proc/${pid}/uid_map`), gids: readMappings(`/proc/${pid}/gid_map`) };
}

function readMappings(file: string): IdMapping[] {
  const rows = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return rows.map((row) => {
    const [containerID = 0, hostID = 0, size = 0] = row.trim().split(/\s+/).map(Number);
    return { containerID, hostID, size };
  });
}

/** Whether two maps say the same, in whatever order. */
export function areSameMaps(left: IdMap, right: IdMap): boolean {
  return formatMap(left.uids) === formatMap(right.uids) && formatMap(left.gids) === formatMap(right.gids);
}

function formatMap(mappings: readonly IdMapping[]): string {
  return mappings
    .map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}`)
    .toSorted()
    .join('\n');
}
