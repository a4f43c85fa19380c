import type { IdMapping } from '#oci';
import type { IdMap } from './types.ts';

/** The id outside that `id` has, or null when the map does not hold it. */
export function translateId(id: number, mappings: readonly IdMapping[]): number | null {
  const mapping = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return mapping === undefined ? null : mapping.hostID + (id - mapping.containerID);
}

export function sameIdMap(left: IdMap, right: IdMap): boolean {
  return same(left.uids, right.uids) && same(left.gids, right.gids);
}

function same(left: readonly IdMapping[], right: readonly IdMapping[]): boolean {
  const line = ({ containerID, hostID, size }: IdMapping): string => `${containerID} ${hostID} ${size}`;
  return (
    left.length === right.length &&
    left.every((mapping, index) => line(mapping) === line(right[index] ?? mapping) && right[index] !== undefined)
  );
}
