import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isOrlopError } from '#errors';
import { loadAddon } from '#sys';
import { archive, directory, file } from './testing/archive.ts';
import { asRoot, collect, inPieces, temporaryDirectory } from './testing/temporary-store.ts';
import { extendChain } from './layers/chain.ts';
import { openStore } from './store.ts';
import type { Store } from './types.ts';

const child = fileURLToPath(new URL('./testing/crash-child.ts', import.meta.url));

/** Starts the child and kills it, without a chance to tidy up, once it has said so many lines. */
async function crash(t: TestContext, root: string, mode: string, afterLines: number): Promise<void> {
  const running: ChildProcess = spawn(process.execPath, [child, root, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => running.kill('SIGKILL'));
  const ended = new Promise<NodeJS.Signals | null>((resolve) => running.once('exit', (_code, signal) => resolve(signal)));
  let lines = 0;
  assert.ok(running.stdout !== null);
  for await (const _line of createInterface(running.stdout)) if (++lines === afterLines) running.kill('SIGKILL');
  assert.equal(await ended, 'SIGKILL', `it ended by itself after ${lines} lines`);
}

/** What must hold of any store just opened. */
async function checkConsistent(store: Store): Promise<void> {
  for (const { digest } of await store.content.list()) await store.content.readBytes(digest);
  const layers = store.layers.list();
  assert.deepEqual(readdirSync(join(store.root, 'layers')).sort(), [...layers.map(({ chainId }) => chainId.slice(7)), 'empty'].sort());
  for (const { chainId, diffId, parent } of layers) {
    assert.equal(extendChain(parent, diffId), chainId);
    const packed = await collect(store.layers.pack(store.layers.directories(chainId)[0] ?? ''));
    assert.equal(packed.toString('latin1').split('d/').length > 20, true, 'the layer is whole');
  }
  const rows = store.metadata.containers.list().map(({ id }) => id);
  const unreported = rows.filter((id) => !store.reconciled.lostContainers.includes(id));
  assert.deepEqual(readdirSync(join(store.root, 'containers')).sort(), unreported.sort());
}

for (const mode of ['stop-in-blob', 'stop-in-layer']) {
  test(`killed in the middle (${mode}), the store opens clean`, asRoot, async (t) => {
    const addon = loadAddon();
    const root = temporaryDirectory(t, addon);
    await crash(t, root, mode, 1);
    assert.equal(readdirSync(join(root, 'ingest')).length, 1);
    const store = await openStore({ root, addon });
    assert.equal(store.reconciled.leftovers, 1);
    assert.ok(store.wasCutOff);
    assert.deepEqual(await store.content.list(), []);
    assert.deepEqual(store.layers.list(), []);
    await checkConsistent(store);
    await store.close();
    assert.deepEqual(readdirSync(join(root, 'ingest')), []);
  });
}

test('killed at any moment, the store opens consistent', asRoot, async (t) => {
  const addon = loadAddon();
  const root = temporaryDirectory(t, addon);
  for (const afterLines of [1, 2, 3, 4, 5, 9, 11, 13, 14, 17, 23, 31]) {
    await crash(t, root, 'churn', afterLines);
    const store = await openStore({ root, addon });
    await checkConsistent(store);
    for (const id of store.reconciled.lostContainers) store.metadata.containers.remove(id);
    await store.close();
    assert.deepEqual(readdirSync(join(root, 'ingest')), []);
  }
});

test('layers that the database does not know go; those that are lost are forgotten with what stands on them', asRoot, async (t) => {
  const addon = loadAddon();
  const root = temporaryDirectory(t, addon);
  const first = await openStore({ root, addon });
  using lease = first.leases.create();
  const lower = await first.layers.apply(lease, inPieces(archive(directory('d'))), { parent: null });
  const upper = await first.layers.apply(lease, inPieces(archive(directory('d'), file('d/x'))), { parent: lower.chainId });
  const other = await first.layers.apply(lease, inPieces(archive(directory('other'))), { parent: null });
  const row = { id: 'c', name: 'c', kind: 'app', createdNs: 1n, image: null, chain: upper.chainId, record: '{}' };
  first.metadata.containers.insert(row);
  await first.close();
  rmSync(join(root, 'layers', lower.chainId.slice(7)), { recursive: true });
  mkdirSync(join(root, 'layers', 'f'.repeat(64), 'fs'), { recursive: true });
  mkdirSync(join(root, 'containers/stray'));
  writeFileSync(join(root, 'ingest/half'), 'x');

  await using second = await openStore({ root, addon });
  const { lostLayers, ...mended } = second.reconciled;
  assert.deepEqual(new Set(lostLayers), new Set([lower.chainId, upper.chainId]));
  assert.deepEqual(mended, {
    leftovers: 1,
    unknownLayers: ['f'.repeat(64), upper.chainId.slice(7)].sort(),
    lostContainers: ['c'],
    unknownContainers: ['stray'],
  });
  assert.deepEqual(second.layers.list(), [other]);
  assert.deepEqual(second.metadata.containers.get('c'), { ...row, chain: null });
});

test('a lost database does not take the containers with it', asRoot, async (t) => {
  const addon = loadAddon();
  const root = temporaryDirectory(t, addon);
  const first = await openStore({ root, addon });
  await first.snapshots.prepare('precious', null);
  await first.close();
  rmSync(join(root, 'orlop.db'));
  await assert.rejects(openStore({ root, addon }), (error) => isOrlopError(error, 'data-loss') && error.code === 'STORE_DATABASE_MISSING');
  assert.deepEqual(readdirSync(join(root, 'containers')), ['precious']);
});

test('a store that was closed properly has nothing to mend', asRoot, async (t) => {
  const addon = loadAddon();
  const root = temporaryDirectory(t, addon);
  const nothing = { leftovers: 0, unknownLayers: [], lostLayers: [], lostContainers: [], unknownContainers: [] };
  for (let round = 0; round < 2; round += 1) {
    await using store = await openStore({ root, addon });
    assert.deepEqual(store.reconciled, nothing);
    assert.ok(!store.wasCutOff);
    await store.layers.apply(store.leases.create(), inPieces(archive(directory('d'))), { parent: null });
  }
});

test('disk usage adds up', asRoot, async (t) => {
  const addon = loadAddon();
  await using store = await openStore({ root: temporaryDirectory(t, addon), addon });
  using lease = store.leases.create();
  const blob = await store.content.ingest(lease, archive(file('big', Buffer.alloc(100_000, 'x'))));
  const layer = await store.layers.apply(lease, { blob: blob.digest }, { parent: null });
  await store.snapshots.prepare('c', layer.chainId);
  const usage = await store.diskUsage();
  assert.deepEqual(usage.blobs, { count: 1, bytes: blob.size });
  assert.equal(usage.layers.count, 1);
  assert.ok(usage.layers.bytes >= 100_000 && usage.layers.bytes < 200_000);
  assert.equal(usage.containers.count, 1);
  assert.deepEqual(usage.images, { count: 0 });
});

test('killed with a disk filled by an unfinished blob, the store opens and has its space back', asRoot, async (t) => {
  const addon = loadAddon();
  const disk = temporaryDirectory(t, addon);
  addon.mount('orlop-test', disk, 'tmpfs', 0, 'size=2m');
  using _mounted = { [Symbol.dispose]: () => addon.umount(disk, 0) };
  const root = join(disk, 'root');
  await (await openStore({ root, addon })).close();
  const blob = openSync(join(root, 'ingest', 'blob-unfinished'), 'w');
  assert.throws(() => {
    for (;;) writeSync(blob, Buffer.alloc(65_536));
  }, /ENOSPC/);
  closeSync(blob);
  const store = await openStore({ root, addon });
  await checkConsistent(store);
  await store.close();
  assert.deepEqual(readdirSync(join(root, 'ingest')), []);
});
