import { OrlopError } from '#errors';
import type { Exchange, Route } from '#api/http';
import { formatTime, type PathFacts, type WriteFilesOptions } from '#wire';
import { sendArchive } from '../store/send-archive.ts';

/** What the archive routes need of the engine. */
export interface FileBackend {
  readonly files: {
    stat(ref: string, path: string): Promise<PathFacts>;
    read(ref: string, path: string): AsyncIterable<Uint8Array>;
    write(ref: string, path: string, source: AsyncIterable<Uint8Array>, options: WriteFilesOptions): Promise<void>;
  };
}

/** `/containers/{id}/archive`: what `docker cp` is made of. */
export function fileRoutes({ files }: FileBackend): Route[] {
  const path = '/containers/{id}/archive';
  return [
    {
      method: 'HEAD',
      path,
      handle: async (exchange) => exchange.empty(200, statHeader(await files.stat(...whereOf(exchange)))),
    },
    {
      method: 'GET',
      path,
      async handle(exchange) {
        const where = whereOf(exchange);
        await sendArchive(exchange, files.read(...where), statHeader(await files.stat(...where)));
      },
    },
    {
      method: 'PUT',
      path,
      async handle(exchange) {
        const { query } = exchange;
        const options = { keepKinds: query.flag('noOverwriteDirNonDir'), ownUser: query.flag('copyUIDGID') };
        await files.write(...whereOf(exchange), exchange.body, options);
        exchange.empty(200);
      },
    },
  ];
}

function whereOf({ parameters, query }: Exchange): [ref: string, path: string] {
  const path = query.text('path');
  if (path === '') throw new OrlopError('invalid-argument', 'DOCKER_NO_PATH', 'bad parameter: path cannot be empty');
  return [parameters['id'] ?? '', path];
}

function statHeader({ name, sizeBytes, mode, mtimeNs, linkTarget }: PathFacts): Record<string, string> {
  const stat = { name, size: sizeBytes, mode: goMode(mode), mtime: formatTime(mtimeNs), linkTarget };
  return { 'X-Docker-Container-Path-Stat': Buffer.from(JSON.stringify(stat)).toString('base64') };
}

/** Go's fs.FileMode of a mode of stat(2): its own bits for types and special permissions. */
export function goMode(mode: number): number {
  const types: Readonly<Record<number, number>> = {
    0o040000: 2 ** 31,
    0o120000: 2 ** 27,
    0o060000: 2 ** 26,
    0o020000: 2 ** 26 + 2 ** 21,
    0o010000: 2 ** 25,
    0o140000: 2 ** 24,
  };
  const special = ((mode & 0o4000) === 0 ? 0 : 2 ** 23) + ((mode & 0o2000) === 0 ? 0 : 2 ** 22) + ((mode & 0o1000) === 0 ? 0 : 2 ** 20);
  return (types[mode & 0o170000] ?? 0) + special + (mode & 0o777);
}
