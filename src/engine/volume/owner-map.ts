/** The first host id of a container's range and how many there are; without a user namespace, all ids. */
export interface OwnerRange {
  readonly first: number;
  readonly count: number;
}

/** All ids but the last, which means "none" (user_namespaces(7)). */
export const allIds: OwnerRange = { first: 0, count: 0xffff_ffff };

/**
 * Lines of a uid_map for an idmapped mount (mount_setattr(2)): who owns a file on disk, whom the container's processes are then. Without `owner` each id is the
 * container's of the same number. With it that owner on disk is the container's root; the disk's root is nobody then, so that nothing in the container can make files for it,
 * and so is whoever has the owner's number in the container.
 */
export function formatOwnerMap({ first, count }: OwnerRange, owner?: number): string {
  if (owner === undefined || owner === 0) return `0 ${first} ${count}\n`;
  const lines: [number, number, number][] = [[owner, first, 1]];
  const below = Math.min(owner, count) - 1;
  if (below > 0) lines.push([1, first + 1, below]);
  const above = count - owner - 1;
  if (above > 0) lines.push([owner + 1, first + owner + 1, above]);
  return lines.map((line) => `${line.join(' ')}\n`).join('');
}
