import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { AT_SYMLINK_NOFOLLOW, AT_FDCWD, S_IFCHR } from '#sys';
import { archive, directory, file } from '../testing/archive.ts';
import { asRoot, collect, inPieces, openTemporaryStore, type TemporaryStore } from '../testing/temporary-store.ts';
import { openStore } from '../store.ts';
import type { ChainId, Lease } from '../types.ts';

const base = archive(directory('etc'), file('etc/motd', 'hello\n'), directory('var'));

async function baseLayer({ store }: TemporaryStore, lease: Lease): Promise<ChainId> {
  return (await store.layers.apply(lease, inPieces(base), { parent: null })).chainId;
}

/** A snapshot on the base; answers its writable directory. */
async function prepare(opened: TemporaryStore, id: string, chain: ChainId): Promise<string> {
  await opened.store.snapshots.prepare(id, chain);
  return opened.store.containerDirectory(id, 'upper');
}

test('an upper directory becomes the layer that its tar would unpack to', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store, addon } = opened;
  using lease = store.leases.create();
  const chain = await baseLayer(opened, lease);
  const upper = await prepare(opened, 'one', chain);
  mkdirSync(join(upper, 'etc'));
  writeFileSync(join(upper, 'etc/new'), 'content');
  addon.mknodat(AT_FDCWD, join(upper, 'etc/motd'), S_IFCHR, 0, 0);
  const tar = await collect(store.snapshots.commit('one', chain));
  const layer = await store.snapshots.adopt(lease, 'one', chain);
  assert.ok(layer !== null);
  assert.equal(layer.diffId, `sha256:${createHash('sha256').update(tar).digest('hex')}`);
  assert.equal(layer.size, 7);
  assert.equal(layer.parent, chain);
  const [tree = ''] = store.layers.directories(layer.chainId);
  assert.equal(readFileSync(join(store.root, tree, 'etc/new'), 'utf8'), 'content');
  assert.equal(existsSync(upper), false);
  assert.deepEqual(await collect(store.layers.pack(tree)), tar, 'packed later it gives the same bytes');
  await store.snapshots.remove('one');
  assert.deepEqual(store.layers.get(layer.chainId), layer);
});

test('what a mount needed is no change, and what changes nothing is no layer', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store } = opened;
  using lease = store.leases.create();
  const chain = await baseLayer(opened, lease);
  const stubs = ['/etc/hosts', '/proc', '/deep/in/here', '/var/lib/cache'];
  const upper = await prepare(opened, 'one', chain);
  const [below = ''] = store.layers.directories(chain);
  mkdirSync(join(upper, 'etc'));
  mkdirSync(join(upper, 'var'));
  for (const name of ['etc', 'var']) chmodSync(join(upper, name), lstatSync(join(store.root, below, name)).mode & 0o7777);
  mkdirSync(join(upper, 'proc'));
  mkdirSync(join(upper, 'deep/in/here'), { recursive: true });
  mkdirSync(join(upper, 'var/lib/cache'), { recursive: true });
  writeFileSync(join(upper, 'etc/hosts'), '');
  assert.equal(await store.snapshots.adopt(lease, 'one', chain, { stubs }), null);

  const second = await prepare(opened, 'two', chain);
  mkdirSync(join(second, 'etc'));
  chmodSync(join(second, 'etc'), 0o700);
  mkdirSync(join(second, 'deep'));
  writeFileSync(join(second, 'deep/mine'), '');
  mkdirSync(join(second, 'deep/in/here'), { recursive: true });
  const layer = await store.snapshots.adopt(lease, 'two', chain, { stubs });
  assert.ok(layer !== null);
  const tree = join(store.root, store.layers.directories(layer.chainId)[0] ?? '');
  assert.equal(lstatSync(join(tree, 'etc')).mode & 0o777, 0o700, 'what was changed on purpose stays');
  assert.ok(existsSync(join(tree, 'deep/mine')));
  assert.equal(existsSync(join(tree, 'deep/in')), false);
});

