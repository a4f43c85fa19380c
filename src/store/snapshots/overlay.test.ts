import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { archive, directory, file } from '../fixtures/archive.ts';
import { asRoot, inPieces, openTemporaryStore } from '../fixtures/temporary-store.ts';
import type { Snapshot } from '../types.ts';
import { type SnapshotterBench, testSnapshotter } from './conformance.ts';

testSnapshotter('overlay', asRoot, async (t: TestContext): Promise<SnapshotterBench> => {
  const { store, root } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const lower = await store.layers.apply(lease, inPieces(archive(file('both', 'lower'), file('gone', 'lower'))), { parent: null });
  const top = archive(directory('./', { mode: 0o751, uid: 7, gid: 8 }), file('both', 'upper'), file('.wh.gone'));
  const { chainId: chain } = await store.layers.apply(lease, inPieces(top), { parent: lower.chainId });
  return { snapshotter: store.snapshots, chain, see: (snapshot, write) => seeOverlay(root, snapshot, write) };
});

/** Mounts the stack with overlayfs itself, looks, and unmounts. */
function seeOverlay(
  storeRoot: string,
  { lower, upper, work }: Snapshot,
  write?: (root: string) => void,
): { root: string; files: string[] } {
  const at = mkdtempSync(join(tmpdir(), 'orlop-overlay-'));
  const [lowerdir, upperdir, workdir] = [
    lower.map((path) => join(storeRoot, path)).join(':'),
    join(storeRoot, upper),
    join(storeRoot, work),
  ];
  execFileSync('mount', ['-t', 'overlay', '-o', `lowerdir=${lowerdir},upperdir=${upperdir},workdir=${workdir}`, 'orlop-test', at]);
  try {
    write?.(at);
    const { mode, uid, gid } = statSync(at);
    const files = readdirSync(at)
      .sort()
      .map((name) => `${name}=${readFileSync(join(at, name), 'utf8')}`);
    return { root: `${(mode & 0o7777).toString(8)} ${uid}:${gid}`, files };
  } finally {
    execFileSync('umount', [at]);
    rmdirSync(at);
  }
}
