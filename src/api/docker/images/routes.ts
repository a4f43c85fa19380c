import { OrlopError } from '#errors';
import { compareVersions, type Exchange, type Route } from '#api/http';
import type { DockerDeleted, DockerProgress, ImageView } from '#wire';
import type { ImageBackend } from './backend.ts';
import { platformOf } from './platform.ts';
import { historyOf, imageInspectionOf, imageSummaryOf } from './view.ts';

/** `/images/…` but for what speaks to registries; names may hold slashes. */
export function imageRoutes(backend: ImageBackend, storageDriver: string): Route[] {
  return [
    { method: 'GET', path: '/images/json', handle: (exchange) => list(backend, exchange) },
    {
      method: 'GET',
      path: '/images/{name...}/json',
      handle: (exchange) => exchange.json(200, imageInspectionOf(inspect(backend, exchange), storageDriver, exchange.apiVersion)),
    },
    {
      method: 'GET',
      path: '/images/{name...}/history',
      handle: (exchange) => exchange.json(200, historyOf(inspect(backend, exchange))),
    },
    { method: 'POST', path: '/images/{name...}/tag', handle: (exchange) => tag(backend, exchange) },
    { method: 'DELETE', path: '/images/', handle: refuseBlank },
    { method: 'DELETE', path: '/images/{name...}', handle: (exchange) => remove(backend, exchange) },
  ];
}

function nameOf(exchange: Exchange): string {
  return exchange.parameters['name'] ?? '';
}

function inspect({ images }: ImageBackend, exchange: Exchange): ImageView {
  const { query } = exchange;
  if (query.flag('manifests') && query.has('platform'))
    throw new OrlopError(
      'invalid-argument',
      'DOCKER_BAD_PLATFORM',
      'conflicting options: manifests and platform options cannot both be set',
    );
  return images.inspect(nameOf(exchange), platformOf(exchange).platform);
}

async function list({ disk, images }: ImageBackend, exchange: Exchange): Promise<void> {
  const { query, apiVersion } = exchange;
  const views = images.list({ all: query.flag('all'), filters: { ...query.filters(), ...oldFilter(exchange) } });
  const summaries = views.map((view) => imageSummaryOf(view, apiVersion));
  if (!query.flag('shared-size')) return exchange.json(200, summaries);
  const shared = new Map((await disk.usage()).images.map(({ id, sharedBytes }) => [id, sharedBytes]));
  exchange.json(
    200,
    summaries.map((summary) => ({ ...summary, SharedSize: shared.get(summary.Id) ?? 0 })),
  );
}

/** Before v1.41 a name was a parameter of its own. */
function oldFilter({ apiVersion, query }: Exchange): { reference?: readonly string[] } {
  const name = query.text('filter');
  return name === '' || compareVersions(apiVersion, '1.41') >= 0 ? {} : { reference: [name] };
}

async function tag({ images }: ImageBackend, exchange: Exchange): Promise<void> {
  const repository = exchange.query.text('repo');
  if (repository === '') throw new OrlopError('invalid-argument', 'DOCKER_NO_REPOSITORY', 'invalid reference format');
  await images.tag(nameOf(exchange), joinTag(repository, exchange.query.text('tag')));
  exchange.empty(201);
}

function refuseBlank(): never {
  throw new OrlopError('invalid-argument', 'DOCKER_NO_NAME', 'image name cannot be blank');
}

async function remove({ images }: ImageBackend, exchange: Exchange): Promise<void> {
  if (nameOf(exchange).trim() === '') refuseBlank();
  if (exchange.query.all('platforms').length > 0)
    throw new OrlopError('unimplemented', 'DOCKER_PLATFORM_REMOVAL', 'one platform of an image cannot be removed by itself', {
      hint: 'leave the platforms out: the whole image goes',
    });
  const { untagged, deleted } = await images.remove(nameOf(exchange), { force: exchange.query.flag('force') });
  const answer: DockerDeleted[] = [...untagged.map((name) => ({ Untagged: name })), ...deleted.map((id) => ({ Deleted: id }))];
  exchange.json(200, answer);
}

/** `POST /images/create` with `fromSrc`: the root tar is the body (`-`), or is fetched from an address. Answers once the image is there. */
export async function importImage({ images }: ImageBackend, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const source = query.text('fromSrc');
  if (source === '')
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_IMPORT', 'an import needs the parameter fromSrc', {
      hint: 'send the tar as the body with fromSrc=-',
    });
  const repository = query.text('repo');
  const url = source === '-' ? null : addressOf(source);
  const id = await images.importRoot(url === null ? exchange.body : images.download(url, signal), {
    changes: query.all('changes'),
    message: query.text('message') || `Imported from ${source}`,
    ...(repository === '' ? {} : { name: joinTag(repository, query.text('tag')) }),
    ...(query.text('platform') === '' ? {} : { platform: query.text('platform') }),
  });
  const out = exchange.stream(200, 'application/json');
  if (url !== null) await out.write(`${JSON.stringify({ status: `Downloading from ${url.href}` } satisfies DockerProgress)}\r\n`);
  await out.write(`${JSON.stringify({ status: id } satisfies DockerProgress)}\r\n`);
}

/** As Docker, an address without a scheme is one of the web. */
function addressOf(source: string): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(source) ? source : `http://${source}`;
  if (URL.canParse(text) && /^https?:/.test(new URL(text).protocol)) return new URL(text);
  throw new OrlopError('invalid-argument', 'DOCKER_BAD_IMPORT', `cannot import from ${source}: it is no address of the web`);
}

/** A tag that is a digest is joined by @, as Docker's clients split it. */
export function joinTag(repository: string, tagName: string): string {
  if (tagName === '') return repository;
  return tagName.includes(':') ? `${repository}@${tagName}` : `${repository}:${tagName}`;
}
