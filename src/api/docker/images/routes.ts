import { OrlopError } from '#errors';
import type { Exchange, Route } from '#api/http';
import type { DockerDeleted, DockerProgress, ImageView } from '#wire';
import { failureLine } from '../registries/progress.ts';
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
      handle: (exchange) => exchange.json(200, imageInspectionOf(inspect(backend, exchange), storageDriver)),
    },
    {
      method: 'GET',
      path: '/images/{name...}/history',
      handle: (exchange) => exchange.json(200, historyOf(inspect(backend, exchange))),
    },
    { method: 'POST', path: '/images/{name...}/tag', handle: (exchange) => tag(backend, exchange) },
    { method: 'DELETE', path: '/images/{name...}', handle: (exchange) => remove(backend, exchange) },
  ];
}

function nameOf(exchange: Exchange): string {
  return exchange.parameters['name'] ?? '';
}

function inspect({ images }: ImageBackend, exchange: Exchange): ImageView {
  return images.inspect(nameOf(exchange), platformOf(exchange).platform);
}

function list({ images }: ImageBackend, exchange: Exchange): void {
  exchange.json(200, images.list({ all: exchange.query.flag('all'), filters: exchange.query.filters() }).map(imageSummaryOf));
}

async function tag({ images }: ImageBackend, exchange: Exchange): Promise<void> {
  const repository = exchange.query.text('repo');
  if (repository === '') throw new OrlopError('invalid-argument', 'DOCKER_NO_REPOSITORY', 'a tag needs the parameter repo');
  await images.tag(nameOf(exchange), joinTag(repository, exchange.query.text('tag')));
  exchange.empty(201);
}

async function remove({ images }: ImageBackend, exchange: Exchange): Promise<void> {
  const { untagged, deleted } = await images.remove(nameOf(exchange), { force: exchange.query.flag('force') });
  const answer: DockerDeleted[] = [...untagged.map((name) => ({ Untagged: name })), ...deleted.map((id) => ({ Deleted: id }))];
  exchange.json(200, answer);
}

/** `POST /images/create` with `fromSrc=-`: the root tar in the body. */
export async function importImage({ images }: ImageBackend, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const source = query.text('fromSrc');
  if (source !== '-') {
    const message =
      source === '' ? 'an import needs the parameter fromSrc' : `cannot import from ${source}: the engine fetches nothing by itself`;
    throw new OrlopError(source === '' ? 'invalid-argument' : 'unimplemented', 'DOCKER_BAD_IMPORT', message, {
      hint: 'send the tar as the body with fromSrc=-',
    });
  }
  const repository = query.text('repo');
  const message = query.text('message');
  const out = exchange.stream(200, 'application/json');
  const send = (line: DockerProgress): Promise<void> => out.write(`${JSON.stringify(line)}\r\n`);
  try {
    const id = await images.importRoot(exchange.body, {
      changes: query.all('changes'),
      ...(repository === '' ? {} : { name: joinTag(repository, query.text('tag')) }),
      ...(message === '' ? {} : { message }),
    });
    await send({ status: id });
  } catch (thrown) {
    await send(failureLine(thrown));
  }
}

/** A tag that is a digest is joined by @, as Docker's clients split it. */
export function joinTag(repository: string, tagName: string): string {
  if (tagName === '') return repository;
  return tagName.includes(':') ? `${repository}@${tagName}` : `${repository}:${tagName}`;
}
