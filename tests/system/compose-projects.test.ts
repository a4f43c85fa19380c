import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { composeProject, keepRunning, type ComposeProject } from './compose-project.ts';
import { startEngine, whyNot, type Outcome, type TestEngine } from './harness.ts';

/** What belongs to a project, and how far a verb reaches: by its name, its services, its volumes. */
describe('projects of orlop compose', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let projects = 0;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  const project = (text: string): ComposeProject => composeProject(engine, `p${++projects}`, text);

  const two = `services:
  a: {image: busybox, command: ${keepRunning}}
  b: {image: busybox, command: ${keepRunning}, depends_on: [a]}
`;

  test('without its file, a project is known by its name alone: listed, stopped, started with what it depends on, taken down', async () => {
    const { name, must } = project(two);
    await must('up', '-d');
    const named = async (...args: string[]): Promise<Outcome> =>
      engine.orlopWith({ cwd: '/', timeoutMs: 60_000 }, 'compose', '-p', name, ...args);
    const running = async (): Promise<string> => (await named('ps', '--format', '{{.Service}} {{.ExitCode}}')).stdout;
    assert.equal(await running(), 'a 0\nb 0\n');
    assert.equal((await named('stop', '-t', '0')).code, 0);
    assert.equal(await running(), '');
    const started = await named('start', 'b');
    assert.equal(started.code, 0, started.stderr);
    assert.doesNotMatch(started.stderr, /orphan/);
    assert.equal(await running(), 'a 0\nb 0\n');
    assert.equal((await named('down', '-t', '0')).code, 0);
    assert.match((await named('down')).stderr, /no resource found to remove/);
    assert.equal((await engine.orlopWith({ cwd: '/' }, 'compose', 'ps')).code, 1);
  });

  test('containers that are run once are left by stop, listed by ps -a, and go with the project', async () => {
    const { name, must } = project(two);
    await must('up', '-d');
    const id = await must('run', '-d', 'a', 'sleep', '1000');
    assert.match(id, /^[0-9a-f]{64}$/);
    await must('stop', '-t', '0');
    assert.equal(await must('ps', '-q'), '');
    assert.equal(await must('ps', '-a', '-q', '--filter', 'status=running'), id);
    await must('down', '-t', '0');
    assert.equal(await engine.must('ps', '-aq', '--filter', `label=com.docker.compose.project=${name}`), '');
  });

  test('up of one service shows and stops what is named; what it depends on goes on, unless it is asked for as well', async () => {
    const { directory, must } = project(`services:
  a: {image: busybox, command: [sh, -c, "echo dependency; trap 'exit 0' TERM; while :; do sleep 0.1; done"]}
  b: {image: busybox, command: [sh, -c, "echo named; trap 'exit 0' TERM; while :; do sleep 0.1; done"], depends_on: [a]}
`);
    const upAndInterrupt = async (until: RegExp, ...flags: string[]): Promise<string> => {
      const child = engine.spawn('compose', '-f', join(directory, 'compose.yaml'), 'up', '--menu=false', ...flags, 'b');
      const ended = once(child, 'close');
      let said = '';
      let isInterrupted = false;
      child.stderr?.resume();
      for await (const chunk of child.stdout ?? []) {
        said += String(chunk);
        // A second one would not wait for the containers.
        if (!isInterrupted && until.test(said)) isInterrupted = child.kill('SIGINT');
      }
      assert.deepEqual(await ended, [130, null]);
      return said;
    };
    assert.doesNotMatch(await upAndInterrupt(/named/), /dependency/);
    assert.equal(await must('ps', '--format', '{{.Service}}'), 'a');
    await must('down', '-t', '0');
    await upAndInterrupt(/(named[\s\S]*dependency|dependency[\s\S]*named)/, '--attach-dependencies');
    assert.equal(await must('ps', '-q'), '');
    await must('down');
  });

  test('scale changes the services that it names, and no others', async () => {
    const { must, compose, ids } = project(two);
    await must('up', '-d', '--scale', 'b=2');
    const unknown = await compose('scale', 'nope=2');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no such service: nope/);
    await must('scale', 'a=2');
    assert.deepEqual([(await ids('a')).length, (await ids('b')).length], [2, 2]);
    await must('down', '-t', '0');
  });

  test('volumes are listed, and replaced with what they hold when their settings changed and that is agreed to', async () => {
    const file = (value: string): string => `services:
  a: {image: busybox, command: ${keepRunning}, volumes: ['v:/v']}
volumes: {v: {labels: {foo: "${value}"}}, other: {}}
`;
    const { name, must, compose, write } = project(file('bar'));
    await must('up', '-d');
    assert.equal(await must('volumes', '-q'), `${name}_v`);
    await must('exec', 'a', 'touch', '/v/there');
    write(file('zot'));
    const refused = await compose('up', '-d');
    assert.match(refused.stderr, /exists with other settings[\s\S]*--yes/);
    await must('up', '-d', '--yes', '-t', '0');
    assert.equal(await must('exec', 'a', 'ls', '/v'), '');
    assert.equal(await engine.must('volume', 'inspect', '-f', '{{.Labels.foo}}', `${name}_v`), 'zot');
    await must('commit', 'a', `${name}:it`);
    const archive = await compose('export', 'a', '-o', 'a.tar');
    assert.equal(archive.code, 0, archive.stderr);
    await must('down', '-v', '-t', '0');
  });
});
