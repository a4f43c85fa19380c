import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommand, type CommandOptions, type Outcome } from '../system/harness.ts';
import { findProgram, until, whyNoEngine } from './engine-home.ts';
import { openPodman, podmanImage as image, usual, type Podman } from './podman.ts';

describe('podman on orlop-runtime', { skip: whyNoEngine({ podman: 'podman', conmon: 'conmon' }) }, () => {
  let podman: Podman;
  const run = (...args: string[]): Promise<Outcome> => podman.run('run', '--rm', ...usual(podman), ...args);
  const sh = async (flags: readonly string[], script: string): Promise<string> => {
    const outcome = await run(...flags, image, 'sh', '-c', script);
    assert.equal(outcome.code, 0, `${flags.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout.trimEnd();
  };
  const detached = (name: string, flags: readonly string[], script: string): Promise<string> =>
    podman.must('run', '-d', '--name', name, ...usual(podman), ...flags, image, 'sh', '-c', script);
  const status = (name: string): Promise<string> => podman.must('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name);
  before(async () => {
    podman = await openPodman();
  });
  after(() => podman[Symbol.asyncDispose]());

  test('run passes streams and the exit code through', async () => {
    const options: CommandOptions = { input: 'in' };
    const words = ['run', '--rm', '-i', ...usual(podman), image, 'sh', '-c', 'cat; echo; echo err >&2; exit 6'];
    assert.deepEqual(await podman.runWith(options, ...words), { code: 6, stdout: 'in\n', stderr: 'err\n' });
  });

  test('a missing command ends with 127 and a directory with 126, by the sentences that podman looks for', async () => {
    const missing = await run(image, 'nothing-there');
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /executable file not found in \$PATH.*not found/);
    const directory = await run(image, '/etc');
    assert.equal(directory.code, 126);
    assert.match(directory.stderr, /permission denied/);
  });

  test('the life of a container: start, exec, logs, top, stats, pause, restart, stop, kill, rm', async () => {
    await detached('life', [], 'echo begun; trap "exit 3" TERM; while :; do sleep 0.05; done');
    assert.equal(
      await podman.must('exec', '-e', 'X=1', '-w', '/tmp', '-u', '7:8', 'life', 'sh', '-c', 'echo $X $PWD $(id -u):$(id -g)'),
      '1 /tmp 7:8',
    );
    assert.equal((await podman.run('exec', 'life', 'sh', '-c', 'exit 9')).code, 9);
    assert.equal((await podman.run('exec', 'life', 'nothing-there')).code, 127);
    assert.equal((await podman.run('exec', 'life', '/etc')).code, 126);
    assert.equal(await podman.must('logs', 'life'), 'begun');
    assert.match(await podman.must('top', 'life'), /sh -c echo begun/);
    assert.match(await podman.must('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'life'), /^life [12]$/);
    await podman.must('pause', 'life');
    assert.match(await status('life'), /^paused/);
    await podman.must('unpause', 'life');
    const first = await podman.must('inspect', '-f', '{{.State.Pid}}', 'life');
    await podman.must('restart', '-t', '5', 'life');
    assert.notEqual(await podman.must('inspect', '-f', '{{.State.Pid}}', 'life'), first);
    await podman.must('stop', '-t', '5', 'life');
    assert.equal(await status('life'), 'exited 3');
    await podman.must('start', 'life');
    await podman.must('kill', 'life');
    assert.equal(await podman.must('wait', 'life'), '137');
    await podman.must('rm', 'life');
    assert.equal((await podman.run('container', 'exists', 'life')).code, 1);
  });

  test('exec has a terminal of the size of the one that it was called in', {
    skip: findProgram('script') === null ? 'needs script(1)' : false,
  }, async () => {
    await detached('shell', [], 'sleep 1000');
    const program = podman.inTerminal(
      { rows: 33, columns: 77 },
      'exec',
      '-it',
      'shell',
      'sh',
      '-c',
      // Podman sets the size once the process runs; until then there is none, which busybox does not call a failure.
      'tty; until stty size 2>/dev/null | grep .; do sleep 0.1; done; read line; echo got $line',
    );
    await program.said('33 77');
    program.child.stdin.write('words\n');
    const { code, stdout } = await program.ended;
    assert.equal(code, 0, stdout);
    assert.match(stdout, /\/dev\/pts\/\d+\r?\n33 77\r?\n[^]*got words/);
    await podman.must('rm', '-f', '-t', '0', 'shell');
  });

  test('limits reach the cgroup, and update changes them', async () => {
    await detached(
      'limited',
      ['-m', '64m', '--memory-swap', '128m', '--cpus', '0.5', '--pids-limit', '33', '--cpuset-cpus', '0'],
      'sleep 1000',
    );
    const stats = async (): Promise<string> =>
      await podman.must('inspect', '-f', '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}', 'limited');
    assert.equal(await stats(), `${64 * 2 ** 20} 33`);
    const read = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null';
    assert.equal((await podman.run('exec', 'limited', 'sh', '-c', read)).stdout.trim(), String(64 * 2 ** 20));
    await podman.must('update', '--memory', '96m', '--cpus', '0.25', 'limited');
    assert.equal((await podman.run('exec', 'limited', 'sh', '-c', read)).stdout.trim(), String(96 * 2 ** 20));
    await podman.must('rm', '-f', '-t', '0', 'limited');
  });

  test('a container that runs out of memory is ended', async () => {
    await detached('hungry', ['-m', '16m', '--memory-swap', '16m'], 'x=0123456789; while :; do x=$x$x; done');
    assert.equal(await podman.must('wait', 'hungry'), '137');
    await podman.must('rm', 'hungry');
  });

  test('users, groups, umask, capabilities and no_new_privs are as asked', async () => {
    assert.match(await sh(['-u', '1000:1001', '--group-add', '79'], 'id'), /uid=1000\S* gid=1001\S* groups=\S*79/);
    assert.equal(await sh(['-u', 'guest', '--umask', '027'], 'id -u; id -g; umask'), '77\n78\n0027');
    const capabilities = ['--cap-drop', 'all', '--cap-add', 'chown'];
    const script = 'grep -E "^Cap(Inh|Prm|Eff|Bnd|Amb)|NoNew" /proc/self/status | tr -d "\\t"';
    assert.deepEqual((await sh([...capabilities, '--security-opt', 'no-new-privileges'], script)).split('\n'), [
      'CapInh:0000000000000000',
      'CapPrm:0000000000000001',
      'CapEff:0000000000000001',
      'CapBnd:0000000000000001',
      'CapAmb:0000000000000000',
      'NoNewPrivs:1',
    ]);
    await sh(['--privileged'], 'test -e /dev/loop-control || test -e /dev/kmsg; mount -t tmpfs t /tmp');
  });

  test('seccomp filters are as asked', async () => {
    const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 };
    const profile = podman.home.write('seccomp.json', JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }));
    const outcome = await run('--security-opt', `seccomp=${profile}`, image, 'mkdir', '/tmp/x');
    assert.deepEqual([outcome.code, outcome.stderr], [1, "mkdir: can't create directory '/tmp/x': Operation not supported\n"]);
    assert.match(await sh(['--security-opt', 'seccomp=unconfined'], 'grep Seccomp: /proc/self/status'), /0$/);
    assert.match(await sh([], 'grep Seccomp: /proc/self/status'), /2$/);
  });

  test('volumes, binds, tmpfs and a read-only root', async () => {
    const shared = join(podman.home.directory, 'shared');
    mkdirSync(shared, { recursive: true });
    podman.home.write('shared/file', 'data\n');
    await podman.must('volume', 'create', 'kept');
    await sh(['-v', 'kept:/kept'], 'echo x >/kept/x');
    assert.equal(
      await sh(['-v', 'kept:/kept:ro', '-v', `${shared}:/data`], 'cat /kept/x /data/file; echo y >/data/y; touch /kept/z 2>&1 || true'),
      'x\ndata\ntouch: /kept/z: Read-only file system',
    );
    assert.equal(readFileSync(join(shared, 'y'), 'utf8'), 'y\n');
    assert.equal(
      await sh(
        ['--read-only', '--tmpfs', '/scratch:rw,size=1m,mode=1777'],
        'touch /x 2>&1; touch /scratch/x && echo fine; df /scratch | tail -n 1 | tr -s " " | cut -d" " -f2',
      ),
      'touch: /x: Read-only file system\nfine\n1024',
    );
    // Whether the mount comes from a shared one is the host's choice.
    for (const option of ['shared', 'rslave', 'rprivate', 'rbind'])
      assert.match(await sh(['-v', `${shared}:/data:${option}`], 'grep " /data " /proc/self/mountinfo'), /^\d+ \d+ \S+ \S+ \/data rw/);
    assert.match(await sh(['-v', `${shared}:/data:shared`], 'grep " /data " /proc/self/mountinfo'), / shared:\d+ /);
    assert.equal(await sh(['-v', `${shared}:/data:O`], 'echo z >/data/z; ls /data | sort | tr "\\n" " "'), 'file y z');
    assert.ok(!existsSync(join(shared, 'z')));
  });

  test('user namespaces: by a mapping, and by a range that podman chooses', async (context) => {
    const flags = ['--uidmap', '0:200000:65536', '--gidmap', '0:200000:65536'];
    assert.match(await sh(flags, 'cat /proc/self/uid_map; id -u; ls -ldn /bin'), /^\s+0\s+200000\s+65536\n0\n\S+\s+\S+\s+0\s+0 /);
    const chosen = await run('--userns=auto', image, 'cat', '/proc/self/uid_map');
    if (/subuid/.test(chosen.stderr)) context.diagnostic('--userns=auto: /etc/subuid has no range for root');
    else assert.match(chosen.stdout, /^\s+0\s+\d+\s+\d+\n$/, chosen.stderr);
  });

  test("the host's namespaces can be kept, a cgroup namespace be had or not", async () => {
    const outcome = await podman.run(
      'run',
      '--rm',
      '--network',
      'host',
      '--cgroup-parent',
      `/${podman.home.cgroupParent}`,
      image,
      'cat',
      '/proc/net/dev',
    );
    assert.deepEqual(namesOf(outcome.stdout), namesOf(readFileSync('/proc/net/dev', 'utf8')));
    assert.equal(
      await sh(['--uts', 'host', '--ipc', 'host', '--pid', 'host'], 'hostname'),
      readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(),
    );
    assert.ok(!(await sh(['--cgroupns', 'private'], 'cat /proc/self/cgroup')).includes(podman.home.cgroupParent));
    assert.ok((await sh(['--cgroupns', 'host'], 'cat /proc/self/cgroup')).includes(podman.home.cgroupParent));
  });

  test("what a container has left in the host's process namespace ends with it", async () => {
    const outcome = await run('--pid', 'host', image, 'sh', '-c', 'sleep 1000 >/dev/null 2>&1 & echo $!; exit 3');
    assert.equal(outcome.code, 3);
    await until('its end', () => Promise.resolve(!existsSync(`/proc/${outcome.stdout.trim()}`)));
  });

  test('hostname, sysctls, shared memory, limits, devices and personality', async () => {
    assert.equal(
      await sh(['--hostname', 'hi', '--sysctl', 'net.ipv4.ip_forward=1'], 'hostname; cat /proc/sys/net/ipv4/ip_forward'),
      'hi\n1',
    );
    const flags = ['--shm-size', '2m', '--ulimit', 'nofile=100:200', '--ulimit', 'nproc=1024:1024', '--oom-score-adj', '500'];
    assert.equal(
      await sh(flags, 'df /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2; ulimit -n; cat /proc/self/oom_score_adj'),
      '2048\n100\n500',
    );
    if (existsSync('/dev/fuse')) {
      const script = 'ls -l /dev/fused; : </dev/fused && echo opened; echo 2>&1 >/dev/fused || true';
      assert.match(await sh(['--device', '/dev/fuse:/dev/fused:r'], script), /^c\S+ .* 10,\s+229 [^]*\nopened\n.*Operation not permitted$/);
    }
    if (process.arch === 'x64') assert.equal(await sh(['--personality=LINUX32'], 'uname -m'), 'i686');
  });

  test('descriptors are handed on', async () => {
    const file = podman.home.write('third', 'third\n');
    const words = podman.words('run', '--rm', '--preserve-fds', '2', ...usual(podman), image, 'sh', '-c', 'cat <&3; cat <&4');
    const outcome = await runCommand('sh', ['-c', `exec 3<${file} 4<${file}; exec "$@"`, 'sh', ...words], { env: podman.environment });
    assert.deepEqual([outcome.code, outcome.stdout], [0, 'third\nthird\n'], outcome.stderr);
  });

  test('--init puts a reaper at the head', {
    skip: findProgram('tini-static') === null ? 'needs tini-static (Debian package tini)' : false,
  }, async () => {
    const flags = ['--init', '--init-path', findProgram('tini-static') ?? ''];
    assert.match(await sh(flags, 'cat /proc/1/cmdline | tr "\\0" " "; echo; echo $$'), /^\S*init.* sh -c .*\n[2-9]\d*$/);
  });

  test('a health check is an exec like another', async () => {
    await detached('sick', ['--health-cmd', 'test -e /healthy', '--health-interval', 'disable', '--health-retries', '1'], 'sleep 1000');
    assert.equal((await podman.run('healthcheck', 'run', 'sick')).code, 1);
    await podman.must('exec', 'sick', 'touch', '/healthy');
    await podman.must('healthcheck', 'run', 'sick');
    assert.equal(await podman.must('inspect', '-f', '{{.State.Health.Status}}', 'sick'), 'healthy');
    await podman.must('rm', '-f', '-t', '0', 'sick');
  });

  test('containers of a pod share what a pod shares', async () => {
    const infra = ['--infra-image', image, '--infra-command', 'sleep 1000'];
    await podman.must(
      'pod',
      'create',
      '--name',
      'pod',
      '--network',
      'none',
      '--cgroup-parent',
      `/${podman.home.cgroupParent}`,
      '--hostname',
      'together',
      ...infra,
    );
    await podman.must('run', '-d', '--pod', 'pod', '--name', 'one', image, 'sh', '-c', 'sleep 1000');
    assert.equal(await podman.must('run', '--pod', 'pod', '--rm', image, 'hostname'), 'together');
    const inode = (name: string): Promise<string> => podman.must('exec', name, 'stat', '-Lc', '%i', '/proc/self/ns/net');
    assert.equal(await podman.must('run', '--pod', 'pod', '--rm', image, 'stat', '-Lc', '%i', '/proc/self/ns/net'), await inode('one'));
    await podman.must('pod', 'kill', 'pod');
    await podman.must('pod', 'rm', '-f', 'pod');
  });

  test('attaching to a terminal', async () => {
    await podman.must('run', '-dit', '--name', 'console', ...usual(podman), image, 'sh');
    const program = podman.inTerminal({ rows: 24, columns: 80 }, 'attach', 'console');
    program.child.stdin.write('\n');
    await program.said('# ');
    program.child.stdin.write('echo a$((1 + 1))b; tty; exit 4\n');
    const { stdout } = await program.ended;
    assert.match(stdout, /a2b[^]*\/dev\/pts\/0/);
    await until('its end', async () => (await status('console')) === 'exited 4');
    await podman.must('rm', 'console');
  });

  test('a detached exec goes on by itself', async () => {
    await detached('worker', [], 'sleep 1000');
    await podman.must('exec', '-d', 'worker', 'sh', '-c', 'echo done >/tmp/done; sleep 1000');
    await until('the file', async () => (await podman.run('exec', 'worker', 'cat', '/tmp/done')).stdout === 'done\n');
    await podman.must('rm', '-f', '-t', '0', 'worker');
  });
});

function namesOf(table: string): string[] {
  return table.split('\n').flatMap((line) => /^\s*(\S+):/.exec(line)?.[1] ?? []);
}
