import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as k from '#sys';
import { planExecSandbox } from '../sandbox/exec.ts';
import { planSandbox, type SandboxRequest } from './sandbox.ts';

const request: SandboxRequest = {
  namespaces: [],
  idMap: null,
  taskFiles: [],
  birthplace: null,
  oomScoreAdjust: null,
  timeOffsets: null,
  furnishing: null,
};

test('a new cgroup namespace is left for later, when the process is in its cgroup', () => {
  const { plan } = planSandbox({
    ...request,
    namespaces: [{ name: 'cgroup' }, { name: 'mnt' }, { name: 'pid' }],
    taskFiles: ['/c/a', '/c/b'],
  });
  assert.deepEqual(plan, [
    { op: 'join_cgroup', tasks: '/c/a' },
    { op: 'join_cgroup', tasks: '/c/b' },
    { op: 'clone', flags: k.CLONE_NEWNS | k.CLONE_NEWPID, cgroup: k.noSlot },
  ]);
});

test('namespaces are joined before the process is made, the user namespace last', () => {
  const { plan, descriptors } = planSandbox({
    ...request,
    namespaces: [{ name: 'user', join: 40 }, { name: 'net', join: 41 }, { name: 'mnt' }],
  });
  assert.deepEqual(plan, [
    { op: 'join_namespaces', fd: 0, flags: k.CLONE_NEWNET },
    { op: 'join_namespaces', fd: 1, flags: k.CLONE_NEWUSER },
    { op: 'clone', flags: k.CLONE_NEWNS, cgroup: k.noSlot },
  ]);
  assert.deepEqual(descriptors, [41, 40]);
});

test('a new user namespace gets its maps right after the process was made', () => {
  const lines = [
    { containerID: 0, hostID: 1000, size: 10 },
    { containerID: 10, hostID: 5000, size: 5 },
  ];
  const { plan } = planSandbox({ ...request, namespaces: [{ name: 'user' }], idMap: { uids: lines, gids: lines }, taskFiles: ['/p'] });
  assert.deepEqual(plan[2], { op: 'map_ids', uids: '0 1000 10\n10 5000 5\n', gids: '0 1000 10\n10 5000 5\n' });
  assert.throws(() => planSandbox({ ...request, namespaces: [{ name: 'user' }] }), /linux\.uidMappings and gidMappings are needed/);
});

test('on cgroup2 the process is born in its cgroup', () => {
  const { plan, descriptors } = planSandbox({ ...request, birthplace: 12 });
  assert.deepEqual(plan, [{ op: 'clone', flags: 0, cgroup: 0 }]);
  assert.deepEqual(descriptors, [12]);
});

test('clocks are set before the process exists, in a new time namespace only', () => {
  const timeOffsets = { monotonic: { secs: 5 }, boottime: { secs: -1, nanosecs: 7 } };
  const { plan } = planSandbox({ ...request, namespaces: [{ name: 'time' }], timeOffsets });
  assert.deepEqual(plan[0], { op: 'set_time_offsets', text: 'monotonic 5 0\nboottime -1 7\n' });
  assert.throws(() => planSandbox({ ...request, timeOffsets }), /linux\.timeOffsets needs a new time namespace/);
  assert.throws(() => planSandbox({ ...request, namespaces: [{ name: 'time' }], timeOffsets: { realtime: {} } }), /realtime is no clock/);
});

test('an exec joins by pidfd, the user namespace last', () => {
  const { plan, descriptors } = planExecSandbox({
    pidfd: 30,
    names: ['user', 'mnt', 'pid'],
    taskFiles: ['/p'],
    birthplace: null,
    oomScoreAdjust: { value: 5, required: true },
  });
  assert.deepEqual(plan, [
    { op: 'join_cgroup', tasks: '/p' },
    { op: 'join_namespaces', fd: 0, flags: k.CLONE_NEWNS | k.CLONE_NEWPID },
    { op: 'join_namespaces', fd: 0, flags: k.CLONE_NEWUSER },
    { op: 'clone', flags: 0, cgroup: k.noSlot },
    { op: 'set_oom_score', value: 5, required: 1 },
  ]);
  assert.deepEqual(descriptors, [30]);
});
