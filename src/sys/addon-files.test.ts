import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ErrnoError, isErrno } from '#errors';
import * as k from './constants.ts';
import { loadAddon } from './load-addon.ts';

const addon = loadAddon();
const isRoot = process.getuid?.() === 0;

function scratch(t: TestContext, parent = tmpdir()): { path: string; fd: number } {
  const path = mkdtempSync(join(parent, 'orlop-files-'));
  const fd = addon.openat2(k.AT_FDCWD, path, k.O_PATH | k.O_DIRECTORY, 0, 0);
  t.after(() => {
    addon.close(fd);
    rmSync(path, { recursive: true, force: true });
  });
  return { path, fd };
}

test('names are made, linked, renamed, read and removed below a descriptor', (t) => {
  const { path, fd } = scratch(t);
  addon.mkdirat(fd, 'dir', 0o750);
  addon.symlinkat('../target ü', fd, 'dir/link');
  assert.equal(addon.readlinkat(fd, 'dir/link'), '../target ü');
  writeFileSync(join(path, 'file'), 'text');
  addon.linkat(fd, 'file', fd, 'dir/hard', 0);
  assert.equal(addon.fstatat(fd, 'file', 0).nlink, 2);
  addon.renameat2(fd, 'file', fd, 'dir', k.RENAME_EXCHANGE);
  assert.deepEqual(readdirSync(join(path, 'file')).sort(), ['hard', 'link']);
  assert.throws(
    () => addon.renameat2(fd, 'dir', fd, 'file', k.RENAME_NOREPLACE),
    (error) => isErrno(error, 'EEXIST'),
  );
  addon.unlinkat(fd, 'file/link', 0);
  addon.unlinkat(fd, 'file/hard', 0);
  addon.unlinkat(fd, 'file', k.AT_REMOVEDIR);
  addon.unlinkat(fd, 'dir', 0);
  assert.deepEqual(readdirSync(path), []);
  assert.throws(
    () => addon.unlinkat(fd, 'dir', 0),
    (error) => error instanceof ErrnoError && error.syscall === 'unlinkat' && error.path === 'dir' && error.errno === 'ENOENT',
  );
});

test('names that are not UTF-8 survive', (t) => {
  const { path, fd } = scratch(t);
  const name = Buffer.from([0x66, 0xff, 0xe4, 0x80]);
  const target = Buffer.from([0xfe, 0x41]);
  addon.symlinkat(target, fd, name);
  assert.deepEqual(readdirSync(path, { encoding: 'buffer' }), [name]);
  assert.deepEqual(addon.readlinkatBytes(fd, name), target);
  addon.unlinkat(fd, name, 0);
});

test('owner, mode and times are set on links themselves', { skip: !isRoot && 'needs root' }, (t) => {
  const { path, fd } = scratch(t);
  symlinkSync('nowhere', join(path, 'link'));
  addon.fchownat(fd, 'link', 70_000, 4_000_000_000, k.AT_SYMLINK_NOFOLLOW);
  addon.utimensat(fd, 'link', 1n, -1_500_000_000n, k.AT_SYMLINK_NOFOLLOW);
  const facts = addon.fstatat(fd, 'link', k.AT_SYMLINK_NOFOLLOW);
  assert.deepEqual([facts.uid, facts.gid, facts.mtimeNs], [70_000, 4_000_000_000, -1_500_000_000n]);
  writeFileSync(join(path, 'file'), '');
  addon.fchownat(fd, 'file', 5, 6, 0);
  addon.fchownat(fd, 'file', -1, 7, 0);
  addon.fchmodat(fd, 'file', 0o4751, 0);
  addon.utimensat(fd, 'file', 0n, 1_700_000_000_123_456_789n, 0);
  const file = addon.fstatat(fd, 'file', 0);
  assert.deepEqual([file.uid, file.gid, file.mode, file.mtimeNs], [5, 7, k.S_IFREG | 0o4751, 1_700_000_000_123_456_789n]);
  assert.throws(
    () => addon.fchmodat(fd, 'link', 0o600, k.AT_SYMLINK_NOFOLLOW),
    (error) => isErrno(error, 'EOPNOTSUPP'),
  );
  const handle = addon.openat2(fd, 'file', k.O_PATH, 0, 0);
  addon.fchmodat(handle, '', 0o600, k.AT_EMPTY_PATH);
  addon.close(handle);
  assert.equal(addon.fstatat(fd, 'file', 0).mode, k.S_IFREG | 0o600);
});

test('facts are those of stat', (t) => {
  const { path, fd } = scratch(t);
  writeFileSync(join(path, 'file'), 'x'.repeat(10_000));
  const ours = addon.fstatat(fd, 'file', 0);
  const theirs = statSync(join(path, 'file'), { bigint: true });
  assert.deepEqual(
    [ours.ino, ours.dev, ours.mtimeNs, ours.size, ours.blocks, ours.mode, ours.nlink],
    [theirs.ino, theirs.dev, theirs.mtimeNs, 10_000, Number(theirs.blocks), Number(theirs.mode), 1],
  );
});

test('devices keep large numbers, FIFOs need no privilege', (t) => {
  const { path, fd } = scratch(t);
  addon.mknodat(fd, 'fifo', k.S_IFIFO | 0o640, 0, 0);
  assert.ok(statSync(join(path, 'fifo')).isFIFO());
  if (!isRoot) return;
  addon.mknodat(fd, 'device', k.S_IFCHR | 0o600, 4000, 1_000_000);
  const facts = addon.fstatat(fd, 'device', 0);
  assert.deepEqual([facts.rdevMajor, facts.rdevMinor], [4000, 1_000_000]);
});

