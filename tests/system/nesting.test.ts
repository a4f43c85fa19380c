import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot, startEngine, whyNot, type TestEngine } from './harness.ts';

/** A distribution with two container engines in it takes minutes to be made. */
const whyNotNow = whyNot() || (process.env['ORLOP_DISTRIBUTIONS'] === '1' ? false : 'it takes minutes: npm run test:distributions runs it');

const recipe = {
  name: 'nest/trixie',
  suite: 'trixie',
  variants: [
    { name: 'app' },
    {
      name: 'machine',
      base: 'app',
      init: 'systemd',
      default: true,
      packages: [
        'podman',
        'docker.io',
        'docker-cli',
        'fuse-overlayfs',
        'uidmap',
        'nftables',
        'iptables',
        'busybox-static',
        'bzip2',
        'xz-utils',
        'zstd',
      ],
      commands: ['useradd -m -s /bin/bash worker'],
    },
  ],
};

/** A root of busybox alone, as what other engines import. */
const makeRoot =
  'mkdir -p /r/bin /r/etc && cp /bin/busybox /r/bin/ && for a in sh true cat echo; do ln -sf busybox /r/bin/$a; done && tar -C /r -cf /r.tar .';

/** Where the host's controllers are version 1 the machine's cgroup2 tree has none of them, and podman's usual limit of processes cannot be set. */
const podman = ['podman', 'run', '--pids-limit=0', '--rm'];

describe('in a machine without any privilege', { skip: whyNotNow }, () => {
  let engine: TestEngine;
  let why: string | false = false;
  const templates = mkdtempSync(join(tmpdir(), 'orlop-templates-'));

  before(async () => {
    writeFileSync(join(templates, 'nest.json'), JSON.stringify(recipe));
    engine = await startEngine(['--templates', templates]);
    const { code, stderr } = await engine.orlopWith({ timeoutMs: 280_000 }, 'template', 'build', '-q', 'nest/trixie');
    if (code !== 0 && !/cannot be reached|is not installed/.test(stderr)) throw new Error(stderr);
    if (code !== 0) why = stderr;
    if (why !== false) return;
    await engine.must('launch', '--set', 'security.idmap.size=262144', '-v', `${projectRoot}:${projectRoot}:ro`, 'nest/trixie', 'nest');
    const isUp = async (): Promise<boolean> => (await engine.orlop('exec', 'nest', 'systemctl', 'is-system-running', '--wait')).code === 0;
    for (const deadline = Date.now() + 60_000; !(await isUp()); await delay(100)) assert.ok(Date.now() < deadline, 'it did not boot');
    await engine.must('exec', 'nest', 'sh', '-c', makeRoot);
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(templates, { recursive: true });
  });

  const inside = (...words: string[]): Promise<string> => engine.must('exec', 'nest', ...words);

  test('podman runs containers, with a network and without', async (context) => {
    if (why !== false) return context.skip(why);
    await inside('podman', 'import', '-q', '/r.tar', 'localhost/tiny:1');
    assert.equal(await inside(...podman, 'localhost/tiny:1', 'echo', 'hello'), 'hello');
    assert.equal(await inside(...podman, '--network', 'none', 'localhost/tiny:1', 'echo', 'hello'), 'hello');
  });

  test('podman runs containers of a user who is not root, with a range of ids of its own', async (context) => {
    if (why !== false) return context.skip(why);
    const asWorker = (...words: string[]): Promise<string> => inside('runuser', '-l', 'worker', '-c', words.join(' '));
    const flags = ['--network', 'none', '--cgroups', 'disabled'];
    await asWorker('podman', 'import', '-q', '/r.tar', 'localhost/tiny:1');
    const map = await asWorker(...podman, ...flags, 'localhost/tiny:1', 'cat', '/proc/self/uid_map');
    assert.match(map, /^\s+1\s+\d+\s+65536$/m);
  });

  test('Docker runs containers', async (context) => {
    if (why !== false) return context.skip(why);
    await inside('docker', 'import', '/r.tar', 'tiny:1');
    assert.equal(await inside('docker', 'run', '--rm', 'tiny:1', 'echo', 'hello'), 'hello');
  });

  test("Orlop's own quick tests run", async (context) => {
    if (why !== false) return context.skip(why);
    const rooms = execFileSync('sh', ['-c', 'ls -d src/errors src/oci src/wire src/ignore src/build src/cli'], {
      cwd: projectRoot,
      encoding: 'utf8',
    });
    const patterns = rooms
      .trim()
      .split('\n')
      .map((room) => `'${room}/**/*.test.ts'`);
    const said = await engine.orlopWith(
      { timeoutMs: 280_000 },
      'exec',
      'nest',
      'sh',
      '-c',
      `cd ${projectRoot} && build/node --test --test-reporter=dot ${patterns.join(' ')}`,
    );
    assert.equal(said.code, 0, said.stdout.slice(-4000));
  });
});
