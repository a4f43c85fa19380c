import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { projectRoot } from '../../scripts/rooms.ts';

const packages = ['gcc', 'libc6-dev', 'mmdebstrap', 'debian-archive-keyring', 'nftables', 'busybox-static', 'ca-certificates'];

interface Checkout {
  readonly folder: string;
  write(path: string, text: string): void;
  /** A command on the search path that notes its name and arguments and then runs this shell text. */
  command(name: string, shell: string): void;
  /** Says which Debian packages are installed from now on. */
  install(...names: readonly string[]): void;
  setUp(): { code: number | null; out: string; err: string; ran: string[] };
}

/** The set-up's own files in a folder of their own, around made-up sources, with made-up commands for everything that it runs. */
function makeCheckout(t: TestContext): Checkout {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'orlop-setup-')));
  t.after(() => rmSync(folder, { recursive: true }));
  const notes = join(folder, 'notes');
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const command = (name: string, shell: string): void => {
    write(`commands/${name}`, `#!/bin/sh\necho "${name} $*" >> ${notes}\n${shell}\n`);
    chmodSync(join(folder, 'commands', name), 0o755);
  };
  cpSync(join(projectRoot, 'scripts/setup.mjs'), join(folder, 'scripts/setup.mjs'));
  cpSync(join(projectRoot, 'scripts/setup'), join(folder, 'scripts/setup'), { recursive: true });
  write('package.json', '{ "type": "module" }');
  write('package-lock.json', '{}');
  write('native/x.c', 'int x;');
  write('src/sys/plan/table.ts', '');
  write('native/build.ts', builder(notes, 'natives', ['bosun', 'sys.node']));
  write('scripts/library.ts', '');
  write('scripts/executable.ts', '');
  write('scripts/programs.ts', '');
  write(
    'scripts/bundle.ts',
    builder(notes, 'bundles', ['orlop.mjs', 'orlopd.mjs', 'orlop-runtime.mjs', 'store-worker.mjs', 'file-worker.mjs', 'library/index.js']),
  );
  mkdirSync(join(folder, 'commands'));
  symlinkSync(process.execPath, join(folder, 'commands/node'));
  command('npm', `/bin/mkdir -p ${folder}/node_modules`);
  command('apt-get', 'exit 100');
  const install = (...names: readonly string[]): void =>
    write('commands/dpkg-query', `#!/bin/sh\nprintf '%s installed\\n' ${names.join(' ')}\n`);
  install(...packages);
  chmodSync(join(folder, 'commands/dpkg-query'), 0o755);
  return { folder, write, command, install, setUp: () => setUp(folder, notes) };
}

function builder(notes: string, name: string, outputs: readonly string[]): string {
  return `import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync(${JSON.stringify(notes)}, ${JSON.stringify(`${name}\n`)});
mkdirSync('build/library', { recursive: true });
for (const output of ${JSON.stringify(outputs)}) writeFileSync('build/' + output, '');
`;
}

function setUp(folder: string, notes: string): { code: number | null; out: string; err: string; ran: string[] } {
  writeFileSync(notes, '');
  const env = { PATH: join(folder, 'commands') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'scripts/setup.mjs')], { cwd: '/', env, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr, ran: readFileSync(notes, 'utf8').split('\n').filter(Boolean) };
}

const debian = existsSync('/etc/os-release') && /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));
const onDebian = { skip: debian ? false : 'asks for Debian packages only on Debian and Ubuntu' };
const asRoot = { skip: debian && process.getuid?.() === 0 ? false : 'installs packages only as root on Debian and Ubuntu' };

test('the first run does each step once, the second none', onDebian, (t) => {
  const { folder, setUp } = makeCheckout(t);
  const first = setUp();
  assert.equal(first.code, 0, first.err);
  assert.deepEqual(first.ran, ['npm ci --ignore-scripts --no-audit --no-fund', 'natives', 'bundles']);
  assert.equal(realpathSync(join(folder, 'build/node')), realpathSync(process.execPath));
  const second = setUp();
  assert.deepEqual(second.ran, []);
  assert.match(second.out, /^set-up: up to date \(/);
});

test('what has changed, or is gone, is made again and nothing else', onDebian, (t) => {
  const { folder, write, setUp } = makeCheckout(t);
  setUp();
  write('src/oci/digest.ts', 'export const x = 1;');
  assert.deepEqual(setUp().ran, ['bundles']);
  write('src/oci/digest.test.ts', 'a test is in no bundle');
  assert.deepEqual(setUp().ran, []);
  appendFileSync(join(folder, 'native/x.c'), 'int y;');
  assert.deepEqual(setUp().ran, ['natives', 'bundles']);
  rmSync(join(folder, 'build/bosun'));
  assert.deepEqual(setUp().ran, ['natives']);
  write('package-lock.json', '{ "packages": {} }');
  assert.deepEqual(setUp().ran, ['npm ci --ignore-scripts --no-audit --no-fund', 'bundles']);
});

test('missing Debian packages are installed, with fresh lists when the old ones do not do', asRoot, (t) => {
  const { folder, command, install, setUp } = makeCheckout(t);
  install(...packages.filter((name) => name !== 'nftables'));
  command('apt-get', `case "$*" in *update) : > ${folder}/updated ;; *) [ -e ${folder}/updated ] ;; esac`);
  const { code, ran } = setUp();
  assert.equal(code, 0);
  const options = '-o DPkg::Lock::Timeout=300 -q';
  const wanted = `apt-get ${options} install -y --no-install-recommends nftables`;
  assert.deepEqual(ran.slice(0, 3), [wanted, `apt-get ${options} update`, wanted]);
});

test('a plain user is told the command that installs what is missing', asRoot, (t) => {
  const { folder, install } = makeCheckout(t);
  install('gcc');
  chmodSync(folder, 0o755);
  const options = { cwd: '/', env: { PATH: join(folder, 'commands') }, encoding: 'utf8', uid: 65534, gid: 65534 } as const;
  if (spawnSync(process.execPath, ['--version'], options).status !== 0) return t.skip('this Node lies where a plain user cannot reach it');
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'scripts/setup.mjs')], options);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^set-up: only root can install missing packages\. Run "sudo apt-get install .*nftables busybox-static ca-certificates"/,
  );
});

test('a step that fails stops the rest, with what the command said and one sentence', asRoot, (t) => {
  const { command, install, write, setUp } = makeCheckout(t);
  write('native/build.ts', 'console.error("cc is unhappy"); process.exit(1);');
  const natives = setUp();
  assert.equal(natives.code, 1);
  assert.match(natives.err, /^cc is unhappy\nset-up: "build\/node native\/build.ts" failed\./);
  assert.deepEqual(natives.ran, ['npm ci --ignore-scripts --no-audit --no-fund']);
  write('package-lock.json', '{ "new": true }');
  command('npm', 'echo "no route to registry" >&2; exit 1');
  assert.match(setUp().err, /^no route to registry\nset-up: "npm ci" failed\./);
  install('gcc');
  command('apt-get', 'echo "no mirror" >&2; exit 100');
  assert.match(setUp().err, /^no mirror\nset-up: apt-get update failed\./);
});