test('extended attributes keep any byte, also through O_PATH', (t) => {
  const { path, fd } = scratch(t, '/var/tmp');
  writeFileSync(join(path, 'file'), '');
  const value = Buffer.from([0, 0xff, 0x80, 0xfe, 0]);
  for (const flags of [k.O_RDONLY, k.O_PATH]) {
    const file = addon.openat2(fd, 'file', flags, 0, 0);
    addon.setxattr(file, `user.a${flags}`, value);
    assert.deepEqual(addon.getxattr(file, `user.a${flags}`), value);
    assert.ok(addon.listxattr(file).includes(`user.a${flags}`));
    addon.setxattr(file, 'user.empty', Buffer.alloc(0));
    assert.equal(addon.getxattr(file, 'user.empty')?.length, 0);
    assert.equal(addon.getxattr(file, 'user.none'), null);
    assert.throws(
      () => addon.setxattr(file, 'nonsense.name', value),
      (error) => isErrno(error, 'EOPNOTSUPP'),
    );
    addon.close(file);
  }
  if (!isRoot) return;
  symlinkSync('nowhere', join(path, 'link'));
  const link = addon.openat2(fd, 'link', k.O_PATH | k.O_NOFOLLOW, 0, 0);
  addon.setxattr(link, 'trusted.on-a-link', value);
  assert.deepEqual(addon.getxattr(link, 'trusted.on-a-link'), value);
  addon.close(link);
});

test('resolution stays where it is told to stay', (t) => {
  const { path, fd } = scratch(t);
  symlinkSync('/', join(path, 'out'));
  assert.throws(
    () => addon.openat2(fd, 'out/etc', k.O_PATH, 0, k.RESOLVE_BENEATH),
    (error) => isErrno(error, 'EXDEV'),
  );
  assert.throws(
    () => addon.openat2(fd, 'out', k.O_PATH, 0, k.RESOLVE_NO_SYMLINKS),
    (error) => isErrno(error, 'ELOOP'),
  );
  assert.throws(
    () => addon.openat2(fd, 'out/etc', k.O_PATH, 0, k.RESOLVE_IN_ROOT),
    (error) => isErrno(error, 'ENOENT'),
  );
  const made = addon.openat2(fd, 'new', k.O_WRONLY | k.O_CREAT | k.O_EXCL, 0o600, k.RESOLVE_BENEATH);
  assert.match(readFileSync(`/proc/self/fdinfo/${made}`, 'utf8'), /^flags:\s+02[0-7]*1$/m, 'close-on-exec');
  addon.close(made);
});

test('contents move inside the kernel', (t) => {
  const { path, fd } = scratch(t);
  writeFileSync(join(path, 'from'), '0123456789');
  const from = addon.openat2(fd, 'from', k.O_RDONLY, 0, 0);
  const to = addon.openat2(fd, 'to', k.O_WRONLY | k.O_CREAT, 0o600, 0);
  assert.equal(addon.copyFileRange(from, 2, to, 1, 5), 5);
  assert.equal(addon.copyFileRange(from, 10, to, 0, 5), 0, 'the end');
  addon.syncfs(to);
  addon.close(from);
  addon.close(to);
  assert.equal(readFileSync(join(path, 'to'), 'latin1'), '\x0023456');
});

test('a memfd is filled, rewound and sealed', () => {
  const data = Buffer.alloc(300_000, 'orlop');
  const memfd = addon.memfd('plan', data);
  assert.deepEqual(readFileSync(memfd), data);
  const writer = addon.openat2(k.AT_FDCWD, `/proc/self/fd/${memfd}`, k.O_RDWR, 0, 0);
  assert.throws(
    () => writeFileSync(writer, 'x'),
    (error) => isErrno(error, 'EPERM'),
  );
  addon.close(writer);
  addon.close(memfd);
});

test('a lock excludes another open file and follows duplicates', (t) => {
  const { fd } = scratch(t);
  const [one, two] = [1, 2].map(() => addon.openat2(fd, 'lock', k.O_RDWR | k.O_CREAT, 0o600, 0)) as [number, number];
  addon.flock(one, k.LOCK_EX);
  const copy = addon.dup(one);
  addon.close(one);
  assert.throws(
    () => addon.flock(two, k.LOCK_EX),
    (error) => isErrno(error, 'EAGAIN'),
  );
  addon.close(copy);
  addon.flock(two, k.LOCK_EX);
  addon.close(two);
});

test('file systems tell type, room and flags', () => {
  const facts = addon.statfs('/proc');
  assert.equal(facts.type, 0x9fa0);
  const root = addon.statfs('/');
  assert.ok(root.blocks > 0 && root.blockSize >= 512 && root.available <= root.blocks && root.flags >= 0);
});

test('directories are spread where the file system knows of it', (t) => {
  const path = mkdtempSync('/var/tmp/orlop-files-');
  const fd = addon.openat2(k.AT_FDCWD, path, k.O_RDONLY | k.O_DIRECTORY, 0, 0);
  t.after(() => {
    addon.close(fd);
    rmSync(path, { recursive: true, force: true });
  });
  try {
    addon.spreadDirectories(fd);
  } catch (error) {
    if (isErrno(error, 'ENOTTY', 'EOPNOTSUPP')) return t.skip('this file system does not');
    throw error;
  }
  assert.match(execFileSync('lsattr', ['-d', path], { encoding: 'utf8' }).split(' ')[0] ?? '', /T/);
});
