import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '#log';
import { formatDigest, type Digest } from '#oci';
import { createRegistryServer, type RegistryServer, type RegistryServerOptions } from '../server.ts';
import { openDirectoryStorage } from '../storage/directory/open.ts';
import type { Storage } from '../storage/types.ts';

/** A registry over a directory that goes away with it, for tests. */
export interface TestRegistry extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly root: string;
  readonly storage: Storage;
  readonly server: RegistryServer;
  /** What it has logged, parsed. */
  readonly log: Record<string, unknown>[];
  fetch(method: string, path: string, options?: { headers?: Record<string, string>; body?: string | Uint8Array }): Promise<Answer>;
  /** Pushes a blob in one request. */
  pushBlob(name: string, content: string | Uint8Array): Promise<Digest>;
  pushManifest(name: string, reference: string, manifest: object, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** The codes of the spec's errors, or null for a body that is none of the spec's errors. */
  readonly codes: readonly string[] | null;
  json(): Record<string, unknown>;
}

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndex = 'application/vnd.oci.image.index.v1+json';

export function sha256(content: string | Uint8Array): Digest {
  return formatDigest('sha256', createHash('sha256').update(content).digest('hex'));
}

export function sha512(content: string | Uint8Array): Digest {
  return formatDigest('sha512', createHash('sha512').update(content).digest('hex'));
}

export async function openTestRegistry(options: Partial<RegistryServerOptions> & { root?: string } = {}): Promise<TestRegistry> {
  await using undo = new AsyncDisposableStack();
  const root = options.root ?? (await mkdtemp(join(tmpdir(), 'orlop-registry-')));
  if (options.root === undefined) undo.defer(() => rm(root, { recursive: true, force: true }));
  const storage = options.storage ?? (await openDirectoryStorage({ root }));
  const log: Record<string, unknown>[] = [];
  const logger = createLogger({ level: 'debug', sink: (line) => log.push(JSON.parse(line) as Record<string, unknown>) });
  const server = undo.use(createRegistryServer({ logger, ...options, storage }));
  const port = await server.listen('127.0.0.1', 0);
  const url = `http://127.0.0.1:${port}`;
  const held = undo.move();
  const registry: TestRegistry = {
    url,
    port,
    root,
    storage,
    server,
    log,
    async fetch(method, path, { headers = {}, body } = {}) {
      const init = {
        method,
        headers,
        redirect: 'manual' as const,
        ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> }),
      };
      const response = await fetch(path.startsWith('http') ? path : `${url}${path}`, init);
      return readAnswer(response.status, response.headers, Buffer.from(await response.arrayBuffer()));
    },
    async pushBlob(name, content) {
      const digest = sha256(content);
      const { status } = await registry.fetch('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: content });
      if (status !== 201) throw new Error(`the push of a blob was answered ${status}`);
      return digest;
    },
    pushManifest: (name, reference, manifest, headers = {}) =>
      registry.fetch('PUT', `/v2/${name}/manifests/${reference}`, {
        headers: { 'content-type': 'mediaType' in manifest ? String(manifest.mediaType) : ociManifest, ...headers },
        body: JSON.stringify(manifest),
      }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
  return registry;
}

function readAnswer(status: number, headers: Headers, bytes: Buffer): Answer {
  const json = (): Record<string, unknown> => JSON.parse(bytes.toString()) as Record<string, unknown>;
  let codes: readonly string[] | null = null;
  if (status >= 400 && bytes.length > 0 && headers.get('content-type') === 'application/json')
    codes = (json()['errors'] as { code: string }[]).map(({ code }) => code);
  return { status, headers, bytes, codes, json };
}

/** A manifest of these blobs, as documents. */
export function imageOf(config: string, layers: readonly string[], more: object = {}) {
  const describe = (content: string, mediaType: string) => ({ mediaType, digest: sha256(content), size: Buffer.byteLength(content) });
  return {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: describe(config, 'application/vnd.oci.image.config.v1+json'),
    layers: layers.map((layer) => describe(layer, 'application/vnd.oci.image.layer.v1.tar+gzip')),
    ...more,
  };
}
