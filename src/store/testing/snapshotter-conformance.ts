import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isOrlopError } from '#errors';
import type { ChainId, Snapshot, Snapshotter } from '../types.ts';
import { collect } from './temporary-store.ts';

/** What a driver must bring to be tested. */
export interface SnapshotterBench {
  readonly snapshotter: Snapshotter;
  /**
   * A chain of two layers: the lower has `both`, `gone`, `deep/below/gone` and `whole/inside`, the upper replaces `both` and removes `gone`; its root is
   * 0751 and owned by 7:8.
   */
  readonly chain: ChainId;
  /** Makes a layer of this tar on top of that chain. */
  apply(tar: AsyncIterable<Uint8Array>, parent: ChainId | null): Promise<ChainId>;
  /** Lists what a container would see, as `name=content`, and its root as `mode uid:gid`; writes when asked. */
  see(snapshot: Snapshot, write?: (root: string) => void): Promise<{ readonly root: string; readonly files: string[] }>;
}

const untouched = ['both=upper', 'deep/below/gone=lower', 'whole/inside=lower'];

function change(root: string): void {
  writeFileSync(join(root, 'both'), 'changed');
  writeFileSync(join(root, 'new'), 'new');
  rmSync(join(root, 'deep/below/gone'));
  rmSync(join(root, 'whole'), { recursive: true });
  mkdirSync(join(root, 'whole'));
}

