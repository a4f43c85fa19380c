import { createHash } from 'node:crypto';
import { type Descriptor, type Digest, digestAlgorithm, digestHex, formatDigest, isDigest, maxManifestBytes, mediaTypes } from '#oci';
import type { Endpoint } from './endpoint.ts';
import { wireFailure } from './endpoint.ts';
import { registryFailure, type Subject } from './failures.ts';
import { collect, type WireAnswer } from './http/send.ts';
import type { CallOptions, ManifestAnswer } from './types.ts';

const accepted = [mediaTypes.ociIndex, mediaTypes.ociManifest, mediaTypes.dockerIndex, mediaTypes.dockerManifest].join(', ');

/** `registry.example/team/app:1` or `…@sha256:…`, for messages. */
export function objectOf(repository: string, reference: string): string {
  return `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
}

export interface ManifestPlace {
  readonly endpoint: Endpoint;
  /** As people name it. */
  readonly shown: string;
  readonly scopes: readonly string[];
}

/** HEAD. Null when there is none; a registry that does not say the digest is asked for the whole manifest. */
export async function resolveManifest(place: ManifestPlace, reference: string, options: CallOptions): Promise<Descriptor | null> {
  const answer = await request(place, 'HEAD', reference, options);
  await answer.discard();
  if (answer.status === 404) return null;
  const digest = answer.header('docker-content-digest') ?? '';
  const size = Number(answer.header('content-length') ?? Number.NaN);
  if (!isDigest(digest) || !Number.isSafeInteger(size)) return (await fetchManifest(place, reference, options)).descriptor;
  if (isDigest(reference) && reference !== digest) throw lie(subjectOf(place, reference), digest);
  return { mediaType: typeOf(answer), digest, size };
}

export async function fetchManifest(place: ManifestPlace, reference: string, options: CallOptions): Promise<ManifestAnswer> {
  const subject = subjectOf(place, reference);
  const answer = await request(place, 'GET', reference, options, [200]);
  const bytes = await collect(answer, maxManifestBytes).catch((error: unknown) => {
    if (error instanceof RangeError)
      throw registryFailure('invalid-argument', 'REGISTRY_TOO_LARGE', subject, `the manifest has ${error.message}`);
    throw wireFailure(error, subject, options.signal);
  });
  const announced = answer.header('docker-content-digest') ?? '';
  const wanted = isDigest(reference) ? reference : isDigest(announced) ? announced : null;
  const digest = hashOf(bytes, wanted);
  if (wanted !== null && digest !== wanted) throw lie(subject, digest);
  return { descriptor: { mediaType: typeOf(answer), digest, size: bytes.length }, bytes };
}

export function hashOf(bytes: Uint8Array, like: Digest | null): Digest {
  const algorithm = like === null ? 'sha256' : digestAlgorithm(like);
  return formatDigest(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}

/** The tag under which registries without a referrers API keep what refers to a manifest (distribution-spec, "Referrers Tag Schema"). */
export function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest).slice(0, 64)}`;
}

function request(
  place: ManifestPlace,
  method: 'GET' | 'HEAD',
  reference: string,
  options: CallOptions,
  expect: readonly number[] = [200, 404],
) {
  return place.endpoint.call({
    method,
    target: `/v2/${place.endpoint.location.path}/manifests/${reference}`,
    headers: { accept: accepted },
    scopes: place.scopes,
    object: objectOf(place.shown, reference),
    expect,
    repeatable: true,
    signal: options.signal,
  });
}

const subjectOf = (place: ManifestPlace, reference: string): Subject => ({
  host: place.endpoint.location.host,
  object: objectOf(place.shown, reference),
});

const typeOf = (answer: WireAnswer): string => (answer.header('content-type') ?? '').split(';')[0]?.trim() ?? '';

function lie(subject: Subject, digest: string) {
  return registryFailure('data-loss', 'REGISTRY_WRONG_DIGEST', subject, `the manifest that came has the digest ${digest.slice(0, 150)}`);
}
