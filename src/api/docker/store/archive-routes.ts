import { OrlopError } from '#errors';
import type { Exchange, Route } from '#api/http';
import type { DockerProgress } from '#wire';
import { platformOf } from '../images/platform.ts';
import { failureLine } from '../registries/progress.ts';
import type { StoreBackend } from './backend.ts';
import { sendArchive } from './send-archive.ts';

/** `/images/get`, `/images/load`. */
export function imageArchiveRoutes({ archives }: StoreBackend): Route[] {
  const save = (exchange: Exchange, names: readonly string[]): Promise<void> =>
    sendArchive(exchange, archives.save(names, { ...platformOf(exchange), signal: exchange.signal }));
  return [
    { method: 'GET', path: '/images/get', handle: (exchange) => save(exchange, namesOf(exchange)) },
    { method: 'GET', path: '/images/{name...}/get', handle: (exchange) => save(exchange, [exchange.parameters['name'] ?? '']) },
    { method: 'POST', path: '/images/load', handle: (exchange) => load(archives, exchange) },
  ];
}

function namesOf({ query }: Exchange): readonly string[] {
  const names = query
    .all('names')
    .flatMap((text) => text.split(','))
    .filter((name) => name !== '');
  if (names.length === 0) throw new OrlopError('invalid-argument', 'DOCKER_NO_NAMES', 'saving images needs the parameter names');
  return names;
}

/** Answers with JSON lines: progress, unless it is to be quiet, then what was loaded, or the error. */
async function load(archives: StoreBackend['archives'], exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const platform = platformOf(exchange);
  const quiet = query.flag('quiet');
  const out = exchange.stream(200, 'application/json');
  let last = Promise.resolve();
  const send = (line: DockerProgress & { readonly stream?: string }): void => {
    last = last.then(() => out.write(`${JSON.stringify(line)}\r\n`));
  };
  try {
    const loaded = await archives.load(exchange.body, {
      ...platform,
      signal,
      progress: ({ id, status, current, total }) => {
        if (quiet) return;
        const progressDetail = { ...(current === undefined ? {} : { current }), ...(total === undefined ? {} : { total }) };
        send({ id, status, progressDetail });
      },
    });
    for (const { id, names } of loaded) {
      if (names.length === 0) send({ stream: `Loaded image ID: ${id}\n` });
      for (const name of names) send({ stream: `Loaded image: ${name}\n` });
    }
  } catch (thrown) {
    send(failureLine(thrown));
  }
  await last;
}
