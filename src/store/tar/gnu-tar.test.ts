import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { type Addon, loadAddon, removeTree } from '#sys';
import { asRoot, collect, inPieces, temporaryDirectory } from '../testing/temporary-store.ts';
import { randomTree } from '../testing/random-tree.ts';
import { describeTree, makeTree, type Node } from '../testing/tree.ts';
import { packUpper } from '../layers/pack.ts';
import { runUnpackJob } from '../layers/unpack-job.ts';

const hasTar = spawnSync('tar', ['--version']).stdout?.includes('GNU tar') ?? false;
const oracle = hasTar ? asRoot : { skip: 'GNU tar is not installed' };

/** GNU tar, told to keep everything and to say nothing. */
function gnuTar(args: readonly string[]): Buffer {
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  return execFileSync('tar', ['--numeric-owner', '--warning=none', ...args], { env, maxBuffer: 1 << 28 });
}

async function unpack(addon: Addon, directory: string, archive: Uint8Array): Promise<string> {
  await runUnpackJob(addon, { directory, lower: [], diffId: null }, inPieces(archive), () => {});
  return join(directory, 'fs');
}

interface Bench {
  readonly addon: Addon;
  readonly tree: string;
  fresh(): string;
}

/** Runs the check on random trees, each in a directory of its own. */
async function onRandomTrees(t: TestContext, trees: fc.Arbitrary<Node[]>, check: (bench: Bench) => Promise<void>): Promise<void> {
  const addon = loadAddon();
  const base = temporaryDirectory(t, addon);
  const run = async (nodes: Node[]): Promise<void> => {
    const here = mkdtempSync(join(base, 'run-'));
    const tree = join(here, 'tree');
    mkdirSync(tree, { mode: 0o755 });
    makeTree(addon, tree, nodes);
    addon.utimensat(-100, tree, 1_000_000_000n, 1_000_000_000n, 0);
    try {
      await check({ addon, tree, fresh: () => mkdtempSync(join(here, 'out-')) });
    } finally {
      await removeTree(addon, here);
    }
  };
  await fc.assert(fc.asyncProperty(trees, run), { numRuns: 60 });
}

for (const version of ['0.0', '0.1', '1.0']) {
  test(`what GNU tar packs as pax (sparse ${version}) unpacks to the same tree`, oracle, async (t) => {
    await onRandomTrees(t, randomTree({ specialLinks: false }), async ({ addon, tree, fresh }) => {
      const archive = gnuTar([
        '--format=pax',
        '--xattrs',
        '--xattrs-include=*',
        '--sparse',
        `--sparse-version=${version}`,
        '-cf',
        '-',
        '-C',
        tree,
        '.',
      ]);
      assert.deepEqual(describeTree(addon, await unpack(addon, fresh(), archive)), describeTree(addon, tree));
    });
  });
}

test('what GNU tar packs in its own format unpacks to the same tree', oracle, async (t) => {
  await onRandomTrees(t, randomTree({ wholeSeconds: true, xattrs: false, specialLinks: false }), async ({ addon, tree, fresh }) => {
    const archive = gnuTar(['--format=gnu', '--sparse', '-cf', '-', '-C', tree, '.']);
    assert.deepEqual(describeTree(addon, await unpack(addon, fresh(), archive)), describeTree(addon, tree));
  });
});

test('what we pack unpacks to the same tree, by GNU tar and by us, and always to the same bytes', oracle, async (t) => {
  await onRandomTrees(t, randomTree(), async ({ addon, tree, fresh }) => {
    // Its own time is in the archive only with a root that is not as roots are.
    const describe = (root: string): string[] => {
      addon.utimensat(-100, root, 1n, 1n, 0);
      return describeTree(addon, root);
    };
    const expected = describe(tree);
    const archive = await collect(packUpper(addon, tree));
    assert.deepEqual(describe(await unpack(addon, fresh(), archive)), expected);
    assert.deepEqual(await collect(packUpper(addon, tree)), archive);
    const theirs = fresh();
    chmodSync(theirs, 0o755);
    const file = join(fresh(), 'archive.tar');
    writeFileSync(file, archive);
    gnuTar(['--xattrs', '--xattrs-include=*', '-p', '-xf', file, '-C', theirs]);
    assert.deepEqual(describe(theirs), expected);
  });
});

test('a fragmented sparse file needs extension blocks and comes through whole', oracle, async (t) => {
  const addon = loadAddon();
  const base = temporaryDirectory(t, addon);
  const tree = join(base, 'tree');
  mkdirSync(tree);
  writeSparse(join(tree, 'sparse'), 90);
  for (const format of [
    ['--format=gnu'],
    ['--format=pax', '--sparse-version=0.0'],
    ['--format=pax', '--sparse-version=0.1'],
    ['--format=pax', '--sparse-version=1.0'],
  ]) {
    const archive = gnuTar([...format, '--sparse', '-cf', '-', '-C', tree, '.']);
    assert.ok(archive.length < 1_000_000, 'GNU tar saw the holes');
    const out = mkdtempSync(join(base, 'out-'));
    const unpacked = await unpack(addon, out, archive);
    assert.deepEqual(describeTree(addon, unpacked, { times: 'none' }), describeTree(addon, tree, { times: 'none' }));
    const facts = addon.fstatat(-100, join(unpacked, 'sparse'), 0);
    assert.ok(facts.blocks * 512 < facts.size / 2, 'holes stay holes');
  }
});

/** `count` extents of 4 KiB, each after a hole of 60 KiB, and a hole at the end. */
function writeSparse(path: string, count: number): void {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(4096, 'data');
  for (let at = 1; at <= count; at += 1) writeSync(file, block, 0, block.length, at * 65536 - 4096);
  ftruncateSync(file, (count + 1) * 65536);
  closeSync(file);
}
