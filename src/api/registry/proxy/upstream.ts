import type { Descriptor, Digest } from '#oci';
import type { RepositoryName, Reference } from '../spec/names.ts';

/** The registry that a pull-through cache stands before. Null means: it has no such thing. Fails with unavailable when it cannot be asked. */
export interface Upstream {
  /** The digest that a tag leads to now, without its manifest. */
  resolveTag(name: RepositoryName, tag: string, signal: AbortSignal): Promise<Digest | null>;
  fetchManifest(name: RepositoryName, reference: Reference, signal: AbortSignal): Promise<UpstreamManifest | null>;
  openBlob(name: RepositoryName, blob: Descriptor, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | null>;
}

export interface UpstreamManifest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}
