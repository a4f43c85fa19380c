import { OrlopError } from '#errors';
import { type DockerAuth, type DockerProgress, type DockerSearchHit, type Progress } from '#wire';
import { readJson, readLines, throwFailure } from './answers.ts';
import { formatPlatformQuery } from './platform.ts';
import type { Answer, Transport } from './transport/transport.ts';

export interface RegistryOptions {
  /** Who we are to the registry; nobody without it. */
  readonly auth?: DockerAuth | undefined;
  readonly progress?: (step: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface PullOptions extends RegistryOptions {
  /** `linux/arm64`; the engine's own without it. */
  readonly platform?: string | undefined;
  /** All tags that the registry has; `name` has none then. */
  readonly allTags?: boolean;
}

export interface PushOptions extends RegistryOptions {
  /** That platform's image alone. */
  readonly platform?: string | undefined;
  /** All tags that are here; `name` has none then. */
  readonly allTags?: boolean;
}

export interface PulledImage {
  readonly digest: string;
  /** What the engine says at the end: `Downloaded newer image for …`. */
  readonly status: string;
}

export interface PushedImage {
  readonly tag: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface SearchOptions extends Omit<RegistryOptions, 'progress'> {
  readonly limit?: number | undefined;
  readonly filters?: Readonly<Record<string, readonly string[]>>;
}

/** Images to and from registries; the engine does it. */
export interface RegistriesClient {
  pull(name: string, options?: PullOptions): Promise<PulledImage>;
  /** One for each tag. */
  push(name: string, options?: PushOptions): Promise<readonly PushedImage[]>;
  /** What a registry's own search finds: Docker Hub's, or that of the registry that the term begins with. */
  search(term: string, options?: SearchOptions): Promise<DockerSearchHit[]>;
  /** Rejects with unauthenticated when the registry does not let them in. Resolves with a token to keep in place of the password, or null. */
  checkLogin(auth: DockerAuth): Promise<string | null>;
}

export function createRegistriesClient(transport: Transport): RegistriesClient {
  return {
    async pull(name, { platform, allTags = false, ...options } = {}) {
      const { repository, tag } = allTags ? { repository: name } : splitName(name);
      const query = { fromImage: repository, tag, platform };
      const answer = await transport.request({ method: 'POST', path: '/images/create', query, ...requestOf(options) });
      let digest = '';
      let status = '';
      for await (const line of follow(answer, options.progress)) {
        digest = /^Digest: (\S+)$/.exec(line.status ?? '')?.[1] ?? digest;
        status = /^Status: (.+)$/.exec(line.status ?? '')?.[1] ?? status;
      }
      return { digest, status };
    },
    async push(name, { platform, allTags = false, ...options } = {}) {
      const { repository, tag } = allTags ? { repository: name } : splitName(name);
      const path = `/images/${repository.split('/').map(encodeURIComponent).join('/')}/push`;
      const answer = await transport.request({
        method: 'POST',
        path,
        query: { tag, platform: formatPlatformQuery(platform) },
        ...requestOf(options),
      });
      const pushed: PushedImage[] = [];
      for await (const { aux } of follow(answer, options.progress)) {
        if (aux !== undefined) pushed.push({ tag: aux.Tag, digest: aux.Digest, sizeBytes: aux.Size });
      }
      if (pushed.length > 0) return pushed;
      throw new OrlopError('data-loss', 'CLIENT_NO_RESULT', 'the engine ended the push without a result');
    },
    async search(term, { limit, filters, ...options } = {}) {
      const query = { term, limit, filters: filters === undefined ? undefined : JSON.stringify(filters) };
      return readJson(await transport.request({ method: 'GET', path: '/images/search', query, ...requestOf(options) }));
    },
    async checkLogin(auth) {
      const { IdentityToken: token = '' } = await readJson<{ IdentityToken?: string }>(
        await transport.request({ method: 'POST', path: '/auth', json: auth }),
      );
      return token === '' ? null : token;
    },
  };
}

function requestOf({ auth, signal }: RegistryOptions): { headers?: Record<string, string>; signal?: AbortSignal } {
  const headers = auth === undefined ? {} : { headers: { 'X-Registry-Auth': Buffer.from(JSON.stringify(auth)).toString('base64url') } };
  return { ...headers, ...(signal === undefined ? {} : { signal }) };
}

/** The lines of Docker's stream; steps of parts are reported, an error is thrown as the engine made it. */
async function* follow(answer: Answer, report: RegistryOptions['progress']): AsyncGenerator<DockerProgress> {
  for await (const line of readLines<DockerProgress>(answer.body)) {
    throwFailure(line);
    const { id, status, progressDetail } = line;
    if (status !== undefined && id !== undefined) report?.({ id, status, ...progressDetail });
    yield line;
  }
}

/** `name`, `name:tag` or `name@digest`: the digest goes where Docker's clients put it, in place of the tag. */
function splitName(name: string): { repository: string; tag: string } {
  const at = name.indexOf('@');
  if (at >= 0) return { repository: name.slice(0, at), tag: name.slice(at + 1) };
  const colon = name.lastIndexOf(':');
  if (colon < 0 || colon < name.lastIndexOf('/')) return { repository: name, tag: 'latest' };
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}
