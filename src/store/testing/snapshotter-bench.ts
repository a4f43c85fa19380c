import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Addon, AT_FDCWD, mountOverlayRoot, O_DIRECTORY, O_RDONLY, probeOverlayWay } from '#sys';
import type { Snapshot, SnapshotDriver } from '../types.ts';
import { archive, directory, file } from './archive.ts';
import { type FileSystem, mountLoopDisk } from './loop-disk.ts';
import { throughOverlay } from './overlay-mount.ts';
import type { SnapshotterBench } from './snapshotter-conformance.ts';
import { inPieces, openTemporaryStore } from './temporary-store.ts';

/**
 * A store with that driver and the chain that the conformance suite wants; on a file system of its own, if one is named. With `sizeBytes` every snapshot has a limit, which
 * is to change nothing.
 */
export async function openSnapshotterBench(
  t: TestContext,
  driver: SnapshotDriver,
  fileSystem?: FileSystem,
  sizeBytes?: number,
): Promise<SnapshotterBench> {
  const where = fileSystem === undefined ? {} : { disk: mountLoopDisk(t, fileSystem) };
  const { addon, store, root } = await openTemporaryStore(t, { snapshots: driver, ...where });
  const lease = store.leases.create();
  const base = archive(file('both', 'lower'), file('gone', 'lower'), file('deep/below/gone', 'lower'), file('whole/inside', 'lower'));
  const lower = await store.layers.apply(lease, inPieces(base), { parent: null });
  const top = archive(directory('./', { mode: 0o751, uid: 7, gid: 8 }), file('both', 'upper'), file('.wh.gone'));
  const { chainId: chain } = await store.layers.apply(lease, inPieces(top), { parent: lower.chainId });
  const inRoot = (path: string): string => join(root, path);
  return {
    snapshotter: { ...store.snapshots, prepare: (id, onTop, options) => store.snapshots.prepare(id, onTop, { sizeBytes, ...options }) },
    chain,
    apply: async (tar, parent) => (await store.layers.apply(lease, tar, { parent })).chainId,
    async see(snapshot: Snapshot, write) {
      const lookAround = (mounted: string): Awaited<ReturnType<SnapshotterBench['see']>> => {
        write?.(mounted);
        return look(mounted);
      };
      await using disk = await store.snapshots.openDisk(snapshot);
      if (snapshot.driver === 'native') return lookAround(disk === null ? inRoot(snapshot.upper) : disk.path);
      if (disk !== null) return await throughOwnDisk(addon, { root, snapshot, disk: disk.descriptor }, lookAround);
      return throughOverlay(snapshot.lower.map(inRoot), { upper: inRoot(snapshot.upper), work: inRoot(snapshot.work) }, lookAround);
    },
  };
}

/** As the engine mounts it: mount(8) cannot reach what is in no mount table. */
async function throughOwnDisk<T>(
  addon: Addon,
  { root, snapshot, disk }: { readonly root: string; readonly snapshot: Snapshot; readonly disk: number },
  look: (root: string) => T,
): Promise<T> {
  using descriptors = new DisposableStack();
  const keep = (descriptor: number): number => descriptors.adopt(descriptor, (open) => addon.close(open));
  const base = keep(addon.openat2(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, 0));
  const upper = { directory: snapshot.upper, work: snapshot.work, disk };
  const way = await probeOverlayWay(addon, root);
  const mount = keep(await mountOverlayRoot(addon, { base, lower: snapshot.lower, upper, fsuid: 0, fsgid: 0, way }));
  return look(`/proc/self/fd/${mount}`);
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
