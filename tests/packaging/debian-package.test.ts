import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';

/** Making the package and two machines to install it in takes minutes, so it is a run of its own: `npm run test:package`. */
const wanted = process.env['ORLOP_PACKAGE'] ?? '';
const whyNotNow = whyNot() || (wanted === '' ? 'it takes minutes: npm run test:package runs it' : false);

/** `ORLOP_PACKAGE=FILE` tests a package that is there already, `1` one that is made now. */
function makePackage(): string {
  if (wanted !== '1') return resolve(wanted);
  const made = spawnSync(process.execPath, [join(projectRoot, 'scripts/package.ts')], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  return made.stdout.split(' ')[0] ?? '';
}

/** A clean Debian with what the package depends on; busybox-static is what its containers are made of. */
const recipeOf = (suite: string) => ({
  name: `clean/${suite}`,
  suite,
  variants: [{ name: 'machine', init: 'systemd', packages: ['nftables', 'busybox-static', 'man-db'] }],
});

/** A program that says in a volume that it began, and that it was told to end. */
const witness = "trap 'echo told >> /k/notes; exit 0' TERM; echo up >> /k/notes; while :; do sleep 0.1; done";

interface Machine {
  run(...words: string[]): Promise<Outcome>;
  /** As `run`, but a code other than 0 throws; gives the output. */
  must(...words: string[]): Promise<string>;
  /** Asks until the answer fits. */
  until(fits: (answer: string) => boolean, ...words: string[]): Promise<string>;
}

function machineOf(engine: TestEngine, name: string): Machine {
  const run = (...words: string[]): Promise<Outcome> => engine.orlopWith({ timeoutMs: 120_000 }, 'exec', name, ...words);
  return {
    run,
    async must(...words) {
      const { code, stdout, stderr } = await run(...words);
      if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${stderr}${stdout}`);
      return stdout.trim();
    },
    async until(fits, ...words) {
      let answer = '';
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(200)) {
        answer = (await run(...words)).stdout.trim();
        if (fits(answer)) return answer;
      }
      throw new Error(`${words.join(' ')} still says: ${answer}`);
    },
  };
}

describe('the Debian package', { skip: whyNotNow }, () => {
  let engine: TestEngine;
  let deb: string;
  let recipes: string;
  before(async () => {
    deb = makePackage();
    recipes = mkdtempSync(join(tmpdir(), 'orlop-recipes-'));
    for (const suite of ['bookworm', 'trixie']) writeFileSync(join(recipes, `${suite}.json`), JSON.stringify(recipeOf(suite)));
    engine = await startEngine(['--templates', recipes]);
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(recipes, { recursive: true });
  });

  /** A machine that may do what a host may, with a directory for the data root that an overlay can stand on; null when it cannot be made here. */
  const launch = async (t: TestContext, suite: string): Promise<Machine | null> => {
    const { code, stderr } = await engine.orlopWith({ timeoutMs: 280_000 }, 'template', 'build', '-q', `clean/${suite}`);
    if (code !== 0) {
      if (!/cannot be reached|is not installed/.test(stderr)) throw new Error(stderr);
      t.skip(stderr);
      return null;
    }
    await engine.must('launch', '--privileged', '-v', `${suite}-data:/var/lib/orlop`, `clean/${suite}`, suite);
    await engine.must('cp', '-q', deb, `${suite}:/root/orlop.deb`);
    const machine = machineOf(engine, suite);
    await machine.until((answer) => answer === 'running', 'systemctl', 'is-system-running');
    return machine;
  };

  for (const suite of ['bookworm', 'trixie']) {
    test(`installs, upgrades, comes up after a reboot and goes without a trace on a clean ${suite}`, async (t) => {
      const machine = await launch(t, suite);
      if (machine === null) return;
      await t.test("the engine runs once it is installed, and its socket is the group's", () => checkInstalled(machine));
      await t.test('both kinds of container run', () => checkContainers(machine));
      await t.test('an upgrade replaces the engine and leaves containers alone', () => checkUpgrade(machine));
      await t.test('containers are told of a reboot, and started again after it', () => checkReboot(machine));
      await t.test('removal stops everything and keeps the data', () => checkRemoval(machine));
      await t.test('what was there is there again when it is installed again; a purge takes it away', () => checkPurge(machine));
    });
  }
});

async function checkInstalled(machine: Machine): Promise<void> {
  await machine.must('dpkg', '-i', '/root/orlop.deb');
  assert.equal(await machine.must('systemctl', 'is-active', 'orlop.service', 'orlop.socket'), 'active\nactive');
  assert.equal(await machine.must('systemctl', 'is-enabled', 'orlop.service', 'orlop.socket'), 'enabled\nenabled');
  assert.equal(await machine.must('stat', '-c', '%A %U %G', '/run/orlop/orlop.sock'), 'srw-rw---- root orlop');
  const journal = await machine.must('journalctl', '-u', 'orlop', '-o', 'json', '--no-pager');
  const ready = journal.split('\n').map((line) => JSON.parse(line) as { MESSAGE: string; PRIORITY: string; _COMM?: string });
  assert.ok(
    ready.some(({ MESSAGE, PRIORITY }) => MESSAGE.startsWith('ready {') && PRIORITY === '6'),
    journal,
  );
  assert.match(await machine.must('man', 'orlop-run'), /Create and run an app container/);
  assert.match(await machine.must('bash', '-c', '. /usr/share/bash-completion/completions/orlop; complete -p orlop'), /_orlop/);
  assert.match(await machine.must('dpkg', '--verify', 'orlop').catch(() => 'differs'), /^$/);
}

async function checkContainers(machine: Machine): Promise<void> {
  await machine.must('orlop', 'template', 'build', '-q', 'busybox');
  assert.equal(await machine.must('orlop', 'run', '--rm', 'busybox', 'echo', 'hello'), 'hello');
  await machine.must('orlop', 'launch', 'busybox/system', 'box');
  await machine.must('orlop', 'run', '-d', '--name', 'web', '--restart', 'always', '-v', 'notes:/k', 'busybox', 'sh', '-c', witness);
  assert.match(await machine.must('orlop', 'exec', 'box', 'cat', '/proc/1/comm'), /init/);
}

async function checkUpgrade(machine: Machine): Promise<void> {
  const engineOf = (): Promise<string> => machine.must('systemctl', 'show', '-P', 'MainPID', 'orlop.service');
  const containers = (): Promise<string> =>
    machine.must('orlop', 'inspect', '-f', '{{.Name}} {{.State.Pid}} {{.State.StartedAt}}', 'web', 'box');
  const before = { engine: await engineOf(), containers: await containers() };
  const said = await machine.must('dpkg', '-i', '/root/orlop.deb');
  assert.match(said, /over \(/);
  assert.equal(await containers(), before.containers);
  assert.notEqual(await engineOf(), before.engine);
  assert.equal(await notes(machine), 'up');
}

/** What the witness has said so far. */
function notes(machine: Machine): Promise<string> {
  return machine.must('orlop', 'run', '--rm', '-v', 'notes:/k', 'busybox', 'cat', '/k/notes');
}

async function checkReboot(machine: Machine): Promise<void> {
  const first = await machine.must('stat', '-c', '%Y %Z', '/proc/1');
  await machine.run('systemctl', 'reboot');
  await machine.until((answer) => answer !== '' && answer !== first, 'stat', '-c', '%Y %Z', '/proc/1');
  await machine.until((answer) => answer === 'active', 'systemctl', 'is-active', 'orlop.service');
  const names = (answer: string): boolean => ['box', 'web'].every((name) => answer.split('\n').includes(name));
  await machine.until(names, 'orlop', 'ps', '--format', '{{.Names}}');
  assert.equal(await notes(machine), 'up\ntold\nup');
}

async function checkRemoval(machine: Machine): Promise<void> {
  const said = await machine.must('dpkg', '-r', 'orlop');
  assert.match(said, /Stopping all containers, and then the engine/);
  assert.match(said, /stay in \/var\/lib\/orlop until orlop is purged/);
  assert.equal((await machine.run('systemctl', 'is-active', 'orlop.service', 'orlop.socket')).stdout.trim(), 'inactive\ninactive');
  assert.equal((await machine.run('pgrep', '-l', 'bosun|sleep')).stdout, '', 'nothing of it runs');
  assert.match(await machine.must('ls', '/var/lib/orlop'), /orlop\.db/);
  assert.equal((await machine.run('which', 'orlop')).code, 1);
}

async function checkPurge(machine: Machine): Promise<void> {
  await machine.must('dpkg', '-i', '/root/orlop.deb');
  const names = (answer: string): boolean => ['box', 'web'].every((name) => answer.split('\n').includes(name));
  await machine.until(names, 'orlop', 'ps', '--format', '{{.Names}}');
  assert.equal(await notes(machine), 'up\ntold\nup\ntold\nup');
  const said = await machine.must('dpkg', '-P', 'orlop');
  assert.match(said, /Removing all containers, images and volumes in \/var\/lib\/orlop/);
  assert.equal(await machine.must('ls', '-A', '/var/lib/orlop'), '');
  const left = await machine.must('find', '/etc', '/usr', '/var/lib', '/run', '-xdev', '-name', '*orlop*', '-not', '-path', '/run/host/*');
  assert.equal(left, '/var/lib/orlop');
}
