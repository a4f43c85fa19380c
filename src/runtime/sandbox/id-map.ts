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
