import { mediaTypes, type Digest } from '#oci';
import type { Call } from '../registry.ts';
import { refuse } from '../spec/errors.ts';
import type { RepositoryName } from '../spec/names.ts';
import { cutPage, formatNextLink } from '../spec/pages.ts';

const json = { 'Content-Type': 'application/json' };

/** GET of a repository's tags (distribution-spec "Listing tags"). */
export async function sendTags({ registry, exchange }: Call, name: RepositoryName): Promise<void> {
  const tags = await registry.storage.listTags(name);
  if (tags === null) throw refuse('NAME_UNKNOWN', `there is no repository ${name}`, { detail: { name } });
  const page = cutPage(
    tags.map(({ tag }) => tag),
    exchange.query,
  );
  exchange.answer(200, { ...json, ...formatNextLink(exchange.path, page) }, JSON.stringify({ name, tags: page.entries }));
}

/** GET of all repositories: an endpoint of Docker's registry, reserved by the distribution spec. */
export async function sendCatalog({ registry, exchange }: Call): Promise<void> {
  const page = cutPage(await registry.storage.listRepositories(), exchange.query);
  exchange.answer(200, { ...json, ...formatNextLink(exchange.path, page) }, JSON.stringify({ repositories: page.entries }));
}

/** GET of what has a digest as its subject; that nothing is known of it is no error (distribution-spec "Listing referrers"). */
export async function sendReferrers({ registry, exchange }: Call, name: RepositoryName, subject: Digest): Promise<void> {
  const all = await registry.storage.listReferrers(name, subject);
  const wanted = exchange.query.get('artifactType');
  const fitting = wanted === null || wanted === '' ? all : all.filter(({ facts }) => facts.artifactType === wanted);
  const manifests = fitting.map(({ digest, size, facts: { mediaType, artifactType, annotations } }) => ({
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  }));
  exchange.answer(
    200,
    { 'Content-Type': mediaTypes.ociIndex, ...(fitting === all ? {} : { 'OCI-Filters-Applied': 'artifactType' }) },
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  );
}
