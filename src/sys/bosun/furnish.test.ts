import assert from 'node:assert/strict';
import { closeSync, copyFileSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MOUNT_ATTR_NOSUID, MS_PRIVATE, MS_REC } from '../constants.ts';
import { noSlot, type Op, type Plan } from '../plan/index.ts';
import { planFailureOf } from './failure.ts';
import { busybox, openPrivateTree, openTestContainer, ownNamespaces, pipes, reasonToSkip, whenEnded } from './test-container.ts';

const clone: Op = { op: 'clone', flags: ownNamespaces, cgroup: noSlot };

/** What can be made before it is known which container this will be: the host is left already. */
const furnished: Plan = [
  clone,
  { op: 'set_root_propagation', flags: MS_REC | MS_PRIVATE },
  { op: 'open_skeleton' },
  { op: 'mount', fstype: 'proc', source: 'proc', options: [], attributes: MOUNT_ATTR_NOSUID, target: '/proc', make: 1 },
  {
    op: 'mount',
    fstype: 'tmpfs',
    source: 'tmpfs',
    options: ['mode=755', 'size=64k'],
    attributes: MOUNT_ATTR_NOSUID,
    target: '/dev',
    make: 1,
  },
  { op: 'make_symlink', target: '/dev/fd', to: '/proc/self/fd' },
  { op: 'enter_root', mode: 0 },
];

describe('a stage that is furnished before it waits', { skip: reasonToSkip() }, () => {
  test('its mounts are moved into the root that it gets later', async () => {
    await using container = openTestContainer();
    const { addon, root, monitor } = container;
    mkdirSync(join(root, 'bin'));
    copyFileSync(busybox, join(root, 'bin/busybox'));
    for (const applet of ['sh', 'cat', 'ls']) symlinkSync('busybox', join(root, 'bin', applet));
    await monitor.sandbox(furnished, []);
    const slots = [openSync(container.monitorDirectory, 'r'), openSync(join(container.directory, 'log'), 'a')];
    const tree = openPrivateTree(addon, root);
    await monitor.run(
      [
        { op: 'keep_directory', directory: 0 },
        { op: 'keep_log', file: 1 },
        pipes(),
        { op: 'attach_root', mount: 2, at: noSlot },
        { op: 'move_tree', from: '/proc', target: '/proc', make: 1 },
        { op: 'move_tree', from: '/dev', target: '/dev', make: 1 },
        { op: 'enter_root', mode: 1 },
        { op: 'execute', argv: ['sh', '-c', 'ls / /dev; ls /proc/$$/fd; cat /proc/mounts'], env: ['PATH=/bin'], keep: 0 },
      ],
      [...slots, tree],
    );
    slots.forEach((fd) => closeSync(fd));
    addon.close(tree);
    assert.equal((await monitor.exited).exitCode, 0);
    const output = container.logged('stdout');
    assert.match(output, /^\/:\nbin\ndev\nproc\n\n\/dev:\nfd\n0\n1\n2\n/);
    assert.deepEqual(
      output
        .match(/^\S+ \S+ \S+ /gm)
        ?.map((line) => line.split(' ')[1])
        .toSorted(),
      ['/', '/dev', '/proc'],
    );
  });

  test('an op that fails is told as the sandbox’s failure, and nothing stays', async () => {
    await using container = openTestContainer();
    const ended = whenEnded(container.addon, container.monitor.pid);
    const bad: Op = { op: 'mount', fstype: 'nofs', source: '', options: [], attributes: 0, target: '/x', make: 1 };
    const error = await container.monitor.sandbox([...furnished, bad], []).catch((reason: unknown) => reason);
    assert.deepEqual([planFailureOf(error)?.op, planFailureOf(error)?.opIndex, planFailureOf(error)?.errno], ['mount', 7, 'ENODEV']);
    await ended;
  });

  test('ops that belong to a process, not to a file system, are out of place', async () => {
    await using container = openTestContainer();
    const error = await container.monitor
      .sandbox([clone, { op: 'execute', argv: ['sh'], env: [], keep: 0 }], [])
      .catch((reason: unknown) => reason);
    assert.deepEqual([planFailureOf(error)?.op, planFailureOf(error)?.errno], ['execute', 'EINVAL']);
  });
});
