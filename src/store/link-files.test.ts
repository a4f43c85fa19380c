import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { archive, directory, file, link, type Member } from './testing/archive.ts';
import { mountLoopDisk, onFileSystem } from './testing/loop-disk.ts';
import { collect, inPieces, openTemporaryStore } from './testing/temporary-store.ts';
import { openStore } from './store.ts';
import type { ChainId, Store } from './types.ts';

const content = Buffer.alloc(50_000, 'the same ');
const never = { containers: [], push: () => Promise.reject(new Error('nobody was named')) };
const nothing = { sharedFiles: 0, savedBytes: 0, savedCacheBytes: 0 };

async function openOnExt4(t: TestContext) {
  const opened = await openTemporaryStore(t, { disk: mountLoopDisk(t, 'ext4') });
  const lease = opened.store.leases.create();
  const layer = async (
    name: string,
    parent: ChainId | null,
    ...members: readonly Member[]
  ): Promise<{ chainId: ChainId; tree: string }> => {
    const tar = archive(directory('usr'), directory('etc'), file(`usr/only-${name}`, name), ...members);
    const { chainId } = await opened.store.layers.apply(lease, inPieces(tar), { parent });
    return { chainId, tree: join(opened.root, opened.store.layers.directories(chainId)[0] ?? '') };
  };
  return { ...opened, layer };
}

const inode = (tree: string, path: string): number => statSync(join(tree, path)).ino;
const packed = async (store: Store, chainId: ChainId): Promise<Buffer> =>
  collect(store.layers.pack(store.layers.directories(chainId)[0] ?? ''));

test('equal files of layers become one file, and the layers stay what they are', onFileSystem('ext4'), async (t) => {
  const { store, layer } = await openOnExt4(t);
  const members = [file('usr/big', content), file('etc/conf', content)];
  const one = await layer('one', null, ...members);
  const two = await layer('two', null, ...members);
  const above = await layer('above', one.chainId, file('usr/again', content));
  const other = await layer('other', null, file('usr/big', content, { mode: 0o755 }));
  const all = [one, two, above, other];
  const before = await Promise.all(all.map(({ chainId }) => packed(store, chainId)));
  const blocks = statSync(join(two.tree, 'usr/big')).blocks;
  readFileSync(join(two.tree, 'usr/big'));

  const { savedCacheBytes, ...linked } = await store.linkFiles(never);
  assert.deepEqual(linked, { files: 6, sharedFiles: 1, savedBytes: blocks * 512 });
  assert.ok(savedCacheBytes === 0 || savedCacheBytes >= content.length);
  assert.equal(inode(one.tree, 'usr/big'), inode(two.tree, 'usr/big'));
  assert.notEqual(inode(one.tree, 'etc/conf'), inode(two.tree, 'etc/conf'), 'cron refuses such files');
  assert.notEqual(inode(one.tree, 'usr/big'), inode(above.tree, 'usr/again'), 'one root would have it twice');
  assert.notEqual(inode(one.tree, 'usr/big'), inode(other.tree, 'usr/big'), 'its mode is another');
  const after = await Promise.all(all.map(({ chainId }) => packed(store, chainId)));
  for (const [at, bytes] of before.entries()) assert.ok(after[at]?.equals(bytes), `layer ${at} packs to the same bytes`);
  assert.deepEqual(await store.linkFiles(never), { files: 5, ...nothing });
  const three = await layer('three', null, ...members);
  assert.equal((await store.linkFiles(never)).sharedFiles, 1);
  assert.equal(inode(three.tree, 'usr/big'), inode(one.tree, 'usr/big'));
  assert.deepEqual((await store.check()).problems, []);
});

test('files with several names in one layer keep all of them', onFileSystem('ext4'), async (t) => {
  const { store, layer } = await openOnExt4(t);
  const twice = await layer('twice', null, file('usr/a', content), link('usr/b', 'usr/a'));
  const once = await layer('once', null, file('usr/a', content), file('usr/b', content));
  assert.equal((await store.linkFiles(never)).sharedFiles, 1);
  assert.equal(inode(twice.tree, 'usr/a'), inode(twice.tree, 'usr/b'));
  assert.notEqual(inode(once.tree, 'usr/a'), inode(once.tree, 'usr/b'), 'in one root they are two');
});

test('what a container has written counts when it can become a layer', onFileSystem('ext4'), async (t) => {
  const { store, root, layer } = await openOnExt4(t);
  const one = await layer('one', null, file('usr/big', content));
  const { mtime, mode } = statSync(join(one.tree, 'usr/big'));
  const row = { name: 'c', kind: 'app', createdNs: 1n, image: null, chain: null, record: '{}' };
  store.metadata.containers.insert({ id: 'c', ...row });
  await store.snapshots.prepare('c', null);
  const written = join(root, 'containers/c/upper/copy');
  writeFileSync(written, content, { mode });
  utimesSync(written, mtime, mtime);
  assert.deepEqual(await store.linkFiles({ containers: ['c'], push: () => Promise.resolve(false) }), { files: 2, ...nothing });
  assert.equal(statSync(written).nlink, 1);
  const push = async (id: string): Promise<boolean> => {
    using lease = store.leases.create();
    const change = { commit: (chain: ChainId | null) => store.metadata.containers.update(id, { chain }), undo: () => undefined };
    return (await store.snapshots.push(lease, id, null, change)) !== null;
  };
  assert.equal((await store.linkFiles({ containers: ['c'], push })).sharedFiles, 1);
  const chain = store.metadata.containers.get('c')?.chain as ChainId;
  const tree = join(root, store.layers.directories(chain)[0] ?? '');
  assert.equal(inode(tree, 'copy'), inode(one.tree, 'usr/big'));
  assert.ok(readFileSync(join(tree, 'copy')).equals(content));
});

test('an engine that is killed while it links leaves layers that pack to the same bytes', onFileSystem('ext4'), async (t) => {
  const { store, root, addon, layer } = await openOnExt4(t);
  const one = await layer('one', null, file('usr/big', content));
  const before = await packed(store, one.chainId);
  const { mtimeNs } = statSync(join(one.tree, 'usr'), { bigint: true });
  await store.close();
  const tree = one.tree.slice(root.length + 1);
  const directories = [
    { tree, path: './usr', mtimeNs: String(mtimeNs) },
    { tree: 'layers/gone/fs', path: './usr', mtimeNs: '1' },
  ];
  writeFileSync(join(root, 'linking.json'), JSON.stringify({ directories }));
  utimesSync(join(one.tree, 'usr'), 77, 77);
  await using again = await openStore({ root, addon });
  assert.ok((await packed(again, one.chainId)).equals(before));
  assert.ok(!existsSync(join(root, 'linking.json')));
});
