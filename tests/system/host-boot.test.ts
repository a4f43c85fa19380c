import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, readProcessStat, readProcessCgroups } from '#sys';
import { startEngine, whyNot, type TestEngine } from './harness.ts';
import { marksOf } from './leaks.ts';

const otherBoot = '00000000-0000-4000-8000-000000000000';

interface Inspected {
  readonly Id: string;
  readonly State: { readonly Pid: number; readonly Status: string };
}

/** Rows of the database, changed while no engine has it open. */
function changeRecords(dataRoot: string, change: (record: Stored) => void): void {
  using database = new DatabaseSync(join(dataRoot, 'orlop.db'));
  for (const row of database.prepare('SELECT id, record FROM containers').all()) {
    const record = JSON.parse(String(row['record'])) as Stored;
    change(record);
    database.prepare('UPDATE containers SET record = ? WHERE id = ?').run(JSON.stringify(record), String(row['id']));
  }
}

interface Stored {
  readonly name: string;
  readonly state: { pid: number };
  readonly run: { boot: string } | null;
}

/** What shows machines their limits goes with its processes, and its mount with the kernel. */
function endLxcfs(directory: string): void {
  if (!existsSync(join(directory, 'pid'))) return;
  process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 'SIGKILL');
  execFileSync('umount', ['--lazy', join(directory, 'reports')]);
}

