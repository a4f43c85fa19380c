import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { type Features, type Linux, parseSpec } from '#oci';
import { parseMountOptions, superblockOptions } from '#sys';
import { planMemoryPolicy } from '../../plan/memory-policy.ts';
import { compileSeccomp } from '../../seccomp/index.ts';
import { describeFeatures } from './features.ts';

const ours = describeFeatures('1.2.3');
const { linux = {} } = ours;

test('every list names something once, and is sorted where order means nothing', () => {
  const lists = [ours.hooks, ours.mountOptions, linux.namespaces, linux.capabilities, linux.seccomp?.actions, linux.seccomp?.archs];
  for (const list of lists) assert.ok(list !== undefined && list.length > 0 && new Set(list).size === list.length);
  for (const list of [ours.mountOptions, linux.namespaces, linux.seccomp?.actions, linux.seccomp?.operators])
    assert.deepEqual(list, list?.toSorted());
});

test('what is listed is understood', () => {
  // What nobody knows goes to the file system.
  for (const option of ours.mountOptions ?? [])
    assert.deepEqual(parseMountOptions([option]).data, superblockOptions.has(option) ? [option] : [], option);
  for (const mode of linux.memoryPolicy?.modes ?? []) {
    const nodes = /DEFAULT|LOCAL/.test(mode) ? '' : '0';
    assert.equal(planMemoryPolicy({ mode, nodes }).length, 1, mode);
  }
  for (const flag of linux.memoryPolicy?.flags ?? [])
    assert.equal(planMemoryPolicy({ mode: 'MPOL_BIND', nodes: '0', flags: [flag] }).length, 1);
  for (const action of linux.seccomp?.actions ?? []) {
    const listenerPath = action === 'SCMP_ACT_NOTIFY' ? { listenerPath: '/run/x' } : {};
    const syscalls = [{ names: ['getpid'], action }];
    compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls, ...listenerPath }, { arch: process.arch });
  }
  const architectures = linux.seccomp?.archs ?? [];
  compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', architectures }, { arch: process.arch });
  const namespaces: Linux['namespaces'] = (linux.namespaces ?? []).map((type) => ({ type }));
  assert.equal(parseSpec({ ociVersion: ours.ociVersionMax, linux: { namespaces } }).linux?.namespaces?.length, 8);
});

const runc = spawnSync('runc', ['features'], { encoding: 'utf8' });

/** Deliberate: a host's ACLs come with the file system, processors that we have no table for, a user's own systemd. */
const notOurs = new Set(['acl', 'noacl']);

test('all that runc can, field by field', { skip: runc.status === 0 ? false : 'needs runc' }, () => {
  const theirs = JSON.parse(runc.stdout) as Required<Features>;
  const lacks = (own: readonly string[] | undefined, other: readonly string[] | undefined): string[] =>
    (other ?? []).filter((name) => own?.includes(name) !== true && !notOurs.has(name));
  assert.equal(ours.ociVersionMin, theirs.ociVersionMin);
  assert.deepEqual(ours.hooks, theirs.hooks);
  assert.deepEqual(lacks(ours.mountOptions, theirs.mountOptions), []);
  assert.deepEqual(lacks(linux.namespaces, theirs.linux.namespaces), []);
  assert.deepEqual(linux.capabilities, theirs.linux.capabilities);
  assert.deepEqual(lacks(linux.seccomp?.actions, theirs.linux.seccomp?.actions), []);
  assert.deepEqual(lacks(linux.seccomp?.operators, theirs.linux.seccomp?.operators), []);
  assert.deepEqual([linux.apparmor, linux.selinux], [theirs.linux.apparmor, theirs.linux.selinux]);
  assert.deepEqual({ ...linux.cgroup, systemdUser: true, rdma: true }, { rdma: true, ...theirs.linux.cgroup });
});
