import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { CommandOptions, Outcome } from '../system/harness.ts';
import { dockerPrograms, openDocker, type EngineDaemon } from './daemons.ts';
import { findProgram, imageName as image, openEngineHome, until, whyNoEngine, type EngineHome } from './engine-home.ts';
import { quote, startInTerminal } from './programs.ts';

/** A dockerd of the test's own that changes nothing of the host's network; it starts a containerd of its own. */
describe("Docker's daemon on orlop-runtime", { skip: whyNoEngine(dockerPrograms) }, () => {
  const undo = new AsyncDisposableStack();
  let home: EngineHome;
  let daemon: EngineDaemon;
  const dockerWith = (options: CommandOptions, ...args: string[]): Promise<Outcome> => daemon.runWith(options, ...args);
  const docker = (...args: string[]): Promise<Outcome> => daemon.run(...args);
  const must = (...args: string[]): Promise<string> => daemon.must(...args);
  const run = (...args: string[]): Promise<Outcome> => docker('run', '--rm', '--network', 'none', ...args);
  const sh = (flags: readonly string[], script: string): Promise<string> =>
    must('run', '--rm', '--network', 'none', ...flags, image, 'sh', '-c', script);
  const detached = (name: string, flags: readonly string[], script: string): Promise<string> =>
    must('run', '-d', '--name', name, '--network', 'none', ...flags, image, 'sh', '-c', script);

  before(async () => {
    home = undo.use(openEngineHome());
    daemon = undo.use(await openDocker(home, { driver: 'cgroupfs', parent: `/${home.cgroupParent}` }));
  });
  after(() => undo.disposeAsync());

  test('it runs everything by our runtime, streams and exit codes included', async () => {
    assert.equal(await must('info', '-f', '{{.DefaultRuntime}}'), 'orlop');
    const words = ['run', '--rm', '-i', '--network', 'none', image, 'sh', '-c', 'cat; echo; echo err >&2; exit 6'];
    assert.deepEqual(await dockerWith({ input: 'in' }, ...words), { code: 6, stdout: 'in\n', stderr: 'err\n' });
  });

  test('a missing command ends with 127 and a directory with 126', async () => {
    assert.equal((await run(image, 'nothing-there')).code, 127);
    assert.equal((await run(image, '/etc')).code, 126);
  });

  test("the daemon's AppArmor profile confines", {
    skip: isConfining() ? false : 'needs a kernel with AppArmor: npm run test:vm',
  }, async () => {
    const label = 'cat /proc/self/attr/current';
    assert.equal(await sh([], label), 'docker-default (enforce)');
    assert.equal(await sh(['--security-opt', 'apparmor=unconfined'], label), 'unconfined');
  });

  test('a short program is never lost between start and its end', async () => {
    for (let round = 0; round < 10; round += 1)
      assert.deepEqual(await run(image, 'echo', 'quick'), { code: 0, stdout: 'quick\n', stderr: '' });
  });

  test('twenty at once do not disturb each other', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_unused, index) => run('-m', '32m', image, 'sh', '-c', `exit ${index}`)),
    );
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      Array.from({ length: 20 }, (_unused, index) => index),
    );
  });

  test('the life of a container: exec, logs, top, stats, pause, restart, stop, kill, rm', async () => {
    await detached('life', [], 'echo begun; trap "exit 3" TERM; while :; do sleep 0.05; done');
    assert.equal(
      await must('exec', '-e', 'X=1', '-w', '/tmp', '-u', '7:8', 'life', 'sh', '-c', 'echo $X $PWD $(id -u):$(id -g)'),
      '1 /tmp 7:8',
    );
    assert.equal((await docker('exec', 'life', 'sh', '-c', 'exit 9')).code, 9);
    for (const words of [['nothing-there'], ['/etc']]) assert.notEqual((await docker('exec', 'life', ...words)).code, 0);
    const astray = await docker('exec', '-w', '/nowhere', 'life', 'true');
    assert.match(`${astray.stdout}${astray.stderr}`, /\/nowhere.*no such file or directory/);
    assert.equal((await dockerWith({ input: 'typed' }, 'exec', '-i', 'life', 'cat')).stdout, 'typed');
    assert.match(await must('exec', '-t', 'life', 'tty'), /^\/dev\/pts\/\d+/);
    await must('exec', '-d', 'life', 'touch', '/tmp/detached');
    await until('the file', async () => (await docker('exec', 'life', 'test', '-e', '/tmp/detached')).code === 0);
    assert.equal(await must('logs', 'life'), 'begun');
    assert.match(await must('top', 'life'), /sh -c echo begun/);
    assert.match(await must('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'life'), /^life [12]$/);
    await must('pause', 'life');
    assert.equal(await must('inspect', '-f', '{{.State.Status}}', 'life'), 'paused');
    await must('unpause', 'life');
    await must('restart', '-t', '5', 'life');
    await must('stop', '-t', '5', 'life');
    assert.equal(await must('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'life'), 'exited 3');
    await must('start', 'life');
    await must('kill', 'life');
    assert.equal(await must('wait', 'life'), '137');
    await must('rm', 'life');
    await until('all events', async () => {
      const events = await must('events', '--since', '5m', '--until', '0s', '--filter', 'container=life', '--format', '{{.Action}}');
      const actions = new Set(events.split('\n'));
      return ['create', 'start', 'pause', 'unpause', 'restart', 'kill', 'die', 'stop', 'destroy'].every((action) => actions.has(action));
    });
  });

  test('limits reach the cgroup, and update changes them', async () => {
    await detached('limited', ['-m', '64m', '--memory-swap', '128m', '--cpus', '0.5', '--pids-limit', '33'], 'sleep 1000');
    const memory = async (): Promise<string> => {
      const files = '/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max';
      return (await docker('exec', 'limited', 'sh', '-c', `cat ${files} 2>/dev/null`)).stdout.trim();
    };
    assert.equal(await memory(), String(64 * 2 ** 20));
    await must('update', '-m', '96m', '--memory-swap', '192m', '--pids-limit', '44', 'limited');
    assert.equal(await memory(), String(96 * 2 ** 20));
    await must('rm', '-f', 'limited');
  });

  test('a container that runs out of memory is ended and said to be', async () => {
    // The shim only hears of it when it has asked before.
    await detached('hungry', ['-m', '16m', '--memory-swap', '16m'], 'sleep 0.5; x=0123456789; while :; do x=$x$x; done');
    assert.equal(await must('wait', 'hungry'), '137');
    assert.equal(await must('inspect', '-f', '{{.State.OOMKilled}}', 'hungry'), 'true');
    await must('rm', 'hungry');
  });

  test('users, capabilities, no_new_privs and seccomp are as asked', async () => {
    assert.equal(await sh(['-u', '1000:1001', '--group-add', '79'], 'id -u; id -g; id -G'), '1000\n1001\n1001 79');
    const flags = ['--cap-drop', 'all', '--cap-add', 'chown', '--security-opt', 'no-new-privileges'];
    const script = 'grep -E "^Cap(Inh|Prm|Eff|Bnd|Amb)|NoNew|Seccomp:" /proc/self/status | tr -d "\\t"';
    const one = '0000000000000001';
    const none = '0000000000000000';
    const expected = [`CapInh:${none}`, `CapPrm:${one}`, `CapEff:${one}`, `CapBnd:${one}`, `CapAmb:${none}`, 'NoNewPrivs:1', 'Seccomp:2'];
    assert.deepEqual((await sh(flags, script)).split('\n'), expected);
    const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 };
    const profile = home.write('seccomp.json', JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }));
    assert.match((await run('--security-opt', `seccomp=${profile}`, image, 'mkdir', '/tmp/x')).stderr, /Operation not supported/);
  });

  test('volumes, binds, tmpfs and a read-only root', async () => {
    const shared = join(home.directory, 'shared');
    mkdirSync(shared);
    home.write('shared/file', 'data\n');
    await sh(['-v', 'kept:/kept'], 'echo x >/kept/x');
    const script = 'cat /kept/x /data/file; echo y >/data/y; touch /kept/z 2>&1 || true';
    assert.equal(await sh(['-v', 'kept:/kept:ro', '-v', `${shared}:/data`], script), 'x\ndata\ntouch: /kept/z: Read-only file system');
    assert.equal(readFileSync(join(shared, 'y'), 'utf8'), 'y\n');
    const flags = ['--read-only', '--tmpfs', '/scratch:rw,size=1m,mode=1777'];
    assert.equal(await sh(flags, 'touch /x 2>&1; touch /scratch/x && echo fine'), 'touch: /x: Read-only file system\nfine');
  });

  test("namespaces of others are joined, the host's kept", async () => {
    await detached('first', [], 'sleep 1000');
    const inode = 'stat -Lc %i /proc/self/ns/net';
    assert.equal(
      await must('exec', 'first', 'sh', '-c', inode),
      await must('run', '--rm', '--network', 'container:first', image, 'sh', '-c', inode),
    );
    assert.match(await sh(['--pid', 'container:first'], 'ps'), /sleep 1000/);
    assert.equal(await sh(['--uts', 'host'], 'hostname'), readFileSync('/proc/sys/kernel/hostname', 'utf8').trim());
    await must('rm', '-f', 'first');
  });

  test("what a container has left in the host's process namespace ends with it", async () => {
    const outcome = await run('--pid', 'host', image, 'sh', '-c', 'sleep 1000 & echo $!; exit 3');
    assert.equal(outcome.code, 3);
    await until('its end', () => Promise.resolve(!existsSync(`/proc/${outcome.stdout.trim()}`)));
  });

  test('hostname, sysctls, shared memory, limits and --init', async () => {
    assert.equal(await sh(['--hostname', 'hi', '--sysctl', 'kernel.msgmax=9000'], 'hostname; cat /proc/sys/kernel/msgmax'), 'hi\n9000');
    const flags = ['--shm-size', '2m', '--ulimit', 'nofile=100:200', '--oom-score-adj', '500'];
    assert.equal(
      await sh(flags, 'df /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2; ulimit -n; cat /proc/self/oom_score_adj'),
      '2048\n100\n500',
    );
    if (existsSync('/usr/bin/docker-init') || existsSync('/usr/libexec/docker/docker-init'))
      assert.match(await sh(['--init'], 'cat /proc/1/cmdline'), /docker-init/);
  });

  test('restart policies and health checks work', async () => {
    await must('run', '-d', '--name', 'failing', '--network', 'none', '--restart', 'on-failure:2', image, 'false');
    await until('two restarts', async () => (await must('inspect', '-f', '{{.RestartCount}} {{.State.Status}}', 'failing')) === '2 exited');
    await detached('healthy', ['--health-cmd', 'true', '--health-interval', '200ms'], 'sleep 1000');
    await until('health', async () => (await must('inspect', '-f', '{{.State.Health.Status}}', 'healthy')) === 'healthy');
    await must('rm', '-f', 'failing', 'healthy');
  });

  test('terminals have the size of the one outside', { skip: findProgram('script') === null ? 'needs script(1)' : false }, async () => {
    const words = daemon.words(
      'run',
      '--rm',
      '-it',
      '--network',
      'none',
      image,
      'sh',
      '-c',
      'until read -t 1 line; do stty size; done; exit 4',
    );
    const program = startInTerminal(`stty rows 33 cols 77; exec ${quote(words)}`);
    // The daemon's own race: it may lose what a terminal says before it has the first size.
    await program.said('33 77');
    program.child.stdin.write('\n');
    assert.equal((await program.ended).code, 4);
  });
});

function isConfining(): boolean {
  const switched = '/sys/module/apparmor/parameters/enabled';
  return existsSync(switched) && readFileSync(switched, 'utf8').trim() === 'Y';
}
