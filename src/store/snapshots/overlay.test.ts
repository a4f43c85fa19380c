import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { archive, directory, file } from '../testing/archive.ts';
import { throughOverlay } from '../testing/overlay-mount.ts';
import { asRoot, inPieces, openTemporaryStore } from '../testing/temporary-store.ts';
import { type SnapshotterBench, testSnapshotter } from '../testing/snapshotter-conformance.ts';

testSnapshotter('overlay', asRoot, async (t: TestContext): Promise<SnapshotterBench> => {
  const { store, root } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const lower = await store.layers.apply(lease, inPieces(archive(file('both', 'lower'), file('gone', 'lower'))), { parent: null });
  const top = archive(directory('./', { mode: 0o751, uid: 7, gid: 8 }), file('both', 'upper'), file('.wh.gone'));
  const { chainId: chain } = await store.layers.apply(lease, inPieces(top), { parent: lower.chainId });
  const inRoot = (path: string): string => join(root, path);
  return {
    snapshotter: store.snapshots,
    chain,
    see: (snapshot, write) =>
      throughOverlay(snapshot.lower.map(inRoot), { upper: inRoot(snapshot.upper), work: inRoot(snapshot.work) }, (mounted) => {
        write?.(mounted);
        return look(mounted);
      }),
  };
});

function look(root: string): { root: string; files: string[] } {
  const { mode, uid, gid } = statSync(root);
  const files = readdirSync(root)
    .sort()
    .map((name) => `${name}=${readFileSync(join(root, name), 'utf8')}`);
  return { root: `${(mode & 0o7777).toString(8)} ${uid}:${gid}`, files };
}
