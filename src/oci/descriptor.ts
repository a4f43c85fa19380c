import { array, type Decoder, integer, object, optional, record, refuse, required, string } from './json/decode.ts';
import { type Digest, isDigest } from './digest.ts';
import { type Platform, platformDecoder } from './platform.ts';

/** image-spec descriptor: points at content by digest. `size` in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Base64 of the content itself. */
  readonly data?: string;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

export const digestDecoder: Decoder<Digest> = (value, path) =>
  typeof value === 'string' && isDigest(value) ? value : refuse(path, 'a digest', value);

export const descriptorDecoder: Decoder<Descriptor> = object<Descriptor>({
  mediaType: required(string),
  digest: required(digestDecoder),
  size: required(integer(0, Number.MAX_SAFE_INTEGER)),
  urls: optional(array(string)),
  annotations: optional(record(string)),
  data: optional(string),
  artifactType: optional(string),
  platform: optional(platformDecoder),
});
