import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createManifest, type Digest, formatImageConfig, formatIndex, formatManifest, mediaTypes } from '#oci';
import { loadAddon } from '#sys';
import { archive, directory, file } from '../testing/archive.ts';
import { asRoot, openTemporaryStore, temporaryDirectory } from '../testing/temporary-store.ts';
import { openStore } from '../store.ts';
import type { ChainId, Lease, Store } from '../types.ts';

interface Made {
  readonly manifest: Digest;
  readonly config: Digest;
  readonly layers: readonly Digest[];
  readonly chains: readonly ChainId[];
}

/** An image of these layers, stored and unpacked; nothing names it yet. */
async function makeImage(store: Store, lease: Lease, ...layers: readonly Buffer[]): Promise<Made> {
  const blobs = [];
  const chains: ChainId[] = [];
  const diffIds: Digest[] = [];
  for (const data of layers) {
    const blob = await store.content.ingest(lease, data);
    const layer = await store.layers.apply(lease, { blob: blob.digest }, { parent: chains.at(-1) ?? null });
    blobs.push({ mediaType: mediaTypes.ociLayer, ...blob });
    chains.push(layer.chainId);
    diffIds.push(layer.diffId);
  }
  const config = await store.content.ingest(
    lease,
    formatImageConfig({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  const manifest = await store.content.ingest(lease, formatManifest(createManifest({ mediaType: mediaTypes.ociConfig, ...config }, blobs)));
  return { manifest: manifest.digest, config: config.digest, layers: blobs.map(({ digest }) => digest), chains };
}

const base = archive(directory('a'), file('a/x', 'base'));
const one = archive(directory('a'), file('a/one', 'one'));
const two = archive(directory('a'), file('a/two', 'two'));

function image(name: string, manifest: Digest): Parameters<Store['metadata']['images']['put']>[0] {
  return { name, manifest, kind: 'app', createdNs: 1n, labels: {} };
}

async function present(store: Store): Promise<{ blobs: Set<Digest>; chains: Set<ChainId> }> {
  const chains = store.layers.list().map(({ chainId }) => chainId);
  for (const path of chains.flatMap((chain) => store.layers.directories(chain))) assert.ok(existsSync(join(store.root, path)), path);
  assert.equal(readdirSync(join(store.root, 'layers')).length, chains.length + 1);
  assert.deepEqual(readdirSync(join(store.root, 'ingest')), []);
  return { blobs: new Set((await store.content.list()).map(({ digest }) => digest)), chains: new Set(chains) };
}

test('what an image needs stays, what nothing needs goes', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  let kept: Made;
  let dropped: Made;
  {
    using lease = store.leases.create();
    kept = await makeImage(store, lease, base, one);
    dropped = await makeImage(store, lease, base, two);
    store.metadata.images.put(image('kept', kept.manifest));
    assert.deepEqual((await store.collectGarbage()).blobs, [], 'the lease holds both');
  }
  const report = await store.collectGarbage();
  assert.deepEqual(new Set(report.blobs.map(({ digest }) => digest)), new Set([dropped.manifest, dropped.config, dropped.layers[1]]));
  assert.deepEqual(report.layers, [dropped.chains[1]]);
  assert.ok(report.freedBytes > two.length);
  assert.deepEqual(await present(store), { blobs: new Set([kept.manifest, kept.config, ...kept.layers]), chains: new Set(kept.chains) });
  store.metadata.images.remove('kept');
  await store.collectGarbage();
  assert.deepEqual(await present(store), { blobs: new Set(), chains: new Set() });
});

test('a container keeps its image and its layers, untagged or not', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const made = await makeImage(store, lease, base, one);
  const row = { id: 'c', name: 'c', kind: 'app', createdNs: 1n, image: made.manifest, chain: made.chains[1] ?? null, record: '{}' };
  store.metadata.containers.insert(row);
  await store.snapshots.prepare('c', row.chain);
  lease[Symbol.dispose]();
  const report = await store.collectGarbage();
  assert.deepEqual(report, { blobs: [], layers: [], containers: [], freedBytes: 0 });
  store.metadata.containers.remove('c');
  await store.snapshots.remove('c');
  assert.equal((await store.collectGarbage()).layers.length, 2);
});

test('an index keeps all its manifests, and a lease on an image all it refers to', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  using making = store.leases.create();
  const made = await makeImage(store, making, base);
  const manifests = [{ mediaType: mediaTypes.ociManifest, digest: made.manifest, size: await store.content.size(made.manifest) }];
  const index = await store.content.ingest(making, formatIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  using lease = store.leases.create();
  lease.hold({ image: index.digest });
  making[Symbol.dispose]();
  assert.deepEqual((await store.collectGarbage()).blobs, []);
  store.metadata.images.put(image('multi', index.digest));
  lease[Symbol.dispose]();
  assert.deepEqual((await store.collectGarbage()).blobs, []);
  store.metadata.images.remove('multi');
  assert.equal((await store.collectGarbage()).blobs.length, 4);
});

test('content that arrives while garbage is collected stays', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  for (let round = 0; round < 5; round += 1) {
    const collecting = store.collectGarbage();
    using lease = store.leases.create();
    const made = await makeImage(store, lease, base, one);
    store.metadata.images.put(image(`round-${round}`, made.manifest));
    await Promise.all([collecting, store.collectGarbage(), store.collectGarbage()]);
    assert.equal((await present(store)).chains.size, 2);
    await store.content.readBytes(made.manifest);
  }
});

