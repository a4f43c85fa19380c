import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Addon, loadAddon, removeTree } from '#sys';
import { archive, directory, file, link, type Member, symlink } from '../testing/archive.ts';
import { throughOverlay } from '../testing/overlay-mount.ts';
import { randomTree } from '../testing/random-tree.ts';
import { asRoot, collect, inPieces, temporaryDirectory } from '../testing/temporary-store.ts';
import { describeTree, makeTree, type Node } from '../testing/tree.ts';
import { createTarReader } from '../tar/reader.ts';
import { layerFromTrees } from './layer-from-trees.ts';
import { runUnpackJob } from './unpack-job.ts';

async function difference(base: readonly Member[], full: readonly Member[]): Promise<string[]> {
  const layer = await collect(
    layerFromTrees(
      () => inPieces(archive(...base)),
      () => inPieces(archive(...full)),
    ),
  );
  return namesIn(layer);
}

function namesIn(data: Buffer): string[] {
  const names: string[] = [];
  const reader = createTarReader({ entry: (entry) => names.push(entry.path), data() {}, endOfFile() {} });
  reader.write(data);
  reader.end();
  return names;
}

const tree = [directory('./'), directory('a'), file('a/same', 'same'), file('a/old', 'old'), directory('b'), file('b/x', 'x')] as const;

test('equal trees differ in nothing, whatever their times', async () => {
  assert.deepEqual(await difference(tree, tree), []);
  assert.deepEqual(
    await difference(
      tree,
      tree.map((member) => ({ ...member, mtimeNs: 99n })),
    ),
    [],
  );
});

test('additions and changes come with the directories that lead there', async () => {
  assert.deepEqual(await difference(tree, [...tree, file('a/new', 'new')]), ['a/', 'a/new']);
  assert.deepEqual(
    await difference(
      tree,
      tree.map((member) => (member.path === 'b/x' ? { ...member, mode: 0o600 } : member)),
    ),
    ['b/', 'b/x'],
  );
  assert.deepEqual(
    await difference(
      tree,
      tree.map((member) => (member.path === 'b/x' ? { ...member, xattrs: new Map([['user.a', Buffer.from('b')]]) } : member)),
    ),
    ['b/', 'b/x'],
  );
  assert.deepEqual(
    await difference(
      tree,
      tree.map((member) => (member.path === 'b' ? { ...member, uid: 5 } : member)),
    ),
    ['b/'],
  );
  assert.deepEqual(
    await difference(
      tree,
      tree.map((member) => (member.path === './' ? { ...member, mode: 0o700 } : member)),
    ),
    ['./'],
  );
});

test('what is gone leaves one whiteout, at the top of what is gone', async () => {
  assert.deepEqual(
    await difference(
      tree,
      tree.filter(({ path }) => path !== 'a/old'),
    ),
    ['a/', 'a/.wh.old'],
  );
  assert.deepEqual(
    await difference(
      tree,
      tree.filter(({ path }) => !path.startsWith('b')),
    ),
    ['.wh.b'],
  );
  assert.deepEqual(await difference(tree, [...tree.slice(0, 4), file('b', 'now a file')]), ['b']);
});

test('files with several names stay together', async () => {
  const linked = [directory('a'), file('a/one', 'x'), link('a/two', 'a/one'), link('a/three', 'a/two')];
  assert.deepEqual(await difference(linked, linked), []);
  assert.deepEqual(await difference(linked, [directory('a'), file('a/one', 'y'), ...linked.slice(2)]), ['a/', 'a/one', 'a/two', 'a/three']);
  assert.deepEqual(await difference(linked.slice(0, 3), linked), ['a/', 'a/one', 'a/two', 'a/three']);
  // Where one leaves the others, they may go on sharing what is below.
  const apart = [directory('a'), file('a/one', 'x'), file('a/two', 'x'), link('a/three', 'a/one')];
  assert.deepEqual(await difference(linked, apart), ['a/', 'a/two']);
});

test('links count by their target', async () => {
  const [one, other] = [[symlink('l', 'a')], [symlink('l', 'b')]];
  assert.deepEqual(await difference(one, [symlink('l', 'a')]), []);
  assert.deepEqual(await difference(one, other), ['l']);
});

const hasTar = spawnSync('tar', ['--version']).stdout?.includes('GNU tar') ?? false;
const oracle = hasTar ? asRoot : { skip: 'GNU tar is not installed' };

function packed(root: string): Buffer {
  const args = [
    '--numeric-owner',
    '--warning=none',
    '--format=pax',
    '--xattrs',
    '--xattrs-include=*',
    '--sparse',
    '--sort=name',
    '-cf',
    '-',
    '-C',
    root,
    '.',
  ];
  return execFileSync('tar', args, { maxBuffer: 1 << 28 });
}

async function unpack(addon: Addon, directory: string, data: Buffer, lower: readonly string[]): Promise<string> {
  await runUnpackJob(addon, { directory, lower, diffId: null }, inPieces(data), () => {});
  return join(directory, 'fs');
}

test('the base with the layer on top, seen through overlayfs, is the full tree', oracle, async (t) => {
  const addon = loadAddon();
  const place = temporaryDirectory(t, addon);
  const run = async (before: Node[], kept: boolean[], added: Node[]): Promise<void> => {
    const here = mkdtempSync(join(place, 'run-'));
    const fresh = (name: string): string => {
      mkdirSync(join(here, name), { mode: 0o755 });
      return join(here, name);
    };
    const [baseTree, fullTree] = [fresh('base'), fresh('full')];
    makeTree(addon, baseTree, before);
    makeTree(addon, fullTree, [...before.filter((_, at) => kept[at] !== false), ...added]);
    const [base, full] = [packed(baseTree), packed(fullTree)];
    const layer = await collect(
      layerFromTrees(
        () => inPieces(base),
        () => inPieces(full),
      ),
    );
    assert.deepEqual(
      await collect(
        layerFromTrees(
          () => inPieces(base, 5000),
          () => inPieces(full, 3),
        ),
      ),
      layer,
      'the same bytes again',
    );
    const lower = await unpack(addon, fresh('lower'), base, []);
    const upper = await unpack(addon, fresh('upper'), layer, [lower]);
    const seen = throughOverlay([upper, lower], null, (root) => describeTree(addon, root, { times: 'none' }));
    assert.deepEqual(seen, describeTree(addon, fullTree, { times: 'none' }));
    await removeTree(addon, here);
  };
  const nodes = randomTree({ specialLinks: false });
  await fc.assert(fc.asyncProperty(nodes, fc.array(fc.boolean(), { maxLength: 30 }), nodes, run), { numRuns: 30 });
});
