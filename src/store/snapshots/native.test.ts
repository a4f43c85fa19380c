import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { archive, file } from '../testing/archive.ts';
import { mountLoopDisk, onFileSystem } from '../testing/loop-disk.ts';
import { testSnapshotter } from '../testing/snapshotter-conformance.ts';
import { openSnapshotterBench } from '../testing/snapshotter-bench.ts';
import { asRoot, inPieces, openTemporaryStore } from '../testing/temporary-store.ts';

testSnapshotter('native', asRoot, (t) => openSnapshotterBench(t, 'native'));

for (const fileSystem of ['btrfs', 'xfs'] as const) {
  testSnapshotter(`native on ${fileSystem}`, onFileSystem(fileSystem), (t) => openSnapshotterBench(t, 'native', fileSystem));
}

for (const fileSystem of ['btrfs', 'xfs'] as const) {
  test(`native on ${fileSystem}: snapshots share their blocks until they are written to`, onFileSystem(fileSystem), async (t) => {
    const { addon, store, root } = await openTemporaryStore(t, { snapshots: 'native', disk: mountLoopDisk(t, fileSystem) });
    using lease = store.leases.create();
    const content = randomBytes(24_000_000);
    const layer = await store.layers.apply(lease, inPieces(archive(file('big', content)), 100_000), { parent: null });
    const available = (): number => {
      const directory = addon.openat2(-100, root, 0, 0, 0);
      addon.syncfs(directory);
      addon.close(directory);
      const facts = addon.statfs(root);
      return facts.available * facts.blockSize;
    };
    const before = available();
    for (const id of ['one', 'two', 'three', 'four']) await store.snapshots.prepare(id, layer.chainId);
    const taken = before - available();
    assert.ok(taken < content.length / 2, `four copies of ${content.length} bytes took ${taken}`);
    const copy = join(root, 'containers/one/upper/big');
    assert.ok(readFileSync(copy).equals(content));
    writeFileSync(copy, 'changed');
    assert.ok(readFileSync(join(root, 'containers/two/upper/big')).equals(content));
  });
}

const sizeBytes = 64 * 1024 * 1024;

testSnapshotter('native of limited size, in an image file', asRoot, (t) => openSnapshotterBench(t, 'native', undefined, sizeBytes));

for (const fileSystem of ['ext4 with project quotas', 'xfs with project quotas'] as const) {
  testSnapshotter(`native of limited size on ${fileSystem}`, onFileSystem(fileSystem), (t) =>
    openSnapshotterBench(t, 'native', fileSystem, sizeBytes),
  );
}
