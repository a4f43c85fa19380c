import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  countFromRoot,
  findCgroupMounts,
  isAtLeast,
  kernelRelease,
  knownFileSystems,
  parseKernelRelease,
  readCgroupMounts,
  userNamespacesEnabled,
} from './kernel.ts';
import { parseMountinfo } from './mountinfo.ts';

test('releases are compared by number', () => {
  const kernel = parseKernelRelease('6.9.3-arch1');
  assert.equal(isAtLeast(kernel, 6, 9), true);
  assert.equal(isAtLeast(kernel, 5, 19), true);
  assert.equal(isAtLeast(kernel, 6, 10), false);
  assert.equal(isAtLeast(parseKernelRelease('nonsense'), 1, 0), false);
  assert.ok(isAtLeast(kernelRelease(), 5, 0));
});

const legacy = `
30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 25 0:27 /sub /somewhere/else rw - cgroup cgroup rw,cpu,cpuacct`;
const unified = '40 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate';

test('a hybrid layout is seen whole', () => {
  const found = findCgroupMounts(parseMountinfo(`${legacy}\n${unified}`), () => '');
  assert.equal(found.unified, '/sys/fs/cgroup/unified');
  assert.deepEqual(found.unifiedControllers, []);
  assert.deepEqual(Object.fromEntries(found.legacy), {
    memory: '/sys/fs/cgroup/memory',
    cpu: '/sys/fs/cgroup/cpu,cpuacct',
    cpuacct: '/sys/fs/cgroup/cpu,cpuacct',
    'name=systemd': '/sys/fs/cgroup/systemd',
  });
});

test('a unified layout tells its controllers, a legacy one has no unified mount', () => {
  assert.deepEqual(findCgroupMounts(parseMountinfo(unified), () => 'cpu memory pids\n').unifiedControllers, ['cpu', 'memory', 'pids']);
  assert.equal(findCgroupMounts(parseMountinfo(legacy), () => assert.fail('nothing to read')).unified, null);
});

test('ids of a machine are counted from root on, without holes', () => {
  const counts = ['0 1500512256 65536', '0 0 4294967295', '1 100001 65535\n0 1000 1', '5 5 5', ''].map(countFromRoot);
  assert.deepEqual(counts, [65_536, 4_294_967_295, 65_536, 0, 0]);
});

test('this machine answers', () => {
  assert.equal(typeof userNamespacesEnabled(), 'boolean');
  assert.ok(knownFileSystems().includes('proc'));
  const mounts = readCgroupMounts();
  assert.ok(mounts.unified === null || mounts.unified.startsWith('/'));
});
