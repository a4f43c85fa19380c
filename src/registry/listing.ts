import { type Digest, type Index, maxManifestBytes, mediaTypes, parseIndex, parseJson } from '#oci';
import { isOrlopError } from '#errors';
import { type Endpoint, wireFailure } from './endpoint.ts';
import { registryFailure, type Subject } from './failures.ts';
import { collect, type WireAnswer } from './http/send.ts';
import { fetchManifest, type ManifestPlace, referrersTag } from './manifests.ts';
import type { CallOptions } from './types.ts';

const maxPages = 1000;
const maxEntries = 200_000;

export interface ListPlace {
  readonly endpoint: Endpoint;
  /** What is listed, for messages. */
  readonly object: string;
  readonly scopes: readonly string[];
}

/** All pages of `tags/list` or `_catalog`: `field` is the list's name in the answer. Bounded; a page that comes twice ends it with an error. */
export async function listAll(place: ListPlace, path: string, field: 'tags' | 'repositories', options: CallOptions): Promise<string[]> {
  const subject = { host: place.endpoint.location.host, object: place.object };
  const found: string[] = [];
  const seen = new Set<string>();
  for (let target: string | URL | null = path; target !== null; ) {
    if (seen.has(String(target)) || seen.size >= maxPages)
      throw registryFailure('unavailable', 'REGISTRY_ENDLESS_LIST', subject, 'the list has no end');
    seen.add(String(target));
    const answer: WireAnswer = await place.endpoint.call({
      method: 'GET',
      target,
      scopes: place.scopes,
      object: place.object,
      expect: [200],
      repeatable: true,
      signal: options.signal,
    });
    const json = (await readSmallJson(answer, subject, options)) as Record<string, unknown> | null;
    const page = json?.[field] ?? [];
    if (!Array.isArray(page) || page.some((entry) => typeof entry !== 'string'))
      throw registryFailure('unavailable', 'REGISTRY_BAD_LIST', subject, 'the list makes no sense');
    found.push(...(page as string[]));
    if (found.length > maxEntries)
      throw registryFailure('resource-exhausted', 'REGISTRY_ENDLESS_LIST', subject, `the list has more than ${maxEntries} entries`);
    target = nextPage(answer, subject);
  }
  return found;
}

/** RFC 8288 `Link: <…>; rel="next"`. It stays on the same host: credentials go with it. */
function nextPage(answer: WireAnswer, subject: Subject): URL | null {
  const link = /<([^>]*)>\s*;\s*rel="?next"?/i.exec(answer.header('link') ?? '')?.[1];
  if (link === undefined) return null;
  const url = URL.canParse(link, answer.url.href) ? new URL(link, answer.url) : null;
  if (url?.origin === answer.url.origin) return url;
  throw registryFailure('unavailable', 'REGISTRY_BAD_LIST', subject, 'the next page of the list is elsewhere');
}

async function readSmallJson(answer: WireAnswer, subject: Subject, options: CallOptions): Promise<unknown> {
  try {
    return parseJson(await collect(answer, maxManifestBytes), { name: subject.object, maxBytes: maxManifestBytes });
  } catch (error) {
    if (error instanceof RangeError || isOrlopError(error))
      throw registryFailure('unavailable', 'REGISTRY_BAD_LIST', subject, 'its answer makes no sense', error);
    throw wireFailure(error, subject, options.signal);
  }
}

/** GET referrers; 404 means that the registry has no such API, not that there are none. The filter is applied here too: registries may ignore it. */
export async function listReferrers(
  place: ManifestPlace,
  digest: Digest,
  options: CallOptions & { readonly artifactType?: string },
): Promise<Index> {
  const { endpoint, shown, scopes } = place;
  const subject = { host: endpoint.location.host, object: `referrers of ${shown}@${digest}` };
  const filter = options.artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(options.artifactType)}`;
  const answer = await endpoint.call({
    method: 'GET',
    target: `/v2/${endpoint.location.path}/referrers/${digest}${filter}`,
    headers: { accept: mediaTypes.ociIndex },
    scopes,
    object: subject.object,
    expect: [200, 404],
    repeatable: true,
    signal: options.signal,
  });
  if (answer.status === 404) await answer.discard();
  const index =
    answer.status === 404
      ? await byTag(place, digest, options)
      : parseIndex(await readBytes(answer, subject, options), mediaTypes.ociIndex);
  return options.artifactType === undefined
    ? index
    : { ...index, manifests: index.manifests.filter(({ artifactType }) => artifactType === options.artifactType) };
}

async function readBytes(answer: WireAnswer, subject: Subject, options: CallOptions): Promise<Buffer> {
  return collect(answer, maxManifestBytes).catch((error: unknown) => {
    throw wireFailure(error, subject, options.signal);
  });
}

async function byTag(place: ManifestPlace, digest: Digest, options: CallOptions): Promise<Index> {
  try {
    return parseIndex((await fetchManifest(place, referrersTag(digest), options)).bytes);
  } catch (error) {
    if (!isOrlopError(error, 'not-found')) throw error;
    return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };
  }
}
