import { isOrlopError } from '#errors';
import type { Digest } from '#oci';
import type { Endpoint } from './endpoint.ts';
import { pause, pauseMs } from './endpoint.ts';
import { registryFailure, type Subject } from './failures.ts';
import type { WireAnswer } from './http/send.ts';
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

/** Chunks that one PATCH may hold in memory, whatever a registry asks for. */
const maxChunkBytes = 256 * 1024 * 1024;
const octets = { 'content-type': 'application/octet-stream' };

/** POST ?mount&from: true when the registry did it; false when it opened an upload instead, which is given up. */
export async function mountBlob(place: UploadPlace, digest: Digest, fromPath: string, options: CallOptions): Promise<boolean> {
  const { path } = place.endpoint.location;
  const query = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(fromPath)}`;
  const answer = await place.endpoint.call({
    method: 'POST',
    target: `/v2/${path}/blobs/uploads/?${query}`,
    scopes: [...place.scopes, `repository:${fromPath}:pull`],
    object: objectOf(place, digest),
    expect: [201, 202],
    repeatable: false,
    signal: options.signal,
  });
  await answer.discard();
  if (answer.status === 201) return true;
  const location = locationOf(answer, subjectOf(place, digest));
  await cancelUpload(place, location, digest);
  return false;
}

/** A whole upload is tried again when its connection breaks; a registry forgets what it has of the broken one. */
export async function uploadBlob(place: UploadPlace, blob: Blob, open: OpenBlob, options: UploadOptions): Promise<void> {
  const subject = subjectOf(place, blob.digest);
  for (let tries = 1; ; tries++) {
    try {
      await uploadOnce(place, blob, open, options);
      return;
    } catch (error) {
      const temporary = isOrlopError(error, 'unavailable') || isOrlopError(error, 'deadline-exceeded');
      if (!temporary || tries >= place.limits.attempts || options.signal?.aborted === true) throw error;
      await pause(pauseMs(place.limits, tries), options.signal, subject);
    }
  }
}

async function uploadOnce(place: UploadPlace, blob: Blob, open: OpenBlob, options: UploadOptions): Promise<void> {
  const subject = subjectOf(place, blob.digest);
  const common = { scopes: place.scopes, object: subject.object, repeatable: false, signal: options.signal };
  const begun = await place.endpoint.call({
    ...common,
    method: 'POST',
    target: `/v2/${place.endpoint.location.path}/blobs/uploads/`,
    expect: [202],
  });
  await begun.discard();
  const location = locationOf(begun, subject);
  let at = location;
  try {
    const chunked = options.chunkBytes !== undefined;
    if (chunked) at = await sendChunks(place, blob, { begun, location, open, options });
    const body = chunked ? new Uint8Array(0) : { size: blob.size, open: () => count(open(0), options.onProgress) };
    const end = await place.endpoint.call({
      ...common,
      method: 'PUT',
      target: withDigest(at, blob.digest),
      headers: octets,
      body,
      expect: [201],
      patience: 5,
    });
    await end.discard();
  } catch (error) {
    await cancelUpload(place, at, blob.digest);
    throw error;
  }
}

interface ChunkedUpload {
  readonly begun: WireAnswer;
  readonly location: URL;
  readonly open: OpenBlob;
  readonly options: UploadOptions;
}

/** PATCH by PATCH; each says where the next one goes. */
async function sendChunks(place: UploadPlace, blob: Blob, { begun, location, open, options }: ChunkedUpload): Promise<URL> {
  const subject = subjectOf(place, blob.digest);
  const least = Number(begun.header('oci-chunk-min-length') ?? 0);
  const chunkBytes = Math.max(1, options.chunkBytes ?? 0, Number.isSafeInteger(least) ? least : 0);
  if (chunkBytes > maxChunkBytes)
    throw registryFailure('resource-exhausted', 'REGISTRY_CHUNK_TOO_LARGE', subject, `it wants chunks of ${chunkBytes} bytes`);
  let at = location;
  let start = 0;
  for await (const chunk of regroup(open(0), chunkBytes)) {
    const answer = await place.endpoint.call({
      method: 'PATCH',
      target: at,
      headers: { ...octets, 'content-range': `${start}-${start + chunk.length - 1}` },
      body: chunk,
      scopes: place.scopes,
      object: subject.object,
      expect: [202],
      repeatable: false,
      patience: 5,
      signal: options.signal,
    });
    await answer.discard();
    at = locationOf(answer, subject);
    start += chunk.length;
    options.onProgress?.(start);
  }
  return at;
}

async function* regroup(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source) {
    let from = 0;
    while (length + piece.length - from >= size) {
      const end = from + size - length;
      yield Buffer.concat([...held, piece.subarray(from, end)]);
      from = end;
      held = [];
      length = 0;
    }
    held.push(piece.subarray(from));
    length += piece.length - from;
  }
  if (length > 0) yield Buffer.concat(held);
}

async function* count(source: AsyncIterable<Uint8Array>, report: ((bytes: number) => void) | undefined): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    yield chunk;
    bytes += chunk.length;
    report?.(bytes);
  }
}

/** Where the upload goes on: relative or absolute; another host gets the bytes, never our credentials. */
function locationOf(answer: WireAnswer, subject: Subject): URL {
  const location = answer.header('location');
  if (location !== undefined && URL.canParse(location, answer.url.href)) {
    const url = new URL(location, answer.url);
    if (url.protocol === 'https:' || url.protocol === answer.url.protocol) return url;
  }
  throw registryFailure('unavailable', 'REGISTRY_BAD_LOCATION', subject, 'it does not say where the upload goes on');
}

/** The location is the registry's own text: it is added to, never taken apart. */
function withDigest(location: URL, digest: Digest): URL {
  const url = new URL(location);
  url.search = `${location.search}${location.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return url;
}

/** Best effort: registries clear unfinished uploads away by themselves too. */
async function cancelUpload(place: UploadPlace, location: URL, digest: Digest): Promise<void> {
  await place.endpoint
    .call({
      method: 'DELETE',
      target: location,
      scopes: place.scopes,
      object: objectOf(place, digest),
      expect: [200, 202, 204, 404, 405],
      repeatable: false,
    })
    .then((answer) => answer.discard())
    .catch(() => undefined);
}

const objectOf = (place: UploadPlace, digest: Digest): string => `blob ${digest} for ${place.shown}`;
const subjectOf = (place: UploadPlace, digest: Digest): Subject => ({
  host: place.endpoint.location.host,
  object: objectOf(place, digest),
});