test('sockets do not get into a layer', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store } = opened;
  using lease = store.leases.create();
  const chain = await baseLayer(opened, lease);
  const upper = await prepare(opened, 'one', chain);
  mkdirSync(join(upper, 'run'));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(upper, 'run/s'), resolve));
  t.after(() => server.close());
  const layer = await store.snapshots.adopt(lease, 'one', chain);
  assert.ok(layer !== null);
  const tree = store.layers.directories(layer.chainId)[0] ?? '';
  assert.equal(existsSync(join(store.root, tree, 'run/s')), false);
  assert.equal(
    `sha256:${createHash('sha256')
      .update(await collect(store.layers.pack(tree)))
      .digest('hex')}`,
    layer.diffId,
  );
});

test('nothing is younger than a layer may be, and older times stay', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store, addon } = opened;
  using lease = store.leases.create();
  const chain = await baseLayer(opened, lease);
  const chains: ChainId[] = [];
  for (const name of ['one', 'two']) {
    const upper = await prepare(opened, name, chain);
    mkdirSync(join(upper, 'a'));
    writeFileSync(join(upper, 'a/young'), 'x');
    writeFileSync(join(upper, 'a/old'), 'x');
    symlinkSync('young', join(upper, 'a/link'));
    addon.utimensat(AT_FDCWD, join(upper, 'a/old'), 5n, 5n, 0);
    const layer = await store.snapshots.adopt(lease, name, chain, { latestNs: 1_000_000_000n });
    assert.ok(layer !== null);
    chains.push(layer.chainId);
    const tree = join(store.root, store.layers.directories(layer.chainId)[0] ?? '');
    const time = (path: string): bigint => addon.fstatat(AT_FDCWD, join(tree, path), AT_SYMLINK_NOFOLLOW).mtimeNs;
    assert.deepEqual(['a', 'a/young', 'a/link', 'a/old', '.'].map(time), [
      1_000_000_000n,
      1_000_000_000n,
      1_000_000_000n,
      5n,
      1_000_000_000n,
    ]);
  }
  assert.equal(new Set(chains).size, 1, 'the same layer, whenever it is made');
});

test('a layer that was not brought to disk is forgotten when the host has gone down, with the steps that made it', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store, addon, root } = opened;
  using lease = store.leases.create();
  const chain = await baseLayer(opened, lease);
  const adopt = async (name: string): Promise<ChainId> => {
    writeFileSync(join(await prepare(opened, name, chain), name), name);
    const layer = await store.snapshots.adopt(lease, name, chain);
    store.metadata.buildSteps.put({
      key: name,
      chain: layer?.chainId ?? null,
      blob: null,
      createdNs: 1n,
      usedNs: 1n,
      uses: 0,
      record: '{}',
    });
    return layer?.chainId as ChainId;
  };
  const synced = await adopt('synced');
  await store.layers.sync();
  const unsynced = await adopt('unsynced');
  await store.close();

  const again = await openStore({ root, addon });
  assert.ok(again.layers.get(unsynced) !== null, 'an engine that was killed has lost nothing');
  assert.equal((await again.collectGarbage()).layers.length, 0, 'what a step made stays');
  await again.close();

  const db = new DatabaseSync(join(root, 'orlop.db'));
  db.exec("UPDATE unsynced_layers SET boot = 'another'");
  db.close();
  const after = await openStore({ root, addon });
  t.after(() => after.close());
  assert.equal(after.layers.get(unsynced), null);
  assert.ok(after.layers.get(synced) !== null);
  assert.deepEqual(
    after.metadata.buildSteps.list().map(({ key }) => key),
    ['synced'],
  );
});

test('a lazy layer is forgotten under each of its names when the host has gone down', asRoot, async (t) => {
  const opened = await openTemporaryStore(t);
  const { store, addon, root } = opened;
  using lease = store.leases.create();
  const chain = await baseLayer(opened, lease);
  const twice = async (name: string): Promise<ChainId[]> => {
    const { chainId, diffId } = await store.layers.apply(lease, inPieces(archive(file(name, name))), { parent: null, isLazy: true });
    return [chainId, store.layers.alias(lease, chainId, { parent: chain, diffId }).chainId];
  };
  const kept = await twice('kept');
  await store.layers.sync();
  const lost = await twice('lost');
  await store.close();

  const db = new DatabaseSync(join(root, 'orlop.db'));
  db.exec("UPDATE unsynced_layers SET boot = 'another'");
  db.close();
  const after = await openStore({ root, addon });
  t.after(() => after.close());
  assert.deepEqual(
    [...kept, ...lost].map((chainId) => after.layers.get(chainId) !== null),
    [true, true, false, false],
  );
});
