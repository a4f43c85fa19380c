import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Outcome } from '../system/harness.ts';
import { containerdPrograms, ctrRuntime, openContainerd, type EngineDaemon } from './daemons.ts';
import { imageName as image, openEngineHome, until, whyNoEngine, type EngineHome } from './engine-home.ts';

/** A containerd of the test's own, and its command line, which asks for a runtime by its path. */
describe('containerd on orlop-runtime', { skip: whyNoEngine(containerdPrograms) }, () => {
  const undo = new AsyncDisposableStack();
  let home: EngineHome;
  let containerd: EngineDaemon;
  let count = 0;
  const ctr = (...args: string[]): Promise<Outcome> => containerd.run(...args);
  const must = (...args: string[]): Promise<string> => containerd.must(...args);
  /** Flags of `ctr run`, and the container's name. */
  const flagsOf = (...flags: string[]): string[] => {
    count += 1;
    return [...ctrRuntime(home), '--cgroup', `/${home.cgroupParent}/${count}`, ...flags];
  };
  const run = (flags: readonly string[], ...words: string[]): Promise<Outcome> =>
    ctr('run', '--rm', ...flagsOf(...flags), image, `c${count}`, ...words);
  const status = async (name: string): Promise<string> =>
    new RegExp(`^${name}\\s+\\d+\\s+(\\w+)`, 'm').exec(await must('task', 'ls'))?.[1] ?? '';

  before(async () => {
    home = undo.use(openEngineHome());
    containerd = undo.use(await openContainerd(home));
  });
  after(() => undo.disposeAsync());

  test('run passes output and the exit code through', async () => {
    assert.deepEqual(await run([], 'sh', '-c', 'echo out; echo err >&2; exit 6'), { code: 6, stdout: 'out\n', stderr: 'err\n' });
    assert.match((await run([], 'nothing-there')).stderr, /OCI runtime create failed.*executable file not found in \$PATH/);
  });

  test('the life of a task: start, exec, pause, ps, metrics, kill, delete', async () => {
    const limits = ['--memory-limit', String(64 * 2 ** 20), '--cpus', '0.5'];
    await must('run', '-d', ...flagsOf(...limits), image, 'life', 'sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.05; done');
    assert.equal(await status('life'), 'RUNNING');
    const inside = await ctr(
      'task',
      'exec',
      '--exec-id',
      'e1',
      '--user',
      '7:8',
      '--cwd',
      '/tmp',
      'life',
      'sh',
      '-c',
      'echo $PWD $(id -u):$(id -g); exit 5',
    );
    assert.deepEqual([inside.code, inside.stdout], [5, '/tmp 7:8\n']);
    assert.match(
      (await ctr('task', 'exec', '--exec-id', 'e2', 'life', 'nothing-there')).stderr,
      /OCI runtime exec failed.*executable file not found/,
    );
    await must('task', 'pause', 'life');
    assert.equal(await status('life'), 'PAUSED');
    await must('task', 'resume', 'life');
    assert.match(await must('task', 'ps', 'life'), /^PID[^]*\n\d+/);
    assert.match(await must('task', 'metrics', 'life'), /memory\S*\s[^]*67108864|memory\.usage/);
    await must('task', 'kill', '-s', 'TERM', 'life');
    await until('its end', async () => (await status('life')) === 'STOPPED');
    assert.match((await ctr('task', 'delete', 'life')).stderr, /exit code 3\b/);
    await must('container', 'delete', 'life');
  });

  test('a killed task is gone from the host', async () => {
    await must('run', '-d', ...flagsOf(), image, 'killed', 'sleep', '1000');
    await must('task', 'kill', '-s', 'KILL', 'killed');
    await until('its end', async () => (await status('killed')) === 'STOPPED');
    assert.match((await ctr('task', 'delete', 'killed')).stderr, /exit code 137\b/);
    await must('container', 'delete', 'killed');
  });

  test("the options that reach the runtime: seccomp, read-only root, mounts, the host's network, another root file system", async () => {
    assert.match((await run(['--seccomp'], 'grep', 'Seccomp:', '/proc/self/status')).stdout, /2$/m);
    assert.match((await run(['--read-only'], 'touch', '/x')).stderr, /Read-only file system/);
    const file = home.write('data', 'words\n');
    assert.equal((await run(['--mount', `type=bind,src=${file},dst=/data,options=rbind:ro`], 'cat', '/data')).stdout, 'words\n');
    assert.match((await run(['--net-host'], 'cat', '/proc/net/dev')).stdout, /lo:/);
    assert.equal((await run(['--env', 'X=y', '--cwd', '/tmp'], 'sh', '-c', 'echo $X $PWD')).stdout, 'y /tmp\n');
    const words = ['run', '--rm', ...flagsOf('--rootfs'), home.rootfs, 'plain', '/bin/echo', 'plain'];
    assert.equal(await must(...words), 'plain');
  });
});
