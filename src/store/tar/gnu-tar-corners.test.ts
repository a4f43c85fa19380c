import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadAddon } from '#sys';
import { packUpper } from '../layers/pack.ts';
import { runUnpackJob } from '../layers/unpack-job.ts';
import { packMerged } from '../trees/pack-merged.ts';
import { asRoot, collect, inPieces, temporaryDirectory } from '../testing/temporary-store.ts';
import { describeTree, makeTree, type Node } from '../testing/tree.ts';

const hasTar = spawnSync('tar', ['--version']).stdout?.includes('GNU tar') ?? false;
const oracle = hasTar ? asRoot : { skip: 'GNU tar is not installed' };

/** cap_net_raw, effective (vfs_cap_data, revision 2). */
const capability = Buffer.from([1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const long = 'directory-of-a-name-that-is-long/'.repeat(8);

const corners: readonly Node[] = [
  { path: 'ping', type: 'file', mode: 0o755, content: Buffer.from('x'), xattrs: { 'security.capability': capability } },
  { path: 'su', type: 'file', mode: 0o6755, uid: 1000, gid: 1000, content: Buffer.from('x') },
  { path: 'sticky', type: 'directory', mode: 0o1777, mtimeNs: 1_234_567_890_123_456_789n },
  ...long
    .split('/')
    .filter((part) => part !== '')
    .map((part, at, parts): Node => ({ path: parts.slice(0, at + 1).join('/'), type: 'directory', mode: 0o755 })),
  { path: `${long}${'f'.repeat(250)}`, type: 'file', content: Buffer.from('deep'), mtimeNs: 1n },
  { path: 'elsewhere', type: 'link', content: Buffer.from(`${long}${'f'.repeat(250)}`) },
  { path: 'disk', type: 'block', mode: 0o660, device: [259, 1_000_000] },
  { path: 'null', type: 'character', mode: 0o666, device: [1, 3] },
  { path: 'pipe', type: 'fifo', mode: 0o600, uid: 4_000_000_000 },
  { path: 'binary', type: 'file', xattrs: { 'trusted.b=%': Buffer.from([0, 10, 255, 61]), 'user.empty': Buffer.alloc(0) } },
  { path: 'before-the-epoch', type: 'file', mtimeNs: -1_500_000_000n },
];

test('capabilities, set-id bits, long names, big ids and devices survive each way between GNU tar and us', oracle, async (t) => {
  const addon = loadAddon();
  const base = temporaryDirectory(t, addon);
  const [tree, ours, theirs] = ['tree', 'ours', 'theirs'].map((name) => join(base, name)) as [string, string, string];
  for (const directory of [tree, ours, theirs]) mkdirSync(directory, { mode: 0o755 });
  assert.equal(makeTree(addon, tree, corners).length, corners.length);
  addon.utimensat(-100, tree, 1n, 1n, 0);
  const expected = describeTree(addon, tree);
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const keep = ['--numeric-owner', '--warning=none', '--xattrs', '--xattrs-include=*'];
  const packed = execFileSync('tar', [...keep, '--format=pax', '-cf', '-', '-C', tree, '.'], { env, maxBuffer: 1 << 26 });
  await runUnpackJob(addon, { directory: ours, lower: [], diffId: null }, inPieces(packed), () => {});
  assert.deepEqual(describeTree(addon, join(ours, 'fs')), expected);
  const written = await collect(packUpper(addon, tree));
  execFileSync('tar', [...keep, '-p', '-xf', '-', '-C', theirs], { env, input: written });
  addon.utimensat(-100, theirs, 1n, 1n, 0);
  assert.deepEqual(describeTree(addon, theirs), expected);
  const merged = await collect(packMerged(addon, [tree]));
  assert.deepEqual(merged.subarray(-written.length), written, 'a stack of one directory packs alike, behind its root');
});

for (const format of [['--format=gnu'], ['--format=pax', '--sparse-version=0.1'], ['--format=pax', '--sparse-version=1.0']]) {
  test(`a file of 9 GiB that is a hole unpacks as one (${format.join(' ')})`, oracle, async (t) => {
    const addon = loadAddon();
    const base = temporaryDirectory(t, addon);
    const [tree, out] = [join(base, 'tree'), join(base, 'out')];
    for (const directory of [tree, out]) mkdirSync(directory);
    const size = 9 * 1024 ** 3 + 12_345;
    const file = openSync(join(tree, 'huge'), 'w');
    writeSync(file, 'in the middle', 8.5 * 1024 ** 3);
    ftruncateSync(file, size);
    closeSync(file);
    const packed = execFileSync('tar', [...format, '--sparse', '-cf', '-', '-C', tree, '.'], { maxBuffer: 1 << 26 });
    await runUnpackJob(addon, { directory: out, lower: [], diffId: null }, inPieces(packed), () => {});
    const facts = statSync(join(out, 'fs/huge'));
    assert.equal(facts.size, size);
    assert.ok(facts.blocks * 512 < 1_000_000);
    const part = execFileSync('dd', [`if=${join(out, 'fs/huge')}`, 'bs=1', `skip=${8.5 * 1024 ** 3}`, 'count=13', 'status=none']);
    assert.equal(part.toString(), 'in the middle');
  });
}
