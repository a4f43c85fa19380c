import { testSnapshotter } from '../testing/snapshotter-conformance.ts';
import { openSnapshotterBench } from '../testing/snapshotter-bench.ts';
import { asRoot } from '../testing/temporary-store.ts';

testSnapshotter('native', asRoot, (t) => openSnapshotterBench(t, 'native'));
