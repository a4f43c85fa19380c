import { OrlopError } from '#errors';
import type { Exchange, JsonReader, Route } from '#api/http';
import type { DockerChange, PathChange } from '#wire';
import type { StoreBackend } from './backend.ts';
import { sendArchive } from './send-archive.ts';

const kinds: Readonly<Record<PathChange['kind'], DockerChange['Kind']>> = { C: 0, A: 1, D: 2 };

/** `/containers/{id}/export`, `/containers/{id}/changes`, `/commit`. */
export function containerArchiveRoutes({ archives }: StoreBackend): Route[] {
  return [
    { method: 'GET', path: '/containers/{id}/export', handle: (exchange) => sendArchive(exchange, archives.export(idOf(exchange))) },
    { method: 'GET', path: '/containers/{id}/changes', handle: (exchange) => changes(archives, exchange) },
    { method: 'POST', path: '/commit', handle: (exchange) => commit(archives, exchange) },
  ];
}

function idOf(exchange: Exchange): string {
  return exchange.parameters['id'] ?? '';
}

async function changes(archives: StoreBackend['archives'], exchange: Exchange): Promise<void> {
  const found = await archives.changes(idOf(exchange));
  const answer: DockerChange[] = found.map(({ path, kind }) => ({ Path: path, Kind: kinds[kind] }));
  // Docker says null of a container that has changed nothing.
  exchange.json(200, answer.length === 0 ? null : answer);
}

async function commit(archives: StoreBackend['archives'], exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const container = query.text('container');
  if (container === '') throw new OrlopError('invalid-argument', 'DOCKER_NO_CONTAINER', 'a commit needs the parameter container');
  const [repository, tag, comment, author] = ['repo', 'tag', 'comment', 'author'].map((name) => query.text(name)) as [
    string,
    string,
    string,
    string,
  ];
  const id = await archives.commit(container, {
    signal,
    pause: !query.has('pause') || query.flag('pause'),
    changes: query.all('changes'),
    config: configOf(await exchange.readObject()),
    ...(repository === '' ? {} : { name: tag === '' ? repository : `${repository}:${tag}` }),
    ...(comment === '' ? {} : { comment }),
    ...(author === '' ? {} : { author }),
  });
  exchange.json(201, { Id: id });
}

/** What the body says of the image's config; what it leaves out stays the container's. */
function configOf(body: JsonReader): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  for (const key of ['User', 'WorkingDir', 'StopSignal']) if (body.text(key) !== '') config[key] = body.text(key);
  for (const key of ['Cmd', 'Entrypoint', 'Shell', 'OnBuild']) if (body.words(key) !== null) config[key] = body.words(key);
  if (body.texts('Env') !== null) config['Env'] = body.texts('Env');
  if (body.textMap('Labels') !== null) config['Labels'] = body.textMap('Labels');
  for (const key of ['ExposedPorts', 'Volumes']) {
    const names = body.object(key).keys;
    if (names.length > 0) config[key] = Object.fromEntries(names.map((name) => [name, {}]));
  }
  return config;
}
