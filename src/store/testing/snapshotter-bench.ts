import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Snapshot, SnapshotDriver } from '../types.ts';
import { archive, directory, file } from './archive.ts';
import { type FileSystem, mountLoopDisk } from './loop-disk.ts';
import { throughOverlay } from './overlay-mount.ts';
import type { SnapshotterBench } from './snapshotter-conformance.ts';
import { inPieces, openTemporaryStore } from './temporary-store.ts';

/** A store with that driver and the chain that the conformance suite wants; on a file system of its own, if one is named. */
export async function openSnapshotterBench(t: TestContext, driver: SnapshotDriver, fileSystem?: FileSystem): Promise<SnapshotterBench> {
  const where = fileSystem === undefined ? {} : { disk: mountLoopDisk(t, fileSystem) };
  const { store, root } = await openTemporaryStore(t, { snapshots: driver, ...where });
  const lease = store.leases.create();
  const base = archive(file('both', 'lower'), file('gone', 'lower'), file('deep/below/gone', 'lower'), file('whole/inside', 'lower'));
  const lower = await store.layers.apply(lease, inPieces(base), { parent: null });
  const top = archive(directory('./', { mode: 0o751, uid: 7, gid: 8 }), file('both', 'upper'), file('.wh.gone'));
  const { chainId: chain } = await store.layers.apply(lease, inPieces(top), { parent: lower.chainId });
  const inRoot = (path: string): string => join(root, path);
  return {
    snapshotter: store.snapshots,
    chain,
    apply: async (tar, parent) => (await store.layers.apply(lease, tar, { parent })).chainId,
    see(snapshot: Snapshot, write) {
      const lookAround = (mounted: string): ReturnType<SnapshotterBench['see']> => {
        write?.(mounted);
        return look(mounted);
      };
      if (snapshot.driver === 'native') return lookAround(inRoot(snapshot.upper));
      return throughOverlay(snapshot.lower.map(inRoot), { upper: inRoot(snapshot.upper), work: inRoot(snapshot.work) }, lookAround);
    },
  };
}

function look(root: string): { root: string; files: string[] } {
  const { mode, uid, gid } = statSync(root);
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((path) => `${path.slice(root.length + 1)}=${readFileSync(path, 'utf8')}`)
    .sort();
  return { root: `${(mode & 0o7777).toString(8)} ${uid}:${gid}`, files };
}
