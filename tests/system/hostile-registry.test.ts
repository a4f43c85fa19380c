import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isOrlopError, type ErrorKind } from '#errors';
import { createImages, createTransfers } from '#image';
import { mediaTypes, platformOfNodeArch } from '#oci';
import { createRegistryClient } from '#registry';
import { asRoot, openTemporaryStore } from '../../src/image/fixtures/temporary-store.ts';
import { tinyTar } from '../../src/image/fixtures/tiny-tar.ts';
import { limits } from '../../src/registry/testing/against.ts';
import { openServer, type TestServer } from '../../src/registry/testing/server.ts';

const digestOf = (bytes: Uint8Array | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const tar = tinyTar({ file: randomBytes(50_000).toString('latin1') });

/** What the registry has, and how it answers for what it does not simply send. */
interface Shelf {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { readonly mediaType: string; readonly bytes: Buffer }>;
  readonly answers: Map<string, (response: ServerResponse) => void>;
}

interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function put({ blobs }: Shelf, mediaType: string, bytes: Buffer | string): Described {
  blobs.set(digestOf(bytes), Buffer.from(bytes));
  return { mediaType, digest: digestOf(bytes), size: Buffer.byteLength(bytes) };
}

function putManifest({ manifests }: Shelf, document: object | Buffer, tag = 'bad', mediaType: string = mediaTypes.ociManifest): Described {
  const bytes = Buffer.isBuffer(document) ? document : Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...document }));
  for (const reference of [tag, digestOf(bytes)]) manifests.set(reference, { mediaType, bytes });
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

const configText = (diffIds: readonly string[]): string =>
  JSON.stringify({ ...platformOfNodeArch(process.arch), config: {}, rootfs: { type: 'layers', diff_ids: diffIds } });

/** An image of one layer; what is told of it may be a lie. */
function putImage(shelf: Shelf, told: { layer?: Buffer; diffId?: string; tag?: string; config?: object; layers?: object } = {}): Described {
  const layer = put(shelf, mediaTypes.ociLayerGzip, told.layer ?? gzipSync(tar));
  const config = put(shelf, mediaTypes.ociConfig, configText([told.diffId ?? digestOf(tar)]));
  putManifest(shelf, { config: { ...config, ...told.config }, layers: [{ ...layer, ...told.layers }] }, told.tag);
  return layer;
}

function serve(shelf: Shelf): Promise<TestServer> {
  return openServer((request, response) => {
    const path = request.url ?? '';
    const [, kind, reference = ''] = /^\/v2\/app\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
    if (kind === undefined) return;
    const special = shelf.answers.get(reference);
    const manifest = shelf.manifests.get(reference);
    const bytes = kind === 'blobs' ? shelf.blobs.get(reference) : manifest?.bytes;
    if (special !== undefined) return special(response);
    if (bytes === undefined) return void response.writeHead(404).end();
    if (manifest !== undefined) response.setHeader('content-type', manifest.mediaType);
    response.setHeader('content-length', bytes.length).setHeader('docker-content-digest', digestOf(bytes));
    response.end(request.method === 'HEAD' ? undefined : bytes);
  });
}

const deep = (bytes: number): Buffer => Buffer.from('['.repeat(bytes));
/** Puts a good image there; the digest of its layer. */
const imageIn = (shelf: Shelf): string => putImage(shelf).digest;
const noise = gzipSync(tinyTar({ other: randomBytes(1000).toString('latin1') }));

