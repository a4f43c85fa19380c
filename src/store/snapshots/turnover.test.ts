import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseDigest } from '#oci';
import { AT_FDCWD, loadAddon, S_IFCHR } from '#sys';
import { mountLoopDisk, onFileSystem } from '../testing/loop-disk.ts';
import { asRoot, openTemporaryStore, temporaryDirectory, type TemporaryStore } from '../testing/temporary-store.ts';
import { openStore } from '../store.ts';
import type { ChainId, RootChange, Store } from '../types.ts';

const child = fileURLToPath(new URL('../testing/crash-child.ts', import.meta.url));

/** A container `c` with a row and a writable directory, whose row follows its changes. */
async function container({ store }: TemporaryStore): Promise<{ upper: string; change: RootChange; chain: () => ChainId | null }> {
  const { containers } = store.metadata;
  containers.insert({ id: 'c', name: 'c', kind: 'app', createdNs: 1n, image: null, chain: null, record: '{}' });
  await store.snapshots.prepare('c', null);
  let before: ChainId | null = null;
  return {
    upper: store.containerDirectory('c', 'upper'),
    chain: () => containers.get('c')?.chain ?? null,
    change: {
      commit(to) {
        before = containers.get('c')?.chain ?? null;
        containers.update('c', { chain: to });
      },
      undo: () => containers.update('c', { chain: before }),
    },
  };
}

/** What the container sees at its top. */
function shown(store: Store): string[] {
  const chain = store.metadata.containers.get('c')?.chain ?? null;
  const below = chain === null ? [] : store.layers.directories(chain).map((path) => join(store.root, path));
  return [...new Set([store.containerDirectory('c', 'upper'), ...below].flatMap((path) => readdirSync(path)))].toSorted();
}

test('a pushed directory is a layer, and its root looks as it did', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store } = opened;
  const { upper, change, chain } = await container(opened);
  using lease = store.leases.create();
  assert.equal(await store.snapshots.push(lease, 'c', null, change), null, 'nothing was written');
  writeFileSync(join(upper, 'a'), 'one');
  chmodSync(upper, 0o711);
  const layer = await store.snapshots.push(lease, 'c', null, change);
  assert.equal(chain(), layer?.chainId);
  assert.deepEqual(readdirSync(upper), []);
  assert.deepEqual(shown(store), ['a']);
  assert.equal(await store.snapshots.push(lease, 'c', chain(), change), null, 'the new root has the mode of the old one');
  await store.collectGarbage();
  assert.deepEqual(shown(store), ['a'], 'its row keeps the layer');
});

test('what is kept of a directory has its deletions and hidden directories, and is another copy', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store, addon } = opened;
  const { upper } = await container(opened);
  using lease = store.leases.create();
  writeFileSync(join(upper, 'a'), 'one');
  addon.mknodat(AT_FDCWD, join(upper, 'gone'), S_IFCHR, 0, 0);
  mkdirSync(join(upper, 'opaque'));
  mkdirSync(join(upper, 'proc'));
  const directory = addon.openat2(AT_FDCWD, join(upper, 'opaque'), 0, 0, 0);
  addon.setxattr(directory, 'trusted.overlay.opaque', Buffer.from('y'));
  addon.close(directory);
  const layer = await store.snapshots.keep(lease, 'c', null, { stubs: ['/proc'] });
  writeFileSync(join(upper, 'a'), 'two');
  const [tree = ''] = store.layers.directories(layer?.chainId ?? assert.fail());
  const path = join(store.root, tree);
  assert.deepEqual(readdirSync(path).toSorted(), ['a', 'gone', 'opaque']);
  assert.equal(readFileSync(join(path, 'a'), 'utf8'), 'one');
  const copy = addon.openat2(AT_FDCWD, join(path, 'opaque'), 0, 0, 0);
  assert.equal(addon.getxattr(copy, 'trusted.overlay.opaque')?.toString(), 'y');
  addon.close(copy);
  assert.equal(addon.fstatat(AT_FDCWD, join(path, 'gone'), 0).mode & 0o170000, S_IFCHR);
});

test('a change that cannot be written down leaves everything as it was', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store } = opened;
  const { upper, change } = await container(opened);
  using lease = store.leases.create();
  writeFileSync(join(upper, 'a'), 'one');
  const refusing = { ...change, commit: () => assert.fail('no') };
  await assert.rejects(store.snapshots.push(lease, 'c', null, refusing), /no/);
  await assert.rejects(store.snapshots.reset('c', null, refusing), /no/);
  assert.deepEqual([shown(store), store.layers.list()], [['a'], []]);
  assert.deepEqual(readdirSync(join(store.root, 'layers')), ['empty']);
  assert.ok(!existsSync(join(store.root, 'containers/c/upper.next')));
});

