import { isOrlopError } from '#errors';
import type { Logger } from '#log';
import type { Digest } from '#oci';
import { streamBlob } from './blobs.ts';
import { createEndpoint, type Endpoint, type EndpointContext } from './endpoint.ts';
import { createAgents } from './http/agents.ts';
import { listAll, listReferrers } from './listing.ts';
import { fetchManifest, objectOf, resolveManifest } from './manifests.ts';
import { searchRegistry } from './search.ts';
import { locateRegistry, planLocations, type RegistrySettings } from './settings.ts';
import type { CallOptions, CredentialSource, RegistryClient, RegistryLimits, Repository, RepositoryName } from './types.ts';
import { mountBlob, uploadBlob } from './uploads.ts';

export interface RegistryClientOptions {
  readonly settings?: RegistrySettings;
  /** See `readCertificates`; `/etc/orlop/certs.d` and `/etc/docker/certs.d` without it. */
  readonly certificateDirectories?: readonly string[];
  /** For proxies; none are used without it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly limits?: Partial<RegistryLimits>;
  readonly userAgent?: string;
  readonly logger?: Logger;
}

const defaultLimits: RegistryLimits = { stallMs: 60_000, leastBytes: 64 * 1024, attempts: 5, backoffMs: 500, longestWaitMs: 60_000 };
/** Where Docker's hub is searched. */
const hub = 'docker.io';
const searchHost = 'index.docker.io';
const nobody: CredentialSource = () => null;

/** A client of OCI registries (distribution-spec 1.1). Connections are shared by all that it makes, logins by nobody. */
export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const settings = options.settings ?? {};
  const agents = createAgents({
    certificateDirectories: options.certificateDirectories ?? ['/etc/orlop/certs.d', '/etc/docker/certs.d'],
    env: options.env ?? {},
  });
  const context: EndpointContext = {
    agents,
    limits: { ...defaultLimits, ...options.limits },
    userAgent: options.userAgent ?? 'orlop',
    logger: options.logger,
  };
  const registry = (domain: string, credentials = nobody): Endpoint =>
    createEndpoint(context, locateRegistry(settings, domain), () => credentials(domain));
  return {
    async ping(domain, how = {}) {
      const object = `registry ${domain}`;
      const endpoint = registry(domain, how.credentials);
      const answer = await endpoint.call({
        method: 'GET',
        target: '/v2/',
        scopes: [],
        object,
        expect: [200],
        repeatable: true,
        offline: true,
        signal: how.signal,
      });
      await answer.discard();
      return { identityToken: endpoint.refreshToken() };
    },
    catalog: (domain, how = {}) => {
      const place = { endpoint: registry(domain, how.credentials), object: `catalog of ${domain}`, scopes: ['registry:catalog:*'] };
      return listAll(place, '/v2/_catalog', 'repositories', how);
    },
    search: (domain, query, how = {}) => searchRegistry(registry(domain === hub ? searchHost : domain, how.credentials), query, how),
    repository: (name, how = {}) => createRepository(context, settings, name, how.credentials ?? nobody),
    close: () => agents.close(),
    [Symbol.dispose]: () => agents.close(),
  };
}

