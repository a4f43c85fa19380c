import { type Digest, type Index } from '#oci';
import { type Endpoint } from './endpoint.ts';
import { type ManifestPlace } from './manifests.ts';
import type { CallOptions } from './types.ts';
export interface ListPlace {
  readonly endpoint: Endpoint;
  /** What is listed, for messages. */
  readonly object: string;
  readonly scopes: readonly string[];
}
/** All pages of `tags/list` or `_catalog`: `field` is the list's name in the answer. Bounded; a page that comes twice ends it with an error. */
export declare function listAll(place: ListPlace, path: string, field: 'tags' | 'repositories', options: CallOptions): Promise<string[]>;
/** GET referrers; 404 means that the registry has no such API, not that there are none. The filter is applied here too: registries may ignore it. */
export declare function listReferrers(
  place: ManifestPlace,
  digest: Digest,
  options: CallOptions & {
    readonly artifactType?: string;
  },
): Promise<Index>;