test('no blob goes before the database is on disk, nor one that is needed again by then', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  let made: Made;
  {
    using lease = store.leases.create();
    made = await makeImage(store, lease, base);
  }
  let blobsBefore = 0;
  const flushed = async (): Promise<void> => {
    blobsBefore = (await store.content.list()).length;
    store.metadata.images.put(image('again', made.manifest));
  };
  const real = store.metadata.flushed;
  Object.assign(store.metadata, { flushed });
  assert.deepEqual((await store.collectGarbage()).blobs, []);
  assert.equal(blobsBefore, 3);
  assert.equal((await present(store)).blobs.size, 3);

  store.metadata.images.remove('again');
  Object.assign(store.metadata, { flushed: () => Promise.reject(new Error('a broken disk')) });
  assert.equal((await store.collectGarbage()).blobs.length, 3);
  Object.assign(store.metadata, { flushed: real });
  assert.equal((await present(store)).blobs.size, 0);
});

test('a directory that no container owns goes, one just prepared stays', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  await store.snapshots.prepare('new', null);
  mkdirSync(join(store.root, 'containers/orphan'));
  assert.deepEqual((await store.collectGarbage()).containers, ['orphan']);
  assert.deepEqual(readdirSync(join(store.root, 'containers')), ['new']);
});

test('a store that is closed while garbage is collected leaves none', asRoot, async (t) => {
  const { store, addon, root } = await openTemporaryStore(t);
  {
    using lease = store.leases.create();
    await makeImage(store, lease, base, one);
  }
  void store.collectGarbage();
  await store.close();
  await using again = await openStore({ root, addon });
  assert.deepEqual([await again.content.list(), again.layers.list()], [[], []]);
});

test('a lease with a time to live outlasts the engine, one without does not', asRoot, async (t) => {
  const addon = loadAddon();
  const root = temporaryDirectory(t, addon);
  const first = await openStore({ root, addon });
  const held = await first.content.ingest(first.leases.create({ ttlMs: 3_600_000 }), 'held');
  await first.content.ingest(first.leases.create({ ttlMs: 0 }), 'over');
  await first.content.ingest(first.leases.create(), 'loose');
  await first.close();
  await using second = await openStore({ root, addon });
  await second.collectGarbage();
  assert.deepEqual(await second.content.list(), [held]);
});
