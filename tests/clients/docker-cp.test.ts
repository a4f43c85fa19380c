import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';

function dockerMissing(): string | false {
  try {
    execFileSync('docker', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'docker is not installed (docker.io or docker-cli)';
  }
}

describe('docker cp', { skip: whyNot() || dockerMissing() }, () => {
  let engine: TestEngine;
  let home = '';
  const here = (...parts: readonly string[]): string => join(home, ...parts);
  const docker = (...words: readonly string[]): Promise<Outcome> =>
    runCommand('docker', words, { env: { DOCKER_HOST: engine.host, DOCKER_CONFIG: here('config') } });
  const must = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await docker(...words);
    assert.equal(code, 0, `docker ${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  const inside = (name: string, script: string): Promise<string> => engine.must('exec', name, 'sh', '-c', script);

  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'orlop-cp-'));
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
    await engine.must('run', '-d', '--name', 'up', '--tmpfs', '/scratch', 'busybox', 'sleep', '1000');
    await engine.must('exec', 'up', 'mkdir', '/srv');
    await engine.must('create', '--name', 'down', 'busybox', 'true');
    await engine.must('create', '--name', 'owned', '--user', '1000:1000', 'busybox', 'true');
    await engine.must('create', '--name', 'sealed', '--read-only', 'busybox', 'true');
    mkdirSync(here('tree/deep'), { recursive: true });
    writeFileSync(here('tree/deep/file'), 'text\n', { mode: 0o640 });
    symlinkSync('deep/file', here('tree/link'));
    writeFileSync(here('one'), 'two');
    execFileSync('chown', ['-R', '--no-dereference', '1234:5678', here('tree')]);
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(home, { recursive: true, force: true });
  });

  for (const name of ['up', 'down'])
    test(`a tree goes into a container that is ${name} and comes back the same`, async () => {
      await must('cp', '-a', here('tree'), `${name}:/etc`);
      await must('cp', '-a', `${name}:/etc/tree`, here(`back-${name}`));
      const list = (path: string): string =>
        execFileSync('find', ['.', '-printf', '%P %y %m %s %l\n'], { cwd: path, encoding: 'utf8' }).split('\n').sort().join('\n');
      assert.equal(list(here(`back-${name}`)), list(here('tree')));
      assert.equal(readFileSync(here(`back-${name}/deep/file`), 'utf8'), 'text\n');
      assert.match(await listed(name, '/etc/tree'), /1234\/5678 .* tree\/deep\/file\n.* 1234\/5678 .* tree\/link -> deep\/file/s);
      if (name === 'up') assert.equal(await inside('up', 'stat -c "%u:%g %a" /etc/tree/deep/file'), '1234:5678 640');
    });

  test('owners are those of the container: what is its root’s inside is its root’s, whatever the user namespace', async () => {
    await must('cp', here('one'), 'up:/etc/copied');
    assert.equal(await inside('up', 'stat -c "%u:%g" /etc/copied'), '0:0');
    await inside('up', 'touch /etc/own && chown 7:8 /etc/own');
    assert.match(await listed('up', '/etc/own'), / 7\/8 .* own\n$/);
  });

  test('files that are mounted in a running container are read and written where they are', async () => {
    await must('cp', here('tree/deep/file'), 'up:/scratch/there');
    assert.equal(await inside('up', 'cat /scratch/there'), 'text');
    assert.match(await must('cp', 'up:/etc/hostname', '-'), /hostname/);
  });

  test('a file replaces a file, never a directory; what is not there is named', async () => {
    writeFileSync(here('one'), 'one');
    await must('cp', here('one'), 'up:/srv/one');
    writeFileSync(here('one'), 'two');
    await must('cp', here('one'), 'up:/srv/one');
    assert.equal(await inside('up', 'cat /srv/one; mkdir -p /srv/one-dir/one'), 'two');
    const refused = await docker('cp', here('one'), 'up:/srv/one-dir');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /cannot overwrite directory "\/srv\/one-dir\/one" with non-directory/);
    assert.match((await docker('cp', 'up:/nowhere', here('x'))).stderr, /Could not find the file \/nowhere in container up/);
    assert.match((await docker('cp', here('one'), 'up:/no/where/')).stderr, /Could not find the file|no such directory/i);
  });

  test('a root that is read-only takes nothing, in either state', async () => {
    assert.match((await docker('cp', here('one'), 'sealed:/etc/one')).stderr, /container rootfs is marked read-only/);
    await engine.must('run', '-d', '--name', 'sealed-up', '--read-only', 'busybox', 'sleep', '1000');
    assert.match((await docker('cp', here('one'), 'sealed-up:/etc/one')).stderr, /container rootfs is marked read-only/);
  });

  test('a mount that is read-only is told from the root that it is in', async () => {
    await must('create', '--name', 'closed', '-v', 'closed:/closed:ro', 'busybox');
    assert.match((await docker('cp', here('one'), 'closed:/closed/one')).stderr, /mounted volume is marked read-only/);
    assert.match((await docker('cp', 'closed:nowhere/', here('x'))).stderr, /Could not find the file nowhere\/ in container closed/);
  });

  test('the working directory of a container that was never started is there', async () => {
    await must('create', '--name', 'fresh', '-w', '/home/foo/bar', 'busybox');
    await must('cp', 'fresh:/home/foo/bar', here('bar'));
    assert.ok(existsSync(here('bar')));
  });

  test('links in a container lead within it, and so do those that an archive brings', async () => {
    const secret = here('secret');
    writeFileSync(secret, 'secret');
    await inside('up', `ln -s ${home} /srv/host; ln -s / /srv/root; mkdir -p ${home}`);
    await must('cp', here('one'), 'up:/srv/host/planted');
    assert.equal(existsSync(here('planted')), false);
    assert.equal(await inside('up', `cat ${home}/planted`), 'two');
    assert.equal((await docker('cp', `up:/srv/host/secret`, here('stolen'))).code, 1);
    // An archive whose first entry is a link to the host's directory, and whose second goes through it.
    mkdirSync(here('evil'));
    symlinkSync(home, here('evil/way'));
    execFileSync('tar', ['-cf', here('evil.tar'), '-C', here('evil'), 'way']);
    rmSync(here('evil/way'));
    mkdirSync(here('evil/way'));
    writeFileSync(here('evil/way/planted-again'), 'x');
    execFileSync('tar', ['-rf', here('evil.tar'), '-C', here('evil'), 'way/planted-again']);
    await put('up', '/srv', readFileSync(here('evil.tar')));
    assert.equal(existsSync(here('planted-again')), false);
    execFileSync('tar', ['-cPf', here('climb.tar'), '-C', here('tree'), '--transform', 's,deep/file,../../climbed,', 'deep/file']);
    assert.match((await put('up', '/srv', readFileSync(here('climb.tar')))).body, /would be outside/);
  });

  test('what a path is, its kind in the words of Go, and where a link leads', async () => {
    await inside('up', 'ln -s ../etc/hosts /srv/to-hosts; ln -s /srv/to-hosts /srv/to-link');
    const facts = async (path: string): Promise<Record<string, unknown>> => (await head('up', path)) as Record<string, unknown>;
    const link = await facts('/srv/to-link');
    assert.deepEqual([link['name'], link['linkTarget'], Number(link['mode']) >= 2 ** 27], ['to-link', '/etc/hosts', true]);
    const directory = await facts('/srv/.');
    assert.deepEqual([directory['name'], Number(directory['mode'])], ['.', 2 ** 31 + 0o755]);
  });

  test('a copy for the container’s own user belongs to it', async () => {
    const tar = execFileSync('tar', ['-c', '-C', here('tree/deep'), 'file']);
    assert.equal((await put('owned', '/etc', tar, '&copyUIDGID=1')).status, 200);
    assert.match(await listed('owned', '/etc/file'), / 1000\/1000 .* file\n$/);
  });

  test('links are copied as links, and followed when that is asked for', async () => {
    await must('cp', 'up:/etc/tree/link', here('as-link'));
    assert.equal(readlinkSync(here('as-link')), 'deep/file');
    await must('cp', '-L', 'up:/etc/tree/link', here('as-file'));
    assert.ok(lstatSync(here('as-file')).isFile());
  });

  const shape = (path: string): string =>
    execFileSync('find', ['.', '-printf', '%P %y %m %s %l\\n'], { cwd: path, encoding: 'utf8' }).split('\n').sort().join('\n');
  const lay = (path: string): string => {
    mkdirSync(join(path, 'there/tree'), { recursive: true });
    writeFileSync(join(path, 'file'), 'old');
    return path;
  };

  describe('and orlop cp land in the same places', () => {
    const outs: [from: string, to: string, ...flags: string[]][] = [
      ['up:/etc/tree', 'new'],
      ['up:/etc/tree/', 'new'],
      ['up:/etc/tree/.', 'new'],
      ['up:/etc/tree', 'there'],
      ['up:/etc/tree/.', 'there'],
      ['up:/etc/tree', 'file'],
      ['up:/etc/tree/deep/file', 'file'],
      ['up:/etc/tree/deep/file', 'new-file'],
      ['up:/etc/tree/deep/file', 'new-file/'],
      ['up:/etc/tree/deep/file', 'there'],
      ['up:/etc/tree/deep/file', 'no/where'],
      ['up:/etc/tree/link', 'there'],
      ['up:/etc/tree/link', 'there', '-L'],
      ['up:/etc/nothing', 'there'],
    ];
    for (const [from, to, ...flags] of outs)
      test(['out', ...flags, from, to].join(' '), async () => {
        const [theirs, ours] = [lay(mkdtempSync(here('out-'))), lay(mkdtempSync(here('out-')))];
        const one = await docker('cp', ...flags, from, `${theirs}/${to}`);
        const other = await engine.orlop('cp', ...flags, from, `${ours}/${to}`);
        assert.equal(other.code === 0, one.code === 0, `${one.stderr}${other.stderr}`);
        assert.equal(shape(ours), shape(theirs));
      });

    const ins: [from: string, to: string, ...flags: string[]][] = [
      ['tree', 'new'],
      ['tree/', 'new'],
      ['tree/.', 'new'],
      ['tree', 'there'],
      ['tree/.', 'there'],
      ['tree', 'file'],
      ['tree/deep/file', 'file'],
      ['tree/deep/file', 'new-file'],
      ['tree/deep/file', 'new-file/'],
      ['tree/deep/file', 'there/'],
      ['tree/deep/file', 'way'],
      ['tree/deep/file', 'no/where/'],
      ['tree/link', 'there'],
      ['tree/link', 'there', '-L'],
      ['nothing', 'there'],
    ];
    for (const [from, to, ...flags] of ins)
      test(['in', ...flags, from, to].join(' '), async () => {
        await inside(
          'up',
          'rm -rf /lay; for w in theirs ours; do mkdir -p /lay/$w/there/tree; echo old >/lay/$w/file; ln -s there /lay/$w/way; done',
        );
        const one = await docker('cp', ...flags, here(from), `up:/lay/theirs/${to}`);
        const other = await engine.orlop('cp', ...flags, here(from), `up:/lay/ours/${to}`);
        assert.equal(other.code === 0, one.code === 0, `${one.stderr}${other.stderr}`);
        const list = (whose: string): Promise<string> => inside('up', `cd /lay/${whose} && find . | sort | xargs stat -c '%n %F %a %s'`);
        assert.equal(await list('ours'), await list('theirs'));
      });

    test('archives come from and go to standard streams', async () => {
      const { stdout } = await engine.orlop('cp', 'up:/etc/tree/deep', '-');
      assert.match(stdout, /deep\/file/);
      const input = execFileSync('tar', ['-c', '-C', here('tree'), 'deep'], { encoding: 'latin1' });
      assert.equal((await engine.orlopWith({ input }, 'cp', '-', 'up:/scratch')).code, 0);
      assert.equal(await inside('up', 'cat /scratch/deep/file'), 'text');
      assert.match((await engine.orlopWith({ input }, 'cp', '-', 'up:/etc/passwd')).stderr, /must be a directory/);
      assert.match((await engine.orlop('cp', here('one'), 'nobody:/x')).stderr, /No such container/);
      assert.match((await engine.orlop('cp', 'up:/a', 'down:/b')).stderr, /copying between containers is not supported/);
    });
  });

  const call = (
    method: string,
    path: string,
    body?: Uint8Array,
  ): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const asked = request({ socketPath: engine.socket, method, path }, (answer) => {
        const { statusCode: status = 0, headers } = answer;
        buffer(answer).then((said) => resolve({ status, headers, body: said }), reject);
      });
      asked.on('error', reject);
      asked.end(body);
    });
  const archive = async (name: string, path: string): Promise<Buffer> =>
    (await call('GET', `/containers/${name}/archive?path=${encodeURIComponent(path)}`)).body;
  const listed = async (name: string, path: string): Promise<string> =>
    execFileSync('tar', ['-tvf', '-', '--numeric-owner'], { input: await archive(name, path), encoding: 'utf8' });
  const put = async (name: string, path: string, tar: Uint8Array, more = ''): Promise<{ status: number; body: string }> => {
    const { status, body } = await call('PUT', `/containers/${name}/archive?path=${encodeURIComponent(path)}${more}`, tar);
    return { status, body: body.toString() };
  };
  const head = async (name: string, path: string): Promise<unknown> => {
    const { headers } = await call('HEAD', `/containers/${name}/archive?path=${encodeURIComponent(path)}`);
    return JSON.parse(Buffer.from(String(headers['x-docker-container-path-stat']), 'base64').toString());
  };
});
