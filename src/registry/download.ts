import { isOrlopError, OrlopError } from '#errors';
import type { Logger } from '#log';
import { createEndpoint, wireFailure } from './endpoint.ts';
import { createAgents } from './http/agents.ts';
import { collect } from './http/send.ts';
import type { CallOptions } from './types.ts';

export interface DownloadsOptions {
  /** See `readCertificates`; `/etc/orlop/certs.d` and `/etc/docker/certs.d` without it. */
  readonly certificateDirectories?: readonly string[];
  /** For proxies; none are used without it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly userAgent?: string;
  readonly logger?: Logger;
}

/** What is asked for, as messages name it. */
export interface DownloadRequest extends CallOptions {
  readonly object: string;
  /** Told when the file was last changed, once its first byte is there, if the server says it: ms since the epoch. */
  readonly onModified?: (timeMs: number) => void;
}

/**
 * Files by their addresses, from servers that are no registries: plain GETs without credentials, with redirects, and second tries until the first byte. Fails as a
 * registry's calls do; each message names the server and the file.
 */
export interface Downloads extends Disposable {
  /** The whole of a small file. Resource-exhausted when it is longer than `maxBytes`. */
  read(url: URL, request: DownloadRequest & { readonly maxBytes: number }): Promise<Buffer>;
  /** A file as it comes. Unavailable when it breaks off. */
  stream(url: URL, request: DownloadRequest): AsyncIterable<Buffer>;
}

const limits = { stallMs: 60_000, leastBytes: 64 * 1024, attempts: 4, backoffMs: 500, longestWaitMs: 60_000 };

export function createDownloads(options: DownloadsOptions = {}): Downloads {
  const agents = createAgents({
    certificateDirectories: options.certificateDirectories ?? ['/etc/orlop/certs.d', '/etc/docker/certs.d'],
    env: options.env ?? {},
  });
  const context = { agents, limits, userAgent: options.userAgent ?? 'orlop', logger: options.logger };
  const open = (url: URL, { object, signal }: DownloadRequest) => {
    const endpoint = createEndpoint(context, { host: url.host, path: '', insecure: false, isMirror: false }, () => null);
    return endpoint.fetchForeign(url, { object, expect: [200], repeatable: true, signal });
  };
  return {
    async read(url, request) {
      try {
        return await collect(await open(url, request), request.maxBytes);
      } catch (error) {
        throw asServer(error, url, request);
      }
    },
    async *stream(url, request) {
      try {
        const answer = await open(url, request);
        const modifiedMs = Date.parse(answer.header('last-modified') ?? '');
        if (!Number.isNaN(modifiedMs)) request.onModified?.(modifiedMs);
        yield* answer.body;
      } catch (error) {
        throw asServer(error, url, request);
      }
    },
    [Symbol.dispose]: () => agents.close(),
  };
}

/** The same failure about a server that is no registry. */
function asServer(thrown: unknown, url: URL, { object, signal }: DownloadRequest): OrlopError {
  if (thrown instanceof RangeError) {
    return new OrlopError('resource-exhausted', 'DOWNLOAD_TOO_LONG', `server ${url.host}: ${object}: it is ${thrown.message}`);
  }
  const error = isOrlopError(thrown) ? thrown : wireFailure(thrown, { host: url.host, object }, signal);
  const message = error.message.replace(/^registry /, 'server ');
  return new OrlopError(error.kind, error.code.replace(/^REGISTRY_/, 'DOWNLOAD_'), message, { cause: error });
}
