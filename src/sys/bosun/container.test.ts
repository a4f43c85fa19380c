import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { noSlot, type Op } from '../plan/index.ts';
import { readExitRecord } from './exit-record.ts';
import { openTestContainer, pipes, reasonToSkip, whenEnded } from './test-container.ts';
import { connectMonitor } from './monitor.ts';

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

  test('an engine that comes later is told the state and follows to the end', async () => {
    await using container = openTestContainer();
    const { pid } = await container.run({ argv: ['sh', '-c', 'read x; exit 4'], stdio: pipes(1, 0) });
    const { status, connection } = await connectMonitor(container.monitorDirectory, container.addon);
    assert.deepEqual([status?.state, status?.pid, status?.exit], ['running', pid, null]);
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
