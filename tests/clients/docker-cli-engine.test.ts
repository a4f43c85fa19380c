import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommand, startEngine, whyNot, type CommandOptions, type Outcome, type TestEngine } from '../system/harness.ts';

const image = 'busybox';

function findDocker(): string | null {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'docker'));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const docker = findDocker();

/** Docker's own command line is the judge: it must not notice that another engine answers. */
describe("docker's command line on the engine", {
  skip: whyNot() || (docker === null ? 'docker is not installed (docker.io or docker-cli)' : false),
}, () => {
  let engine: TestEngine;
  const run = (options: CommandOptions, ...args: string[]): Promise<Outcome> =>
    runCommand(docker ?? 'docker', ['-H', engine.host, ...args], options);
  const must = async (...args: string[]): Promise<string> => {
    const outcome = await run({}, ...args);
    assert.equal(outcome.code, 0, `docker ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout.trimEnd();
  };
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('run passes streams and the exit code through', async () => {
    const outcome = await run({ input: 'in' }, 'run', '--rm', '-i', image, 'sh', '-c', 'cat; echo; echo err >&2; exit 6');
    assert.deepEqual(outcome, { code: 6, stdout: 'in\n', stderr: 'err\n' });
  });

  test('a missing command ends with 127 and a directory with 126', async () => {
    assert.equal((await run({}, 'run', '--rm', image, 'nothing-there')).code, 127);
    assert.equal((await run({}, 'run', '--rm', image, '/etc')).code, 126);
  });

  test('the life of a container: create, start, ps, exec, logs, top, pause, rename, stop, wait, rm', async () => {
    await must('create', '--name', 'life', '--label', 'a=b', image, 'sh', '-c', 'echo begun; exec sleep 1000');
    assert.match(await must('ps', '-a', '--filter', 'status=created', '--format', '{{.Names}}'), /^life$/m);
    await must('start', 'life');
    assert.equal(await must('exec', '-e', 'X=1', '-w', '/tmp', 'life', 'sh', '-c', 'echo $X $PWD'), '1 /tmp');
    assert.equal(await must('logs', 'life'), 'begun');
    assert.match(await must('top', 'life'), /sleep 1000/);
    await must('pause', 'life');
    assert.match(await must('ps', '--format', '{{.Status}}'), /Paused/);
    await must('unpause', 'life');
    await must('rename', 'life', 'lives');
    await must('stop', '-t', '1', 'lives');
    assert.equal(await must('wait', 'lives'), '137');
    assert.equal(await must('inspect', '-f', '{{.State.ExitCode}} {{index .Config.Labels "a"}}', 'lives'), '137 b');
    await must('rm', 'lives');
    assert.equal((await run({}, 'inspect', 'lives')).code, 1);
  });

  test('system containers are containers to it, told apart by a label', async () => {
    await engine.must('launch', 'busybox', 'box');
    assert.equal(await must('ps', '--filter', 'label=orlop.kind=system', '--format', '{{.Names}}'), 'box');
    assert.equal(await must('exec', 'box', 'hostname'), 'box');
    await must('stop', 'box');
    await must('rm', 'box');
  });

  test('version, info and images answer', async () => {
    assert.match(await must('version', '--format', '{{.Server.APIVersion}}'), /^1\.\d+$/);
    assert.match(await must('info', '--format', '{{.Driver}} {{.OSType}}'), /^overlay\S* linux$/);
    assert.match(await must('images', '--format', '{{.Repository}}:{{.Tag}}'), /^busybox:latest$/m);
  });
});
