import { onFileSystem } from '../testing/loop-disk.ts';
import { testSnapshotter } from '../testing/snapshotter-conformance.ts';
import { openSnapshotterBench } from '../testing/snapshotter-bench.ts';
import { asRoot } from '../testing/temporary-store.ts';

testSnapshotter('overlay', asRoot, (t) => openSnapshotterBench(t, 'overlay'));

for (const fileSystem of ['btrfs', 'xfs'] as const) {
  testSnapshotter(`overlay on ${fileSystem}`, onFileSystem(fileSystem), (t) => openSnapshotterBench(t, 'overlay', fileSystem));
}

const sizeBytes = 64 * 1024 * 1024;

testSnapshotter('overlay of limited size, in an image file', asRoot, (t) => openSnapshotterBench(t, 'overlay', undefined, sizeBytes));

for (const fileSystem of ['ext4 with project quotas', 'xfs with project quotas'] as const) {
  testSnapshotter(`overlay of limited size on ${fileSystem}`, onFileSystem(fileSystem), (t) =>
    openSnapshotterBench(t, 'overlay', fileSystem, sizeBytes),
  );
}