test('one tree may be two layers, and stays as long as either', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store } = opened;
  const { upper, change } = await container(opened);
  using lease = store.leases.create();
  writeFileSync(join(upper, 'a'), 'one');
  const layer = (await store.snapshots.push(lease, 'c', null, change)) ?? assert.fail();
  const alias = store.layers.alias(lease, layer.chainId, { parent: null, diffId: parseDigest(`sha256:${'a'.repeat(64)}`) });
  assert.deepEqual(store.layers.directories(alias.chainId), store.layers.directories(layer.chainId));
  store.metadata.containers.update('c', { chain: alias.chainId });
  lease[Symbol.dispose]();
  assert.deepEqual((await store.collectGarbage()).layers, [layer.chainId]);
  assert.deepEqual((await store.check({ repair: true })).problems, []);
  assert.deepEqual(shown(store), ['a']);
  await store.close();
  await using again = await openStore({ root: store.root, addon: opened.addon });
  assert.deepEqual(again.reconciled.unknownLayers, []);
  assert.deepEqual(shown(again), ['a']);
  assert.equal(again.metadata.containers.get('c')?.chain, alias.chainId);
});

async function checkLimited(t: TestContext, disk?: string): Promise<void> {
  const opened = await openTemporaryStore(t, disk === undefined ? {} : { disk });
  const { store } = opened;
  store.metadata.containers.insert({ id: 'l', name: 'l', kind: 'app', createdNs: 1n, image: null, chain: null, record: '{}' });
  const size = 32 * 1024 * 1024;
  await store.snapshots.prepare('l', null, { sizeBytes: size });
  using lease = store.leases.create();
  assert.equal(store.snapshots.canPush('l'), false);
  assert.equal(await store.snapshots.keep(lease, 'l', null), null);
  const write = async (name: string): Promise<void> => {
    const snapshot = await store.snapshots.locate('l', null);
    await using image = await store.snapshots.openDisk(snapshot);
    writeFileSync(join(image?.path ?? store.root, snapshot.upper, name), name);
  };
  await write('a');
  const layer = (await store.snapshots.keep(lease, 'l', null)) ?? assert.fail();
  await write('b');
  const change = { commit: (chain: ChainId | null) => store.metadata.containers.update('l', { chain }), undo: () => assert.fail() };
  await store.snapshots.reset('l', layer.chainId, change);
  assert.equal(store.snapshots.limitOf('l'), size, 'the limit is that of before');
  await write('c');
  assert.deepEqual(
    (await store.snapshots.changesBetween({ chain: null }, { containerId: 'l', chain: layer.chainId })).map(({ path }) => path),
    ['/a', '/c'],
  );
  await store.snapshots.remove('l');
  store.metadata.containers.remove('l');
}

test('a writable part of limited size is copied, and goes back to a new disk of that size', asRoot, (t) => checkLimited(t));

test('one that is limited by quotas keeps its limit when it goes back', onFileSystem('ext4 with project quotas'), (t) =>
  checkLimited(t, mountLoopDisk(t, 'ext4 with project quotas')),
);

/** Lets the child work for a while and kills it; answers what it said last of each kind. */
async function churn(root: string, extraMs: number): Promise<Map<string, number>> {
  const process = spawn(globalThis.process.execPath, [child, root, 'turnovers'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = new Map<string, number>();
  const lines = createInterface(process.stdout);
  lines.on('line', (line) => {
    const [word = '', number] = line.split(' ');
    said.set(word, Number(number));
  });
  await once(lines, 'line');
  await delay(extraMs);
  process.kill('SIGKILL');
  await once(lines, 'close');
  return said;
}

test(
  'killed at any moment between pushing and going back, a container has all that was promised and nothing else',
  asRoot,
  async (t: TestContext) => {
    const addon = loadAddon();
    const root = join(temporaryDirectory(t, addon), 'root');
    for (const extraMs of [0, 3, 7, 12, 18, 25, 33, 41]) {
      const said = await churn(root, extraMs);
      await using store = await openStore({ root, addon });
      const names = shown(store);
      const kept = names.filter((name) => name.startsWith('kept-'));
      const [written = 0, pushed = 0, reset = 0] = ['written', 'pushed', 'reset'].map((word) => said.get(word) ?? 0);
      assert.ok(kept.length >= Math.max(written, pushed, reset), `${kept.length} files, ${JSON.stringify([...said])}`);
      assert.deepEqual(new Set(kept), new Set(kept.map((_, index) => `kept-${index}`)));
      for (const name of names.filter((one) => one.startsWith('dropped-')))
        assert.ok(Number(name.slice('dropped-'.length)) >= reset, `${name} is back after ${reset} resets`);
      assert.deepEqual((await store.check({})).problems, []);
      assert.deepEqual(store.reconciled.lostLayers, []);
      await store.close();
    }
  },
);
