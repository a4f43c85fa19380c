import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import type { Spec, SpecMount } from '#oci';
import * as k from '#sys';
import { encodePlan, type Op } from '#sys';
import { type FurnishFacts, planFurnishing, skeletonKey, skeletonMembers, skeletonOf, treesOf } from './skeleton.ts';

const at = (destination: string, type = 'tmpfs', options: string[] = []): SpecMount => ({ destination, type, source: type, options });
const bind = (destination: string): SpecMount => ({ destination, type: 'bind', source: '/x', options: ['bind'] });
const usual = [at('/proc', 'proc'), at('/dev'), at('/dev/pts', 'devpts'), at('/sys', 'sysfs')];
const spec = (mounts: readonly SpecMount[], linux: Spec['linux'] = {}): Spec => ({ ociVersion: '1.2.0', mounts, linux });
const members = (...mounts: SpecMount[]): string[] =>
  [...skeletonMembers(mounts)].map((index) => `${index}:${mounts[index]?.destination ?? ''}`);

const facts: FurnishFacts = {
  created: new Set(['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']),
  joined: new Set(),
  cgroups: null,
  cgroupPath: null,
  ownCgroupNamespace: true,
  hostHasKcore: false,
  mayMakeNodes: true,
};

test('a skeleton holds what lies on and below /proc, /sys and /dev', () => {
  assert.deepEqual(members(...usual, at('/run'), at('/process'), at('/dev//shm/')), [
    '0:/proc',
    '1:/dev',
    '2:/dev/pts',
    '3:/sys',
    '6:/dev//shm/',
  ]);
});

test('but not what needs the host or the root, nor what that has to do with', () => {
  assert.deepEqual(members(...usual, bind('/dev/shm'), at('/dev/shm/a'), at('/dev/mqueue')), [
    '0:/proc',
    '1:/dev',
    '2:/dev/pts',
    '3:/sys',
    '6:/dev/mqueue',
  ]);
  assert.deepEqual(members(...usual, at('/dev/copied', 'tmpfs', ['tmpcopyup'])), ['0:/proc', '1:/dev', '2:/dev/pts', '3:/sys']);
  assert.deepEqual(members(bind('/dev'), at('/dev/pts', 'devpts')), []);
  assert.deepEqual(members(bind('/dev/late'), at('/dev')), []);
  assert.deepEqual(members(at('/dev/pts', 'devpts'), at('/dev')), []);
});

test('a tree with two file systems would be torn apart, and is refused', () => {
  assert.throws(
    () => skeletonMembers([...usual, at('/dev/')]),
    (error) => isOrlopError(error, 'invalid-argument') && /mounts\[4\]\.destination is \/dev again/.test(error.message),
  );
});

test('paths are masked and sealed where nothing comes over them later', () => {
  const paths = ['/proc/keys', '/proc/stat', '/sys/firmware', '/opt/x', '/dev/shm/a/b', '/processor'];
  const skeleton = skeletonOf(spec([...usual, bind('/proc/stat'), bind('/dev/shm/a')], { maskedPaths: paths, readonlyPaths: paths }));
  assert.deepEqual(skeleton.maskedPaths, ['/proc/keys', '/sys/firmware']);
  assert.deepEqual(skeleton.readonlyPaths, ['/proc/keys', '/sys/firmware']);
  assert.deepEqual(skeletonOf(spec([], { maskedPaths: paths })).maskedPaths, []);
});

test('skeletons that stand for each other have one key', () => {
  const one = skeletonOf(spec([...usual, at('/run')], { sysctl: { 'net.a': '1', 'net.b': '2' } }));
  const other = skeletonOf(spec([at('/tmp'), ...usual], { sysctl: { 'net.b': '2', 'net.a': '1' } }));
  assert.equal(skeletonKey(one), skeletonKey(other));
  for (const change of [
    spec(usual.slice(1), { sysctl: { 'net.a': '1', 'net.b': '2' } }),
    spec(usual, { sysctl: { 'net.a': '1' } }),
    spec(usual, { sysctl: { 'net.a': '1', 'net.b': '2' }, maskedPaths: ['/proc/keys'] }),
    spec(usual, { sysctl: { 'net.a': '1', 'net.b': '2' }, mountLabel: 'x' }),
    spec(usual, { sysctl: { 'net.a': '1', 'net.b': '2' }, devices: [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229 }] }),
  ])
    assert.notEqual(skeletonKey(skeletonOf(change)), skeletonKey(one));
});

test('it is built in this order, and ends with nothing of the host in sight', () => {
  const linux = { maskedPaths: ['/proc/keys'], readonlyPaths: ['/proc/sys'], sysctl: { 'net.ipv4.ip_forward': '1' } };
  const plan = planFurnishing(skeletonOf(spec(usual, linux)), facts);
  const steps = plan.map(({ op }) => op).filter((op, index, ops) => op !== ops[index - 1]);
  assert.deepEqual(steps, [
    'become',
    'unshare',
    'set_root_propagation',
    'bring_up_loopback',
    'open_skeleton',
    'mount',
    'bind',
    'make_symlink',
    'set_sysctl',
    'make_read_only',
    'mask',
    'set_mount_attributes',
    'enter_root',
  ]);
  const find = <Name extends Op['op']>(name: Name) => plan.find((op): op is Extract<Op, { op: Name }> => op.op === name);
  assert.equal(find('set_root_propagation')?.flags, k.MS_REC | k.MS_PRIVATE);
  assert.deepEqual([find('set_mount_attributes')?.target, find('set_mount_attributes')?.set], ['/', k.MOUNT_ATTR_RDONLY]);
  assert.deepEqual(find('enter_root'), { op: 'enter_root', mode: 0 });
  assert.doesNotThrow(() => encodePlan(plan));
});

test('without a file system on /dev it has no devices, and that tree is not moved', () => {
  const skeleton = skeletonOf(spec([at('/proc', 'proc')]));
  assert.deepEqual(treesOf(skeleton.mounts), ['/proc']);
  assert.ok(!planFurnishing(skeleton, facts).some(({ op }) => op === 'bind' || op === 'make_node'));
});

test('where nobody can make nodes they are bound, for a container without users of its own as well', () => {
  const ops = (mayMakeNodes: boolean) =>
    planFurnishing(skeletonOf(spec(usual)), { ...facts, created: new Set(['mnt', 'pid']), mayMakeNodes }).flatMap((op) =>
      (op.op === 'bind' || op.op === 'make_node') && op.target === '/dev/null' ? [op.op] : [],
    );
  assert.deepEqual([ops(true), ops(false)], [['make_node'], ['bind']]);
});

test('it needs an own mount namespace', () => {
  assert.throws(() => planFurnishing(skeletonOf(spec(usual)), { ...facts, created: new Set(['pid']) }), /has no new mount namespace/);
});
