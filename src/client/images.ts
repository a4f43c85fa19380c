import type { DockerDeleted, DockerHistoryEntry, DockerImage, DockerImageSummary, DockerProgress } from '#wire';
import { createRegistriesClient, type RegistriesClient } from './registries.ts';
import { formatPlatformQuery } from './platform.ts';
import { readJson, readLines, readText, throwFailure } from './answers.ts';
import type { Transport } from './transport/transport.ts';

export interface ImportOptions {
  /** `name` or `name:tag`. */
  readonly name?: string | undefined;
  readonly message?: string | undefined;
  /** Dockerfile instructions such as `CMD ["/bin/sh"]`. */
  readonly changes?: readonly string[];
  /** What it is for (`linux/arm64`), when not for the engine's machine. */
  readonly platform?: string | undefined;
  readonly signal?: AbortSignal;
}

export interface ImagesClient extends RegistriesClient {
  list(options?: { all?: boolean; filters?: Readonly<Record<string, readonly string[]>> }): Promise<DockerImageSummary[]>;
  /** `platform`, such as `linux/arm64`: of an image for several, that one. */
  inspect(name: string, options?: { platform?: string | undefined }): Promise<DockerImage>;
  history(name: string, options?: { platform?: string | undefined }): Promise<DockerHistoryEntry[]>;
  remove(name: string, options?: { force?: boolean }): Promise<DockerDeleted[]>;
  /** `target` is `name` or `name:tag`. */
  tag(name: string, target: string): Promise<void>;
  /** A root tar becomes an image, out of a stream or from an address (`https://…`) that the engine fetches; resolves with its id. */
  importRoot(source: AsyncIterable<Uint8Array> | string, options?: ImportOptions): Promise<string>;
}

export function createImagesClient(transport: Transport): ImagesClient {
  const at = (name: string, rest = ''): string => `/images/${name.split('/').map(encodeURIComponent).join('/')}${rest}`;
  return {
    list: async ({ all, filters } = {}) => {
      const query = { all, filters: filters === undefined ? undefined : JSON.stringify(filters) };
      return readJson(await transport.request({ method: 'GET', path: '/images/json', query }));
    },
    inspect: async (name, { platform } = {}) =>
      readJson(await transport.request({ method: 'GET', path: at(name, '/json'), query: { platform: formatPlatformQuery(platform) } })),
    history: async (name, { platform } = {}) =>
      readJson(await transport.request({ method: 'GET', path: at(name, '/history'), query: { platform: formatPlatformQuery(platform) } })),
    remove: async (name, { force } = {}) => readJson(await transport.request({ method: 'DELETE', path: at(name), query: { force } })),
    tag: async (name, target) => {
      const { repository, tag } = splitTag(target);
      await readText(await transport.request({ method: 'POST', path: at(name, '/tag'), query: { repo: repository, tag } }));
    },
    importRoot: (source, options = {}) => importRoot(transport, source, options),
    ...createRegistriesClient(transport),
  };
}

async function importRoot(transport: Transport, source: AsyncIterable<Uint8Array> | string, options: ImportOptions): Promise<string> {
  const { name, message, changes, platform, signal } = options;
  const { repository, tag } = name === undefined ? { repository: undefined, tag: undefined } : splitTag(name);
  const isAddress = typeof source === 'string';
  const query = { fromSrc: isAddress ? source : '-', repo: repository, tag, message, changes, platform };
  const answer = await transport.request({
    method: 'POST',
    path: '/images/create',
    query,
    ...(isAddress ? {} : { upload: source }),
    ...(signal === undefined ? {} : { signal }),
  });
  let id = '';
  for await (const line of readLines<DockerProgress>(answer.body)) {
    throwFailure(line);
    id = line.status ?? id;
  }
  return id;
}

/** A tag follows the last colon behind the last slash; before that, a colon is a registry's port. */
function splitTag(name: string): { repository: string; tag: string | undefined } {
  const colon = name.lastIndexOf(':');
  if (colon < 0 || colon < name.lastIndexOf('/')) return { repository: name, tag: undefined };
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}
