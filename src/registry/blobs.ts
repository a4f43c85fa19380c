import { createHash } from 'node:crypto';
import { isOrlopError } from '#errors';
import { type Descriptor, digestAlgorithm, digestHex, isForeignLayerType } from '#oci';
import { type Endpoint, isTemporary, pause, pauseMs, wireFailure } from './endpoint.ts';
import { registryFailure, type Subject } from './failures.ts';
import type { WireAnswer } from './http/send.ts';
import type { FetchBlobOptions, RegistryLimits } from './types.ts';

export interface BlobPlace {
  readonly endpoint: Endpoint;
  readonly shown: string;
  readonly scopes: readonly string[];
  readonly limits: RegistryLimits;
}

/** Bytes by which a try counts as progress: a server that gives one byte each time is not waited for. */
const worthATry = 64 * 1024;

/**
 * The bytes of a blob, its size checked always and its digest unless the reader does. A connection that breaks or stalls is taken up where it broke, as long as
 * tries bring something and `attempts` in a row do not fail.
 */
export async function* streamBlob(place: BlobPlace, blob: Descriptor, options: FetchBlobOptions): AsyncGenerator<Buffer> {
  const subject = { host: place.endpoint.location.host, object: `blob ${blob.digest} of ${place.shown}` };
  const hash = options.verify === false ? null : createHash(digestAlgorithm(blob.digest));
  let done = 0;
  for (let failures = 0; done < blob.size || failures === 0; ) {
    const begun = done;
    try {
      const answer = await open(place, blob, done, options, subject);
      for await (const chunk of rest(answer, done, subject)) {
        done += chunk.length;
        if (done > blob.size) throw damaged(subject, `more than the ${blob.size} bytes announced`);
        hash?.update(chunk);
        yield chunk;
        if (done - begun >= worthATry) failures = 0;
      }
      if (done === blob.size) break;
      throw damaged(subject, `${done} bytes, not the ${blob.size} announced`);
    } catch (error) {
      failures += 1;
      const broken = isTemporary(error);
      if (isOrlopError(error) || !broken || failures >= place.limits.attempts || options.signal?.aborted === true) {
        throw wireFailure(error, subject, options.signal);
      }
      await pause(pauseMs(place.limits, failures), options.signal, subject);
    }
  }
  if (hash !== null && hash.digest('hex') !== digestHex(blob.digest)) throw damaged(subject, 'its content has another digest');
}

async function open(place: BlobPlace, blob: Descriptor, start: number, options: FetchBlobOptions, subject: Subject): Promise<WireAnswer> {
  const common = {
    headers: start === 0 ? { 'accept-encoding': 'identity' } : { 'accept-encoding': 'identity', range: `bytes=${start}-` },
    object: subject.object,
    expect: [200, 206],
    repeatable: true,
    signal: options.signal,
  };
  const target = `/v2/${place.endpoint.location.path}/blobs/${blob.digest}`;
  try {
    return await place.endpoint.call({ ...common, method: 'GET', target, scopes: place.scopes });
  } catch (error) {
    const urls = (blob.urls ?? []).filter((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)).slice(0, 8);
    if (!isForeignLayerType(blob.mediaType) || urls.length === 0 || isOrlopError(error, 'cancelled')) throw error;
    return openForeign(place, urls, common);
  }
}

async function openForeign(place: BlobPlace, urls: readonly string[], call: Parameters<Endpoint['fetchForeign']>[1]): Promise<WireAnswer> {
  let failure: unknown;
  for (const url of urls) {
    try {
      return await place.endpoint.fetchForeign(new URL(url), call);
    } catch (error) {
      if (isOrlopError(error, 'cancelled')) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** What follows `start`. A server that ignores the range sends everything again: what we have is passed over. */
async function* rest(answer: WireAnswer, start: number, subject: Subject): AsyncGenerator<Buffer> {
  if (answer.status === 206) {
    const from = /^bytes (\d+)-/.exec(answer.header('content-range') ?? '')?.[1];
    if (from === undefined || Number(from) !== start)
      throw damaged(subject, `a part that begins at ${from ?? 'an unknown place'}, not at ${start}`);
  }
  let skip = answer.status === 206 ? 0 : start;
  for await (const chunk of answer.body) {
    const passed = Math.min(skip, chunk.length);
    skip -= passed;
    if (passed < chunk.length) yield passed === 0 ? chunk : chunk.subarray(passed);
  }
}

function damaged(subject: Subject, how: string) {
  return registryFailure('data-loss', 'REGISTRY_BLOB_CORRUPT', subject, `arrived damaged: ${how}`);
}
