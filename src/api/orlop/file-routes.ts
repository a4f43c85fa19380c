import type { Exchange, Route } from '#api/http';
import { OrlopError } from '#errors';
import type { FileListing, PlaceOptions } from '#wire';
import { sendBytes } from './send-bytes.ts';

/** What the routes of single files need of the engine. */
export interface FileEntryBackend {
  readonly files: {
    list(ref: string, path: string): Promise<FileListing>;
    readContent(ref: string, path: string): AsyncIterable<Uint8Array>;
    writeContent(ref: string, path: string, source: AsyncIterable<Uint8Array>, options: PlaceOptions): Promise<void>;
    makeDirectory(ref: string, path: string, options: PlaceOptions): Promise<void>;
    remove(ref: string, path: string, options: { readonly recursive: boolean }): Promise<void>;
  };
}

/** `/orlop/v1/containers/{id}/files?path=…`, and the same with `/content` and `/directory` */
export function orlopFileRoutes({ files }: FileEntryBackend): Route[] {
  const path = '/orlop/v1/containers/{id}/files';
  return [
    { method: 'GET', path, handle: async (exchange) => exchange.json(200, await files.list(...whereOf(exchange))) },
    {
      method: 'DELETE',
      path,
      async handle(exchange) {
        await files.remove(...whereOf(exchange), { recursive: exchange.query.flag('recursive') });
        exchange.empty(204);
      },
    },
    {
      method: 'GET',
      path: `${path}/content`,
      handle: (exchange) => sendBytes(exchange, 'application/octet-stream', files.readContent(...whereOf(exchange))),
    },
    {
      method: 'PUT',
      path: `${path}/content`,
      async handle(exchange) {
        await files.writeContent(...whereOf(exchange), exchange.body, optionsOf(exchange));
        exchange.empty(204);
      },
    },
    {
      method: 'PUT',
      path: `${path}/directory`,
      async handle(exchange) {
        await files.makeDirectory(...whereOf(exchange), optionsOf(exchange));
        exchange.empty(204);
      },
    },
  ];
}

function whereOf({ parameters, query }: Exchange): [ref: string, path: string] {
  const path = query.text('path');
  if (path === '' || path.includes('\0')) throw new OrlopError('invalid-argument', 'ORLOP_NO_PATH', 'the path must be given, without NUL');
  return [parameters['id'] ?? '', path];
}

/** The largest id of Linux, which -1 is not. */
const largestId = 2 ** 32 - 2;

function optionsOf({ query }: Exchange): PlaceOptions {
  const mode = query.text('mode');
  if (mode !== '' && !/^[0-7]{1,4}$/.test(mode)) throw invalid(`mode must be octal digits, at most four, and ${mode} is not`);
  const ids = (['uid', 'gid'] as const).flatMap((name) => {
    const id = query.integer(name);
    if (id === undefined) return [];
    if (id < 0 || id > largestId) throw invalid(`${name} must be between 0 and ${largestId}`);
    return [[name, id] as const];
  });
  return {
    ...Object.fromEntries(ids),
    ...(mode === '' ? {} : { mode: Number.parseInt(mode, 8) }),
    ...(query.flag('parents') ? { parents: true } : {}),
  };
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ORLOP_BAD_FIELD', message);
}
