import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, symlinkSync, writeFileSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { noSlot, type Op } from '../plan/index.ts';
import { readExitRecord } from './exit-record.ts';
import { planFailureOf } from './failure.ts';
import { attachFirst, collect, demultiplex, openTestContainer, parseLog, pipes, reasonToSkip, whenEnded } from './test-container.ts';
import { attachMonitor, connectMonitor } from './monitor.ts';

describe('a container under bosun', { skip: reasonToSkip() }, () => {
  test('its output is logged and its exit status recorded', async () => {
    await using container = openTestContainer();
    const { pid, state } = await container.run({ argv: ['sh', '-c', 'echo out; echo err >&2; printf rest; exit 7'] });
    assert.equal(state, 'running');
    const exit = await container.monitor.exited;
    assert.deepEqual([exit.exitCode, exit.signal, exit.pid, exit.outOfMemory, exit.lostLines], [7, null, pid, false, 0]);
    assert.ok(exit.startedAtNs > 0n && exit.finishedAtNs >= exit.startedAtNs);
    assert.deepEqual(readExitRecord(container.monitorDirectory), exit);
    assert.equal(container.logged('stdout'), 'out\nrest');
    assert.equal(container.logged('stderr'), 'err\n');
    for (const { time } of container.readLog()) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  });

  test('it is alone: own processes, own root, and no descriptor of the host', async () => {
    await using container = openTestContainer();
    await container.run({
      argv: ['sh', '-c', 'echo $$; ls /; ls -l /proc/$$/fd; ls -d /proc/[0-9]*; true'],
      after: [{ op: 'set_hostname', name: 'alone' }],
    });
    await container.monitor.exited;
    const output = container.logged('stdout');
    assert.match(output, /^1\nbin\ndev\nproc\n/);
    assert.deepEqual(
      output.match(/\d+ -> \S+/g)?.map((link) => link.replace(/\[\d+\]/, '')),
      ['0 -> /dev/null', '1 -> pipe:', '2 -> pipe:'],
    );
    assert.match(output, /\/proc\/1\n(\/proc\/\d\n)?$/);
  });

  test('when the process is killed the record says by which signal', async () => {
    await using container = openTestContainer();
    await container.run({ argv: ['sleep', '1000'] });
    container.monitor.signal(9);
    const exit = await container.monitor.exited;
    assert.deepEqual([exit.exitCode, exit.signal], [137, 9]);
  });

  test('the monitor is gone once the process is, and leaves only the exit record', async () => {
    await using container = openTestContainer();
    const monitorGone = whenEnded(container.addon, container.monitor.pid);
    await container.run({ argv: ['true'] });
    await container.monitor.exited;
    await monitorGone;
    assert.deepEqual(readdirSync(container.monitorDirectory), ['exit']);
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(container.directory));
  });

  test('a client attached before the start gets everything, in frames by stream', async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 6);
    const output = collect(attachment.socket);
    await container.run({
      argv: ['sh', '-c', 'echo one; echo two >&2; head -c 300000 /dev/zero'],
      slots: [attachment.descriptor],
      before: [op],
    });
    container.addon.close(attachment.descriptor);
    const streams = demultiplex(await output);
    assert.equal(streams[1], `one\n${'\0'.repeat(300_000)}`);
    assert.equal(streams[2], 'two\n');
  });

  test('a client that attaches while the process waits for its start misses nothing', async () => {
    await using container = openTestContainer();
    const { state } = await container.run({ argv: ['echo', 'first words'], after: [{ op: 'wait_for_start', fifo: noSlot }] });
    assert.equal(state, 'created');
    const socket = await attachMonitor(container.monitorDirectory, { stdin: false, stdout: true, stderr: true }, container.addon);
    const output = collect(socket);
    await container.monitor.start();
    assert.deepEqual(demultiplex(await output), { 1: 'first words\n' });
  });

  test('half-closing the input of the first client ends standard input, and its output still arrives', async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 3);
    const output = collect(attachment.socket);
    const sent = 'x'.repeat(400_000);
    attachment.socket.end(sent);
    await container.run({ argv: ['sh', '-c', 'cat; echo done'], stdio: pipes(1, 1), slots: [attachment.descriptor], before: [op] });
    container.addon.close(attachment.descriptor);
    assert.equal(demultiplex(await output)[1], `${sent}done\n`);
  });

  test('standard input stays open over clients when it does not end with the first', async () => {
    await using container = openTestContainer();
    await container.run({ argv: ['sh', '-c', 'read a; read b; echo "$a $b"'], stdio: pipes(1, 0) });
    const streams = { stdin: true, stdout: false, stderr: false };
    const first = await attachMonitor(container.monitorDirectory, streams, container.addon);
    first.end('one\n');
    const second = await attachMonitor(container.monitorDirectory, streams, container.addon);
    first.resume();
    second.resume();
    second.end('two\n');
    assert.equal((await container.monitor.exited).exitCode, 0);
    assert.match(container.logged('stdout'), /^(one two|two one)\n$/);
  });

  test('close-stdin ends standard input', async () => {
    await using container = openTestContainer();
    await container.run({ argv: ['cat'], stdio: pipes(1, 0) });
    container.monitor.closeStdin();
    assert.equal((await container.monitor.exited).exitCode, 0);
  });

  test('a client that pauses holds the output back and loses nothing', async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 2);
    const size = 6 * 1024 * 1024;
    await container.run({ argv: ['sh', '-c', `head -c ${size} /dev/zero; echo end`], slots: [attachment.descriptor], before: [op] });
    container.addon.close(attachment.descriptor);
    const output = await collect(attachment.socket);
    assert.equal(demultiplex(output)[1]?.length, size + 4);
    assert.equal(container.logged('stdout').length, size + 4);
  });

  const patient =
    process.env['ORLOP_BOSUN_IS_IMPATIENT'] === undefined &&
    'the usual patience is ten seconds: native/sanitized.test.ts runs this with less';
  test('a client that never reads is dropped, and the process goes on', { skip: patient }, async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 2);
    const size = 4 * 1024 * 1024;
    attachment.socket.pause();
    await container.run({ argv: ['head', '-c', String(size), '/dev/zero'], slots: [attachment.descriptor], before: [op] });
    container.addon.close(attachment.descriptor);
    assert.equal((await container.monitor.exited).exitCode, 0);
    assert.equal(container.logged('stdout').length, size);
    assert.ok((await collect(attachment.socket)).length < size);
  });

  test('a client that leaves does not disturb the process', async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 3);
    await container.run({ argv: ['sh', '-c', 'cat; echo over'], stdio: pipes(1, 1), slots: [attachment.descriptor], before: [op] });
    container.addon.close(attachment.descriptor);
    attachment.socket.destroy();
    assert.equal((await container.monitor.exited).exitCode, 0);
    assert.equal(container.logged('stdout'), 'over\n');
  });

  test('an engine that comes later is told the state and follows to the end', async () => {
    await using container = openTestContainer();
    const { pid } = await container.run({ argv: ['sh', '-c', 'read x; exit 4'], stdio: pipes(1, 0) });
    const { status, connection } = await connectMonitor(container.monitorDirectory, container.addon);
    assert.deepEqual([status.state, status.pid, status.exit], ['running', pid, null]);
    connection.closeStdin();
    assert.deepEqual(await connection.exited, await container.monitor.exited);
    connection.close();
    await assert.rejects(connectMonitor(join(container.directory, 'nowhere'), container.addon), (error) =>
      isOrlopError(error, 'unavailable'),
    );
  });

  test('frames that make no sense are refused, and nothing else happens', async () => {
    await using container = openTestContainer();
    await container.run({ argv: ['cat'], stdio: pipes(1, 0) });
    for (const nonsense of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([4, 0, 0, 0, 99, 0, 0, 0]),
      Buffer.alloc(64),
      Buffer.from([255, 255, 255, 255]),
    ]) {
      const descriptor = container.addon.connectUnix(join(container.monitorDirectory, 'control.sock'));
      container.addon.sendDescriptors(descriptor, nonsense, [descriptor]);
      container.addon.close(descriptor);
    }
    await assert.rejects(container.monitor.sandbox([{ op: 'clone', flags: 0, cgroup: noSlot }], []), (error) =>
      isOrlopError(error, 'failed-precondition'),
    );
    await assert.rejects(container.monitor.start(), (error) => isOrlopError(error, 'failed-precondition'));
    container.monitor.closeStdin();
    assert.equal((await container.monitor.exited).exitCode, 0);
  });

  test('when the engine’s end closes before the start was answered, nothing is left', async () => {
    await using container = openTestContainer();
    const { pid } = await container.monitor.sandbox([{ op: 'clone', flags: 0, cgroup: noSlot }], []);
    const gone = [whenEnded(container.addon, container.monitor.pid), whenEnded(container.addon, pid)];
    container.monitor.close();
    await Promise.all(gone);
  });

  test('the monitor ends the container when it is itself told to end', async () => {
    await using container = openTestContainer();
    await container.run({ argv: ['sleep', '1000'] });
    process.kill(container.monitor.pid, 'SIGTERM');
    assert.equal((await container.monitor.exited).signal, 9);
    assert.equal(readExitRecord(container.monitorDirectory)?.signal, 9);
  });

  test('the log goes on in another file with the next whole line', async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 3);
    const script = 'echo before; printf unfinished; read x; echo " line"; echo after';
    const seen = new Promise<void>((resolve) => {
      let text = '';
      attachment.socket.on('data', (chunk: Buffer) => (text += chunk.toString()).includes('unfinished') && resolve());
    });
    await container.run({ argv: ['sh', '-c', script], stdio: pipes(1, 0), slots: [attachment.descriptor], before: [op] });
    container.addon.close(attachment.descriptor);
    await seen;
    const rotated = join(container.directory, 'log.1');
    const file = openSync(rotated, 'a');
    container.monitor.rotateLog(file);
    closeSync(file);
    attachment.socket.end('\n');
    await container.monitor.exited;
    assert.equal(container.logged('stdout'), 'before\n');
    assert.deepEqual(
      parseLog(readFileSync(rotated, 'utf8')).map((record) => record.log),
      ['unfinished line\n', 'after\n'],
    );
  });

  test('the process gets the descriptors that are passed on, and no others', async () => {
    await using container = openTestContainer();
    const file = openSync(join(container.directory, 'passed'), 'w+');
    const pass: Op = { op: 'pass_descriptor', source: 2, index: 1 };
    await container.run({ argv: ['sh', '-c', 'echo hello >&4; ls /proc/$$/fd; true'], slots: [file], after: [pass], keep: 2 });
    await container.monitor.exited;
    closeSync(file);
    assert.equal(readFileSync(join(container.directory, 'passed'), 'utf8'), 'hello\n');
    assert.equal(container.logged('stdout'), '0\n1\n2\n4\n');
  });

  test('a descendant that keeps the output open does not keep the end from being told', async () => {
    await using container = openTestContainer();
    const { pid } = await container.run({
      argv: ['sh', '-c', 'echo parent; (trap "" HUP; sleep 1000) & exit 3'],
      sandbox: { plan: [{ op: 'clone', flags: 0x0002_0000, cgroup: noSlot }], slots: [] },
    });
    assert.equal((await container.monitor.exited).exitCode, 3);
    assert.equal(container.logged('stdout'), 'parent\n');
    killSession(pid);
  });
});

/** The processes of a session whose leader has ended. */
function killSession(session: number): void {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const fields = existsSync(`/proc/${name}/stat`) ? readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ') : undefined;
    if (fields?.[3] === String(session)) process.kill(Number(name), 'SIGKILL');
  }
}

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
