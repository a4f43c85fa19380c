import type { IdMapping } from '#oci';

/** The id outside that `id` has, or null when the map does not hold it. */
export function translateId(id: number, mappings: readonly IdMapping[]): number | null {
  const mapping = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return mapping === undefined ? null : mapping.hostID + (id - mapping.containerID);
}
