import type { Dedupe, DiskBody, DockerChange, DockerDiskUsage, DockerProgress, StoreCheck } from '#wire';
import { readJson, readLines, throwFailure } from './answers.ts';
import { formatPlatformQuery } from './platform.ts';
import type { Transport } from './transport/transport.ts';

export interface CommitOptions {
  /** `name` or `name:tag`; without it the image has no name. */
  readonly name?: string | undefined;
  readonly comment?: string | undefined;
  readonly author?: string | undefined;
  /** Dockerfile instructions such as `CMD ["/bin/sh"]`. */
  readonly changes?: readonly string[];
  /** Pauses a running container meanwhile; true without it. */
  readonly pause?: boolean;
}

/** What an engine gives and takes as archives. Leaving a loop over an archive closes the connection. */
export interface ArchivesClient {
  save(names: readonly string[], options?: { platform?: string | undefined; signal?: AbortSignal }): AsyncGenerator<Buffer>;
  /** Yields what happens; the last lines (`stream`) say what was loaded. Rejects with the engine's error. */
  load(
    source: AsyncIterable<Uint8Array>,
    options?: { quiet?: boolean; platform?: string | undefined; signal?: AbortSignal },
  ): AsyncGenerator<LoadLine>;
  export(ref: string, options?: { signal?: AbortSignal }): AsyncGenerator<Buffer>;
  /** Empty when nothing was changed. */
  changes(ref: string): Promise<readonly DockerChange[]>;
  /** Resolves with the image's id. */
  commit(ref: string, options?: CommitOptions): Promise<string>;
}

export type LoadLine = DockerProgress & { readonly stream?: string };

export interface PruneAnswer {
  readonly deleted: readonly string[];
  readonly untagged: readonly string[];
  readonly freedBytes: number;
}

export interface DiskClient {
  usage(): Promise<DiskBody>;
  /** The same in Docker's words, with each thing's own facts. */
  dockerUsage(): Promise<DockerDiskUsage>;
  check(options?: { repair?: boolean; content?: boolean }): Promise<StoreCheck>;
  /** Has equal files of all layers and these containers (null: of all) share their blocks on disk. */
  dedupe(containers: readonly string[] | null): Promise<Dedupe>;
  pruneContainers(filters?: Filters): Promise<PruneAnswer>;
  /** What builds keep for the next ones; `all`: also what images still use. */
  pruneBuilds(options?: { all?: boolean; filters?: Filters }): Promise<PruneAnswer>;
  /** `named`: also images that have a name, when no container uses them. */
  pruneImages(options?: { named?: boolean; filters?: Filters }): Promise<PruneAnswer>;
}

type Filters = Readonly<Record<string, readonly string[]>>;

export function createArchivesClient(transport: Transport): ArchivesClient {
  const at = (ref: string, verb: string): string => `/containers/${encodeURIComponent(ref)}/${verb}`;
  return {
    save: (names, { platform, signal } = {}) =>
      download(transport, '/images/get', { names, platform: formatPlatformQuery(platform) }, signal),
    load: (source, options = {}) => load(transport, source, options),
    export: (ref, { signal } = {}) => download(transport, at(ref, 'export'), {}, signal),
    changes: async (ref) =>
      (await readJson<DockerChange[] | null>(await transport.request({ method: 'GET', path: at(ref, 'changes') }))) ?? [],
    commit: async (ref, { name, comment, author, changes, pause } = {}) => {
      const { repo, tag } = splitName(name);
      const query = { container: ref, repo, tag, comment, author, changes, pause };
      return (await readJson<{ Id: string }>(await transport.request({ method: 'POST', path: '/commit', query, json: {} }))).Id;
    },
  };
}

export function createDiskClient(transport: Transport): DiskClient {
  const prune = async (path: string, filters: Filters, query = {}): Promise<{ [key: string]: unknown; SpaceReclaimed: number }> =>
    readJson(await transport.request({ method: 'POST', path, query: { filters: JSON.stringify(filters), ...query } }));
  return {
    dedupe: async (containers) => readJson(await transport.request({ method: 'POST', path: '/orlop/v1/dedupe', json: { containers } })),
    usage: async () => readJson<DiskBody>(await transport.request({ method: 'GET', path: '/orlop/v1/disk' })),
    dockerUsage: async () => readJson<DockerDiskUsage>(await transport.request({ method: 'GET', path: '/system/df' })),
    check: async ({ repair, content } = {}) =>
      readJson<StoreCheck>(await transport.request({ method: 'POST', path: '/orlop/v1/check', query: { repair, content } })),
    pruneContainers: async (filters = {}) => {
      const answer = await prune('/containers/prune', filters);
      return { deleted: (answer['ContainersDeleted'] as string[] | null) ?? [], untagged: [], freedBytes: answer.SpaceReclaimed };
    },
    pruneBuilds: async ({ all = false, filters = {} } = {}) => {
      const answer = await prune('/build/prune', filters, { all });
      return { deleted: (answer['CachesDeleted'] as string[] | null) ?? [], untagged: [], freedBytes: answer.SpaceReclaimed };
    },
    pruneImages: async ({ named = false, filters = {} } = {}) => {
      const answer = await prune('/images/prune', named ? { ...filters, dangling: ['false'] } : filters);
      const lines = (answer['ImagesDeleted'] as { Untagged?: string; Deleted?: string }[] | null) ?? [];
      return {
        untagged: lines.flatMap(({ Untagged: name }) => (name === undefined ? [] : [name])),
        deleted: lines.flatMap(({ Deleted: id }) => (id === undefined ? [] : [id])),
        freedBytes: answer.SpaceReclaimed,
      };
    },
  };
}

async function* download(
  transport: Transport,
  path: string,
  query: Readonly<Record<string, string | readonly string[] | undefined>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const answer = await transport.request({ method: 'GET', path, query, ...(signal === undefined ? {} : { signal }) });
  yield* answer.body;
}

async function* load(
  transport: Transport,
  upload: AsyncIterable<Uint8Array>,
  { quiet, platform, signal }: { quiet?: boolean; platform?: string | undefined; signal?: AbortSignal },
): AsyncGenerator<LoadLine> {
  const options = { method: 'POST', path: '/images/load', query: { quiet, platform: formatPlatformQuery(platform) }, upload } as const;
  const answer = await transport.request({ ...options, ...(signal === undefined ? {} : { signal }) });
  for await (const line of readLines<LoadLine>(answer.body)) {
    throwFailure(line);
    yield line;
  }
}

/** A tag follows the last colon behind the last slash; before that, a colon is a registry's port. */
function splitName(name: string | undefined): { repo: string | undefined; tag: string | undefined } {
  const colon = name?.lastIndexOf(':') ?? -1;
  if (name === undefined || colon < 0 || colon < name.lastIndexOf('/')) return { repo: name, tag: undefined };
  return { repo: name.slice(0, colon), tag: name.slice(colon + 1) };
}
