import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { isAtLeast, kernelRelease, readMountinfo } from '#sys';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const image = 'busybox';
/** With user ids of its own, and with the host's. */
const users = [
  ['with ids of its own', []],
  ['with the host’s ids', ['--userns', 'host']],
] as const;

function owner(path: string): string {
  const { uid, gid } = lstatSync(path);
  return `${uid}:${gid}`;
}

describe('volumes and mounts', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let count = 0;
  /** A directory of the host's for one test. */
  let host = '';
  const content = (volume: string): string => join(engine.dataRoot, 'volumes', volume, '_data');
  const sh = (flags: readonly string[], script: string): Promise<string> => engine.must('run', '--rm', ...flags, image, 'sh', '-c', script);
  const fails = async (flags: readonly string[], script = 'true'): Promise<string> => {
    const { code, stderr } = await engine.orlop('run', '--rm', ...flags, image, 'sh', '-c', script);
    assert.notEqual(code, 0);
    return stderr;
  };

  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    const script = `mkdir -p /data/sub && echo hello >/data/sub/file && ln /data/sub/file /data/hard && ln -s sub/file /data/link &&
      chown -R 33:44 /data && chmod 2751 /data && chmod 4755 /data/hard && touch -d '2001-02-03 04:05:06' /data/sub/file /data`;
    await engine.must('run', '--name', 'base', image, 'sh', '-c', script);
    await engine.must('commit', '-c', 'VOLUME /data', 'base', 'filled');
    await engine.must('rm', 'base');
  });
  after(() => engine[Symbol.asyncDispose]());
  beforeEach(() => {
    host = join(engine.root, `host${++count}`);
    mkdirSync(host);
  });

  for (const [how, flags] of users) {
    test(`a container ${how} sees owners of a bind as they are on disk, and what it writes is owned as it sees it`, async () => {
      writeFileSync(join(host, 'given'), '');
      chownSync(join(host, 'given'), 7, 8);
      const seen = await sh(
        [...flags, '-v', `${host}:/d`],
        'stat -c %u:%g /d /d/given; touch /d/root /d/other; chown 33:44 /d/other; chmod 4755 /d/other',
      );
      assert.equal(seen, '0:0\n7:8');
      assert.deepEqual([owner(join(host, 'root')), owner(join(host, 'other'))], ['0:0', '33:44']);
      assert.equal(lstatSync(join(host, 'other')).mode & 0o7777, 0o4755);
    });

    test(`a container ${how} finds a volume as another left it`, async () => {
      const volume = `kept${count}`;
      await sh([...flags, '-v', `${volume}:/d`], 'echo kept >/d/file; chown 5:6 /d/file');
      assert.equal(owner(join(content(volume), 'file')), '5:6');
      for (const [, others] of users)
        assert.equal(await sh([...others, '-v', `${volume}:/e`], 'cat /e/file; stat -c %u:%g /e/file'), 'kept\n5:6');
    });

    test(`uid and gid make an owner on disk the root of a container ${how}`, async () => {
      chownSync(host, 1000, 100);
      const seen = await sh(
        [...flags, '-v', `${host}:/d:uid=1000,gid=100`],
        'stat -c %u:%g /d; touch /d/root; mkdir /d/sub; chown 5:6 /d/sub; chown 1000 /d/root 2>&1; true',
      );
      assert.match(seen, /^0:0\nchown: .*too large/);
      assert.deepEqual([owner(join(host, 'root')), owner(join(host, 'sub'))], ['1000:100', '5:6']);
    });

    test(`a read-only mount stays so for the root of a container ${how}`, async () => {
      await engine.must('volume', 'create', `ro${count}`);
      const attempt = 'touch /d/x 2>&1; touch /v/x 2>&1; true';
      const seen = await sh([...flags, '-v', `${host}:/d:ro`, '--mount', `source=ro${count},target=/v,readonly`], attempt);
      assert.equal(seen.match(/Read-only file system/g)?.length, 2);
      assert.deepEqual(readdirSync(host), []);
    });
  }

  test('whoever may mount cannot take read-only off its mounts', async () => {
    const attempt = 'mount -o remount,bind,rw /d 2>&1; touch /d/x 2>&1; true';
    assert.match(await sh(['--privileged', '--userns', 'auto', '-v', `${host}:/d:ro`], attempt), /denied.*\n.*Read-only/);
    assert.deepEqual(readdirSync(host), []);
  });

  test('files, sockets and device nodes are bound, at places that are made for them', async () => {
    writeFileSync(join(host, 'file'), 'content');
    const flags = [
      '-v',
      `${join(host, 'file')}:/new/place/file:ro`,
      '-v',
      '/dev/null:/new/null',
      '-v',
      `${engine.socket}:/run/engine.sock`,
    ];
    assert.equal(
      await sh(flags, 'cat /new/place/file; echo; test -c /new/null && echo x >/new/null; test -S /run/engine.sock && echo socket'),
      'content\nsocket',
    );
  });

  test('what is bound over the files that the engine writes takes their place', async () => {
    writeFileSync(join(host, 'hosts'), 'mine');
    assert.equal(await sh(['-v', `${join(host, 'hosts')}:/etc/hosts`], 'cat /etc/hosts'), 'mine');
  });

  test('-v makes a missing source, --mount says that it is missing', async () => {
    await sh(['-v', `${host}/made/by:/d`], 'touch /d/x');
    assert.ok(existsSync(join(host, 'made/by/x')));
    const message = await fails(['--mount', `type=bind,source=${host}/missing,target=/d`]);
    assert.match(message, new RegExp(`invalid mount config for type "bind": bind source path does not exist: ${host}/missing`));
    assert.ok(!existsSync(join(host, 'missing')));
    assert.equal(await engine.must('ps', '-aq'), '');
  });

  describe('an empty volume gets what the image has at its place', () => {
    const expected = ['33:44 2751 /d', '33:44 755 /d/sub', '33:44 644 /d/sub/file', '33:44 4755 /d/hard'];
    const look =
      'stat -c "%u:%g %a %n" /d /d/sub; stat -c "%u:%g %Y %n" /d/sub/file; readlink /d/link; test /d/hard -ef /d/sub/file && echo same';

    for (const [how, flags] of users) {
      test(`with owners, modes, times and links, for a container ${how}`, async () => {
        const volume = `copied${count}`;
        await engine.must('run', '--rm', ...flags, '-v', `${volume}:/data`, 'filled', 'true');
        const seen = await sh([...flags, '-v', `${volume}:/d`], look);
        const time = Date.parse('2001-02-03T04:05:06Z') / 1000;
        assert.equal(seen, `${expected[0]}\n${expected[1]}\n33:44 ${time} /d/sub/file\nsub/file\nsame`);
        assert.equal(owner(content(volume)), '33:44');
      });
    }

    test('once: what is in it later stays', async () => {
      const volume = `once${count}`;
      await engine.must('run', '--rm', '-v', `${volume}:/data`, 'filled', 'rm', '-r', '/data/sub');
      assert.equal(await engine.must('run', '--rm', '-v', `${volume}:/data`, 'filled', 'ls', '/data'), 'hard\nlink');
    });

    test('not with nocopy, and not into a bind', async () => {
      assert.equal(await engine.must('run', '--rm', '-v', `none${count}:/data:nocopy`, 'filled', 'ls', '/data'), '');
      assert.equal(await engine.must('run', '--rm', '-v', `${host}:/data`, 'filled', 'ls', '/data'), '');
    });

    test('an anonymous one too, which goes with rm -v and with --rm, and stays with rm', async () => {
      const before = await engine.must('volume', 'ls', '-q');
      assert.equal(await engine.must('run', '--rm', 'filled', 'cat', '/data/link'), 'hello');
      assert.equal(await engine.must('volume', 'ls', '-q'), before);
      await engine.must('create', '--name', 'holder', 'filled');
      const [name = ''] = (await engine.must('volume', 'ls', '-q', '-f', 'dangling=false')).split('\n');
      assert.match(name, /^[0-9a-f]{64}$/);
      await engine.must('rm', '-v', 'holder');
      await engine.must('create', '--name', 'holder', 'filled');
      await engine.must('rm', 'holder');
      assert.match(await engine.must('volume', 'prune', '-f'), /^Deleted Volumes:\n[0-9a-f]{64}\n/);
      assert.equal(await engine.must('volume', 'ls', '-q'), before);
    });
  });

  test('volumes of other containers, as these have them or read-only', async () => {
    await engine.must('create', '--name', 'giver', '-v', `given${count}:/one`, '-v', `${host}:/two:ro`, image);
    await sh(['--volumes-from', 'giver'], 'touch /one/x; touch /two/x; true');
    assert.ok(existsSync(join(content(`given${count}`), 'x')));
    assert.deepEqual(readdirSync(host), []);
    assert.match(await sh(['--volumes-from', 'giver:ro'], 'ls /one; touch /one/y 2>&1; true'), /^x\ntouch: .*Read-only/);
    assert.match((await engine.orlop('volume', 'rm', `given${count}`)).stderr, /volume is in use - \[[0-9a-f]{64}\]/);
    assert.equal(await engine.must('ps', '-a', '--filter', `volume=given${count}`, '--format', '{{.Names}}'), 'giver');
    await engine.must('rm', 'giver');
    await engine.must('volume', 'rm', `given${count}`);
  });

  test('a tmpfs has its size and mode', async () => {
    const seen = await sh(
      ['--mount', 'type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=711'],
      'stat -c %a /t; df -k /t | tail -1; grep " /t " /proc/mounts',
    );
    assert.match(seen, /^711\ntmpfs +1024 [\s\S]*nosuid,nodev,noexec/);
  });

  describe('a subpath', () => {
    test('is what is mounted, and must be there', async () => {
      const volume = `sub${count}`;
      await sh(['-v', `${volume}:/d`], 'mkdir -p /d/a/b; echo deep >/d/a/b/file');
      assert.equal(await sh(['--mount', `source=${volume},target=/d,volume-subpath=a/b`], 'ls /d'), 'file');
      assert.equal(await sh(['--mount', `source=${volume},target=/f,volume-subpath=a/b/file`], 'cat /f'), 'deep');
      assert.match(await fails(['--mount', `source=${volume},target=/d,volume-subpath=none`]), /cannot access none in volume/);
      assert.match(
        await fails(['--mount', `source=${volume},target=/d,volume-subpath=../x`]),
        /subpath must be a relative path within the volume/,
      );
    });

    test('never leaves its volume by links that a container made', async () => {
      const volume = `attack${count}`;
      writeFileSync(join(host, 'secret'), 'secret');
      await engine.must('volume', 'create', volume);
      for (const [name, target] of [
        ['absolute', host],
        ['up', '../'.repeat(12) + host.slice(1)],
        ['root', '/'],
        ['proc', '/proc/self/root'],
      ] as const)
        symlinkSync(target, join(content(volume), name));
      for (const path of ['absolute', 'up', 'proc', 'root/etc', 'up/../up'])
        assert.match(await fails(['--mount', `source=${volume},target=/d,volume-subpath=${path}`], 'cat /d/secret'), /cannot access/);
      const listed = await sh(['--mount', `source=${volume},target=/d,volume-subpath=root`], 'ls /d');
      assert.equal(listed, 'absolute\nproc\nroot\nup');
    });
  });

  test('an image is mounted read-only, whole or a part of it, and stays as long as that', async () => {
    const mount = 'type=image,source=filled,target=/img';
    assert.match(
      await sh(['--mount', mount], 'cat /img/data/link; stat -c %u:%g /img/data; touch /img/x 2>&1; true'),
      /^hello\n33:44\ntouch: .*Read-only/,
    );
    await engine.must('create', '--name', 'shows', '--mount', 'type=image,source=filled,target=/img', image, 'cat', '/img/data/link');
    assert.match((await engine.orlop('rmi', 'filled')).stderr, /shows/);
    assert.equal(await engine.must('start', '-a', 'shows'), 'hello');
    await engine.must('rm', 'shows');
  });

  test('a part of an image is mounted as such', { skip: !isAtLeast(kernelRelease(), 6, 15) && 'needs Linux 6.15' }, async () => {
    const part = (path: string): string[] => ['--mount', `type=image,source=filled,target=/img,image-subpath=${path}`];
    assert.equal(await sh(part('data/sub'), 'ls /img; stat -c %u:%g /img'), 'file\n33:44');
    assert.equal(await sh(part('data/link'), 'cat /img'), 'hello');
    assert.match(await fails(part('none')), /cannot access none in image filled/);
  });

  describe('mounts below a bind', () => {
    test('come along, unless they are left out, and are read-only with it', async (t) => {
      mkdirSync(join(host, 'below'));
      execFileSync('mount', ['-t', 'tmpfs', 'below', join(host, 'below')]);
      t.after(() => execFileSync('umount', [join(host, 'below')]));
      writeFileSync(join(host, 'below/file'), '');
      chownSync(join(host, 'below/file'), 7, 8);
      const bind = `type=bind,source=${host},target=/d`;
      assert.equal(await sh(['--mount', bind], 'stat -c %u:%g /d/below/file'), '7:8');
      assert.equal(await sh(['--mount', `${bind},bind-recursive=disabled`], 'ls /d/below'), '');
      assert.match(await sh(['--mount', `${bind},readonly`], 'touch /d/below/x 2>&1; true'), /Read-only/);
      assert.equal(await sh(['--mount', `${bind},readonly,bind-recursive=writable`], 'touch /d/below/x; ls /d/below'), 'file\nx');
    });

    test('whose owners cannot be mapped are named', async (t) => {
      mkdirSync(join(host, 'below'));
      execFileSync('mount', ['-t', 'proc', 'below', join(host, 'below')]);
      t.after(() => execFileSync('umount', [join(host, 'below')]));
      const message = await fails(['-v', `${host}:/d`]);
      assert.match(
        message,
        new RegExp(`the file system of ${host}/below \\(proc\\) does not support it\\nhint: .*bind-recursive=disabled.*--userns host`),
      );
      assert.match(await sh(['--userns', 'host', '-v', `${host}:/d`], 'ls /d/below'), /self/);
      assert.match(await fails(['-v', `${host}/below:/d`]), /hint: run with --userns host/);
    });
  });

  describe('propagation', () => {
    const shared = (t: { after(undo: () => void): void }): void => {
      execFileSync('mount', ['--bind', host, host]);
      t.after(() => execFileSync('umount', ['-R', host]));
      execFileSync('mount', ['--make-shared', host]);
      mkdirSync(join(host, 'late'));
    };

    test('a slave sees what the host mounts later, others do not', async (t) => {
      shared(t);
      for (const [name, option] of [
        ['slave', 'rslave'],
        ['private', 'rprivate'],
      ] as const)
        await engine.must('run', '-d', '--name', name, '-v', `${host}:/d:${option}`, image, 'sleep', '1000');
      execFileSync('mount', ['-t', 'tmpfs', 'late', join(host, 'late')]);
      writeFileSync(join(host, 'late/seen'), '');
      assert.equal(await engine.must('exec', 'slave', 'ls', '/d/late'), 'seen');
      assert.equal(await engine.must('exec', 'private', 'ls', '/d/late'), '');
      await engine.must('rm', '-f', 'slave', 'private');
    });

    test('shared brings mounts of a container out, which takes the host’s ids', async (t) => {
      shared(t);
      await sh(['--privileged', '--userns', 'host', '-v', `${host}:/d:rshared`], 'mount -t tmpfs out /d/late && touch /d/late/from-inside');
      assert.deepEqual(readdirSync(join(host, 'late')), ['from-inside']);
      assert.match(await fails(['-v', `${host}:/d:rshared`]), /cannot be shared with a container that has user ids of its own/);
    });

    test('needs a source that can do it', async (t) => {
      execFileSync('mount', ['--bind', host, host]);
      t.after(() => execFileSync('umount', [host]));
      execFileSync('mount', ['--make-private', host]);
      assert.match(
        await fails(['--userns', 'host', '-v', `${host}:/d:shared`]),
        new RegExp(`path ${host} is mounted on ${host} but it is not a shared mount`),
      );
      assert.match(await fails(['-v', `${host}:/d:slave`]), /it is not a shared or slave mount/);
    });
  });

  test('a machine takes volumes too', async () => {
    await engine.must('launch', '-v', `machine${count}:/srv`, '-v', `${host}:/host:ro`, image, 'box');
    assert.match(
      await engine.must('exec', 'box', 'sh', '-c', 'touch /srv/mine; touch /host/x 2>&1; mount -o remount,bind,rw /host 2>&1; true'),
      /Read-only[\s\S]*denied/,
    );
    assert.equal(owner(join(content(`machine${count}`), 'mine')), '0:0');
    await engine.must('rm', '-f', 'box');
  });

  test('a volume with a file system of its own is mounted while it is used, whatever becomes of the engine', async () => {
    const volume = `tmp${count}`;
    const mounts = (): number => readMountinfo().filter(({ mountPoint }) => mountPoint === content(volume)).length;
    await engine.must('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m,uid=5', volume);
    assert.equal(mounts(), 0);
    await engine.must('run', '-d', '--name', 'user', '-v', `${volume}:/d`, image, 'sleep', '1000');
    assert.equal(await engine.must('exec', 'user', 'sh', '-c', 'echo kept >/d/file; stat -c %u /d'), '5');
    assert.equal(mounts(), 1);
    await engine.kill();
    await engine.start();
    assert.equal(await sh(['-v', `${volume}:/e`], 'cat /e/file'), 'kept');
    assert.equal(mounts(), 1);
    await engine.must('rm', '-f', 'user');
    assert.equal(mounts(), 0);
    await engine.must('volume', 'rm', volume);
  });

  test('a container that ends while no engine runs lets go of its volumes', async () => {
    const volume = `gone${count}`;
    await engine.must('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', volume);
    await engine.must('run', '-d', '--name', 'ends', '-v', `${volume}:/d`, image, 'sh', '-c', 'while [ ! -e /d/end ]; do sleep 0.05; done');
    await engine.kill();
    writeFileSync(join(content(volume), 'end'), '');
    await engine.start();
    await engine.must('wait', 'ends');
    await engine.must('rm', 'ends');
    assert.ok(readMountinfo().every(({ mountPoint }) => mountPoint !== content(volume)));
    await engine.must('volume', 'rm', volume);
  });

  test('a start that fails lets go of its volumes', async () => {
    const volume = `failed${count}`;
    await engine.must('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', volume);
    assert.match(await fails(['-v', `${volume}:/d`, '-v', '/proc:/p']), /does not support it/);
    assert.equal((await engine.orlop('run', '--rm', '-v', `${volume}:/d`, image, 'no-such-program')).code, 127);
    assert.ok(readMountinfo().every(({ mountPoint }) => mountPoint !== content(volume)));
    await engine.must('volume', 'rm', volume);
  });

  test('a create that fails leaves no volume behind that it made', async () => {
    const before = await engine.must('volume', 'ls', '-q');
    const { stderr } = await engine.orlop(
      'create',
      '-v',
      `fresh${count}:/bin/busybox`,
      '--mount',
      `type=bind,source=${host}/none,target=/x`,
      'filled',
    );
    assert.match(stderr, /does not exist/);
    assert.match(
      (await engine.orlop('create', '-v', `fresh${count}:/bin/busybox`, 'filled')).stderr,
      /cannot mount volume over existing file/,
    );
    assert.equal(await engine.must('volume', 'ls', '-q'), before);
  });

  test('two wishes for one place, bad names and unknown drivers are refused in Docker’s words', async () => {
    assert.match(await fails(['-v', 'aa:/d', '-v', 'bb:/d']), /Duplicate mount point: \/d/);
    assert.match(await fails(['-v', 'a/b:/d']), /includes invalid characters for a local volume name/);
    assert.match(
      await fails(['--volume-driver', 'cloud', '-v', 'cc:/d']),
      /error looking up volume plugin cloud: plugin "cloud" not found/,
    );
    assert.equal(await engine.must('volume', 'ls', '-q', '-f', 'name=^(aa|bb|cc)$'), '');
  });

  test('inspect shows what is mounted, and the disk what volumes take', async () => {
    const volume = `shown${count}`;
    await engine.must(
      'create',
      '--name',
      'seen',
      '-v',
      `${volume}:/one`,
      '-v',
      `${host}:/two:ro`,
      '--mount',
      'type=tmpfs,target=/three',
      image,
    );
    assert.deepEqual(JSON.parse(await engine.must('inspect', '-f', '{{json .Mounts}}', 'seen')), [
      { Type: 'volume', Name: volume, Source: content(volume), Destination: '/one', Driver: 'local', Mode: 'z', RW: true, Propagation: '' },
      { Type: 'bind', Source: host, Destination: '/two', Mode: 'ro', RW: false, Propagation: 'rprivate' },
      { Type: 'tmpfs', Source: '', Destination: '/three', Mode: '', RW: true, Propagation: '' },
    ]);
    assert.deepEqual(JSON.parse(await engine.must('inspect', '-f', '{{json .HostConfig.Binds}}', 'seen')), [
      `${volume}:/one`,
      `${host}:/two:ro`,
    ]);
    assert.equal(
      await engine.must('ps', '-a', '--no-trunc', '--filter', 'name=seen', '--format', '{{.Mounts}} {{.LocalVolumes}}'),
      `${volume},${host}, 1`,
    );
    assert.match(await engine.must('system', 'df', '--format', '{{.Type}} {{.Active}}'), /^Local Volumes 1$/m);
    await engine.must('rm', 'seen');
  });

  test('an engine that dies while it fills a volume leaves it empty or full', async () => {
    const volume = `half${count}`;
    for (let round = 0; round < 4; round++) {
      const creating = engine.orlop('create', '-v', `${volume}${round}:/data`, 'filled');
      await Promise.race([creating, new Promise((resolve) => setTimeout(resolve, 20 * round))]);
      await engine.kill();
      await creating;
      await engine.start();
      const seen = await engine.must('run', '--rm', '-v', `${volume}${round}:/data`, 'filled', 'ls', '/data');
      assert.equal(seen, 'hard\nlink\nsub');
    }
    assert.equal(readFileSync(join(content(`${volume}0`), 'hard'), 'utf8'), 'hello\n');
    const ids = await engine.must('ps', '-aq');
    if (ids !== '') await engine.must('rm', ...ids.split('\n'));
  });
});
