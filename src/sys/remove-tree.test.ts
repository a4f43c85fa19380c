import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isErrno } from '#errors';
import { AT_FDCWD, MNT_DETACH, O_DIRECTORY, O_PATH } from './constants.ts';
import { loadAddon } from './load-addon.ts';
import { removeTree } from './remove-tree.ts';

const addon = loadAddon();

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-rm-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

test('a tree goes with all its kinds of entries, links are not followed', async (t) => {
  const directory = scratch(t);
  const top = join(directory, 'top');
  mkdirSync(join(top, 'a', 'b'), { recursive: true, mode: 0o700 });
  mkdirSync(join(directory, 'kept'));
  writeFileSync(join(directory, 'kept', 'file'), '');
  symlinkSync('../kept', join(top, 'link'));
  symlinkSync('/nowhere', join(top, 'a', 'dangling'));
  addon.mknodat(AT_FDCWD, join(top, 'fifo'), 0o010_600, 0, 0);
  addon.mkdirat(AT_FDCWD, Buffer.concat([Buffer.from(`${top}/`), Buffer.from([0xff, 0xfe, 0x41])]), 0);
  const before = openDescriptors();
  await removeTree(addon, top);
  assert.deepEqual(readdirSync(directory), ['kept']);
  assert.deepEqual(readdirSync(join(directory, 'kept')), ['file']);
  assert.equal(openDescriptors(), before);
});

test('a missing tree, a file and a link are fine', async (t) => {
  const directory = scratch(t);
  await removeTree(addon, join(directory, 'none'));
  await removeTree(addon, join(directory, 'no', 'parent'));
  writeFileSync(join(directory, 'file'), '');
  symlinkSync(directory, join(directory, 'link'));
  await removeTree(addon, join(directory, 'file'));
  await removeTree(addon, join(directory, 'link'));
  assert.deepEqual(readdirSync(directory), []);
});

test('depth beyond any path and any number of descriptors', async (t) => {
  const top = join(scratch(t), 'top');
  mkdirSync(top);
  let at = addon.openat2(AT_FDCWD, top, O_PATH | O_DIRECTORY, 0, 0);
  for (let depth = 0; depth < 3000; depth++) {
    addon.mkdirat(at, 'deeper', 0o755);
    const next = addon.openat2(at, 'deeper', O_PATH | O_DIRECTORY, 0, 0);
    addon.close(at);
    at = next;
  }
  addon.close(at);
  await removeTree(addon, top);
  assert.equal(existsSync(top), false);
});

test('a mount inside is never entered', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root to mount');
  const directory = scratch(t);
  mkdirSync(join(directory, 'top', 'mnt'), { recursive: true });
  mkdirSync(join(directory, 'precious'));
  writeFileSync(join(directory, 'precious', 'file'), '');
  const point = join(directory, 'top', 'mnt');
  addon.mount(join(directory, 'precious'), point, null, 0x1000, null);
  t.after(() => existsSync(point) && addon.umount(point, MNT_DETACH));
  await assert.rejects(removeTree(addon, join(directory, 'top')), (error) => isErrno(error, 'EXDEV'));
  assert.deepEqual(readdirSync(join(directory, 'precious')), ['file']);
  addon.umount(point, MNT_DETACH);
  await removeTree(addon, join(directory, 'top'));
  assert.deepEqual(readdirSync(directory), ['precious']);
});
