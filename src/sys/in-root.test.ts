import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isErrno, isOrlopError } from '#errors';
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_PATH, O_WRONLY, S_IFLNK, S_IFMT } from './constants.ts';
import { openInRoot, readFileInRoot, statInRoot } from './in-root.ts';
import { loadAddon } from './load-addon.ts';

const addon = loadAddon();

function guestRoot(t: TestContext): { root: number; path: string } {
  const path = mkdtempSync(join(tmpdir(), 'orlop-root-'));
  const root = addon.openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0);
  t.after(() => {
    addon.close(root);
    rmSync(path, { recursive: true });
  });
  mkdirSync(join(path, 'etc'));
  writeFileSync(join(path, 'etc', 'passwd'), 'guest');
  return { root, path };
}

test("absolute links, dot-dot and the host's own files stay out of reach", (t) => {
  const { root, path } = guestRoot(t);
  symlinkSync('/etc/passwd', join(path, 'absolute'));
  symlinkSync('../../../../../../etc/passwd', join(path, 'climbing'));
  symlinkSync('/etc', join(path, 'directory'));
  for (const name of ['/etc/passwd', 'absolute', '/climbing', 'directory/passwd', '../../etc/passwd', '/../etc/../etc/passwd']) {
    assert.equal(readFileInRoot(addon, root, name, 100).toString(), 'guest', name);
  }
  symlinkSync('/proc/self/root', join(path, 'magic'));
  assert.throws(
    () => readFileInRoot(addon, root, 'magic/etc/passwd', 100),
    (error) => isErrno(error, 'ENOENT'),
  );
});

test('a file is made inside, through a link that points outside', (t) => {
  const { root, path } = guestRoot(t);
  symlinkSync('/etc/made', join(path, 'out'));
  addon.close(openInRoot(addon, root, 'out', O_WRONLY | O_CREAT, 0o600));
  assert.deepEqual(readdirSync(join(path, 'etc')).sort(), ['made', 'passwd']);
});

test('what is not a regular file is refused without being opened', (t) => {
  const { root, path } = guestRoot(t);
  addon.mknodat(AT_FDCWD, join(path, 'fifo'), 0o010_600, 0, 0);
  for (const name of ['fifo', 'etc'])
    assert.throws(
      () => readFileInRoot(addon, root, name, 100),
      (error) => isOrlopError(error, 'failed-precondition'),
      name,
    );
});

test('the limit is exact, also for files that say they are empty', (t) => {
  const { root, path } = guestRoot(t);
  writeFileSync(join(path, 'ten'), '0123456789');
  assert.equal(readFileInRoot(addon, root, 'ten', 10).length, 10);
  assert.throws(
    () => readFileInRoot(addon, root, 'ten', 9),
    (error) => isOrlopError(error, 'resource-exhausted'),
  );
  writeFileSync(join(path, 'empty'), '');
  assert.equal(readFileInRoot(addon, root, 'empty', 0).length, 0);
  const proc = addon.openat2(AT_FDCWD, '/proc', O_PATH | O_DIRECTORY, 0, 0);
  t.after(() => addon.close(proc));
  assert.deepEqual(readFileInRoot(addon, proc, 'filesystems', 1 << 20), readFileSync('/proc/filesystems'));
  assert.throws(
    () => readFileInRoot(addon, proc, 'filesystems', 20),
    (error) => isOrlopError(error, 'resource-exhausted'),
  );
});

test('stat follows a link or looks at it', (t) => {
  const { root, path } = guestRoot(t);
  symlinkSync('/etc/passwd', join(path, 'link'));
  assert.equal(statInRoot(addon, root, 'link').size, 5);
  assert.equal(statInRoot(addon, root, 'link', { follow: false }).mode & S_IFMT, S_IFLNK);
  assert.throws(
    () => statInRoot(addon, root, 'none'),
    (error) => isErrno(error, 'ENOENT'),
  );
});
