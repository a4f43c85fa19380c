import { isOrlopError } from '#errors';
import { parseJson } from '#oci';
import { type Endpoint, wireFailure } from './endpoint.ts';
import { registryFailure } from './failures.ts';
import { collect } from './http/send.ts';
import type { CallOptions, SearchHit } from './types.ts';

/** A hundred hits with long descriptions take a tenth of it. */
const maximumBytes = 4 * 1024 * 1024;

/** `GET /v1/search`: what is left of Docker's first registry protocol, at its hub and some others. */
export async function searchRegistry(
  endpoint: Endpoint,
  { term, limit }: { readonly term: string; readonly limit: number },
  { signal }: CallOptions,
): Promise<SearchHit[]> {
  const subject = { host: endpoint.location.host, object: `search for ${JSON.stringify(term)}` };
  const target = `/v1/search?q=${encodeURIComponent(term)}&n=${limit}`;
  const answer = await endpoint.call({
    method: 'GET',
    target,
    scopes: [],
    object: subject.object,
    expect: [200],
    repeatable: true,
    signal,
  });
  try {
    const json = parseJson(await collect(answer, maximumBytes), { name: subject.object, maxBytes: maximumBytes });
    const results = (json as { results?: unknown } | null)?.results ?? [];
    if (!Array.isArray(results)) throw new RangeError('results are no list');
    return results.slice(0, limit).map(hitOf);
  } catch (error) {
    if (error instanceof RangeError || isOrlopError(error))
      throw registryFailure('unavailable', 'REGISTRY_BAD_LIST', subject, 'its answer makes no sense', error);
    throw wireFailure(error, subject, signal);
  }
}

function hitOf(result: unknown): SearchHit {
  if (typeof result !== 'object' || result === null) throw new RangeError('a result is no object');
  const { name, description, star_count: stars, is_official: official } = result as Record<string, unknown>;
  if (typeof name !== 'string') throw new RangeError('a result has no name');
  return {
    name,
    description: typeof description === 'string' ? description : '',
    stars: typeof stars === 'number' ? stars : 0,
    isOfficial: official === true,
  };
}
