// Other people's Compose, Debian's docker-compose 1.29 (Python) and the plugin of today (Go), against the engine.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';
import { findDockerPlugin } from './docker-plugins.ts';

const reason = whyNot();
const installed = spawnSync('docker-compose', ['version', '--short'], { encoding: 'utf8' }).stdout ?? '';

const composes = [
  { who: 'docker-compose 1.29', program: installed.startsWith('1.') ? 'docker-compose' : null, get: 'apt-get install docker-compose' },
  {
    who: 'docker compose 2',
    program: reason === false ? findDockerPlugin('docker-compose') : null,
    get: 'apt-get install docker-compose-v2',
  },
];

const file = (version: string): string => `services:
  database:
    image: busybox
    command: [sh, -c, "[ -e /data/index.html ] || echo kept > /data/index.html; exec httpd -f -p 80 -h /data"]
    stop_signal: KILL
    volumes: ["data:/data"]
    networks: {back: {aliases: [store]}}
    healthcheck: {test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1/"], interval: 200ms, retries: 50}
  app:
    image: busybox
    command: [sh, -c, "trap 'exit 0' TERM; echo app is here; while :; do sleep 0.1; done"]
    volumes: [/kept]
    environment: {VERSION: "${version}"}
    networks: [front, back]
    depends_on: {database: {condition: service_healthy}}
  front:
    image: busybox
    command: [sh, -c, "mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www"]
    stop_signal: KILL
    ports: ["127.0.0.1::80"]
    networks: [front]
    depends_on: [app]
networks: {front: {}, back: {internal: true}}
volumes: {data: {}}
`;

for (const { who, program, get } of composes)
  describe(`${who} with the engine`, { skip: reason || (program === null ? `it is not here: ${get}` : false) }, () => {
    let engine: TestEngine;
    let directory: string;
    before(async () => {
      engine = await startEngine();
      await engine.must('template', 'build', 'busybox');
      directory = join(engine.root, 'tiers');
      mkdirSync(directory);
      writeFileSync(join(directory, 'docker-compose.yml'), file('1'));
    });
    after(() => engine[Symbol.asyncDispose]());

    const compose = (...args: string[]): Promise<Outcome> =>
      runCommand(program ?? '', args, { cwd: directory, env: { DOCKER_HOST: engine.host, HOME: engine.root }, timeoutMs: 90_000 });
    const must = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await compose(...args);
      assert.equal(code, 0, `${who} ${args.join(' ')}: ${stderr}${stdout}`);
      return stdout.trimEnd();
    };
    const ids = async (...services: string[]): Promise<string[]> =>
      (await must('ps', '-q', ...services))
        .split('\n')
        .filter((id) => id !== '')
        .toSorted();

    test('brings up services in their order, shows them, and finds nothing to do the second time', async () => {
      await must('up', '-d');
      const listed = await must('ps');
      assert.match(listed, /tiers[-_]database[-_]1.*Up.*\(healthy\)/);
      for (const service of ['app', 'front']) assert.match(listed, new RegExp(`tiers[-_]${service}[-_]1.*Up`));
      assert.match(await must('logs', 'app'), /app is here/);
      const before = await ids();
      assert.equal(before.length, 3);
      await must('up', '-d');
      assert.deepEqual(await ids(), before);
    });

    test('runs commands in containers, which find each other by aliases and only in shared networks', async () => {
      assert.equal(await must('exec', '-T', 'app', 'wget', '-q', '-O', '-', 'http://store/'), 'kept');
      assert.notEqual((await compose('exec', '-T', 'front', 'wget', '-q', '-T', '2', '-O', '-', 'http://store/')).code, 0);
      const failed = await compose(
        'run',
        '--rm',
        '-T',
        '-e',
        'MORE=yes',
        'app',
        'sh',
        '-c',
        'wget -q -O - http://store/; echo $MORE; exit 4',
      );
      assert.equal(failed.code, 4);
      assert.match(failed.stdout, /kept\s+yes/);
      assert.equal((await ids()).length, 3);
    });

    test('publishes ports, shows processes, and freezes services', async () => {
      const place = await must('port', 'front', '80');
      assert.match(place, /^127\.0\.0\.1:\d+$/);
      assert.equal(await (await fetch(`http://${place}/`)).text(), 'page\n');
      assert.match(await must('top', 'front'), /httpd -f/);
      await must('pause', 'app');
      assert.match(await must('ps', '--filter', 'status=paused', '--services'), /^app$/m);
      await must('unpause', 'app');
    });

    test('scales, restarts, stops and starts', async () => {
      await must('up', '-d', '--scale', 'app=3');
      assert.equal((await ids('app')).length, 3);
      await must('up', '-d', '--scale', 'app=1');
      const [app = ''] = await ids('app');
      const begun = await engine.must('inspect', '-f', '{{.State.StartedAt}}', app);
      await must('restart', 'app');
      assert.deepEqual(await ids('app'), [app]);
      assert.notEqual(await engine.must('inspect', '-f', '{{.State.StartedAt}}', app), begun);
      await must('stop', 'front');
      assert.match(await engine.must('ps', '-a', '--format', '{{.Names}} {{.State}}'), /front[-_]1 exited/);
      await must('start', 'front');
      assert.match(await engine.must('ps', '--format', '{{.Names}} {{.State}}'), /front[-_]1 running/);
    });

    test('replaces what has changed and keeps volumes; down -v leaves nothing', async () => {
      const [database, app] = [await ids('database'), await ids('app')];
      await must('exec', '-T', 'database', 'sh', '-c', 'echo changed > /data/index.html');
      await must('exec', '-T', 'app', 'touch', '/kept/file');
      writeFileSync(join(directory, 'docker-compose.yml'), file('2'));
      await must('up', '-d');
      assert.deepEqual(await ids('database'), database);
      assert.notDeepEqual(await ids('app'), app);
      assert.equal(await must('exec', '-T', 'app', 'sh', '-c', 'echo $VERSION; ls /kept'), '2\nfile');
      await must('down');
      await must('up', '-d');
      assert.equal(await must('exec', '-T', 'app', 'wget', '-q', '-O', '-', 'http://store/'), 'changed');
      await must('down', '-v');
      assert.equal(await engine.must('ps', '-aq'), '');
      assert.doesNotMatch(await engine.must('volume', 'ls'), /tiers/);
      assert.doesNotMatch(await engine.must('network', 'ls'), /tiers/);
    });
  });
