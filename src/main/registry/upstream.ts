import type { Upstream } from '#api/registry';
import { isOrlopError } from '#errors';
import type { RegistryClient, RegistrySettings, Repository } from '#registry';

/** What the client has to be told of the upstream: plain HTTP only where the URL says so. */
export function upstreamSettings(url: URL): RegistrySettings {
  return url.protocol === 'http:' ? { [domainOf(url)]: { insecure: true } } : {};
}

/** The registry at a URL, through our own client; what stands in the URL's path comes before all names. */
export function createUpstream(client: RegistryClient, url: URL): Upstream {
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '');
  const at = (name: string): Repository => client.repository({ domain: domainOf(url), path: prefix === '' ? name : `${prefix}/${name}` });
  return {
    async resolveTag(name, tag, signal) {
      return (await at(name).resolve(tag, { signal }))?.digest ?? null;
    },
    async fetchManifest(name, reference, signal) {
      const answer = await unlessMissing(at(name).fetchManifest('digest' in reference ? reference.digest : reference.tag, { signal }));
      return answer === null ? null : { mediaType: answer.descriptor.mediaType, bytes: answer.bytes };
    },
    async openBlob(name, blob, signal) {
      // The storage verifies what it is given.
      const chunks = at(name).fetchBlob(blob, { signal, verify: false })[Symbol.asyncIterator]();
      const first = await unlessMissing(chunks.next());
      return first === null ? null : follow(first, chunks);
    },
  };
}

function domainOf(url: URL): string {
  return url.hostname === 'registry-1.docker.io' ? 'docker.io' : url.host;
}

async function* follow(first: IteratorResult<Buffer>, rest: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

async function unlessMissing<Value>(promise: Promise<Value>): Promise<Value | null> {
  try {
    return await promise;
  } catch (error) {
    if (isOrlopError(error, 'not-found')) return null;
    throw error;
  }
}
