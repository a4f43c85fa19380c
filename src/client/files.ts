import { isOrlopError, OrlopError } from '#errors';
import { parseTime, type FileListing, type PathFacts, type PlaceOptions } from '#wire';
import { readJson, readText } from './answers.ts';
import type { Answer, Transport } from './transport/transport.ts';

/** What a path in a container is; `mode` is Go's fs.FileMode, as Docker's API gives it. */
export interface PathStat extends PathFacts {
  readonly isDirectory: boolean;
  readonly isLink: boolean;
}

/** Files of containers, running or stopped. A path is not followed at its end, unless `/` or `/.` stands behind it. */
export interface FilesClient {
  stat(ref: string, path: string): Promise<PathStat>;
  /** A tar of what is there. Leaving the loop closes the connection. */
  read(ref: string, path: string, options?: { signal?: AbortSignal }): AsyncGenerator<Buffer>;
  /** Unpacks a tar into a directory that exists; a directory is not replaced by anything else. `ownUser`: all of it becomes the container's user's. */
  write(ref: string, path: string, tar: AsyncIterable<Uint8Array>, options?: { ownUser?: boolean; signal?: AbortSignal }): Promise<void>;
  /** What a path is, and of a directory what is in it. */
  list(ref: string, path: string): Promise<FileListing>;
  /** The bytes of a regular file; a link leads to it. Leaving the loop closes the connection. */
  readContent(ref: string, path: string): AsyncGenerator<Buffer>;
  /** Puts a regular file in place when all of it has been sent; what the options leave out stays as it was. */
  writeContent(ref: string, path: string, content: AsyncIterable<Uint8Array>, options?: PlaceOptions): Promise<void>;
  /** One that is there stays. */
  makeDirectory(ref: string, path: string, options?: PlaceOptions): Promise<void>;
  /** A file, a link itself, or with `recursive` a directory with all that is in it. */
  remove(ref: string, path: string, options?: { recursive?: boolean }): Promise<void>;
}

export function createFilesClient(transport: Transport): FilesClient {
  const at = (ref: string): string => `/containers/${encodeURIComponent(ref)}/archive`;
  return {
    ...createEntriesClient(transport),
    stat: async (ref, path) => {
      const answer = await transport.request({ method: 'HEAD', path: at(ref), query: { path } }).catch(async (error: unknown) => {
        if (!isOrlopError(error, 'not-found')) throw error;
        // An answer to HEAD has no body to say in which of the two is not there: the engine says so to whoever asks for it.
        const found = await transport.request({ method: 'GET', path: at(ref), query: { path } });
        await found.body.return(undefined);
        // It has come meanwhile.
        return found;
      });
      await readText(answer);
      return parseStat(answer, path);
    },
    read: (ref, path, options = {}) => download(transport, at(ref), path, options),
    write: async (ref, path, tar, { ownUser, signal } = {}) => {
      const query = { path, noOverwriteDirNonDir: true, copyUIDGID: ownUser };
      const rest = signal === undefined ? {} : { signal };
      await readText(await transport.request({ method: 'PUT', path: at(ref), query, upload: tar, ...rest }));
    },
  };
}

type EntriesClient = Pick<FilesClient, 'list' | 'readContent' | 'writeContent' | 'makeDirectory' | 'remove'>;

function createEntriesClient(transport: Transport): EntriesClient {
  const at = (ref: string, what = ''): string => `/orlop/v1/containers/${encodeURIComponent(ref)}/files${what}`;
  const queryOf = (path: string, { uid, gid, mode, parents }: PlaceOptions = {}) => ({ path, uid, gid, mode: mode?.toString(8), parents });
  return {
    list: async (ref, path) => readJson(await transport.request({ method: 'GET', path: at(ref), query: { path } })),
    readContent: (ref, path) => download(transport, at(ref, '/content'), path, {}),
    writeContent: async (ref, path, content, options) =>
      void (await readText(
        await transport.request({ method: 'PUT', path: at(ref, '/content'), query: queryOf(path, options), upload: content }),
      )),
    makeDirectory: async (ref, path, options) =>
      void (await readText(await transport.request({ method: 'PUT', path: at(ref, '/directory'), query: queryOf(path, options) }))),
    remove: async (ref, path, { recursive } = {}) =>
      void (await readText(await transport.request({ method: 'DELETE', path: at(ref), query: { path, recursive } }))),
  };
}

async function* download(transport: Transport, at: string, path: string, { signal }: { signal?: AbortSignal }): AsyncGenerator<Buffer> {
  const answer = await transport.request({ method: 'GET', path: at, query: { path }, ...(signal === undefined ? {} : { signal }) });
  yield* answer.body;
}

function parseStat({ headers }: Answer, path: string): PathStat {
  try {
    const text = Buffer.from(headers.get('x-docker-container-path-stat') ?? '', 'base64').toString();
    const { name, size, mode, mtime, linkTarget } = JSON.parse(text) as {
      name: string;
      size: number;
      mode: number;
      mtime: string;
      linkTarget: string;
    };
    const has = (bit: number): boolean => Math.floor(mode / bit) % 2 === 1;
    return { name, sizeBytes: size, mode, mtimeNs: parseTime(mtime), linkTarget, isDirectory: has(2 ** 31), isLink: has(2 ** 27) };
  } catch (cause) {
    throw new OrlopError('internal', 'CLIENT_BAD_STAT', `the engine did not say what ${path} is`, { cause });
  }
}
