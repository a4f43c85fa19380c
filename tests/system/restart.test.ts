import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

describe('restart policies and updates', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const state = (name: string): Promise<string> =>
    engine.must('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}', name);
  const until = async (name: string, wanted: RegExp): Promise<void> => {
    let last = '';
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(30)) {
      last = await state(name);
      if (wanted.test(last)) return;
    }
    assert.fail(`${name} is ${last}, not ${wanted}`);
  };
  const lines = async (name: string): Promise<number> => (await engine.must('logs', name)).split('\n').filter((line) => line !== '').length;

  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('on-failure tries as often as it may, then the exit code stays', async () => {
    await engine.must('run', '-d', '--name', 'failing', '--restart', 'on-failure:2', 'busybox', 'sh', '-c', 'echo run; exit 7');
    await until('failing', /^exited 7 2$/);
    assert.equal(await lines('failing'), 3);
    await engine.must('run', '-d', '--name', 'fine', '--restart', 'on-failure', 'busybox', 'true');
    await until('fine', /^exited 0 0$/);
    assert.match(await engine.must('inspect', '-f', '{{json .HostConfig.RestartPolicy}}', 'failing'), /"on-failure","MaximumRetryCount":2/);
  });

  test('waits between tries, and tries that lasted, are as Compose files say', async () => {
    const file = join(engine.root, 'compose.yaml');
    writeFileSync(
      file,
      `services:
  slow: {image: busybox, command: [sh, -c, "echo run; exit 3"], deploy: {restart_policy: {condition: on-failure, delay: 1s, max_attempts: 2}}}
  lasts: {image: busybox, command: [sh, -c, "echo run; sleep 0.4; exit 3"], deploy: {restart_policy: {condition: on-failure, max_attempts: 1, window: 200ms}}}
`,
    );
    await engine.must('compose', '-p', 'policies', '-f', file, 'up', '-d');
    await until('policies-slow-1', /^exited 3 2$/);
    const times = (await engine.must('logs', '-t', 'policies-slow-1')).split('\n').map((line) => Date.parse(line.split(' ')[0] ?? ''));
    assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 1_000 && (times[2] ?? 0) - (times[1] ?? 0) >= 1_000, times.join());
    // One try would have been all, had its runs not lasted.
    await until('policies-lasts-1', /^\w+ 3 [3-9]$/);
    await engine.must('compose', '-p', 'policies', '-f', file, 'down', '-t', '0');
  });

  test('always comes back until somebody stops it, and is not removed meanwhile', async () => {
    await engine.must('run', '-d', '--name', 'back', '--restart', 'always', 'busybox', 'sh', '-c', 'echo run; exit 3');
    await until('back', /^restarting 3 [1-9]/);
    assert.match(await engine.must('ps', '--format', '{{.Names}} {{.Status}}', '-a'), /^back (Restarting \(3\)|Up) /m);
    const refused = await engine.orlop('rm', 'back');
    assert.match(refused.stderr, /cannot remove container "\/back": container is (restarting|running)/);
    await engine.must('stop', '-t', '1', 'back');
    await until('back', /^exited/);
    const before = await lines('back');
    await delay(1500);
    assert.equal(await lines('back'), before);
    await engine.must('start', 'back');
    await until('back', /^restarting 3 [1-9]/);
    await engine.must('rm', '-f', 'back');
  });

  test('a kill by hand is a stop; a death by itself is none', async () => {
    await engine.must('run', '-d', '--name', 'killed', '--restart', 'unless-stopped', 'busybox', 'sleep', '1000');
    const pid = await engine.must('inspect', '-f', '{{.State.Pid}}', 'killed');
    process.kill(Number(pid), 'SIGKILL');
    await until('killed', /^running 0 1$/);
    await engine.must('kill', 'killed');
    await until('killed', /^exited 137/);
    await delay(500);
    assert.match(await state('killed'), /^exited 137/);
  });

  test('who ended while no engine looked runs again with the next one, unless it was stopped', async () => {
    for (const [name, policy] of [
      ['a-always', 'always'],
      ['a-unless', 'unless-stopped'],
      ['a-none', 'no'],
    ] as const)
      await engine.must('run', '-d', '--name', name, '--restart', policy, 'busybox', 'sleep', '1000');
    await engine.must('run', '-d', '--name', 'a-stopped', '--restart', 'unless-stopped', 'busybox', 'sleep', '1000');
    await engine.must('stop', '-t', '0', 'a-stopped');
    const pids = (await engine.must('inspect', '-f', '{{.State.Pid}}', 'a-always', 'a-unless', 'a-none')).split('\n').map(Number);
    await engine.kill();
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await engine.start();
    await until('a-always', /^running/);
    await until('a-unless', /^running/);
    assert.match(await state('a-none'), /^exited 137/);
    assert.match(await state('a-stopped'), /^exited/);
  });

  test('an update changes limits of what runs, and the policy for its end', async () => {
    await engine.must(
      'run',
      '-d',
      '--name',
      'changing',
      '--restart',
      'always',
      '-m',
      '64m',
      'busybox',
      'sh',
      '-c',
      'while :; do sleep 0.1; done',
    );
    await engine.must('update', '--memory', '96m', '--memory-swap', '128m', '--pids-limit', '77', '--cpus', '0.5', 'changing');
    const shown = '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}}';
    assert.equal(await engine.must('inspect', '-f', shown, 'changing'), `${96 * 2 ** 20} 77 500000000`);
    const limit = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max';
    assert.equal(await engine.must('exec', 'changing', 'sh', '-c', limit), String(96 * 2 ** 20));
    assert.match((await engine.orlop('update', '-m', '1g', 'changing')).stderr, /smaller than already set memoryswap limit/);
    const quota = await engine.orlop('update', '--cpu-quota', '80000', 'changing');
    assert.match(quota.stderr, /CPU Quota cannot be updated as NanoCPUs has already been set/);
    await engine.must('update', '--restart', 'no', 'changing');
    await engine.must('exec', 'changing', 'kill', '-9', '1').catch(() => '');
    const pid = await engine.must('inspect', '-f', '{{.State.Pid}}', 'changing');
    if (pid !== '0') process.kill(Number(pid), 'SIGKILL');
    await until('changing', /^exited 137/);
  });

  test('policies that cannot be are refused in Docker’s words', async () => {
    const cases: [string[], RegExp][] = [
      [['--restart', 'sometimes'], /unknown policy 'sometimes'/],
      [['--restart', 'always:3'], /maximum retry count can only be used with 'on-failure'/],
      [['--restart', 'on-failure:x'], /maximum retry count must be an integer/],
      [['--rm', '--restart', 'always'], /conflicting options: cannot specify both --restart and --rm/],
    ];
    for (const [flags, words] of cases) assert.match((await engine.orlop('run', ...flags, 'busybox', 'true')).stderr, words);
  });
});
