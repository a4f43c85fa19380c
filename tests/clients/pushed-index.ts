import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Digest, formatImageConfig, mediaTypes, parseDigest, platformOfNodeArch } from '#oci';
import { tinyTar } from '../../src/image/fixtures/tiny-tar.ts';

/** Which family of media types: OCI's or Docker's. */
export type Family = 'oci' | 'docker';

/** The machine's own processor, and one that no test runs on. */
export const architectures: readonly [string, string] = [platformOfNodeArch(process.arch).architecture, 's390x'];

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Pusher {
  manifest(reference: string, document: Readonly<Record<string, unknown>> & { readonly mediaType: string }): Promise<Descriptor>;
  blob(mediaType: string, body: Buffer | string): Promise<Descriptor>;
}

/** Puts content into a registry that lets everybody in, by nothing but HTTP. */
function createPusher(host: string, path: string): Pusher {
  return {
    async manifest(reference, document) {
      const body = JSON.stringify(document);
      const what = { mediaType: document.mediaType, digest: digestOf(body), size: Buffer.byteLength(body) };
      await send(`http://${host}/v2/${path}/manifests/${reference === '' ? what.digest : reference}`, 'PUT', body, what.mediaType);
      return what;
    },
    async blob(mediaType, body) {
      const what = { mediaType, digest: digestOf(body), size: Buffer.byteLength(body) };
      await send(`http://${host}/v2/${path}/blobs/uploads/?digest=${what.digest}`, 'POST', body, 'application/octet-stream');
      return what;
    },
  };
}

/** Something with a tag that is no image: `HOST/PATH:artefact`. */
export async function pushArtefact(host: string, path: string): Promise<void> {
  const push = createPusher(host, path);
  const config = await push.blob('application/vnd.oci.empty.v1+json', '{}');
  const layers = [await push.blob('text/plain', 'no layer')];
  await push.manifest('artefact', { schemaVersion: 2, mediaType: mediaTypes.ociManifest, artifactType: 'text/x-note', config, layers });
}

/** An index of two platforms: `HOST/PATH:1`. */
export async function pushIndex(host: string, path: string, family: Family): Promise<void> {
  const isOci = family === 'oci';
  const push = createPusher(host, path);
  const image = async (architecture: string): Promise<Descriptor & { platform: object }> => {
    const tar = tinyTar({ architecture });
    const rootfs = { type: 'layers', diff_ids: [digestOf(tar)] } as const;
    const config = formatImageConfig({ architecture, os: 'linux', config: { Cmd: ['x'] }, rootfs, history: [] });
    const manifest = await push.manifest('', {
      schemaVersion: 2,
      mediaType: isOci ? mediaTypes.ociManifest : mediaTypes.dockerManifest,
      config: await push.blob(isOci ? mediaTypes.ociConfig : mediaTypes.dockerConfig, config),
      layers: [await push.blob(isOci ? mediaTypes.ociLayerGzip : mediaTypes.dockerLayerGzip, gzipSync(tar))],
    });
    return { ...manifest, platform: { architecture, os: 'linux' } };
  };
  const mediaType = isOci ? mediaTypes.ociIndex : mediaTypes.dockerIndex;
  const manifests = [await image(architectures[1]), await image(architectures[0])];
  await push.manifest('1', { schemaVersion: 2, mediaType, manifests });
}

async function send(url: string, method: string, body: Buffer | string, type: string): Promise<void> {
  const answer = await fetch(url, { method, body, headers: { 'content-type': type } });
  if (answer.status !== 201) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
}

function digestOf(content: Buffer | string): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(content).digest('hex')}`);
}
