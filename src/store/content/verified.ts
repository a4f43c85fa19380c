import type { Digest } from '#oci';
import type { Lease } from '../types.ts';

/** The blobs that were compared with their digests while they were written under a lease: they need not be read for that again until it ends. */
export interface VerifiedBlobs {
  add(lease: Lease, blob: Digest): void;
  has(lease: Lease, blob: Digest): boolean;
}

export function createVerifiedBlobs(): VerifiedBlobs {
  const blobs = new WeakMap<Lease, Set<Digest>>();
  return {
    add: (lease, blob) => void blobs.set(lease, (blobs.get(lease) ?? new Set()).add(blob)),
    has: (lease, blob) => blobs.get(lease)?.has(blob) === true,
  };
}
