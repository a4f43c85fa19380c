import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { noSlot, type Op } from '../plan/index.ts';
import { readExitRecord } from './exit-record.ts';
import { planFailureOf } from './failure.ts';
import { openTestContainer, reasonToSkip, whenEnded } from './test-container.ts';

describe('a plan that fails', { skip: reasonToSkip() }, () => {
  const failures: readonly {
    name: string;
    argv?: string[];
    before?: Op[];
    after?: Op[];
    kind: string;
    op: string;
    errno: string;
    path: RegExp;
  }[] = [
    { name: 'a program that does not exist', argv: ['nowhere'], kind: 'not-found', op: 'execute', errno: 'ENOENT', path: /^nowhere$/ },
    {
      name: 'a program that does not exist, at the creation',
      argv: ['/nowhere'],
      after: [{ op: 'wait_for_start', fifo: noSlot }],
      kind: 'not-found',
      op: 'execute',
      errno: 'ENOENT',
      path: /nowhere/,
    },
    {
      name: 'a file that is not executable',
      argv: ['/etc/plain'],
      kind: 'permission-denied',
      op: 'execute',
      errno: 'EACCES',
      path: /plain/,
    },
    { name: 'a directory for a program', argv: ['/etc'], kind: 'permission-denied', op: 'execute', errno: 'EACCES', path: /etc/ },
    { name: 'a file that is no program', argv: ['/etc/text'], kind: 'internal', op: 'execute', errno: 'ENOEXEC', path: /text/ },
    {
      name: 'a file system that does not exist',
      before: [{ op: 'mount', fstype: 'nofs', source: '', options: [], attributes: 0, target: '/mnt', make: 1 }],
      kind: 'unimplemented',
      op: 'mount',
      errno: 'ENODEV',
      path: /^\/mnt$/,
    },
    {
      name: 'a mount option that does not exist',
      before: [{ op: 'mount', fstype: 'tmpfs', source: '', options: ['nonsense=1'], attributes: 0, target: '/mnt', make: 1 }],
      kind: 'invalid-argument',
      op: 'mount',
      errno: 'EINVAL',
      path: /^\/mnt$/,
    },
    {
      name: 'a missing source',
      before: [{ op: 'bind', source: '/no/such', target: '/mnt', recursive: 1, make: 1 }],
      kind: 'not-found',
      op: 'bind',
      errno: 'ENOENT',
      path: /no\/such/,
    },
    {
      name: 'a missing target',
      before: [{ op: 'bind', source: '/dev/null', target: '/no/such', recursive: 1, make: 0 }],
      kind: 'not-found',
      op: 'bind',
      errno: 'ENOENT',
      path: /no\/such/,
    },
    {
      name: 'a working directory that does not exist',
      after: [{ op: 'change_directory', path: '/gone' }],
      kind: 'not-found',
      op: 'change_directory',
      errno: 'ENOENT',
      path: /gone/,
    },
    {
      name: 'a working directory behind a descriptor of the host',
      after: [{ op: 'change_directory', path: '/proc/self/fd/4' }],
      kind: 'invalid-argument',
      op: 'change_directory',
      errno: 'ELOOP',
      path: /fd/,
    },
    {
      name: '/proc over a link',
      before: [{ op: 'mount', fstype: 'proc', source: 'proc', options: [], attributes: 0, target: '/link', make: 0 }],
      kind: 'invalid-argument',
      op: 'mount',
      errno: 'ELOOP',
      path: /link/,
    },
    {
      name: 'a sysctl that does not exist',
      after: [{ op: 'set_sysctl', path: 'no/such', value: '1' }],
      kind: 'not-found',
      op: 'set_sysctl',
      errno: 'ENOENT',
      path: /proc\/sys\/no\/such/,
    },
  ];

  for (const { name, argv = ['true'], before = [], after = [], kind, op, errno, path } of failures) {
    test(`${name} is reported by op, error and path, and nothing stays`, async () => {
      await using container = openTestContainer();
      mkdirSync(join(container.root, 'etc'));
      writeFileSync(join(container.root, 'etc/plain'), '#!/bin/sh\n');
      writeFileSync(join(container.root, 'etc/text'), 'just words\n', { mode: 0o755 });
      symlinkSync('etc', join(container.root, 'link'));
      const gone = whenEnded(container.addon, container.monitor.pid);
      const error = await container.run({ argv, before, after }).then(
        () => assert.fail('it ran'),
        (reason: unknown) => reason,
      );
      const details = planFailureOf(error);
      assert.ok(isOrlopError(error) && details !== null, String(error));
      assert.deepEqual([error.kind, details.op, details.errno], [kind, op, errno]);
      assert.match(details.path, path);
      await gone;
      assert.deepEqual(readdirSync(container.monitorDirectory), ['exit']);
      assert.equal(readExitRecord(container.monitorDirectory), null);
    });
  }

  test('the kernel’s own words about a mount come along', async () => {
    await using container = openTestContainer();
    const bad: Op = { op: 'mount', fstype: 'tmpfs', source: '', options: ['nonsense=1'], attributes: 0, target: '/mnt', make: 1 };
    const error = await container.run({ argv: ['true'], before: [bad] }).catch((reason: unknown) => reason);
    assert.match(planFailureOf(error)?.detail ?? '', /^tmpfs: Unknown parameter 'nonsense'$/);
  });

  test('a container that was created and cannot start leaves the status that a shell would give', async () => {
    await using container = openTestContainer();
    const wait: Op[] = [{ op: 'wait_for_start', fifo: noSlot }];
    writeFileSync(join(container.root, 'text'), 'just words\n', { mode: 0o755 });
    await container.run({ argv: ['/text'], after: wait });
    await assert.rejects(container.monitor.start(), (error) => planFailureOf(error)?.errno === 'ENOEXEC');
    assert.equal(readExitRecord(container.monitorDirectory)?.exitCode, 126);
    await assert.rejects(container.monitor.exited, (error) => planFailureOf(error)?.op === 'execute');
  });

  test('no path of the container leads out of its root', async () => {
    await using container = openTestContainer();
    const outside = join(container.directory, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, join(container.root, 'absolute'));
    symlinkSync('../../../../../../../../../..' + outside, join(container.root, 'relative'));
    const targets = ['/absolute/a', '/relative/b', '/../../c', '/absolute/../d'];
    const ops = targets.map((target): Op => ({ op: 'make_directory', target, mode: 0o755, uid: 0, gid: 0 }));
    await container.run({
      argv: ['true'],
      before: [...ops, { op: 'bind', source: '/dev/null', target: '/absolute/file', recursive: 0, make: 2 }],
    });
    await container.monitor.exited;
    assert.deepEqual(readdirSync(outside), []);
    assert.ok(statSync(join(container.root, outside, 'a')).isDirectory());
    assert.ok(statSync(join(container.root, 'c')).isDirectory());
  });

  test('a plan without a mount namespace of its own cannot touch the host’s mounts', async () => {
    await using container = openTestContainer();
    const error = await container
      .run({ argv: ['true'], sandbox: { plan: [{ op: 'clone', flags: 0, cgroup: noSlot }], slots: [] } })
      .catch((reason: unknown) => reason);
    assert.deepEqual([planFailureOf(error)?.op, planFailureOf(error)?.errno], ['set_root_propagation', 'EPERM']);
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(container.directory));
  });
});
