import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type Outcome, type TestEngine } from './harness.ts';

describe('files of containers', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let home = '';
  const here = (...parts: readonly string[]): string => join(home, ...parts);
  const inside = (name: string, script: string): Promise<string> => engine.must('exec', name, 'sh', '-c', script);
  const refused = async (...words: readonly string[]): Promise<string> => {
    const { code, stderr }: Outcome = await engine.orlop(...words);
    assert.notEqual(code, 0, words.join(' '));
    return stderr;
  };

  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'orlop-files-'));
    engine = await startEngine();
    await engine.must('launch', '-q', 'busybox', 'box');
    await engine.must('run', '-d', '--name', 'app', '--tmpfs', '/scratch', 'busybox', 'sleep', '1000');
    await engine.must('create', '--name', 'down', 'busybox', 'true');
    await engine.must('create', '--name', 'sealed', '--read-only', 'busybox', 'true');
    mkdirSync(here('tree/deep'), { recursive: true });
    writeFileSync(here('tree/deep/file'), 'text\n', { mode: 0o640 });
    symlinkSync('deep/file', here('tree/link'));
    writeFileSync(here('one'), 'one\n');
    chmodSync(here('one'), 0o751);
    chownSync(here('one'), 1234, 5678);
    execFileSync('chown', ['-R', '--no-dereference', '1234:5678', here('tree')]);
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(home, { recursive: true, force: true });
  });

  for (const name of ['box', 'app', 'down']) {
    test(`a file pushed into ${name} has owner and permissions as here, or as asked, and comes back the same`, async () => {
      await engine.must('file', 'push', here('one'), `${name}/etc/one`);
      assert.match(await engine.must('file', 'ls', `${name}/etc/one`), /^-rwxr-x--x 1 1234 5678 4 \d{4}-\d\d-\d\d \d\d:\d\d \/etc\/one$/);
      await engine.must('file', 'push', '--uid', '7', '--gid', '8', '--mode', '4755', here('one'), `${name}/etc/one`);
      assert.match(await engine.must('file', 'ls', `${name}/etc/one`), /^-rwsr-xr-x 1 7 8 /);
      await engine.must('file', 'pull', `${name}/etc/one`, here(`back-${name}`));
      assert.equal(readFileSync(here(`back-${name}`), 'utf8'), 'one\n');
      assert.equal(statSync(here(`back-${name}`)).uid, process.getuid?.());
      assert.equal((await engine.orlop('file', 'pull', `${name}/etc/one`, '-')).stdout, 'one\n');
    });

    test(`a tree pushed into ${name} keeps owners, links and permissions, and comes back the same`, async () => {
      await engine.must('file', 'push', '-r', here('tree'), `${name}/srv/a/`, '--create-dirs');
      const listed = JSON.parse(await engine.must('file', 'ls', '--json', `${name}/srv/a/tree/deep`)) as {
        entries: { uid: number; mode: number }[];
      };
      assert.deepEqual(
        listed.entries.map(({ uid, mode }) => [uid, mode]),
        [[1234, 0o640]],
      );
      await engine.must('file', 'pull', '-r', `${name}/srv/a/tree`, here(`tree-${name}`));
      const list = (path: string): string =>
        execFileSync('find', ['.', '-printf', '%P %y %m %s %l\n'], { cwd: path, encoding: 'utf8' }).split('\n').sort().join('\n');
      assert.equal(list(here(`tree-${name}`)), list(here('tree')));
      await engine.must('file', 'push', '-r', '--uid', '3', here('tree'), `${name}/srv/b`);
      assert.match(await engine.must('file', 'ls', `${name}/srv/b/deep/file`), /^-rw-r----- 1 3 5678 /);
      assert.match(await refused('file', 'rm', `${name}/srv/a`), /is a directory/);
      await engine.must('file', 'rm', '-r', `${name}/srv/a`, `${name}/srv/b`);
      assert.match(await refused('file', 'ls', `${name}/srv/a`), /Could not find the file/);
    });
  }

  test('what is pushed into a running one is its own: the container sees the owner that was said', async () => {
    await engine.must('file', 'push', '--uid', '1000', '--gid', '100', here('one'), 'box/tmp/seen');
    assert.equal(await inside('box', 'stat -c "%u %g %a" /tmp/seen'), '1000 100 751');
    assert.equal(await inside('box', 'rm /tmp/seen && echo gone'), 'gone');
  });

  test('standard input becomes a file, which keeps owner and permissions when it is there already', async () => {
    await engine.orlopWith({ input: 'first' }, 'file', 'push', '--uid', '5', '--mode', '0600', '-p', '-', 'box/opt/new/dir/file');
    assert.match(await engine.must('file', 'ls', 'box/opt/new/dir/file'), /^-rw------- 1 5 0 5 /);
    assert.match(await engine.must('file', 'ls', 'box/opt/new'), / 5 0 .* dir$/);
    const { code } = await engine.orlopWith({ input: 'second' }, 'file', 'push', '-', 'box/opt/new/dir/file');
    assert.equal(code, 0);
    assert.match(await engine.must('file', 'ls', 'box/opt/new/dir/file'), /^-rw------- 1 5 0 6 /);
  });

  test('the editor gets the file, and what it saves keeps owner and permissions', async () => {
    await inside('box', 'echo before > /etc/conf.ini; chown 9:9 /etc/conf.ini; chmod 604 /etc/conf.ini; ln -s conf.ini /etc/alias');
    const env = { EDITOR: `sh -c 'case $1 in */alias) sed -i s/before/after/ "$1";; esac' -` };
    assert.equal((await engine.orlopWith({ env: { ...env } }, 'file', 'edit', 'box/etc/alias')).code, 0);
    assert.equal(
      await inside('box', 'cat /etc/conf.ini; stat -c "%u %g %a" /etc/conf.ini; readlink /etc/alias'),
      'after\n9 9 604\nconf.ini',
    );
    const untouched = await engine.orlopWith({ env: { EDITOR: 'true' } }, 'file', 'edit', 'box/etc/alias');
    assert.match(untouched.stderr, /Nothing was changed/);
    const failed = await engine.orlopWith({ env: { EDITOR: 'false' } }, 'file', 'edit', 'box/etc/alias');
    assert.notEqual(failed.code, 0);
  });

  test("a guest's links lead nowhere but into the guest", async () => {
    writeFileSync(here('secret'), 'secret');
    await inside(
      'box',
      `mkdir -p ${home}; ln -sf ../../../../../../../../..${here('secret')} /etc/trap; ln -s /etc/loop /etc/loop; ln -s ${home} /etc/way`,
    );
    assert.match(await refused('file', 'pull', 'box/etc/trap', '-'), /no such file|Could not find/);
    await engine.orlopWith({ input: 'trapped' }, 'file', 'push', '-', 'box/etc/trap');
    assert.equal(readFileSync(here('secret'), 'utf8'), 'secret');
    assert.equal(await inside('box', `cat ${here('secret')}`), 'trapped');
    await engine.orlopWith({ input: 'way' }, 'file', 'push', '-', 'box/etc/way/secret');
    assert.equal(readFileSync(here('secret'), 'utf8'), 'secret');
    assert.match(await refused('file', 'push', here('one'), 'box/etc/loop'), /from link to link/);
    await engine.must('file', 'rm', 'box/etc/trap', 'box/etc/loop', '-r', 'box/etc/way');
    assert.equal(readFileSync(here('secret'), 'utf8'), 'secret');
  });

  test('what is mounted is written to, and never taken away', async () => {
    await engine.must('file', 'push', here('one'), 'app/scratch/one');
    assert.equal(await inside('app', 'cat /scratch/one'), 'one');
    assert.match(await refused('file', 'push', here('one'), 'app/etc/hosts'), /something is mounted there/);
    assert.match(await refused('file', 'rm', 'app/etc/hosts'), /something is mounted there/);
    assert.match(await refused('cp', here('one'), 'app:/etc/hosts'), /something is mounted there/);
    assert.match(await inside('app', 'cat /proc/self/mounts'), / \/etc\/hosts /);
    assert.match(await refused('file', 'rm', '-r', 'app/scratch'), /something is mounted there/);
  });

  test('what cannot be is refused in one sentence', async () => {
    assert.match(await refused('file', 'push', here('one'), 'sealed/etc/one'), /marked read-only/);
    assert.match(await refused('file', 'push', here('tree'), 'box/etc/'), /is a directory: push it with --recursive/);
    assert.match(await refused('file', 'push', '-r', '--mode', '0600', here('tree'), 'box/etc'), /--mode does not go with --recursive/);
    assert.match(await refused('file', 'push', here('one'), 'box/nowhere/one'), /Could not find the file \/nowhere/);
    assert.match(await refused('file', 'push', here('one'), 'box/dev/null'), /no regular file/);
    assert.match(await refused('file', 'pull', 'box/etc', here()), /pull it with --recursive/);
    assert.match(await refused('file', 'pull', 'box/dev/zero', '-'), /no regular file/);
    assert.match(await refused('file', 'rm', 'box/etc/nothing'), /Could not find the file/);
    assert.match(await refused('file', 'rm', '-r', 'box/'), /is a directory/);
    assert.match(await refused('file', 'ls', 'bix/etc'), /did you mean "box"/);
    assert.match(await refused('file', 'push', here('one'), '--uid', '70000', 'box/etc/one'), /not mapped/);
    await engine.must('file', 'rm', '-f', 'box/etc/nothing');
  });

  test('directories are made with their owner, and those that are there stay', async () => {
    await engine.must('file', 'mkdir', '-p', '--uid', '11', '--mode', '0700', 'box/var/new/inner');
    assert.match(await engine.must('file', 'ls', 'box/var/new'), /^drwx------ 2 11 0 /);
    await engine.must('file', 'mkdir', 'box/var/new/inner');
    assert.match(await engine.must('file', 'ls', 'box/var/new'), /^drwx------ 2 11 0 /);
    assert.match(await refused('file', 'mkdir', 'box/etc/passwd'), /is no directory/);
  });

  test('a push that breaks off changes nothing and leaves nothing', async () => {
    await inside('box', 'mkdir /root/push; echo whole > /root/push/file');
    const child = engine.spawn('file', 'push', '-', 'box/root/push/file');
    child.stdin?.write('half');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(await inside('box', 'ls -A /root/push; cat /root/push/file'), 'file\nwhole');
  });
});
