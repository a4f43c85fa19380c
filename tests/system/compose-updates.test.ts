import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { composeProject, keepRunning, type ComposeProject } from './compose-project.ts';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

describe('updates by orlop compose', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let projects = 0;
  const project = (text: string): ComposeProject => composeProject(engine, `u${++projects}`, text);
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('what ran before runs again when an update fails and --rollback-on-failure says so', async () => {
    const file = (health: string): string => `services:
  a: {image: busybox, command: ${keepRunning}, healthcheck: {test: [CMD, ${health}], interval: 200ms, retries: 2}}
`;
    const { name, must, compose, ids, write } = project(file('"true"'));
    await must('up', '-d', '--wait');
    const before = await ids('a');
    write(file('"false"'));
    const failed = await compose('up', '-d', '--rollback-on-failure');
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /is unhealthy/);
    assert.deepEqual(await ids('a'), before);
    assert.equal(await must('ps', '--format', '{{.Name}} {{.State}}'), `${name}-a-1 running`);
    await must('down');
  });

  test('a rolling update that starts the new one first always has one that is healthy', async () => {
    const file = (environment: string): string => `services:
  a:
    image: busybox
    command: ${keepRunning}
    environment: {X: "${environment}"}
    healthcheck: {test: [CMD, "true"], interval: 1s, start_period: 5s, start_interval: 100ms}
    deploy: {replicas: 2, update_config: {order: start-first, parallelism: 1}}
`;
    const { name, must, ids, write } = project(file('1'));
    await must('up', '-d', '--wait');
    const old = await ids('a');
    write(file('2'));
    const plan = (await must('up', '--dry-run')).split('\n');
    const at = (line: RegExp): number => plan.findIndex((text) => line.test(text));
    assert.ok(at(new RegExp(`^Container ${name}-a-1 {2}Waiting`)) < at(/^Container [0-9a-f]{12}_.*-a-1 {2}Stopping/), plan.join('\n'));
    assert.ok(at(/^Container [0-9a-f]{12}_.*-a-1 {2}Stopping/) < at(new RegExp(`^Container ${name}-a-2 {2}Waiting`)), plan.join('\n'));
    await must('up', '-d', '--wait');
    const now = await ids('a');
    assert.equal(now.length, 2);
    assert.deepEqual(
      now.filter((id) => old.includes(id)),
      [],
    );
    assert.equal((await must('ps', '--format', '{{.Name}}')).split('\n').toSorted().join(' '), `${name}-a-1 ${name}-a-2`);
    await must('down');
  });

  test('an update that fails goes on, stops, or brings back what ran, as update_config says', async () => {
    const file = (version: string, action: string, command: string): string => `services:
  a:
    image: busybox
    command: ${command}
    environment: {X: "${version}"}
    deploy:
      replicas: 2
      update_config: {failure_action: ${action}, monitor: 600ms, parallelism: 1}
      rollback_config: {parallelism: 0, order: start-first}
`;
    const dies = '[sh, -c, "sleep 0.2; exit 9"]';
    const { name, must, compose, ids, write } = project(file('1', 'rollback', keepRunning));
    await must('up', '-d');
    const before = await ids('a');
    write(file('2', 'rollback', dies));
    const back = await compose('up', '-d');
    assert.equal(back.code, 1);
    assert.match(back.stderr, /update of service a failed: container .*-a-1 (ended|exited) \(9\)/);
    assert.deepEqual(await ids('a'), before);
    assert.equal(
      (await must('ps', '-a', '--format', '{{.Name}} {{.State}}')).split('\n').toSorted().join(),
      `${name}-a-1 running,${name}-a-2 running`,
    );

    write(file('3', 'pause', dies));
    assert.equal((await compose('up', '-d')).code, 1);
    assert.match(await must('ps', '-a', '--format', '{{.Name}} {{.State}}'), new RegExp(`^${name}-a-2 running$`, 'm'));
    assert.match(await must('ps', '-a', '--format', '{{.Name}} {{.State}}'), new RegExp(`^${name}-a-1 exited$`, 'm'));

    write(file('4', 'continue', dies));
    const on = await compose('up', '-d');
    assert.equal(on.code, 0, on.stderr);
    assert.match(on.stderr, /-a-2 failed, the update of service a goes on/);
    assert.equal(await must('ps', '-q'), '');
    await must('down');
  });

  test('a network whose settings change is made anew, with what is in it', async () => {
    const file = (internal: boolean): string => `services:
  a: {image: busybox, command: ${keepRunning}, networks: [n]}
  b: {image: busybox, command: ${keepRunning}, network_mode: none}
networks: {n: {internal: ${internal}}}
`;
    const { name, must, write, ids } = project(file(false));
    await must('up', '-d');
    const [a, b] = [await ids('a'), await ids('b')];
    write(file(true));
    await must('up', '-d');
    assert.equal(await engine.must('network', 'inspect', '--format', '{{.Internal}}', `${name}_n`), 'true');
    assert.notDeepEqual(await ids('a'), a);
    assert.deepEqual(await ids('b'), b);
    assert.equal(await must('up', '--dry-run'), '');
    await must('down');
  });

  test('up --watch shows what containers say, also after they were restarted for files that changed', async () => {
    const { directory, must, write } = project(`services:
  a:
    image: busybox
    command: [sh, -c, "trap 'exit 0' TERM; echo begins with $$(cat /file); while :; do sleep 0.1; done"]
    develop: {watch: [{path: ./file, action: sync+restart, target: /file, initial_sync: false}]}
`);
    write('nothing', 'file');
    const child = engine.spawn('compose', '--project-directory', directory, 'up', '--watch');
    const ended = once(child, 'close');
    let said = '';
    let told = '';
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (told += chunk.toString()));
    const until = async (what: () => boolean): Promise<void> => {
      for (const deadline = Date.now() + 30_000; !what(); await delay(50)) assert.ok(Date.now() < deadline, `${said}\n${told}`);
    };
    await until(() => /a-1 {2}\| begins with/.test(said) && told.includes('Watch enabled'));
    await until(() => {
      // Who follows files may not be there yet.
      write(`change ${Date.now()}`, 'file');
      return /a-1 {2}\| begins with change/.test(said);
    });
    child.kill('SIGINT');
    assert.deepEqual((await ended)[0], 130);
    assert.equal(await must('ps', '-q'), '');
    assert.match((await engine.orlop('compose', '--project-directory', directory, 'up', '-d', '--watch')).stderr, /do not go with --watch/);
    await must('down');
  });
});
