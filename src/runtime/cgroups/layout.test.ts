import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hierarchyOf, parseCgroupLayout } from './layout.ts';

const line = (mountPoint: string, type: string, options: string) =>
  `31 23 0:28 / ${mountPoint} rw,relatime shared:4 - ${type} none ${options}`;

test('a hybrid host has v1 controllers and a cgroup2 without any', () => {
  const mounts = [
    line('/proc', 'proc', 'rw'),
    line('/sys/fs/cgroup/unified', 'cgroup2', 'rw,nsdelegate'),
    line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
    line('/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,release_agent=/lib/x,name=systemd'),
  ].join('\n');
  const layout = parseCgroupLayout(mounts, () => '');
  assert.equal(layout.mode, 'hybrid');
  assert.deepEqual(
    layout.hierarchies.map(({ controllers }) => controllers),
    [['cpu', 'cpuacct'], ['name=systemd'], []],
  );
  assert.equal(hierarchyOf(layout, 'cpuacct')?.mountPoint, '/sys/fs/cgroup/cpu,cpuacct');
  assert.equal(hierarchyOf(layout, 'memory'), null);
  assert.equal(hierarchyOf(layout, 'freezer')?.version, 2);
});

test('a v2 host counts CPU time with cpu and block I/O with io', () => {
  const layout = parseCgroupLayout(line('/sys/fs/cgroup', 'cgroup2', 'rw'), () => 'cpu io memory');
  assert.equal(layout.mode, 'v2');
  assert.equal(hierarchyOf(layout, 'blkio')?.mountPoint, '/sys/fs/cgroup');
  assert.equal(hierarchyOf(layout, 'cpuacct')?.version, 2);
  assert.equal(hierarchyOf(layout, 'pids'), null);
});

test('a v1 host has no cgroup2', () => {
  const layout = parseCgroupLayout(line('/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'), () => '');
  assert.equal(layout.mode, 'v1');
  assert.equal(layout.unified, null);
});

test('a hierarchy mounted twice counts once, at its usual place, and odd names are unescaped', () => {
  const mounts = [
    line('/var/lib/x/cgroup', 'cgroup', 'rw,pids'),
    line('/sys/fs/cgroup/pi\\040ds', 'cgroup', 'rw,pids'),
    line('/other', 'cgroup', 'rw,pids'),
  ].join('\n');
  assert.deepEqual(
    parseCgroupLayout(mounts, () => '').hierarchies.map(({ mountPoint }) => mountPoint),
    ['/sys/fs/cgroup/pi ds'],
  );
});

test('lines that are no mounts are passed over', () => {
  assert.deepEqual(parseCgroupLayout('\n - \nx - cgroup\n1 2 3 - cgroup2 none', () => '').hierarchies, []);
});
