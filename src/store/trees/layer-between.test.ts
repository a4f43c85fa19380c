import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadAddon, removeTree } from '#sys';
import { runUnpackJob } from '../layers/unpack-job.ts';
import { throughOverlay } from '../testing/overlay-mount.ts';
import { randomTree } from '../testing/random-tree.ts';
import { asRoot, collect, inPieces, temporaryDirectory } from '../testing/temporary-store.ts';
import { describeTree, makeTree, type Node } from '../testing/tree.ts';
import { changesOfUpper } from './changes.ts';
import { changesBetween, layerBetween } from './layer-between.ts';
import { packMerged } from './pack-merged.ts';

/** Two trees that share much: the second is the first with some nodes left out and some put in their place. */
const pairs = fc
  .record({ first: randomTree(), more: randomTree(), kept: fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }) })
  .map(({ first, more, kept }) => ({ first, second: [...first.filter((_, at) => kept[at] === true), ...more] }));

interface Pair {
  readonly before: string;
  readonly after: string;
  readonly applied: string;
  readonly directory: string;
}

async function onPairs(runs: number, check: (pair: Pair) => Promise<void>, base: string): Promise<void> {
  const addon = loadAddon();
  const make = (directory: string, nodes: readonly Node[], seconds: bigint): void => {
    mkdirSync(directory, { mode: 0o755 });
    makeTree(addon, directory, nodes);
    addon.utimensat(-100, directory, seconds * 1_000_000_000n, seconds * 1_000_000_000n, 0);
  };
  const run = async ({ first, second }: { first: Node[]; second: Node[] }): Promise<void> => {
    const directory = mkdtempSync(join(base, 'pair-'));
    const [before, after, layer] = ['before', 'after', 'layer'].map((name) => join(directory, name)) as [string, string, string];
    try {
      make(before, first, 1n);
      make(after, second, 2n);
      mkdirSync(layer);
      const diff = await collect(layerBetween(addon, [before], [after]));
      await runUnpackJob(addon, { directory: layer, lower: [before], diffId: null }, inPieces(diff), () => {});
      await check({ before, after, applied: join(layer, 'fs'), directory });
    } finally {
      await removeTree(addon, directory);
    }
  };
  await fc.assert(fc.asyncProperty(pairs, run), { numRuns: runs });
}

test('the difference of two random trees, applied to the first, shows the second', asRoot, async (t) => {
  const addon = loadAddon();
  await onPairs(
    80,
    async ({ before, after, applied }) => {
      const [shown, wanted] = [await collect(packMerged(addon, [applied, before])), await collect(packMerged(addon, [after]))];
      assert.ok(shown.equals(wanted), 'read by us');
      assert.deepEqual(await changesBetween(addon, [after], [applied, before]), []);
    },
    temporaryDirectory(t, addon),
  );
});

test('overlayfs itself shows the second tree too', asRoot, async (t) => {
  const addon = loadAddon();
  await onPairs(
    12,
    async ({ before, after, applied }) => {
      // Attributes of overlayfs are not seen through it; names of one file in several layers have inodes of their own there.
      const look = (root: string): string[] => describeTree(addon, root);
      assert.deepEqual(throughOverlay([applied, before], null, look), look(after));
    },
    temporaryDirectory(t, addon),
  );
});

test('the changes of the layer are those between the trees', asRoot, async (t) => {
  const addon = loadAddon();
  await onPairs(
    40,
    async ({ before, after, applied }) => {
      const between = await changesBetween(addon, [before], [after]);
      const deletions = (list: typeof between): string[] =>
        list.filter(({ kind }) => kind !== 'C').map(({ kind, path }) => `${kind} ${path}`);
      assert.deepEqual(deletions(await changesOfUpper(addon, applied, [before], {})), deletions(between));
    },
    temporaryDirectory(t, addon),
  );
});

test('a tree differs in nothing from itself', asRoot, async (t) => {
  const addon = loadAddon();
  const base = temporaryDirectory(t, addon);
  await fc.assert(
    fc.asyncProperty(randomTree(), async (nodes) => {
      const tree = mkdtempSync(join(base, 'tree-'));
      makeTree(addon, tree, nodes);
      assert.deepEqual(await changesBetween(addon, [tree], [tree]), []);
      await removeTree(addon, tree);
    }),
    { numRuns: 20 },
  );
});
