import { OrlopError } from '#errors';
import type { Exchange } from '#api/http';
import type { DockerSearchHit, SearchHitView } from '#wire';
import type { RegistryBackend } from './backend.ts';
import { loginOf, registryOf } from './login.ts';

const usualLimit = 25;
const highestLimit = 100;
const filterNames: readonly string[] = ['is-automated', 'is-official', 'stars'];

/** `GET /images/search`: at Docker's hub, or at the registry that the term begins with. */
export async function search({ registries }: RegistryBackend, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const limit = query.integer('limit') ?? usualLimit;
  if (limit < 1 || limit > highestLimit)
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_LIMIT', `Limit ${limit} is outside the range of [1, ${highestLimit}]`);
  const holds = searchFilter(query.filters());
  const { domain, term } = splitTerm(query.text('term'));
  const hits = await registries.search(domain, { term, limit }, { ...loginOf(exchange), signal });
  exchange.json(200, hits.filter(holds).map(hitOf));
}

/** A first part with a dot or a port is a registry, as in references. */
function splitTerm(text: string): { domain: string; term: string } {
  if (text.includes('://'))
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_TERM', 'invalid repository name: repository name should not have a scheme');
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(0, slash));
  if (!/[.:]/.test(first) && first !== 'localhost') return { domain: 'docker.io', term: text };
  return { domain: registryOf(first), term: text.slice(slash + 1) };
}

/** Nothing is automated any more: Docker's hub gave that up. */
function searchFilter(filters: Readonly<Record<string, readonly string[]>>): (hit: SearchHitView) => boolean {
  const unknown = Object.keys(filters).find((name) => !filterNames.includes(name));
  if (unknown !== undefined) throw bad(`invalid filter '${unknown}'`);
  const automated = flagOf('is-automated', filters['is-automated']);
  const official = flagOf('is-official', filters['is-official']);
  const stars = (filters['stars'] ?? []).map((text) => {
    if (!/^\d{1,9}$/.test(text)) throw bad(`invalid filter 'stars=${text}'`);
    return Number(text);
  });
  return (hit) => automated !== true && (official === null || hit.isOfficial === official) && stars.every((least) => hit.stars >= least);
}

function flagOf(name: string, values: readonly string[] = []): boolean | null {
  const [value] = values;
  if (value === undefined) return null;
  if (values.length > 1 || !['true', 'false', '1', '0'].includes(value)) throw bad(`invalid filter '${name}=[${values.join(' ')}]'`);
  return value === 'true' || value === '1';
}

function hitOf({ name, description, stars, isOfficial }: SearchHitView): DockerSearchHit {
  return { star_count: stars, is_official: isOfficial, name, is_automated: false, description };
}

function bad(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_FILTER', message);
}
