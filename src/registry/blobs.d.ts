import { type Descriptor } from '#oci';
import { type Endpoint } from './endpoint.ts';
import type { FetchBlobOptions, RegistryLimits } from './types.ts';
export interface BlobPlace {
  readonly endpoint: Endpoint;
  readonly shown: string;
  readonly scopes: readonly string[];
  readonly limits: RegistryLimits;
}
/**
 * The bytes of a blob, its size checked always and its digest unless the reader does. A connection that breaks or stalls is taken up where it broke, as long as
 * each try brings something and `attempts` in a row do not fail.
 */
export declare function streamBlob(place: BlobPlace, blob: Descriptor, options: FetchBlobOptions): AsyncGenerator<Buffer>;
