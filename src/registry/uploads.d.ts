import type { Digest } from '#oci';
import type { Endpoint } from './endpoint.ts';
import type { CallOptions, OpenBlob, RegistryLimits, UploadOptions } from './types.ts';
export interface UploadPlace {
  readonly endpoint: Endpoint;
  readonly shown: string;
  readonly scopes: readonly string[];
  readonly limits: RegistryLimits;
}
interface Blob {
  readonly digest: Digest;
  readonly size: number;
}
/** POST ?mount&from: true when the registry did it; false when it opened an upload instead, which is given up. */
export declare function mountBlob(place: UploadPlace, digest: Digest, fromPath: string, options: CallOptions): Promise<boolean>;
/** A whole upload is tried again when its connection breaks; a registry forgets what it has of the broken one. */
export declare function uploadBlob(place: UploadPlace, blob: Blob, open: OpenBlob, options: UploadOptions): Promise<void>;
export {};
