import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot, startEngine, whyNot, type TestEngine } from './harness.ts';
import { openTerminal } from './typed-terminal.ts';

const orlop = join(projectRoot, 'bin/orlop');

describe('the console of a machine', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const command = (rest: string): string => `${orlop} -H ${engine.host} ${rest}`;
  before(async () => {
    engine = await startEngine();
    await engine.must('launch', '-q', 'busybox', 'box');
    await engine.must('run', '-d', '--name', 'app', 'busybox', 'sleep', '1000');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('ctrl-a q lets go of it, ctrl-p ctrl-q too, and who comes back finds the same shell', async () => {
    const first = openTerminal(command('console box'));
    await first.until(/ctrl-a q lets go of it/);
    first.type('\r');
    await first.until(/[#$] /);
    first.type('word=kept-$((40+2))\r');
    first.type('\x01q');
    assert.equal(await first.ended, 0);
    const second = openTerminal(command('console box'));
    await second.until(/lets go of it/);
    second.type('echo $word\r');
    await second.until(/kept-42/);
    second.type('\x10\x11');
    assert.equal(await second.ended, 0);
    assert.equal(await engine.must('inspect', '-f', '{{.State.Status}}', 'box'), 'running');
  });

  test('several people see the same, and each can type', async () => {
    const [one, two] = [openTerminal(command('console box')), openTerminal(command('attach box'))];
    await one.until(/lets go of it/);
    one.type('\r');
    await two.until(/[#$] /);
    one.type('echo from-one-$((1+0))\r');
    await Promise.all([one.until(/from-one-1/), two.until(/from-one-1/)]);
    two.type('echo from-two-$((1+1))\r');
    await Promise.all([one.until(/from-two-2/), two.until(/from-two-2/)]);
    one.type('\x01q');
    two.type('\x10\x11');
    assert.deepEqual(await Promise.all([one.ended, two.ended]), [0, 0]);
  });

  test('what it has said is in its log, and --show-log begins at the last start', async () => {
    const marked = openTerminal(command('console box'));
    await marked.until(/lets go of it/);
    marked.type('\recho before-$((4+5))\r');
    await marked.until(/before-9/);
    marked.type('\x01q');
    await marked.ended;
    assert.match(await engine.must('console', '--show-log', 'box'), /before-9/);
    await engine.must('restart', 'box');
    assert.doesNotMatch(await engine.must('console', '--show-log', 'box'), /before-9/);
    assert.match(await engine.must('logs', 'box'), /before-9/);
  });

  test('it outlives the engine', async () => {
    await engine.kill();
    await engine.start();
    const again = openTerminal(command('console box'));
    await again.until(/lets go of it/);
    again.type('\recho back-$((3+1))\r');
    await again.until(/back-4/);
    again.type('\x01q');
    assert.equal(await again.ended, 0);
  });

  test('what has no console, or does not run, is told in one sentence', async () => {
    assert.match((await engine.orlop('console', 'app')).stderr, /has no console.*\n.*orlop attach app/);
    assert.match((await engine.orlop('console', 'box')).stderr, /not a TTY/);
    await engine.must('stop', 'box');
    assert.match((await engine.orlop('console', 'box')).stderr, /stopped container/);
    await engine.must('start', 'box');
  });

  test('shell logs in: home, login shell and TERM are those of a login', async () => {
    const typed = openTerminal(`stty rows 31 cols 91; TERM=vt220 ${command('shell box')}`);
    typed.type('cd; pwd; echo $0 $USER $TERM; stty size; tty\r');
    await typed.until(/\/root[\s\S]*-sh root vt220[\s\S]*31 91[\s\S]*\/dev\/pts\/\d/);
    typed.type('exit 7\r');
    assert.equal(await typed.ended, 7);
    assert.deepEqual(await engine.orlopWith({ input: 'id -u\nexit 3\n' }, 'shell', 'box'), { code: 3, stdout: '0\n', stderr: '' });
    assert.equal(await engine.must('shell', 'box', 'echo', 'a  b'), 'a  b');
    assert.equal(await engine.must('shell', 'app', 'cd /etc; pwd; echo $HOME'), '/etc\n/root');
    assert.match((await engine.orlop('shell', '-u', 'nemo', 'app')).stderr, /unable to find user nemo/);
    assert.notEqual((await engine.orlop('shell', '-u', 'nemo', 'box', 'true')).code, 0);
  });
});

describe('the console of Debian with systemd', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const command = (rest: string): string => `${orlop} -H ${engine.host} ${rest}`;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'debian/trixie');
    await engine.must('launch', '-q', 'debian/trixie', 'deb');
    // Until its bus is there nothing answers.
    await engine.must('exec', 'deb', 'sh', '-c', 'until systemctl is-system-running --wait; do sleep 0.2; done 2>/dev/null');
    await engine.must('exec', 'deb', 'sh', '-c', 'echo root:seven-seas | chpasswd && useradd -m -s /bin/bash alice');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('has a login that takes the password, and a shell that is told from others', async () => {
    const typed = openTerminal(command('console deb'));
    await typed.until(/lets go of it/);
    typed.type('\r');
    await typed.until(/deb login: $/);
    typed.type('root\r');
    await typed.until(/Password: $/);
    typed.type('seven-seas\r');
    await typed.until(/root@deb:~# /);
    typed.type('tty; loginctl list-sessions --no-legend | grep -c root\r');
    await typed.until(/\/dev\/console\r\n[1-9]\r\n/);
    typed.type('exit\r');
    await typed.until(/exit[\s\S]*deb login: $/);
    typed.type('\x01q');
    assert.equal(await typed.ended, 0);
  });

  test('shell opens a session of the user with all that a login sets', async () => {
    assert.match(
      await engine.must('shell', '-u', 'alice', 'deb', 'echo $HOME $SHELL $XDG_RUNTIME_DIR; pwd; id -un'),
      /^\/home\/alice \/bin\/bash \/run\/user\/1000\n\/home\/alice\nalice$/,
    );
  });

  test('prints the boot, from its first line', async () => {
    assert.match(await engine.must('console', '--show-log', 'deb'), /systemd .* running in system mode[\s\S]*Welcome to[\s\S]*Debian/);
  });
});
