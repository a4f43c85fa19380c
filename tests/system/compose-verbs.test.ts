import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { composeProject, keepRunning, type ComposeProject } from './compose-project.ts';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const file = `services:
  web: {image: busybox, command: ${keepRunning}, ports: ["127.0.0.1::80"], healthcheck: {test: [CMD, "true"], interval: 1s, start_period: 9s, start_interval: 100ms}}
  two: {image: busybox, command: ${keepRunning}, scale: 2}
  ends: {image: busybox, command: [sh, -c, "echo said; exit 3"]}
`;

/** What each verb says, as Compose's users know it. */
describe('verbs of orlop compose', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let project: ComposeProject;
  const lines = async (...args: string[]): Promise<string[]> => (await project.must(...args)).split('\n');
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    project = composeProject(engine, 'verbs', file);
    await project.must('up', '-d', '--wait', 'web', 'two');
    await project.must('up', '-d', 'ends');
    await project.compose('wait', 'ends');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('ps --format json tells health, exit code and ports of each container, and filters by state', async () => {
    const [ended] = await lines('ps', '-a', '--format', 'json', '--filter', 'status=exited');
    const { Name, Service, State, ExitCode, Publishers } = JSON.parse(ended ?? '');
    assert.deepEqual([Name, Service, State, ExitCode, Publishers], ['verbs-ends-1', 'ends', 'exited', 3, []]);
    const web = JSON.parse(await project.must('ps', '--format', 'json', 'web'));
    assert.equal(web.Health, 'healthy');
    assert.deepEqual([web.Publishers[0].URL, web.Publishers[0].TargetPort, web.Publishers[0].Protocol], ['127.0.0.1', 80, 'tcp']);
    assert.match((await project.compose('ps', '--filter', 'colour=red')).stderr, /unknown filter "colour"/);
  });

  test('images tells whole ids and bytes to programs, and short ones to people', async () => {
    const rows = JSON.parse(await project.must('images', '--format', 'json'));
    assert.equal(rows.length, 4);
    assert.match(rows[0].ID, /^sha256:[0-9a-f]{64}$/);
    assert.equal(typeof rows[0].Size, 'number');
    const [head, first] = await lines('images', 'web');
    assert.match(head ?? '', /^CONTAINER +REPOSITORY +TAG +PLATFORM +IMAGE ID +SIZE +CREATED$/);
    assert.match(first ?? '', /^verbs-web-1 +busybox +latest +linux\/\w+ +[0-9a-f]{12} +[\d.]+MB +.* ago$/);
    assert.equal((await lines('images', '-q')).length, 1);
  });

  test('top shows the processes of all services in one table, with numbers of containers', async () => {
    const [head, ...rows] = await lines('top');
    assert.match(head ?? '', /^SERVICE +# +UID +PID +PPID/);
    assert.deepEqual([...new Set(rows.map((row) => row.split(/ +/).slice(0, 2).join(' ')))].toSorted(), ['two 1', 'two 2', 'web 1']);
  });

  test('ls tells what runs of a project, with -a also what does not, and filters by name', async () => {
    assert.deepEqual(JSON.parse(await project.must('ls', '--format', 'json')), [
      { Name: 'verbs', Status: 'running(3)', ConfigFiles: join(project.directory, 'compose.yaml') },
    ]);
    assert.match(await project.must('ls', '-a'), /exited\(1\), running\(3\)/);
    assert.equal(await project.must('ls', '-q', '--filter', 'name=other'), '');
  });

  test('port tells where a port is, or which there are', async () => {
    assert.match(await project.must('port', 'web', '80'), /^127\.0\.0\.1:\d+$/);
    const none = await project.compose('port', 'web', '81');
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no port 81\/tcp for container verbs-web-1\nhint: it publishes 80\/tcp/);
  });

  test('exec and attach refuse a service that has ended, and a number that is none', async () => {
    for (const verb of [
      ['exec', '-T', 'ends', 'true'],
      ['attach', 'ends'],
    ]) {
      const { code, stderr } = await project.compose(...verb);
      assert.equal(code, 1);
      assert.match(stderr, /service "ends" is not running/);
    }
    assert.match((await project.compose('exec', '-T', '--index', '3', 'two', 'true')).stderr, /service "two" is not running container #3/);
    assert.equal((await project.compose('exec', '-T', 'web', 'sh', '-c', 'exit 7')).code, 7);
  });

  test('cp copies in both directions, from containers that have ended as well', async () => {
    writeFileSync(join(project.directory, 'sent'), 'sent');
    await project.must('cp', 'sent', 'two:/sent', '--index', '2');
    assert.equal(await project.must('exec', '-T', '--index', '2', 'two', 'cat', '/sent'), 'sent');
    assert.notEqual((await project.compose('exec', '-T', '--index', '1', 'two', 'cat', '/sent')).code, 0);
    mkdirSync(join(project.directory, 'got'));
    await project.must('cp', 'sent', 'two:/everywhere');
    for (const index of ['1', '2']) await project.must('exec', '-T', '--index', index, 'two', 'test', '-e', '/everywhere');
    await project.must('cp', 'ends:/etc/passwd', 'got/');
    assert.match(readFileSync(join(project.directory, 'got/passwd'), 'utf8'), /^root:/);
    assert.match((await project.compose('cp', 'web:/nothing', 'got/')).stderr, /Could not find the file \/nothing/);
  });

  test('stats shows what runs', async () => {
    const rows = (await lines('stats', '--no-stream', '--format', 'json')).map((line) => JSON.parse(line).Name);
    assert.deepEqual(new Set(rows), new Set(['verbs-two-1', 'verbs-two-2', 'verbs-web-1']));
  });

  test('pause and unpause freeze what runs; kill sends its signal; wait ends with the code of what ends', async () => {
    await project.must('pause', 'two');
    assert.equal(await project.must('ps', '--status', 'paused', '--services'), 'two');
    await project.must('unpause', 'two');
    const waiting = project.compose('wait', 'two');
    await project.must('kill', '-s', 'TERM', 'two');
    const { code, stdout } = await waiting;
    assert.equal(code, 0);
    assert.match(stdout, /^container "[0-9a-f]{64}" exited with status code 0\n/);
    assert.equal((await project.compose('wait', 'ends')).code, 3);
    assert.match((await project.compose('kill', 'nobody')).stderr, /no such service: nobody/);
    await project.must('start', 'two');
  });

  test('events tells what happened to services, without the labels of Compose', async () => {
    const since = String(Date.now() / 1000);
    await project.must('restart', '-t', '1', 'web');
    const span = ['--since', since, '--until', String(Date.now() / 1000 + 1)];
    const told = (await lines('events', '--json', ...span)).map((line) => JSON.parse(line));
    const start = told.find(({ action }) => action === 'start');
    assert.deepEqual(Object.keys(start).toSorted(), ['action', 'attributes', 'id', 'service', 'time', 'type']);
    assert.deepEqual([start.service, start.type, start.attributes.name], ['web', 'container', 'verbs-web-1']);
    assert.match(
      await project.must('events', ...span, 'web'),
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} container start [0-9a-f]{64} \(image=busybox, name=verbs-web-1/m,
    );
    assert.equal(await project.must('events', ...span, 'two'), '');
  });
});
