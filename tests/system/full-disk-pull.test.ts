import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { createImages, createTransfers } from '#image';
import { formatImageConfig, mediaTypes, parseDigest, platformOfNodeArch } from '#oci';
import { createRegistryClient } from '#registry';
import { openStore } from '#store';
import { loadAddon } from '#sys';
import { asRoot } from '../../src/image/fixtures/temporary-store.ts';
import { tinyTar } from '../../src/image/fixtures/tiny-tar.ts';
import { limits } from '../../src/registry/testing/against.ts';
import { openServer, type TestServer } from '../../src/registry/testing/server.ts';

const digestOf = (bytes: Uint8Array | string) => parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

/** A registry with one image of three layers, half a megabyte each. */
function openRegistry(): Promise<TestServer> {
  const tars = [0, 1, 2].map((at) => tinyTar({ [`file${at}`]: randomBytes(500_000).toString('latin1') }));
  const rootfs = { type: 'layers', diff_ids: tars.map(digestOf) } as const;
  const config = Buffer.from(formatImageConfig({ ...platformOfNodeArch(process.arch), config: {}, rootfs, history: [] }));
  const describeBlob = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const layers = tars.map((tar) => describeBlob(mediaTypes.ociLayer, tar));
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: describeBlob(mediaTypes.ociConfig, config), layers };
  const manifest = Buffer.from(JSON.stringify(document));
  const content = new Map([config, ...tars, manifest].map((bytes) => [String(digestOf(bytes)), bytes]));
  return openServer((request, response) => {
    const reference = /^\/v2\/app\/(?:manifests|blobs)\/(.+)$/.exec(request.url ?? '')?.[1];
    if (reference === undefined) return;
    const bytes = reference === '1' ? manifest : content.get(reference);
    if (bytes === undefined) return void response.writeHead(404).end();
    if (bytes === manifest) response.setHeader('content-type', mediaTypes.ociManifest);
    response.setHeader('content-length', bytes.length).setHeader('docker-content-digest', digestOf(bytes));
    response.end(request.method === 'HEAD' ? undefined : bytes);
  });
}

test('a pull onto a disk that is full sooner or later fails whole, and works once there is room', asRoot, async (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'orlop-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'orlop-test', disk]);
  t.after(() => {
    execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
  });
  await using server = await openRegistry();
  using registries = createRegistryClient({ limits, certificateDirectories: [] });
  await using store = await openStore({ root: join(disk, 'store'), addon: loadAddon() });
  const images = createImages(store);
  const transfers = createTransfers({ store, images, registries });
  const filler = join(disk, 'filler');
  const free = (): number => statfsSync(disk).bavail * statfsSync(disk).bsize;
  // The whole takes three megabytes, packed and unpacked, and the database some more.
  for (const leftKib of [0, 64, 300, 600, 1100, 1700, 2300, 2800]) {
    writeFileSync(filler, Buffer.alloc(Math.max(0, free() - leftKib * 1024)));
    await assert.rejects(transfers.pull(`${server.host}/app:1`), (error) => {
      assert.ok(isOrlopError(error, 'resource-exhausted'), `with ${leftKib} KiB: ${String(error)}`);
      return true;
    });
    assert.deepEqual(images.list(), [], `with ${leftKib} KiB`);
    rmSync(filler);
    await store.collectGarbage();
    assert.deepEqual([await store.content.list(), store.layers.list()], [[], []], `with ${leftKib} KiB`);
    assert.deepEqual((await store.check({ content: true })).problems, []);
  }
  await transfers.pull(`${server.host}/app:1`);
  assert.equal(images.list().length, 1);
});
