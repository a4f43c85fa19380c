import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { findDockerPlugin } from '../clients/docker-plugins.ts';
import { composeProject, keepRunning, type ComposeProject } from './compose-project.ts';
import { runCommand, startEngine, whyNot, type Outcome, type TestEngine } from './harness.ts';

const reason = whyNot();
const plugin = reason === false ? findDockerPlugin('docker-compose') : null;

describe('orlop compose', { skip: reason }, () => {
  let engine: TestEngine;
  let projects = 0;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  const project = (text: string): ComposeProject => composeProject(engine, `p${++projects}`, text);

  const two = (environment: string): string => `services:
  a: {image: busybox, command: ${keepRunning}, environment: {X: "${environment}"}}
  b: {image: busybox, command: ${keepRunning}, depends_on: [a]}
`;

  test('up creates what is missing, does nothing the second time, and replaces only what has changed; down leaves nothing', async () => {
    const { name, must, compose, ids, write } = project(two('1'));
    await must('up', '-d');
    const [a, b] = [await ids('a'), await ids('b')];
    assert.deepEqual([a.length, b.length], [1, 1]);
    assert.equal(await must('up', '--dry-run'), '');
    assert.match((await compose('up', '-d')).stderr, new RegExp(`Container ${name}-a-1 {2}Running`));
    assert.deepEqual([await ids('a'), await ids('b')], [a, b]);
    write(two('2'));
    assert.match(await must('up', '--dry-run'), new RegExp(`Container ${name}-a-1 {2}Creating`));
    await must('up', '-d');
    assert.notDeepEqual(await ids('a'), a);
    assert.deepEqual(await ids('b'), b);
    assert.equal(await must('exec', 'a', 'sh', '-c', 'echo $X'), '2');
    assert.equal(await must('ps', '-a', '--format', '{{.Name}}'), `${name}-a-1\n${name}-b-1`);
    await must('down');
    assert.equal(await engine.must('ps', '-a', '-q', '--filter', `label=com.docker.compose.project=${name}`), '');
    assert.doesNotMatch(await engine.must('network', 'ls'), new RegExp(name));
  });

  test('a service can be a machine, which others find by name and whose settings are kept', async () => {
    const { name, must, compose, write } = project(`services:
  box: {x-orlop: {kind: system, template: busybox, settings: {limits.pids: 500}}, environment: {X: "1"}}
  asks: {image: busybox, command: [sh, -c, "ping -c 1 box >&2 && echo found"], depends_on: [box]}
`);
    await must('up', '-d');
    assert.equal(
      await engine.must('inspect', '-f', '{{index .Config.Labels "orlop.kind"}} {{.HostConfig.PidsLimit}}', `${name}-box-1`),
      'system 500',
    );
    assert.match(await must('exec', 'box', 'cat', '/proc/1/comm'), /init/);
    assert.match(await must('wait', 'asks'), /^container "[0-9a-f]{64}" exited with status code 0$/);
    assert.match(await must('logs', 'asks'), /found/);
    assert.equal(await must('up', '--dry-run', 'box'), '');
    await must('down');
    write('services: {box: {x-orlop: {kind: vm}, image: busybox}}');
    const { code, stderr } = await compose('config');
    assert.equal(code, 1);
    assert.match(stderr, /compose\.yaml:1:\d+: services\.box\.x-orlop: .*kind must be app or system/);
  });

  test('services start when what they depend on is healthy or has done its work, and not when it failed', async () => {
    const { must, compose, write } = project(`services:
  work: {image: busybox, command: [sh, -c, "sleep 0.3; echo done > /v/file"], volumes: ["shared:/v"]}
  well: {image: busybox, command: [sh, -c, "sleep 0.5; touch /ok; sleep 1000"], stop_signal: KILL, healthcheck: {test: [CMD, test, -e, /ok], interval: 1s, start_period: 20s, start_interval: 100ms}}
  last:
    image: busybox
    command: [cat, /v/file]
    volumes: ["shared:/v"]
    depends_on: {work: {condition: service_completed_successfully}, well: {condition: service_healthy}}
volumes: {shared: }
`);
    await must('up', '-d');
    await must('wait', 'last');
    assert.equal(await must('logs', '--no-log-prefix', 'last'), 'done');
    await must('down', '-v');
    write(`services:
  bad: {image: busybox, command: [sh, -c, "exit 3"]}
  last: {image: busybox, command: ["true"], depends_on: {bad: {condition: service_completed_successfully}}}
`);
    const failed = await compose('up', '-d', '--remove-orphans');
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /didn't complete successfully: exit 3/);
    await must('down');
  });

  test('replicas are added and taken away, and each has its number', async () => {
    const { name, must, ids } = project(`services: {a: {image: busybox, command: ${keepRunning}, scale: 2}}`);
    await must('up', '-d');
    const first = await ids('a');
    assert.equal(first.length, 2);
    await must('up', '-d', '--scale', 'a=3');
    assert.deepEqual((await ids('a')).filter((id) => first.includes(id)).length, 2);
    await must('scale', 'a=1');
    assert.equal(await must('ps', '--format', '{{.Name}}'), `${name}-a-1`);
    await must('down');
  });

  test('configs and secrets come from files, variables and the Compose file, with their owners and modes', async () => {
    const { must, write } = project(`services:
  a:
    image: busybox
    command: ${keepRunning}
    secrets: [one, {source: two, target: deep/two, uid: "7", mode: 0400}]
    configs: [{source: three, target: /etc/three}]
secrets: {one: {file: ./one}, two: {environment: VARIABLE}}
configs: {three: {content: "three is \${VARIABLE}"}}
`);
    write('first', 'one');
    write('VARIABLE=second', '.env');
    await must('up', '-d');
    const said = await must(
      'exec',
      'a',
      'sh',
      '-c',
      'cat /run/secrets/one /run/secrets/deep/two /etc/three; stat -c " %u %a" /run/secrets/deep/two',
    );
    assert.equal(said, 'firstsecondthree is second 7 400');
    await must('down');
  });

  test('up without -d shows each line with its service, and ends with the code of the service that it is told', async () => {
    const { compose, must } = project(`services:
  a: {image: busybox, command: [sh, -c, "echo hello; exit 5"]}
  b: {image: busybox, command: ${keepRunning}}
`);
    const { code, stdout } = await compose('up', '--exit-code-from', 'a');
    assert.match(stdout, /^a-1 {2}\| hello$/m);
    assert.match(stdout, /a-1 exited with code 5/);
    assert.equal(code, 5);
    assert.equal(await must('ps', '-q'), '');
    await must('down');
  });

  test('an interrupt stops what up without -d has started, and leaves it there', async () => {
    const { name, directory, must } = project(two('1'));
    const child = engine.spawn('compose', '-f', join(directory, 'compose.yaml'), 'up');
    const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
    child.stdout?.resume();
    child.stderr?.resume();
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; await delay(50))
      if ((await must('ps', '-q')).split('\n').length === 2) break;
    await delay(200);
    child.kill('SIGINT');
    assert.equal(await ended, 130);
    assert.equal(
      (await must('ps', '-a', '--format', '{{.Name}} {{.State}}')).split('\n').toSorted().join(),
      `${name}-a-1 exited,${name}-b-1 exited`,
    );
    await must('down');
  });

  test('verbs act on the services that are named', async () => {
    const { name, must, compose } = project(two('1'));
    await must('up', '-d');
    await must('stop', 'b');
    assert.equal(await must('ps', '--services'), 'a');
    await must('start');
    assert.equal(await must('ps', '--services'), 'a\nb');
    await must('pause', 'a');
    assert.equal(await must('ps', '--format', '{{.State}}', 'a'), 'paused');
    await must('unpause', 'a');
    await must('restart', 'a');
    await must('kill', 'b');
    await must('rm', '-f', 'b');
    assert.equal(await must('ps', '-a', '--services'), 'a');
    assert.match(await must('top'), /while :/);
    assert.match(await must('ls'), new RegExp(`${name}\\s+running\\(1\\)`));
    assert.match((await compose('stop', 'nobody')).stderr, /no such service: nobody/);
    await must('down');
  });

  test('hooks run after the start and before the stop', async () => {
    const { must, directory } = project(`services:
  a:
    image: busybox
    command: ${keepRunning}
    volumes: ["./out:/out"]
    post_start: [{command: [sh, -c, "echo started >> /out/log"]}]
    pre_stop: [{command: [sh, -c, "echo stopping >> /out/log"]}]
`);
    await must('up', '-d');
    await must('down');
    const { stdout } = await runCommand('cat', [join(directory, 'out/log')]);
    assert.equal(stdout, 'started\nstopping\n');
  });

  test('a hook that fails is told with its status; before a stop it keeps nothing from being stopped', async () => {
    const service = (phase: string): string =>
      `services: {a: {image: busybox, command: ${keepRunning}, ${phase}: [{command: [sh, -c, 'exit 7']}]}}\n`;
    const { must, compose, write } = project(service('post_start'));
    const started = await compose('up', '-d');
    assert.deepEqual([started.code, /a hook exited with status 7/.test(started.stderr)], [1, true], started.stderr);
    await must('down', '-t', '0');
    write(service('pre_stop'));
    await must('up', '-d');
    const stopped = await compose('down', '-t', '0');
    assert.deepEqual([stopped.code, /a hook exited with status 7/.test(stopped.stderr)], [1, true], stopped.stderr);
    assert.equal(await must('ps', '-q'), '');
    await must('down');
  });

  test('whatever moment up is killed in, the next one finishes the work', async () => {
    const { name, must, write, directory } = project(two('0'));
    await must('up', '-d');
    for (let round = 1; round <= 8; round++) {
      write(two(String(round)));
      const child = engine.spawn('compose', '-f', join(directory, 'compose.yaml'), 'up', '-d', '-t', '1');
      await delay(60 * round);
      child.kill('SIGKILL');
    }
    await must('up', '-d', '-t', '1');
    assert.equal(
      (await must('ps', '-a', '--format', '{{.Name}} {{.State}}')).split('\n').toSorted().join(),
      `${name}-a-1 running,${name}-b-1 running`,
    );
    assert.equal(await must('exec', '-T', 'a', 'sh', '-c', 'echo $X'), '8');
    assert.equal(await must('up', '--dry-run'), '');
    await must('down');
  });

  test('run gives a service one more container, for one command, beside those that run', async () => {
    const { name, must, compose } = project(`services:
  a: {image: busybox, command: ${keepRunning}, environment: {X: own}, depends_on: [b], ports: ["127.0.0.1::80"], networks: [n]}
  b: {image: busybox, command: ${keepRunning}, networks: [n]}
networks: {n: , unused: }
`);
    const { code, stdout } = await compose(
      'run',
      '--rm',
      '-T',
      '-e',
      'Y=more',
      'a',
      'sh',
      '-c',
      'echo $X $Y; ping -c 1 -W 5 b > /dev/null && echo found; exit 4',
    );
    assert.equal(stdout, 'own more\nfound\n');
    assert.equal(code, 4);
    assert.equal(await must('ps', '-a', '--format', '{{.Name}}'), `${name}-b-1`);
    assert.doesNotMatch(await engine.must('network', 'ls', '--format', '{{.Name}}'), /unused/);
    await must('down');
  });

  test('up builds what is not here, from the Dockerfile or the Compose file, and again with --build', async () => {
    const { must, ids, write } = project(`services:
  a: {build: {context: ., args: {WORD: hello}}, command: ${keepRunning}}
  b: {build: {additional_contexts: {base: "service:a"}, dockerfile_inline: "FROM base\\nRUN echo inline >> /word\\n"}, command: ${keepRunning}}
`);
    write('FROM busybox\nARG WORD\nRUN echo $WORD > /word\n', 'Dockerfile');
    await must('up', '-d');
    assert.equal(await must('exec', '-T', 'a', 'cat', '/word'), 'hello');
    assert.equal(await must('exec', '-T', 'b', 'cat', '/word'), 'hello\ninline');
    const before = await ids('a');
    await must('up', '-d', '--build');
    assert.deepEqual(await ids('a'), before);
    write('FROM busybox\nRUN echo other > /word\n', 'Dockerfile');
    await must('up', '-d', '--build');
    assert.equal(await must('exec', '-T', 'a', 'cat', '/word'), 'other');
    await must('down', '--rmi', 'local');
  });

  test('watch brings files that change into containers without a program there, and removes them', async () => {
    const { name, directory, must, write } = project(`services:
  a:
    image: busybox
    command: ${keepRunning}
    develop: {watch: [{path: ./src, action: sync, target: /app, ignore: ["*.log"], initial_sync: true}]}
`);
    mkdirSync(join(directory, 'src'));
    write('first', 'src/file');
    const watching = engine.spawn('compose', '--project-directory', directory, 'watch');
    try {
      const inside = async (): Promise<string> =>
        (await engine.orlop('exec', `${name}-a-1`, 'sh', '-c', 'cd /app && grep -r . . | sort')).stdout.trim();
      const becomes = async (wanted: string): Promise<void> => {
        let said = '';
        for (const deadline = Date.now() + 30_000; Date.now() < deadline; await delay(100)) if ((said = await inside()) === wanted) return;
        assert.equal(said, wanted);
      };
      await becomes('./file:first');
      await delay(500);
      write('second', 'src/file');
      write('no', 'src/x.log');
      mkdirSync(join(directory, 'src/deep'));
      write('inner', 'src/deep/other');
      await becomes('./deep/other:inner\n./file:second');
      rmSync(join(directory, 'src/file'));
      await becomes('./deep/other:inner');
    } finally {
      watching.kill('SIGINT');
    }
    await must('down');
  });

  test('the Compose plugin sees the same project, and finds nothing to do', {
    skip: plugin === null ? 'docker-compose 2 is not here' : false,
  }, async () => {
    const { directory, must, ids, write } = project(two('1').replace('environment', 'env_file: vars, label_file: vars, environment'));
    write('FROM_FILE=1', 'vars');
    await must('up', '-d');
    const before = [...(await ids('a')), ...(await ids('b'))];
    const theirs = (...args: string[]): Promise<Outcome> =>
      runCommand(plugin ?? '', args, { cwd: directory, env: { DOCKER_HOST: engine.host, HOME: engine.root } });
    const listed = await theirs('ps', '-q', '--no-trunc');
    assert.deepEqual(listed.stdout.trim().split('\n').toSorted(), before.toSorted());
    const up = await theirs('up', '-d');
    assert.equal(up.code, 0, up.stderr);
    assert.deepEqual([...(await ids('a')), ...(await ids('b'))], before);
    // What Compose makes is ours as well.
    assert.equal((await theirs('down')).code, 0);
    assert.equal((await theirs('up', '-d')).code, 0);
    assert.equal(await must('up', '--dry-run'), '');
    await must('down');
  });
});