const cases: readonly [what: string, kind: ErrorKind | readonly ErrorKind[], says: RegExp, prepare: (shelf: Shelf) => void][] = [
  [
    'a layer of other bytes',
    'data-loss',
    /damaged|digest/,
    (shelf) => void shelf.blobs.set(imageIn(shelf), randomBytes(gzipSync(tar).length)),
  ],
  [
    'a layer that is longer than announced',
    'data-loss',
    /more than/,
    (shelf) => void shelf.blobs.set(imageIn(shelf), randomBytes(200_000)),
  ],
  [
    'a layer that is shorter than announced',
    'data-loss',
    /not the \d+ announced/,
    (shelf) => void shelf.blobs.set(imageIn(shelf), randomBytes(10)),
  ],
  ['a layer whose size the manifest makes up', 'data-loss', /announced/, (shelf) => void putImage(shelf, { layers: { size: 7 } })],
  [
    'a layer cut off before its digest was taken',
    ['data-loss', 'invalid-argument'],
    /./,
    (shelf) => void putImage(shelf, { layer: gzipSync(tar).subarray(0, 900) }),
  ],
  [
    'a layer that is no tar',
    ['data-loss', 'invalid-argument'],
    /tar|damaged|gzip/,
    (shelf) => void putImage(shelf, { layer: gzipSync(randomBytes(5000)) }),
  ],
  [
    'a layer that is not packed as it says',
    ['data-loss', 'invalid-argument'],
    /./,
    (shelf) => void putImage(shelf, { layer: randomBytes(5000) }),
  ],
  ['a layer that is not the one that the config names', 'data-loss', /damaged|digest/, (shelf) => void putImage(shelf, { layer: noise })],
  [
    'a layer with bytes behind its end',
    'data-loss',
    /./,
    (shelf) => void putImage(shelf, { layer: Buffer.concat([gzipSync(tar), randomBytes(3000)]) }),
  ],
  ['a config of many gigabytes', 'invalid-argument', /more than/, (shelf) => void putImage(shelf, { config: { size: 5_000_000_000 } })],
  [
    'a config that has no end of depth',
    'invalid-argument',
    /./,
    (shelf) => void putManifest(shelf, { config: put(shelf, mediaTypes.ociConfig, deep(3_000_000)), layers: [] }),
  ],
  [
    'a config that names other layers than the manifest',
    'invalid-argument',
    /names 0 layers/,
    (shelf) =>
      void putManifest(shelf, {
        config: put(shelf, mediaTypes.ociConfig, configText([])),
        layers: [put(shelf, mediaTypes.ociLayerGzip, noise)],
      }),
  ],
  ['a manifest that has no end of depth', 'invalid-argument', /./, (shelf) => void putManifest(shelf, deep(4_000_000))],
  ['a manifest of negative sizes', 'invalid-argument', /size/, (shelf) => void putImage(shelf, { layers: { size: -1 } })],
  [
    'a manifest of a digest that leads elsewhere',
    'invalid-argument',
    /digest/,
    (shelf) => void putImage(shelf, { layers: { digest: 'sha256:../../../../etc/passwd' } }),
  ],
  ['an index in an index in an index …', 'invalid-argument', /nested too deep/, nest],
  ['a blob behind a circle of redirects', 'unavailable', /redirects more than/, (shelf) => circle(shelf)],
  ['a blob that stops in the middle and does not go on', 'deadline-exceeded', /came for/, (shelf) => silence(shelf)],
  ['a blob that is not there', 'not-found', /not found/, (shelf) => void shelf.blobs.delete(imageIn(shelf))],
];

function nest(shelf: Shelf): void {
  let inner: object = { ...innermost(shelf), platform: platformOfNodeArch(process.arch) };
  for (let depth = 0; depth < 8; depth++)
    inner = { ...putManifest(shelf, { manifests: [inner] }, 'bad', mediaTypes.ociIndex), platform: platformOfNodeArch(process.arch) };
}

function innermost(shelf: Shelf): Described {
  putImage(shelf, { tag: 'inner' });
  const { bytes, mediaType } = shelf.manifests.get('inner') ?? assert.fail();
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function circle(shelf: Shelf): void {
  const digest = imageIn(shelf);
  shelf.answers.set(digest, (response) => void response.writeHead(307, { location: `/v2/app/blobs/${digest}` }).end());
}

function silence(shelf: Shelf): void {
  const digest = imageIn(shelf);
  const bytes = shelf.blobs.get(digest) ?? assert.fail();
  shelf.answers.set(digest, (response) => void response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 2000)));
}

describe('a pull from a registry that lies, fails or is broken into', asRoot, () => {
  for (const [what, kind, says, prepare] of cases) {
    test(`${what}: a clear error, and the store as it was before`, async () => {
      const shelf: Shelf = { blobs: new Map(), manifests: new Map(), answers: new Map() };
      const kept = tinyTar({ kept: 'kept' });
      putImage(shelf, { layer: gzipSync(kept), diffId: digestOf(kept), tag: 'good' });
      await using server = await serve(shelf);
      using registries = createRegistryClient({ limits, certificateDirectories: [] });
      await using temporary = await openTemporaryStore();
      const { store } = temporary;
      const images = createImages(store);
      const transfers = createTransfers({ store, images, registries });
      await transfers.pull(`${server.host}/app:good`);
      // The name that is pulled has an image already: it must stay.
      images.tag(`${server.host}/app:good`, `${server.host}/app:bad`);
      const state = async (): Promise<unknown> => [
        images.list().map(({ id, names }) => ({ id, names })),
        (await store.content.list()).map(String).sort(),
        store.layers.list(),
      ];
      const before = await state();
      prepare(shelf);
      await assert.rejects(transfers.pull(`${server.host}/app:bad`), (error) => {
        assert.ok(isOrlopError(error) && [kind].flat().includes(error.kind), `${String(error)} (${isOrlopError(error) ? error.kind : ''})`);
        assert.match(error.message, says);
        return true;
      });
      await store.collectGarbage();
      assert.deepEqual(await state(), before);
      assert.deepEqual((await store.check({ content: true })).problems, []);
    });
  }
});
