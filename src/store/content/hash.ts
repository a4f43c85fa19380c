import { createHash, hash as hashOnce } from 'node:crypto';
import { type Digest, type DigestAlgorithm, formatDigest } from '#oci';

/** The digest of bytes at hand. */
export function hash(algorithm: DigestAlgorithm, data: Uint8Array): Digest {
  return formatDigest(algorithm, hashOnce(algorithm, data, 'hex'));
}

export interface RunningHash {
  update(chunk: Uint8Array): void;
  finish(): Digest;
}

export function createRunningHash(algorithm: DigestAlgorithm): RunningHash {
  const state = createHash(algorithm);
  return {
    update(chunk) {
      state.update(chunk);
    },
    finish: () => formatDigest(algorithm, state.digest('hex')),
  };
}
