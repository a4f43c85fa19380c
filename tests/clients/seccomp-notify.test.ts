import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ContainerProcessState, LinuxSeccomp, Process } from '#oci';
import { runCommand } from '../system/harness.ts';
import { openBundles, type Bundles } from './bundles.ts';
import { findProgram, whyNoEngine } from './engine-home.ts';
import { startProgram, type RunningProgram } from './programs.ts';

const shell = (script: string, rest: Partial<Process> = {}): Partial<Process> => ({ args: ['sh', '-c', script], ...rest });

describe('a seccomp agent answers for a container', {
  skip: whyNoEngine({}) || (findProgram('cc') === null ? 'needs a C compiler' : false),
}, () => {
  let bundles: Bundles;
  let agent: RunningProgram;
  let socket: string;
  /** The states that the agent has been sent. */
  const states = (): ContainerProcessState[] =>
    agent.heard.stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as ContainerProcessState] : []));
  const profile = (rest: Partial<LinuxSeccomp> = {}, names: readonly string[] = ['mkdir', 'mkdirat']): LinuxSeccomp => ({
    defaultAction: 'SCMP_ACT_ALLOW',
    listenerPath: socket,
    listenerMetadata: 'about it',
    syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
    ...rest,
  });

  before(async () => {
    bundles = openBundles();
    socket = join(bundles.home.directory, 'agent.sock');
    const program = join(bundles.home.directory, 'agent');
    const { code, stderr } = await runCommand('cc', ['-o', program, join(import.meta.dirname, 'seccomp-agent.c')]);
    assert.equal(code, 0, stderr);
    agent = startProgram([program, socket], { timeoutMs: 120_000 });
    await agent.said('ready');
  });
  after(async () => {
    agent.child.kill('SIGKILL');
    await agent.ended;
    await bundles[Symbol.asyncDispose]();
  });

  for (const noNewPrivileges of [false, true])
    test(`its answer is what the process gets, and it is told of the container (no_new_privs: ${noNewPrivileges})`, async () => {
      const process = shell('mkdir /tmp/x; echo $?; touch /tmp/y && echo made', { noNewPrivileges });
      const { id, directory } = bundles.write(process, { seccomp: profile() }, { annotations: { key: 'value' } });
      const known = states().length;
      const outcome = await bundles.call('run', '--bundle', directory, id);
      assert.deepEqual([outcome.code, outcome.stdout], [0, '1\nmade\n'], outcome.stderr);
      assert.match(outcome.stderr, /can't create directory '\/tmp\/x': No medium found/);
      const [state, ...more] = states().slice(known);
      assert.deepEqual(more, []);
      assert.ok(state !== undefined && state.pid > 0);
      assert.deepEqual([state.fds, state.metadata, state.state.id, state.state.bundle], [['seccompFd'], 'about it', id, directory]);
      assert.deepEqual([state.state.status, state.state.pid, state.state.annotations], ['creating', state.pid, { key: 'value' }]);
    });

  test('calls that the start itself makes may be asked about', async () => {
    const names = [
      'execve',
      'open',
      'openat',
      'read',
      'close',
      'dup2',
      'dup3',
      'chdir',
      'setgroups',
      'setuid',
      'setgid',
      'capset',
      'prctl',
      'fcntl',
    ];
    for (const noNewPrivileges of [false, true]) {
      const { id, directory } = bundles.write(shell('echo through', { noNewPrivileges }), { seccomp: profile({}, names) });
      assert.deepEqual(await bundles.call('run', '--bundle', directory, id), { code: 0, stdout: 'through\n', stderr: '' });
    }
  });

  test("an exec has a listener of its own, with the exec's pid and the container's state", async () => {
    const { id, directory } = bundles.write(shell('sleep 1000'), { seccomp: profile() });
    assert.equal(await bundles.detached('run', '--detach', '--bundle', directory, id), 0);
    const known = states().length;
    const outcome = await bundles.call('exec', id, 'mkdir', '/tmp/z');
    assert.deepEqual([outcome.code, /No medium found/.test(outcome.stderr)], [1, true]);
    const [state] = states().slice(known);
    const { pid } = JSON.parse((await bundles.call('state', id)).stdout) as { pid: number };
    assert.ok(state !== undefined);
    assert.deepEqual([state.state.id, state.state.status, state.state.pid], [id, 'running', pid]);
    assert.notEqual(state.pid, pid);
    assert.equal((await bundles.call('delete', '--force', id)).code, 0);
  });

  test('what cannot work is refused, a path without a question passed over', async () => {
    const outcomes = async (seccomp: LinuxSeccomp) => {
      const { id, directory } = bundles.write(shell('echo ran'), { seccomp });
      return await bundles.call('run', '--bundle', directory, id);
    };
    assert.match(
      (await outcomes(profile({ listenerPath: join(bundles.home.directory, 'nobody') }))).stderr,
      /failed to connect with seccomp agent.*nobody/,
    );
    assert.match((await outcomes(profile({ listenerPath: '' }))).stderr, /listenerPath/);
    assert.match((await outcomes(profile({}, ['write']))).stderr, /SCMP_ACT_NOTIFY cannot be used for the write syscall/);
    assert.match((await outcomes(profile({ defaultAction: 'SCMP_ACT_NOTIFY' }))).stderr, /default action/);
    const silent = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/nowhere' } as const;
    assert.deepEqual(await outcomes(silent), { code: 0, stdout: 'ran\n', stderr: '' });
  });
});
