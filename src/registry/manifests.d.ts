import { type Descriptor, type Digest } from '#oci';
import type { Endpoint } from './endpoint.ts';
import type { CallOptions, ManifestAnswer } from './types.ts';
/** `registry.example/team/app:1` or `…@sha256:…`, for messages. */
export declare function objectOf(repository: string, reference: string): string;
export interface ManifestPlace {
  readonly endpoint: Endpoint;
  /** As people name it. */
  readonly shown: string;
  readonly scopes: readonly string[];
}
/** HEAD. Null when there is none; a registry that does not say the digest is asked for the whole manifest. */
export declare function resolveManifest(place: ManifestPlace, reference: string, options: CallOptions): Promise<Descriptor | null>;
export declare function fetchManifest(place: ManifestPlace, reference: string, options: CallOptions): Promise<ManifestAnswer>;
export declare function hashOf(bytes: Uint8Array, like: Digest | null): Digest;
/** The tag under which registries without a referrers API keep what refers to a manifest (distribution-spec, "Referrers Tag Schema"). */
export declare function referrersTag(digest: Digest): string;
