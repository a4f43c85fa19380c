import { onFileSystem } from '../testing/loop-disk.ts';
import { testSnapshotter } from '../testing/snapshotter-conformance.ts';
import { openSnapshotterBench } from '../testing/snapshotter-bench.ts';
import { asRoot } from '../testing/temporary-store.ts';

testSnapshotter('overlay', asRoot, (t) => openSnapshotterBench(t, 'overlay'));

for (const fileSystem of ['btrfs', 'xfs'] as const) {
  testSnapshotter(`overlay on ${fileSystem}`, onFileSystem(fileSystem), (t) => openSnapshotterBench(t, 'overlay', fileSystem));
}
