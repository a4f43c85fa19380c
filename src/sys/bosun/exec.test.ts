import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CLONE_NEWUSER } from '../constants.ts';
import { noSlot, type Op, type Plan } from '../plan/index.ts';
import { planFailureOf } from './failure.ts';
import { createAttachment, spawnMonitor } from './monitor.ts';
import {
  bosunPath,
  collect,
  demultiplex,
  inUserNamespace,
  openTestContainer,
  ownNamespaces,
  pipes,
  reasonToSkip,
  whenEnded,
  type TestContainer,
} from './test-container.ts';

const base = 200_000;
const become: Op = { op: 'become', uid: 0, gid: 0 };
describe('one more process in a container', { skip: reasonToSkip() }, () => {
  test('it shares the container’s namespaces, has its own streams and its own exit status', async () => {
    await using container = openTestContainer();
    const { pid } = await container.run({ argv: ['sleep', '1000'], after: [{ op: 'set_hostname', name: 'joined' }] });
    const session = await execute(container, pid, ownNamespaces, [
      'sh',
      '-c',
      'hostname; cat /proc/1/cmdline; echo $PPID; echo oops >&2; exit 9',
    ]);
    const { output, exitCode } = await session.end();
    assert.deepEqual(output, { 1: 'joined\nsleep\u00001000\u00000\n', 2: 'oops\n' });
    assert.equal(exitCode, 9);
  });

  test('it joins a user namespace and becomes its root', async () => {
    await using container = openTestContainer();
    const { pid } = await container.run({ ...inUserNamespace(container, base), argv: ['sleep', '1000'] });
    const script = 'id -u; cat /proc/self/status';
    const session = await execute(container, pid, ownNamespaces | CLONE_NEWUSER, ['sh', '-c', script], [become]);
    const { output } = await session.end();
    assert.match(output[1] ?? '', /^0\n/);
    assert.match(output[1] ?? '', /^CapEff:\t[0-9a-f]*ff$/m);
  });

  test('the waiting stage cannot be looked into from the container', async () => {
    await using container = openTestContainer();
    const script = 'read x; echo /proc/[2-9]*; ls /proc/2/fd /proc/2/root/; cat /proc/2/exe; readlink /proc/2/exe';
    const { pid } = await container.run({ ...inUserNamespace(container, base), argv: ['sh', '-c', script], stdio: pipes(1, 0) });
    const session = spawnMonitor({ addon: container.addon, bosun: bosunPath });
    const ended = whenEnded(container.addon, session.pid);
    const pidfd = container.addon.pidfdOpen(pid);
    await session.sandbox(joinPlan(ownNamespaces | CLONE_NEWUSER), [pidfd]);
    container.addon.close(pidfd);
    container.monitor.closeStdin();
    await container.monitor.exited;
    session.close();
    await ended;
    assert.match(container.logged('stdout'), /^\/proc\/2( \/proc\/\d)*\n/);
    for (const entry of ['fd', 'root/', 'exe'])
      assert.match(container.logged('stderr'), new RegExp(`/proc/2/${entry}'?: Permission denied`));
    assert.doesNotMatch(container.logged('stdout'), /bosun|memfd|socket/);
  });

  test('it ends with the container', async () => {
    await using container = openTestContainer();
    const { pid } = await container.run({ argv: ['sh', '-c', 'read x'], stdio: pipes(1, 0) });
    const session = await execute(container, pid, ownNamespaces, ['sleep', '1000']);
    container.monitor.closeStdin();
    assert.equal((await session.end()).exitCode, 137);
  });

  test('a namespace that cannot be joined is reported, and nothing stays', async () => {
    await using container = openTestContainer();
    const ended = whenEnded(container.addon, container.monitor.pid);
    const sockets = container.addon.socketPair();
    const error = await container.monitor.sandbox(joinPlan(ownNamespaces), [sockets[0]]).catch((reason: unknown) => reason);
    sockets.forEach((fd) => container.addon.close(fd));
    assert.deepEqual(
      [planFailureOf(error)?.op, planFailureOf(error)?.errno, planFailureOf(error)?.syscall],
      ['join_namespaces', 'EINVAL', 'setns'],
    );
    await ended;
  });
});

function joinPlan(flags: number): Plan {
  return [
    { op: 'join_namespaces', fd: 0, flags },
    { op: 'clone', flags: 0, cgroup: noSlot },
  ];
}

interface Session {
  /** Waits for the end of the process and of its monitor. */
  end(): Promise<{ output: Readonly<Record<number, string>>; exitCode: number }>;
}

async function execute(
  container: TestContainer,
  pid: number,
  flags: number,
  argv: readonly string[],
  first: readonly Op[] = [],
): Promise<Session> {
  const { addon } = container;
  const attachment = createAttachment(addon);
  const output = collect(attachment.socket);
  const session = spawnMonitor({ addon, bosun: bosunPath });
  const ended = whenEnded(addon, session.pid);
  const pidfd = addon.pidfdOpen(pid);
  await session.sandbox(joinPlan(flags), [pidfd]);
  addon.close(pidfd);
  const attach: Op = { op: 'attach_client', socket: 0, streams: 6 };
  await session.run([pipes(), attach, ...first, { op: 'execute', argv, env: ['PATH=/bin'], keep: 0 }], [attachment.descriptor]);
  addon.close(attachment.descriptor);
  return {
    async end() {
      const { exitCode } = await session.exited;
      await ended;
      return { output: demultiplex(await output), exitCode };
    },
  };
}
