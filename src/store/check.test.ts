import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createManifest, formatImageConfig, formatManifest, mediaTypes } from '#oci';
import { archive, directory, file } from './testing/archive.ts';
import { asRoot, openTemporaryStore } from './testing/temporary-store.ts';
import type { Store } from './types.ts';

async function fill(store: Store): Promise<void> {
  using lease = store.leases.create();
  const blob = await store.content.ingest(lease, archive(directory('d'), file('d/x', 'x')));
  const base = await store.layers.apply(lease, { blob: blob.digest }, { parent: null });
  const above = await store.layers.apply(lease, { blob: blob.digest }, { parent: base.chainId });
  const diffIds = [base.diffId, above.diffId];
  const config = await store.content.ingest(
    lease,
    formatImageConfig({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  const layer = { mediaType: mediaTypes.ociLayer, ...blob };
  const manifest = formatManifest(createManifest({ mediaType: mediaTypes.ociConfig, ...config }, [layer, layer]));
  const { digest } = await store.content.ingest(lease, manifest);
  store.metadata.images.put({ name: 'one', manifest: digest, kind: 'app', createdNs: 1n, labels: {} });
  store.metadata.containers.insert({ id: 'c', name: 'c', kind: 'app', createdNs: 1n, image: digest, chain: above.chainId, record: '{}' });
  await store.snapshots.prepare('c', above.chainId);
}

async function kinds(store: Store, repair = false): Promise<string[]> {
  return (await store.check({ repair, content: true })).problems.map(({ kind, state }) => `${kind}: ${state}`).sort();
}

test('a store in order has no problems, and says what was looked at', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  await fill(store);
  assert.deepEqual(await store.check({ content: true }), { problems: [], checked: { blobs: 3, layers: 2, images: 1, containers: 1 } });
});

test('what nothing knows is found and taken away', asRoot, async (t) => {
  const { store, root } = await openTemporaryStore(t);
  await fill(store);
  mkdirSync(join(root, 'layers', 'f'.repeat(64), 'fs'), { recursive: true });
  mkdirSync(join(root, 'containers', 'stray'));
  writeFileSync(join(root, 'blobs/sha256/odd'), 'x');
  const found = ['blob-unknown', 'container-unknown', 'layer-unknown'];
  assert.deepEqual(
    await kinds(store),
    found.map((kind) => `${kind}: can be repaired`),
  );
  assert.deepEqual(
    await kinds(store, true),
    found.map((kind) => `${kind}: repaired`),
  );
  assert.deepEqual(await kinds(store), []);
});

test('a missing layer is forgotten with what stands on it, and unpacked again from its blob', asRoot, async (t) => {
  const { store, root } = await openTemporaryStore(t);
  await fill(store);
  const [base] = store.layers.list();
  assert.ok(base !== undefined);
  rmSync(join(root, store.layers.directories(base.chainId)[0] ?? ''), { recursive: true });
  assert.deepEqual(await kinds(store, true), ['layer-missing: repaired']);
  assert.deepEqual([await kinds(store), store.layers.list()], [[], []]);
  const [blob] = (await store.content.list()).filter(({ size }) => size > 1000);
  assert.ok(blob !== undefined);
  const again = await store.layers.apply(store.leases.create(), { blob: blob.digest }, { parent: null, diffId: base.diffId });
  assert.equal(again.chainId, base.chainId);
});

test('a damaged blob is found by its content only, taken away, and the image that had it is named', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  await fill(store);
  const blob = (await store.content.list()).find(({ size }) => size > 1000);
  assert.ok(blob !== undefined);
  appendFileSync(store.content.path(blob.digest), 'x');
  assert.deepEqual((await store.check()).problems, []);
  const { problems } = await store.check({ repair: true, content: true });
  assert.deepEqual(
    problems.map(({ kind, object, state }) => [kind, object, state]),
    [
      ['blob-damaged', blob.digest, 'repaired'],
      ['image-incomplete', 'one', 'yours to mend'],
    ],
  );
});

test('a container whose files are gone is named and stays', asRoot, async (t) => {
  const { store, root } = await openTemporaryStore(t);
  await fill(store);
  rmSync(join(root, 'containers/c'), { recursive: true });
  assert.deepEqual(await kinds(store, true), ['container-missing: yours to mend']);
  assert.notEqual(store.metadata.containers.get('c'), null);
});

test('disk usage says what nothing needs any more', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  await fill(store);
  assert.deepEqual((await store.diskUsage()).garbage, { count: 0, bytes: 0 });
  const lease = store.leases.create();
  const blob = await store.content.ingest(lease, 'loose');
  lease[Symbol.dispose]();
  const { garbage, database, unfinished } = await store.diskUsage();
  assert.deepEqual(garbage, { count: 1, bytes: blob.size });
  assert.ok(database.bytes > 0);
  assert.deepEqual(unfinished, { count: 0, bytes: 0 });
});