/** What every snapshotter promises, whatever it stores snapshots on. */
export function testSnapshotter(
  name: string,
  options: { readonly skip?: string },
  open: (t: TestContext) => Promise<SnapshotterBench>,
): void {
  test(`${name}: a snapshot shows its chain, with the top layer's root`, options, async (t) => {
    const { snapshotter, chain, see } = await open(t);
    const seen = await see(await snapshotter.prepare('one', chain));
    assert.deepEqual(seen, { root: '751 7:8', files: untouched });
  });

  test(`${name}: what one container writes no other sees`, options, async (t) => {
    const { snapshotter, chain, see } = await open(t);
    const [one, two] = [await snapshotter.prepare('one', chain), await snapshotter.prepare('two', chain)];
    await see(one, (root) => writeFileSync(join(root, 'mark'), 'x'));
    assert.deepEqual((await see(one)).files, ['both=upper', 'deep/below/gone=lower', 'mark=x', 'whole/inside=lower']);
    assert.deepEqual((await see(two)).files, untouched);
    assert.deepEqual((await see(await snapshotter.locate('one', chain))).files, [
      'both=upper',
      'deep/below/gone=lower',
      'mark=x',
      'whole/inside=lower',
    ]);
  });

  test(`${name}: a snapshot without chain is an empty root`, options, async (t) => {
    const { snapshotter, see } = await open(t);
    assert.deepEqual(await see(await snapshotter.prepare('one', null)), { root: '755 0:0', files: [] });
  });

  test(`${name}: a container has one snapshot at a time`, options, async (t) => {
    const { snapshotter, chain, see } = await open(t);
    await see(await snapshotter.prepare('one', chain), (root) => writeFileSync(join(root, 'mark'), 'x'));
    await assert.rejects(snapshotter.prepare('one', chain), (error) => isOrlopError(error, 'already-exists'));
    assert.deepEqual(
      (await see(await snapshotter.locate('one', chain))).files,
      ['both=upper', 'deep/below/gone=lower', 'mark=x', 'whole/inside=lower'],
      'the refused one changed nothing',
    );
    assert.equal(await snapshotter.remove('one'), true);
    assert.equal(await snapshotter.remove('one'), false);
    await assert.rejects(snapshotter.locate('one', chain), (error) => isOrlopError(error, 'not-found'));
    assert.deepEqual((await see(await snapshotter.prepare('one', chain))).files, untouched);
  });

  test(`${name}: changes are what was added, changed and deleted, with what leads there`, options, async (t) => {
    const { snapshotter, chain, see } = await open(t);
    const snapshot = await snapshotter.prepare('one', chain);
    assert.deepEqual(await snapshotter.changes('one', chain), []);
    await see(snapshot, (root) => {
      mkdirSync(join(root, 'new'));
      writeFileSync(join(root, 'new/file'), 'x');
      writeFileSync(join(root, 'ignored'), '');
      writeFileSync(join(root, 'both'), 'changed');
      rmSync(join(root, 'deep/below/gone'));
      rmSync(join(root, 'whole'), { recursive: true });
      mkdirSync(join(root, 'whole'));
      writeFileSync(join(root, 'whole/again'), 'x');
    });
    const changes = await snapshotter.changes('one', chain, { leaveOut: (path) => path === 'ignored' });
    assert.deepEqual(
      changes.map(({ kind, path }) => `${kind} ${path}`),
      [
        'C /both',
        'C /deep',
        'C /deep/below',
        'D /deep/below/gone',
        'A /new',
        'A /new/file',
        'C /whole',
        'A /whole/again',
        'D /whole/inside',
      ],
    );
    await assert.rejects(snapshotter.changes('nobody', chain), (error) => isOrlopError(error, 'not-found'));
  });

  test(`${name}: a committed snapshot is a layer that shows the same on its chain`, options, async (t) => {
    const { snapshotter, chain, see, apply } = await open(t);
    const snapshot = await snapshotter.prepare('one', chain);
    await see(snapshot, change);
    const committed = await apply(snapshotter.commit('one', chain), chain);
    assert.deepEqual(await see(await snapshotter.prepare('two', committed)), await see(snapshot));
    assert.deepEqual(await collect(snapshotter.commit('one', chain)), await collect(snapshotter.commit('one', chain)));
    await assert.rejects(collect(snapshotter.commit('nobody', chain)), (error) => isOrlopError(error, 'not-found'));
  });

  test(`${name}: an exported snapshot is a whole root`, options, async (t) => {
    const { snapshotter, chain, see, apply } = await open(t);
    const snapshot = await snapshotter.prepare('one', chain);
    await see(snapshot, change);
    const whole = await apply(snapshotter.export('one', chain), null);
    assert.deepEqual(await see(await snapshotter.prepare('two', whole)), await see(snapshot));
  });

  test(`${name}: the difference of two snapshots turns the first into the second`, options, async (t) => {
    const { snapshotter, chain, see, apply } = await open(t);
    const snapshot = await snapshotter.prepare('one', chain);
    await see(snapshot, change);
    const layer = await apply(snapshotter.diff({ chain }, { containerId: 'one', chain }), chain);
    assert.deepEqual(await see(await snapshotter.prepare('two', layer)), await see(snapshot));
    const back = await apply(snapshotter.diff({ containerId: 'one', chain }, { chain }), layer);
    assert.deepEqual(await see(await snapshotter.prepare('three', back)), await see(await snapshotter.prepare('four', chain)));
  });

  test(`${name}: usage counts what was written`, options, async (t) => {
    const { snapshotter, chain, see } = await open(t);
    const snapshot = await snapshotter.prepare('one', chain);
    const before = await snapshotter.usage('one');
    await see(snapshot, (root) => writeFileSync(join(root, 'mark'), Buffer.alloc(1_000_000, 'x')));
    const after = await snapshotter.usage('one');
    assert.ok(after.bytes - before.bytes >= 1_000_000, `${before.bytes} to ${after.bytes}`);
    assert.equal(after.inodes, before.inodes + 1);
    await assert.rejects(snapshotter.usage('nobody'), (error) => isOrlopError(error, 'not-found'));
  });

  test(`${name}: nonsense is refused`, options, async (t) => {
    const { snapshotter } = await open(t);
    const unknown = `sha256:${'00'.repeat(32)}` as ChainId;
    await assert.rejects(snapshotter.prepare('one', unknown), (error) => isOrlopError(error, 'not-found'));
    for (const id of ['', '..', '../x', 'a/b', '.hidden', 'a\0b'])
      await assert.rejects(snapshotter.prepare(id, null), (error) => isOrlopError(error, 'invalid-argument'), id);
    await assert.rejects(snapshotter.locate('one', null), (error) => isOrlopError(error, 'not-found'));
  });
}
