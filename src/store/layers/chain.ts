import { createHash } from 'node:crypto';
import { type Digest, formatDigest } from '#oci';
import type { ChainId } from '../types.ts';

/** The chain-id of a diff on top of a parent chain: the diff-id itself for a base layer (image-spec config, "Layer ChainID"). */
export function extendChain(parent: ChainId | null, diffId: Digest): ChainId {
  if (parent === null) return diffId;
  return formatDigest('sha256', createHash('sha256').update(`${parent} ${diffId}`).digest('hex'));
}

/** The chain-id of layers given base first; null for none. */
export function chainIdOf(diffIds: readonly Digest[]): ChainId | null {
  return diffIds.reduce<ChainId | null>(extendChain, null);
}

/** The chain-ids of each prefix, base first. */
export function chainIdsOf(diffIds: readonly Digest[]): ChainId[] {
  let chain: ChainId | null = null;
  return diffIds.map((diffId) => (chain = extendChain(chain, diffId)));
}
