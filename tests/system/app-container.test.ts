import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const image = 'busybox';

describe('app containers', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('run shows output on its own streams and passes the exit code through', async () => {
    const outcome = await engine.orlop('run', '--rm', image, 'sh', '-c', 'echo out; echo err >&2; exit 7');
    assert.deepEqual(outcome, { code: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  test('a command that does not exist ends with 127, one that is no program with 126, and both say its name', async () => {
    const missing = await engine.orlop('run', '--rm', image, 'no-such-program');
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /no-such-program/);
    const directory = await engine.orlop('run', '--rm', image, '/etc');
    assert.equal(directory.code, 126);
    assert.match(directory.stderr, /\/etc/);
    assert.equal(await engine.must('ps', '-aq'), '');
  });

  test('a process killed by a signal ends with 128 and its number', async () => {
    await engine.must('run', '-d', '--name', 'doomed', image, 'sleep', '1000');
    await engine.must('kill', '-s', 'KILL', 'doomed');
    assert.equal(await engine.must('wait', 'doomed'), '137');
    await engine.must('rm', 'doomed');
  });

  test('standard input is piped and its end is seen', async () => {
    const outcome = await engine.orlopWith({ input: 'one\ntwo\n' }, 'run', '--rm', '-i', image, 'wc', '-l');
    assert.equal(outcome.stdout.trim(), '2');
  });

  test('without -i the process has an empty standard input', async () => {
    const outcome = await engine.orlopWith({ input: 'one\n' }, 'run', '--rm', image, 'wc', '-c');
    assert.equal(outcome.stdout.trim(), '0');
  });

  test('large output arrives whole', async () => {
    const outcome = await engine.orlop('run', '--rm', image, 'sh', '-c', 'seq 1 200000');
    assert.equal(outcome.stdout.length, 1_288_895);
    assert.ok(outcome.stdout.endsWith('\n200000\n'));
  });

  test('environment, working directory, user, hostname and entrypoint are as asked', async () => {
    const script = 'echo $GREETING; pwd; id -u; id -g; hostname';
    const told = await engine.must(
      'run',
      '--rm',
      '-e',
      'GREETING=hello',
      '-w',
      '/tmp',
      '-u',
      '1000:1001',
      '-h',
      'deck',
      '--entrypoint',
      'sh',
      image,
      '-c',
      script,
    );
    assert.deepEqual(told.split('\n'), ['hello', '/tmp', '1000', '1001', 'deck']);
  });

  test('a working directory that is missing is made', async () => {
    assert.equal(await engine.must('run', '--rm', '-w', '/srv/made/here', image, 'pwd'), '/srv/made/here');
  });

  test('a working directory that is a file is refused in Docker’s words', async () => {
    const { code, stderr } = await engine.orlop('run', '--rm', '-w', '/bin/cat', image);
    assert.equal(code, 125);
    assert.match(stderr, /Cannot mkdir: \/bin\/cat is not a directory/);
  });

  test('a read-only root has read-only files of the engine over /etc', async () => {
    const script = 'for file in hosts hostname resolv.conf; do touch /etc/$file 2>&1; done; true';
    const said = await engine.must('run', '--rm', '--read-only', image, 'sh', '-c', script);
    assert.equal(said.match(/Read-only file system/g)?.length, 3, said);
  });

  test('the network none has only a loopback, the host network is the host', async () => {
    const none = await engine.must('run', '--rm', '--network', 'none', image, 'ls', '/sys/class/net');
    assert.equal(none, 'lo');
    // Other engines on this host may make and remove links meanwhile.
    const lasting = (names: readonly string[]): string[] => names.filter((name) => !name.startsWith('orl')).sort();
    const host = await engine.must('run', '--rm', '--network', 'host', image, 'ls', '/sys/class/net');
    assert.deepEqual(lasting(host.split(/\s+/)), lasting(readdirSync('/sys/class/net')));
  });

  test('containers of the bridge reach each other', async () => {
    await engine.must('run', '-d', '--name', 'server', image, 'sh', '-c', 'while true; do echo served | nc -l -p 7000; done');
    const address = await engine.must('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'server');
    const answer = await engine.must(
      'run',
      '--rm',
      image,
      'sh',
      '-c',
      `for i in 1 2 3 4 5 6 7 8 9 10; do nc ${address} 7000 </dev/null && break; sleep 0.1; done`,
    );
    assert.equal(answer, 'served');
    await engine.must('rm', '-f', 'server');
  });

  test('detached containers are listed, logged, waited for and removed', async () => {
    const id = await engine.must('run', '-d', '--name', 'worker', image, 'sh', '-c', 'echo started; exit 5');
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.equal(await engine.must('wait', 'worker'), '5');
    assert.equal(await engine.must('logs', 'worker'), 'started');
    assert.match(await engine.must('ps', '-a'), /worker/);
    assert.doesNotMatch(await engine.must('ps'), /worker/);
    assert.equal(await engine.must('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'worker'), 'exited 5');
    await engine.must('rm', 'worker');
    assert.equal((await engine.orlop('inspect', 'worker')).code, 1);
  });

  test('a stopped container starts again with its files', async () => {
    await engine.must('run', '-d', '--name', 'keeper', image, 'sh', '-c', 'echo x >> /count; cat /count; exec sleep 1000');
    await engine.must('stop', '-t', '0', 'keeper');
    assert.equal(await engine.must('inspect', '-f', '{{.State.ExitCode}}', 'keeper'), '137');
    await engine.must('start', 'keeper');
    const { stdout } = await engine.orlop('exec', 'keeper', 'wc', '-l', '/count');
    assert.match(stdout, /^2 /);
    await engine.must('rm', '-f', 'keeper');
  });

  test('what removes asks first, and takes an answer from a pipe', async () => {
    await engine.must('create', '--name', 'ended', image, 'true');
    const prune = (input: string): ReturnType<typeof engine.orlop> => engine.orlopWith({ input }, 'container', 'prune');
    assert.deepEqual([(await prune('')).code, (await prune('n\n')).code], [0, 0]);
    assert.equal(await engine.must('ps', '-a', '--format', '{{.Names}}'), 'ended');
    assert.match((await prune('y\n')).stdout, /\[y\/N\] Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: /);
    assert.deepEqual([(await engine.orlop('rmi', 'nowhere')).code, (await engine.orlop('rmi', '-f', 'nowhere')).code], [1, 0]);
  });

  test('stop asks with the stop signal first', async () => {
    await engine.must(
      'run',
      '-d',
      '--name',
      'polite',
      image,
      'sh',
      '-c',
      'trap "echo bye; exit 3" TERM; echo ready; while true; do sleep 0.05; done',
    );
    const follow = engine.spawn('logs', '-f', 'polite');
    let seen = '';
    follow.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await new Promise((resolve) => follow.stdout?.once('data', resolve));
    const ended = new Promise((resolve) => follow.once('close', resolve));
    await engine.must('stop', 'polite');
    await ended;
    assert.equal(seen, 'ready\nbye\n');
    assert.equal(await engine.must('wait', 'polite'), '3');
    await engine.must('rm', 'polite');
  });

  test('exec joins the container: same files, its own user, directory, environment and exit code', async () => {
    await engine.must('run', '-d', '--name', 'host1', '-e', 'A=1', image, 'sleep', '1000');
    const outcome = await engine.orlop(
      'exec',
      '-e',
      'B=2',
      '-w',
      '/tmp',
      '-u',
      '65534',
      'host1',
      'sh',
      '-c',
      'echo $A$B $(pwd) $(id -u); exit 9',
    );
    assert.deepEqual(outcome, { code: 9, stdout: '12 /tmp 65534\n', stderr: '' });
    const piped = await engine.orlopWith({ input: 'abc' }, 'exec', '-i', 'host1', 'cat');
    assert.equal(piped.stdout, 'abc');
    assert.equal((await engine.orlop('exec', 'host1', 'nothing-here')).code, 127);
    await engine.must('rm', '-f', 'host1');
  });

  test('a container has an own user namespace, few capabilities, a filter, and unshifted files on disk', async () => {
    const id = await engine.must('run', '-d', '--name', 'safe', image, 'sh', '-c', 'touch /mine; chown 12:34 /mine; exec sleep 1000');
    const map = await engine.must('exec', 'safe', 'cat', '/proc/self/uid_map');
    const [inside, outside, count] = map.trim().split(/\s+/).map(Number);
    assert.equal(inside, 0);
    assert.ok(outside !== undefined && outside >= 524_288);
    assert.equal(count, 65_536);
    const status = await engine.must('exec', 'safe', 'cat', '/proc/1/status');
    assert.match(status, /^CapEff:\s+00000000a80425fb$/m);
    assert.match(status, /^Seccomp:\s+2$/m);
    const file = statSync(`${engine.dataRoot}/containers/${id}/upper/mine`);
    assert.deepEqual([file.uid, file.gid], [12, 34]);
    await engine.must('rm', '-f', 'safe');
  });

  test("a container in the host's network cannot open the host's devices, a privileged one has them all", async () => {
    const outcome = await engine.orlop('run', '--rm', '--network', 'host', image, 'sh', '-c', 'mknod /mem c 1 1 && head -c 1 /mem');
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.stderr, /not permitted/);
    const listed = await engine.must('run', '--rm', '--privileged', image, 'ls', '/dev');
    assert.ok(listed.split(/\s+/).includes('kmsg'));
  });

  test('an init of ours takes up processes that lost their parent', async () => {
    const script = 'sh -c "sleep 0.1 & exit" ; sleep 0.3; ps -o pid,ppid,comm | grep -c "Z\\|defunct" || true';
    assert.equal(await engine.must('run', '--rm', '--init', image, 'sh', '-c', script), '0');
    assert.match(await engine.must('run', '--rm', '--init', image, 'cat', '/proc/1/cmdline'), /docker-init/);
  });

  test('no descriptor of the engine is open in a container', async () => {
    const open = await engine.must('run', '--rm', image, 'sh', '-c', 'ls /proc/self/fd | grep -v -x -e 0 -e 1 -e 2 | wc -l');
    // ls itself holds the directory open.
    assert.equal(open, '1');
  });

  test('a process can reopen its standard output', async () => {
    assert.equal(await engine.must('run', '--rm', image, 'sh', '-c', 'echo again > /dev/stdout'), 'again');
    assert.equal(await engine.must('run', '--rm', '-u', '1000', image, 'sh', '-c', 'echo again > /proc/self/fd/1'), 'again');
  });
});