function createRepository(
  context: EndpointContext,
  settings: RegistrySettings,
  name: RepositoryName,
  credentials: CredentialSource,
): Repository {
  const { limits } = context;
  const shown = `${name.domain}/${name.path}`;
  // Refused at once when it is blocked, before anything is asked.
  const locations = planLocations(settings, name, 'read');
  // What the caller knows is for the registry, not for a mirror that stands before it.
  const readers = locations.map((location) =>
    createEndpoint(context, location, location.isMirror ? nobody : () => credentials(name.domain)),
  );
  const origin = readers.at(-1) as Endpoint;
  const scope = (endpoint: Endpoint, actions: string): string[] => [`repository:${endpoint.location.path}:${actions}`];
  const reading = (endpoint: Endpoint) => ({ endpoint, shown, limits, scopes: scope(endpoint, 'pull') });
  const writing = { endpoint: origin, shown, limits, scopes: scope(origin, 'pull,push') };
  const deleting = (target: string, object: string, how: CallOptions): Promise<void> =>
    origin
      .call({
        method: 'DELETE',
        target,
        scopes: scope(origin, 'delete,pull'),
        object,
        expect: [200, 202, 204],
        repeatable: true,
        signal: how.signal,
      })
      .then((answer) => answer.discard());
  const base = `/v2/${origin.location.path}`;
  const hasBlob = async (digest: Digest, how: CallOptions): Promise<boolean> => {
    const object = `blob ${digest} of ${shown}`;
    const target = `${base}/blobs/${digest}`;
    // With the scope of the push that this comes before, so that one token serves for both.
    const answer = await origin.call({
      method: 'HEAD',
      target,
      scopes: writing.scopes,
      object,
      expect: [200, 404],
      repeatable: true,
      signal: how.signal,
    });
    await answer.discard();
    return answer.status === 200;
  };
  return {
    name,
    resolve: async (reference, how = {}) => {
      const found = await firstOf(context, readers, async (endpoint) => {
        const descriptor = await resolveManifest(reading(endpoint), reference, how);
        // A mirror that has not got it is passed over.
        return { descriptor, isAnswer: descriptor !== null || !endpoint.location.isMirror };
      });
      return found.descriptor;
    },
    fetchManifest: async (reference, how = {}) => {
      const found = await firstOf(context, readers, async (endpoint) => ({
        manifest: await fetchManifest(reading(endpoint), reference, how),
        isAnswer: true,
      }));
      return found.manifest;
    },
    fetchBlob: (blob, how = {}) => streamFromFirst(context, readers, (endpoint) => streamBlob(reading(endpoint), blob, how)),
    hasBlob: (digest, how = {}) => hasBlob(digest, how),
    mountBlob: (digest, fromPath, how = {}) => mountBlob(writing, digest, fromPath, how),
    uploadBlob: (blob, open, how = {}) => uploadBlob(writing, blob, open, how),
    async putManifest(reference, mediaType, bytes, how = {}) {
      const answer = await origin.call({
        method: 'PUT',
        target: `${base}/manifests/${reference}`,
        headers: { 'content-type': mediaType },
        body: bytes,
        scopes: writing.scopes,
        object: objectOf(shown, reference),
        expect: [201, 202],
        repeatable: true,
        signal: how.signal,
      });
      await answer.discard();
    },
    deleteManifest: (reference, how = {}) => deleting(`${base}/manifests/${reference}`, objectOf(shown, reference), how),
    deleteBlob: (digest, how = {}) => deleting(`${base}/blobs/${digest}`, `blob ${digest} of ${shown}`, how),
    tags: (how = {}) =>
      listAll({ endpoint: origin, object: `tags of ${shown}`, scopes: scope(origin, 'pull') }, `${base}/tags/list`, 'tags', how),
    referrers: (digest, how = {}) => listReferrers(reading(origin), digest, how),
  };
}

/** The first endpoint that answers; a mirror that fails is passed over, the registry's own word counts. */
async function firstOf<Found extends { readonly isAnswer: boolean }>(
  context: EndpointContext,
  endpoints: readonly Endpoint[],
  ask: (endpoint: Endpoint) => Promise<Found>,
): Promise<Found> {
  for (const endpoint of endpoints.slice(0, -1)) {
    try {
      const found = await ask(endpoint);
      if (found.isAnswer) return found;
    } catch (error) {
      if (isOrlopError(error, 'cancelled')) throw error;
      context.logger?.warn('a mirror is passed over', { mirror: endpoint.location.host, error });
    }
  }
  return ask(endpoints.at(-1) as Endpoint);
}

/** As `firstOf`, as long as nothing has been handed on: a stream cannot be begun twice. */
async function* streamFromFirst(
  context: EndpointContext,
  endpoints: readonly Endpoint[],
  open: (endpoint: Endpoint) => AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  for (const endpoint of endpoints) {
    let begun = false;
    try {
      for await (const chunk of open(endpoint)) {
        begun = true;
        yield chunk;
      }
      return;
    } catch (error) {
      if (begun || !endpoint.location.isMirror || isOrlopError(error, 'cancelled')) throw error;
      context.logger?.warn('a mirror is passed over', { mirror: endpoint.location.host, error });
    }
  }
}