describe('the host goes down and comes up', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
  });
  after(async () => {
    // A test that failed in between leaves none, and what it was about could not be removed.
    if (!existsSync(join(engine.root, 'exec'))) await engine.start();
    await engine[Symbol.asyncDispose]();
  });

  const inspect = async (name: string): Promise<Inspected> => {
    const [found] = JSON.parse(await engine.must('inspect', name)) as [Inspected];
    return found;
  };
  const state = (name: string): Promise<string> => engine.must('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name);
  const until = async (name: string, wanted: RegExp): Promise<void> => {
    let last = '';
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; await delay(30)) {
      last = await state(name);
      if (wanted.test(last)) return;
    }
    assert.fail(`${name} is ${last}, not ${wanted}`);
  };

  const ended = async (pid: number): Promise<void> => {
    for (const deadline = Date.now() + 10_000; isAlive(pid); await delay(10)) assert.ok(Date.now() < deadline, `${pid} does not end`);
  };

  /** As a power cut: monitors first, so that nobody writes down how a container ended; then what no boot keeps. */
  const powerCut = async (names: readonly string[]): Promise<void> => {
    const running = (await Promise.all(names.map(inspect))).filter(({ State }) => State.Pid > 0);
    await engine.kill();
    for (const { State } of running) process.kill(readProcessStat(State.Pid).parent, 'SIGKILL');
    for (const { State } of running) process.kill(State.Pid, 'SIGKILL');
    for (const { State } of running) await ended(State.Pid);
    const { prefix } = marksOf(engine.root, engine.dataRoot);
    const links = readFileSync('/proc/net/dev', 'utf8').match(new RegExp(`\\b${prefix}[^:]*`, 'g')) ?? [];
    // Links into a network namespace that ends go by themselves.
    for (const link of links) spawnSync('ip', ['link', 'del', link], { stdio: 'ignore' });
    execFileSync('nft', ['delete', 'table', 'inet', `orlop-${prefix}`]);
    endLxcfs(join(engine.root, 'exec/lxcfs'));
    rmSync(join(engine.root, 'exec'), { recursive: true, force: true });
    changeRecords(engine.dataRoot, ({ run }) => {
      if (run !== null) run.boot = otherBoot;
    });
  };

  test('who is to run with the host runs again, with network and ports; the others have ended, and what was to go has gone', async () => {
    const run = (name: string, ...flags: string[]): Promise<string> =>
      engine.must('run', '-d', '--name', name, ...flags, 'busybox', 'sh', '-c', 'echo begun; sleep 1000');
    await engine.must('network', 'create', 'front');
    await engine.must('volume', 'create', 'kept');
    await run('always', '--restart', 'always', '-v', 'kept:/v', '--network', 'front', '-p', '127.0.0.1::80');
    await run('unless', '--restart', 'unless-stopped');
    await run('failing', '--restart', 'on-failure');
    await run('stopped', '--restart', 'unless-stopped', '--stop-timeout', '0');
    await run('none');
    await run('brief', '--rm');
    await engine.must('stop', 'stopped');
    await engine.must('launch', 'busybox', 'machine');
    await engine.must('launch', 'busybox', 'lazy', '--restart', 'no');
    await engine.must('launch', 'busybox', 'off');
    await engine.must('stop', 'off');
    await engine.must('exec', 'always', 'sh', '-c', 'echo mine >/v/file; echo mine >/file');
    const names = ['always', 'unless', 'failing', 'stopped', 'none', 'brief', 'machine', 'lazy', 'off'];
    await powerCut(names);
    await engine.start();
    for (const name of ['always', 'unless', 'failing', 'machine']) await until(name, /^running 0$/);
    for (const name of ['none', 'lazy']) assert.equal(await state(name), 'exited 255');
    assert.match(await state('stopped'), /^exited 137$/);
    assert.match(await state('off'), /^exited/);
    assert.match((await engine.orlop('inspect', 'brief')).stderr, /No such/);
    assert.equal(
      await engine.must(
        'exec',
        'always',
        'sh',
        '-c',
        'cat /v/file /file; ping -c 1 -W 2 127.0.0.11 >/dev/null; cat /sys/class/net/eth0/operstate',
      ),
      'mine\nmine\nup',
    );
    assert.match(await engine.must('port', 'always'), /^80\/tcp -> 127\.0\.0\.1:\d+$/);
    assert.equal(await engine.must('logs', 'always'), 'begun\nbegun');
    await engine
      .must('rm', '-f', '-t', '0', ...names.filter((name) => name !== 'brief'))
      .catch(() => engine.must('rm', '-f', ...names.filter((name) => name !== 'brief')));
    await engine.must('network', 'rm', 'front');
    await engine.must('volume', 'rm', 'kept');
  });

  test('a pid of an earlier boot is not followed, entered or killed, whoever has it now', async () => {
    await engine.must('run', '-d', '--name', 'past', 'busybox', 'sleep', '1000');
    const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
    const cgroupsOf = (): string => JSON.stringify([...readProcessCgroups(stranger.pid ?? 0)]);
    try {
      const before = cgroupsOf();
      await powerCut(['past']);
      changeRecords(engine.dataRoot, ({ state: stored }) => {
        stored.pid = stranger.pid ?? 0;
      });
      await engine.start();
      assert.equal(await state('past'), 'exited 255');
      assert.equal((await inspect('past')).State.Pid, 0);
      assert.equal(stranger.exitCode ?? stranger.signalCode, null);
      assert.equal(cgroupsOf(), before);
      await engine.must('start', 'past');
      assert.match(await state('past'), /^running/);
      await engine.must('rm', '-f', 'past');
      assert.equal(stranger.exitCode ?? stranger.signalCode, null);
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  test('a stop, a restart or a reboot that the engine does not live to see is finished by the next', async () => {
    const trap = "trap 'sleep 0.3; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    const run = (name: string, ...flags: string[]): Promise<string> =>
      engine.must('run', '-d', '--name', name, ...flags, 'busybox', 'sh', '-c', trap);
    await run('stopping', '--restart', 'unless-stopped');
    await run('restarting');
    await run('going', '--rm');
    await engine.must('launch', 'busybox', 'machine');
    for (const name of ['stopping', 'restarting', 'going']) await engine.must('exec', name, 'true');
    const pid = (await inspect('machine')).State.Pid;
    const commands = [
      ['stop', '-t', '60', 'stopping'],
      ['restart', '-t', '60', 'restarting'],
      ['restart', '-t', '60', 'going'],
    ].map((words) => engine.orlop(...words));
    // Long enough for the signals, shorter than the ends that follow.
    await delay(200);
    await engine.kill();
    await Promise.all(commands);
    // What `reboot` does: the first process of a pid namespace ends by SIGHUP (reboot(2)).
    execFileSync('nsenter', ['-t', String(pid), '-p', '-m', '-r', 'reboot', '-f']);
    await ended(pid);
    await delay(500);
    await engine.start();
    assert.equal(await state('stopping'), 'exited 0');
    for (const name of ['restarting', 'going', 'machine']) await until(name, /^running/);
    await engine.must('rm', '-f', 'stopping', 'restarting', 'going', 'machine');
  });
});
