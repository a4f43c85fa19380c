import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';
import { findProgram } from './engine-home.ts';

const docker = findProgram('docker');

/** What Docker's own command line shows of our logs: each expectation is what it shows of dockerd's. */
describe("docker's command line on logs", {
  skip: whyNot() || (docker === null ? 'docker is not installed (docker.io or docker-cli)' : false),
}, () => {
  let engine: TestEngine;
  const run = (...args: string[]): Promise<Outcome> => runCommand(docker ?? 'docker', ['-H', engine.host, ...args]);
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    const options = ['--log-opt', 'labels=l1', '--log-opt', 'env=FOO', '--log-opt', 'tag={{.Name}} x~*'];
    const script = 'for i in 1 2 3; do echo out $i; sleep 0.02; echo err $i >&2; sleep 0.02; done; printf end';
    await run(
      'run',
      '--network',
      'none',
      '--name',
      'told',
      '--label',
      'l1=v 1',
      '-e',
      'FOO=a&b',
      ...options,
      'busybox',
      'sh',
      '-c',
      script,
    );
  });
  after(() => engine[Symbol.asyncDispose]());

  const shown: readonly [flags: string[], stdout: string, stderr: string][] = [
    [[], 'out 1\nout 2\nout 3\nend', 'err 1\nerr 2\nerr 3\n'],
    [['--tail', '3'], 'out 3\nend', 'err 3\n'],
    [['--tail', '0'], '', ''],
    [['--tail', 'foo'], 'out 1\nout 2\nout 3\nend', 'err 1\nerr 2\nerr 3\n'],
    [['-f', '-n', '2'], 'end', 'err 3\n'],
    [['--since', '1h', '-n', '1'], 'end', ''],
    [['--until', '1h'], '', ''],
    [['--since', '2130-01-01'], '', ''],
    [['--details', '-n', '1'], 'FOO=a%26b,l1=v+1,tag=told+x~%2A end', ''],
    [['--details', '-t', '-n', '1'], 'TIME FOO=a%26b,l1=v+1,tag=told+x~%2A end', ''],
  ];
  for (const [flags, stdout, stderr] of shown) {
    test(`logs ${flags.join(' ')}`, async () => {
      const outcome = await run('logs', ...flags, 'told');
      assert.deepEqual({ ...outcome, stdout: outcome.stdout.replace(/^\S{20,35}Z /, 'TIME ') }, { code: 0, stdout, stderr });
    });
  }

  test('a container without a log has none to show, one with a plain one has', async () => {
    await run('run', '--network', 'none', '--name', 'silent', '--log-driver', 'none', 'busybox', 'echo', 'hi');
    assert.deepEqual(await run('logs', 'silent'), {
      code: 1,
      stdout: '',
      stderr: 'Error response from daemon: configured logging driver does not support reading\n',
    });
    await run('run', '--network', 'none', '--name', 'plain', '--log-driver', 'local', 'busybox', 'sh', '-c', 'echo hi; printf x');
    assert.equal((await run('logs', 'plain')).stdout, 'hi\nx');
    const { stdout } = await run('inspect', '-f', '{{json .HostConfig.LogConfig}} {{json .LogPath}}', 'plain');
    assert.equal(stdout, '{"Type":"local","Config":{}} ""\n');
  });

  const refused: readonly [flags: string[], message: string][] = [
    [['--log-driver', 'foo'], 'error looking up logging plugin foo: plugin "foo" not found'],
    [['--log-opt', 'a=b'], "unknown log opt 'a' for json-file log driver"],
    [['--log-opt', 'max-size=0'], 'failed to initialize logging driver: max-size must be a positive number'],
    [['--log-opt', 'max-size=foo'], "failed to initialize logging driver: invalid size: 'foo'"],
    [['--log-opt', 'max-file=0'], 'failed to initialize logging driver: max-file cannot be less than 1'],
  ];
  for (const [flags, message] of refused) {
    test(`${flags.join(' ')} is refused as dockerd does`, async () => {
      const { code, stderr } = await run('run', '--rm', '--network', 'none', ...flags, 'busybox', 'true');
      assert.equal(code, 125);
      assert.match(stderr, new RegExp(`Error response from daemon: ${message}`));
    });
  }
});
