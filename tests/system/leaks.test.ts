import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCgroupMounts } from '#sys';
import { assertNothingLeft, marksOf, takeInventory } from './leaks.ts';

const whyNot = process.getuid?.() === 0 ? false : 'needs root: it makes mounts, cgroups and links';

/** Ignores what the system lacks (ip, nft): then there is nothing to find either. */
function attempt(command: string): boolean {
  const [file = '', ...args] = command.split(' ');
  try {
    execFileSync(file, args, { stdio: 'pipe' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

test('everything that an engine can leave behind is found, and nothing when it is gone', { skip: whyNot }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'orlop-leaks-'));
  const marks = marksOf(root, join(root, 'data'));
  await assertNothingLeft(marks);

  await using undo = new AsyncDisposableStack();
  undo.defer(() => rmSync(root, { recursive: true }));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'leak', root]);
  undo.defer(() => void execFileSync('umount', [root]));
  const { unified, legacy } = readCgroupMounts();
  const hierarchy = unified ?? [...legacy.values()][0];
  assert.ok(hierarchy !== undefined);
  const parent = join(hierarchy, marks.cgroupParent);
  undo.defer(() => {
    rmdirSync(join(parent, 'box'));
    rmdirSync(parent);
  });
  mkdirSync(join(parent, 'box'), { recursive: true });
  const hasLink = attempt(`ip link add ${marks.prefix}br0 type bridge`);
  if (hasLink) undo.defer(() => void attempt(`ip link delete ${marks.prefix}br0`));
  const hasTable = attempt(`nft add table inet orlop-${marks.prefix}`);
  if (hasTable) undo.defer(() => void attempt(`nft delete table inet orlop-${marks.prefix}`));
  const child = spawn('cat', { env: { ...process.env, LEAK: join(root, 'x') }, stdio: ['pipe', 'ignore', 'ignore'] });
  undo.defer(async () => {
    child.stdin.end();
    await once(child, 'exit');
  });
  await once(child, 'spawn');

  const found = await takeInventory(marks);
  assert.deepEqual(found.mounts, [`tmpfs on ${root}`]);
  assert.deepEqual(found.cgroups.toSorted(), [parent, join(parent, 'box')]);
  assert.deepEqual(found.links, hasLink ? [`${marks.prefix}br0`] : []);
  assert.deepEqual(found.tables, hasTable ? [`table inet orlop-${marks.prefix}`] : []);
  assert.deepEqual(found.processes, [`${child.pid} cat`]);
  await assertNothingLeft(marks, found);
  await assert.rejects(assertNothingLeft({ ...marks, root: join(root, 'elsewhere') }, { ...found, cgroups: [] }, 0), /left behind[^]*box/);

  await undo.disposeAsync();
  await assertNothingLeft(marks);
});
