import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ErrnoError, isErrno } from '#errors';
import { cgroupProcesses, childCgroups, makeCgroup, parseFlatKeyed, readCgroupFile, removeCgroup, writeCgroupFile } from './cgroupfs.ts';
import { readCgroupMounts } from './kernel.ts';

test('control files are read without their newline and never created by a write', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-cg-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'memory.max'), 'max\n');
  assert.equal(readCgroupFile(directory, 'memory.max'), 'max');
  writeCgroupFile(directory, 'memory.max', '4096');
  assert.equal(readFileSync(join(directory, 'memory.max'), 'utf8'), '4096');
  assert.throws(
    () => readCgroupFile(directory, 'pids.max'),
    (error) => error instanceof ErrnoError && isErrno(error, 'ENOENT') && error.path === join(directory, 'pids.max'),
  );
});

test('a missing control file is not created', (t) => {
  const mounts = readCgroupMounts();
  const mount = mounts.unified ?? [...mounts.legacy.values()][0];
  if (process.getuid?.() !== 0 || mount === undefined) return t.skip('needs root and a cgroup mount');
  const directory = join(mount, `orlop-sys-test-${process.pid}`);
  makeCgroup(join(directory, 'inner'));
  t.after(() => {
    removeCgroup(join(directory, 'inner'));
    removeCgroup(directory);
  });
  assert.deepEqual(childCgroups(directory), ['inner']);
  assert.deepEqual(cgroupProcesses(directory), []);
  assert.equal(removeCgroup(directory), false, 'a group with children stays');
  assert.throws(
    () => writeCgroupFile(directory, 'cgroup.procs', 'nonsense'),
    (error) => error instanceof ErrnoError && isErrno(error, 'EINVAL') && error.path === join(directory, 'cgroup.procs'),
  );
  assert.equal(removeCgroup(join(directory, 'inner')), true);
  assert.equal(removeCgroup(directory), true);
  assert.equal(removeCgroup(directory), true, 'one that has gone is fine');
  assert.deepEqual(cgroupProcesses(directory), []);
});

test('flat keyed files keep their numbers', () => {
  assert.deepEqual(
    [...parseFlatKeyed('populated 0\nfrozen 1\nlow -3\njunk\na b\nx 1 2\n')],
    [
      ['populated', 0],
      ['frozen', 1],
      ['low', -3],
    ],
  );
});
