import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import type { SpecMount } from '#oci';
import * as k from '#sys';
import type { CgroupLayout } from '../cgroups/types.ts';
import type { MountFacts } from './mount-facts.ts';
import { planMounts } from './mounts.ts';
import { createSlots } from './slots.ts';

const hybrid: CgroupLayout = {
  mode: 'hybrid',
  hierarchies: [
    { mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'], version: 1 },
    { mountPoint: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'], version: 1 },
    { mountPoint: '/sys/fs/cgroup/unified', controllers: [], version: 2 },
  ],
  unified: '/sys/fs/cgroup/unified',
  unifiedControllers: [],
};
const pure: CgroupLayout = {
  mode: 'v2',
  hierarchies: [{ mountPoint: '/sys/fs/cgroup', controllers: [], version: 2 }],
  unified: '/sys/fs/cgroup',
  unifiedControllers: ['memory'],
};

function facts(changes: Partial<MountFacts> = {}): MountFacts {
  return {
    prepared: new Map(),
    slots: createSlots(),
    cgroups: hybrid,
    cgroupPath: 'o/web',
    ownCgroupNamespace: true,
    label: null,
    ...changes,
  };
}

const plan = (mount: SpecMount, changes: Partial<MountFacts> = {}) => planMounts([mount], facts(changes));

test('a file system is mounted with its attributes and data', () => {
  assert.deepEqual(plan({ destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'hidepid=2'] }).mounting, [
    { op: 'mount', fstype: 'proc', source: 'proc', options: ['hidepid=2'], attributes: k.MOUNT_ATTR_NOSUID, target: '/proc', make: 1 },
  ]);
});

test('a read-only tmpfs is sealed only after everything in it was made', () => {
  const { mounting, sealing } = plan({ destination: '/dev/', type: 'tmpfs', source: 'tmpfs', options: ['ro', 'noexec'] });
  assert.deepEqual(mounting, [
    { op: 'mount', fstype: 'tmpfs', source: 'tmpfs', options: [], attributes: k.MOUNT_ATTR_NOEXEC, target: '/dev', make: 3 },
  ]);
  assert.deepEqual(sealing, [
    { op: 'set_mount_attributes', target: '/dev', set: k.MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, recursive: 0, userns: k.noSlot },
  ]);
});

test('a bind mount is a detached mount that has its attributes, moved into place, then its propagation', () => {
  const mount: SpecMount = { destination: '/data', type: 'none', source: '/srv', options: ['rbind', 'ro', 'rnodev', 'rprivate'] };
  const slots = createSlots();
  slots.add(90);
  const { mounting } = plan(mount, { slots, prepared: new Map([[0, { descriptor: 91, file: false }]]) });
  const change = { op: 'set_mount_attributes', target: '/data', set: 0, clear: 0, propagation: 0, recursive: 0, userns: k.noSlot };
  assert.deepEqual(mounting, [
    { op: 'attach_mount', mount: 1, target: '/data', make: 1 },
    { ...change, propagation: k.MS_PRIVATE, recursive: 1 },
  ]);
  assert.deepEqual(slots.descriptors, [90, 91]);
});

test('a bind mount that was left to the stage is opened by its path and gets its attributes there', () => {
  const late = { source: '/srv', recursive: true, file: false, own: { set: k.MOUNT_ATTR_RDONLY, clear: 0 }, tree: { set: 0, clear: 0 } };
  const mount: SpecMount = { destination: '/data', type: 'bind', source: '/srv', options: ['rbind', 'ro'] };
  assert.deepEqual(plan(mount, { prepared: new Map([[0, late]]) }).mounting, [
    { op: 'bind', source: '/srv', target: '/data', recursive: 1, make: 1 },
    { op: 'set_mount_attributes', target: '/data', set: k.MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, recursive: 0, userns: k.noSlot },
  ]);
});

test('mounts that have no slots come from one queue, in the order of the spec', () => {
  const mounts = ['/a', '/b', '/c'].map((destination): SpecMount => ({ destination, type: 'bind', source: '/s' }));
  const prepared = new Map([
    [0, { descriptor: 5, file: false }],
    [1, { queue: 9, file: false }],
    [2, { queue: 9, file: true }],
  ]);
  assert.deepEqual(planMounts(mounts, facts({ prepared })).mounting, [
    { op: 'attach_mount', mount: 0, target: '/a', make: 1 },
    { op: 'attach_queued', queue: 1, target: '/b', make: 1 },
    { op: 'attach_queued', queue: 1, target: '/c', make: 2 },
  ]);
});

test('a bound file gets a file as its place', () => {
  const [attach] = plan(
    { destination: '/etc/hosts', type: 'bind', source: '/h' },
    { prepared: new Map([[0, { descriptor: 5, file: true }]]) },
  ).mounting;
  assert.deepEqual(attach, { op: 'attach_mount', mount: 0, target: '/etc/hosts', make: 2 });
});

test('cgroup on a v1 host is a tmpfs with one mount a hierarchy and links for co-mounted controllers', () => {
  const { mounting, sealing } = plan({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid'] });
  const attributes = k.MOUNT_ATTR_RDONLY | k.MOUNT_ATTR_NOSUID;
  assert.deepEqual(mounting, [
    {
      op: 'mount',
      fstype: 'tmpfs',
      source: 'tmpfs',
      options: ['mode=755'],
      attributes: k.MOUNT_ATTR_NOSUID,
      target: '/sys/fs/cgroup',
      make: 1,
    },
    {
      op: 'mount',
      fstype: 'cgroup',
      source: 'cgroup',
      options: ['cpu', 'cpuacct'],
      attributes,
      target: '/sys/fs/cgroup/cpu,cpuacct',
      make: 1,
    },
    { op: 'make_symlink', target: '/sys/fs/cgroup/cpu', to: 'cpu,cpuacct' },
    { op: 'make_symlink', target: '/sys/fs/cgroup/cpuacct', to: 'cpu,cpuacct' },
    { op: 'mount', fstype: 'cgroup', source: 'systemd', options: ['name=systemd'], attributes, target: '/sys/fs/cgroup/systemd', make: 1 },
  ]);
  assert.equal(sealing.length, 1);
});

test('cgroup on a v2 host is one mount; without a cgroup namespace the own directory is bound', () => {
  const mount: SpecMount = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] };
  assert.deepEqual(plan(mount, { cgroups: pure }).mounting, [
    { op: 'mount', fstype: 'cgroup2', source: 'cgroup', options: [], attributes: k.MOUNT_ATTR_RDONLY, target: '/sys/fs/cgroup', make: 1 },
  ]);
  assert.deepEqual(plan(mount, { cgroups: pure, ownCgroupNamespace: false }).mounting, [
    { op: 'bind', source: '/sys/fs/cgroup/o/web', target: '/sys/fs/cgroup', recursive: 1, make: 1 },
    {
      op: 'set_mount_attributes',
      target: '/sys/fs/cgroup',
      set: k.MOUNT_ATTR_RDONLY,
      clear: 0,
      propagation: 0,
      recursive: 0,
      userns: k.noSlot,
    },
  ]);
});

test('what cannot be meant is refused with its JSON path', () => {
  const refused: [SpecMount, RegExp][] = [
    [{ destination: '/', type: 'tmpfs' }, /mounts\[0\]\.destination is the root/],
    [{ destination: '/proc/self/attr', type: 'tmpfs' }, /lies inside \/proc/],
    [{ destination: '/x/../proc/1', type: 'bind', source: '/x' }, /lies inside \/proc/],
    [{ destination: '/proc', type: 'tmpfs' }, /takes a file system of type proc alone/],
    [{ destination: '/proc/cpuinfo', type: 'tmpfs' }, /lies inside \/proc/],
    [{ destination: '/x', type: 'bind', source: '/x', options: ['size=3'] }, /mounts\[0\]\.options .*size=3/],
    [{ destination: '/x', type: 'tmpfs', options: ['remount', 'tmpcopyup'] }, /"remount" keeps the old one/],
    [{ destination: '/x', type: 'proc', options: ['tmpcopyup'] }, /tmpfs only/],
    [{ destination: '/x', type: 'tmpfs', options: ['idmap'] }, /only bind mounts can map ids/],
    [{ destination: '/x', type: 'tmpfs', uidMappings: [] }, /only bind mounts can map ids/],
  ];
  for (const [mount, message] of refused)
    assert.throws(
      () => plan(mount),
      (error) => isOrlopError(error) && message.test(error.message),
      String(message),
    );
});

test("lxcfs' reports may be bound over /proc's", () => {
  const prepared = new Map([[0, { descriptor: 3, file: true }]]);
  assert.equal(plan({ destination: '/proc/cpuinfo', type: 'bind', source: '/x' }, { prepared }).mounting.length, 1);
});

test('remount changes what the options name on what is mounted already, of a bind mount only its attributes', () => {
  const change = { op: 'set_mount_attributes', target: '/d', set: 0, clear: 0, propagation: 0, recursive: 0, userns: k.noSlot };
  assert.deepEqual(plan({ destination: 'd', type: 'tmpfs', options: ['remount', 'size=1m', 'nosuid', 'rw'] }).mounting, [
    { op: 'reconfigure_mount', target: '/d', options: ['size=1m'] },
    { ...change, set: k.MOUNT_ATTR_NOSUID, clear: k.MOUNT_ATTR_RDONLY },
  ]);
  assert.deepEqual(plan({ destination: '/d', options: ['remount', 'bind', 'ro', 'sync'] }).mounting, [
    { ...change, set: k.MOUNT_ATTR_RDONLY },
  ]);
  assert.deepEqual(plan({ destination: '/d', options: ['remount', 'rbind', 'ro'] }).mounting, [
    { ...change, set: k.MOUNT_ATTR_RDONLY, recursive: 1 },
  ]);
});

test('properties of the whole file system go with a new one, and a bind mount takes those of what it shows', () => {
  const options = ['sync', 'dirsync', 'lazytime', 'mand'];
  const [made] = plan({ destination: '/d', type: 'tmpfs', options: [...options, 'iversion', 'loud', 'async'] }).mounting;
  assert.deepEqual(made?.op === 'mount' && made.options, options);
  const prepared = new Map([[0, { descriptor: 5, file: false }]]);
  assert.equal(plan({ destination: '/d', source: '/s', options: ['bind', ...options] }, { prepared }).mounting.length, 1);
});
