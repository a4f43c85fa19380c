import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isAtLeast, kernelRelease } from '#sys';
import { whyNot } from './harness.ts';
import { image, noMappedTmpfs, owner, useMountBench, users } from './mount-bench.ts';

describe('mounts of containers', { skip: whyNot() }, () => {
  const bench = useMountBench();

  for (const [how, flags] of users) {
    test(`a container ${how} sees owners of a bind as they are on disk, and what it writes is owned as it sees it`, async () => {
      writeFileSync(join(bench.host, 'given'), '');
      chownSync(join(bench.host, 'given'), 7, 8);
      const seen = await bench.sh(
        [...flags, '-v', `${bench.host}:/d`],
        'stat -c %u:%g /d /d/given; touch /d/root /d/other; chown 33:44 /d/other; chmod 4755 /d/other',
      );
      assert.equal(seen, '0:0\n7:8');
      assert.deepEqual([owner(join(bench.host, 'root')), owner(join(bench.host, 'other'))], ['0:0', '33:44']);
      assert.equal(lstatSync(join(bench.host, 'other')).mode & 0o7777, 0o4755);
    });

    test(`a container ${how} finds a volume as another left it`, async () => {
      const volume = `kept${bench.count}`;
      await bench.sh([...flags, '-v', `${volume}:/d`], 'echo kept >/d/file; chown 5:6 /d/file');
      assert.equal(owner(join(bench.content(volume), 'file')), '5:6');
      for (const [, others] of users)
        assert.equal(await bench.sh([...others, '-v', `${volume}:/e`], 'cat /e/file; stat -c %u:%g /e/file'), 'kept\n5:6');
    });

    test(`uid and gid make an owner on disk the root of a container ${how}`, async () => {
      chownSync(bench.host, 1000, 100);
      const seen = await bench.sh(
        [...flags, '-v', `${bench.host}:/d:uid=1000,gid=100`],
        'stat -c %u:%g /d; touch /d/root; mkdir /d/sub; chown 5:6 /d/sub; chown 1000 /d/root 2>&1; true',
      );
      assert.match(seen, /^0:0\nchown: .*too large/);
      assert.deepEqual([owner(join(bench.host, 'root')), owner(join(bench.host, 'sub'))], ['1000:100', '5:6']);
    });

    test(`a read-only mount stays so for the root of a container ${how}`, async () => {
      await bench.engine.must('volume', 'create', `ro${bench.count}`);
      const attempt = 'touch /d/x 2>&1; touch /v/x 2>&1; true';
      const seen = await bench.sh(
        [...flags, '-v', `${bench.host}:/d:ro`, '--mount', `source=ro${bench.count},target=/v,readonly`],
        attempt,
      );
      assert.equal(seen.match(/Read-only file system/g)?.length, 2);
      assert.deepEqual(readdirSync(bench.host), []);
    });
  }

  test('whoever may mount cannot take read-only off its mounts', async () => {
    const attempt = 'mount -o remount,bind,rw /d 2>&1; touch /d/x 2>&1; true';
    assert.match(await bench.sh(['--privileged', '--userns', 'auto', '-v', `${bench.host}:/d:ro`], attempt), /denied.*\n.*Read-only/);
    assert.deepEqual(readdirSync(bench.host), []);
  });

  test('files, sockets and device nodes are bound, at places that are made for them', async () => {
    writeFileSync(join(bench.host, 'file'), 'content');
    const flags = [
      '-v',
      `${join(bench.host, 'file')}:/new/place/file:ro`,
      '-v',
      '/dev/null:/new/null',
      '-v',
      `${bench.engine.socket}:/run/engine.sock`,
    ];
    assert.equal(
      await bench.sh(flags, 'cat /new/place/file; echo; test -c /new/null && echo x >/new/null; test -S /run/engine.sock && echo socket'),
      'content\nsocket',
    );
  });

  test('what is bound over the files that the engine writes takes their place', async () => {
    writeFileSync(join(bench.host, 'hosts'), 'mine');
    assert.equal(await bench.sh(['-v', `${join(bench.host, 'hosts')}:/etc/hosts`], 'cat /etc/hosts'), 'mine');
  });

  test('-v makes a missing source, --mount says that it is missing', async () => {
    await bench.sh(['-v', `${bench.host}/made/by:/d`], 'touch /d/x');
    assert.ok(existsSync(join(bench.host, 'made/by/x')));
    const message = await bench.fails(['--mount', `type=bind,source=${bench.host}/missing,target=/d`]);
    assert.match(message, new RegExp(`invalid mount config for type "bind": bind source path does not exist: ${bench.host}/missing`));
    assert.ok(!existsSync(join(bench.host, 'missing')));
    assert.equal(await bench.engine.must('ps', '-aq'), '');
  });

  test('a tmpfs has its size and mode', async () => {
    const seen = await bench.sh(
      ['--mount', 'type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=711'],
      'stat -c %a /t; df -k /t | tail -1; grep " /t " /proc/mounts',
    );
    assert.match(seen, /^711\ntmpfs +1024 [\s\S]*nosuid,nodev,noexec/);
  });

  test('an image is mounted read-only, whole or a part of it, and stays as long as that', async () => {
    const mount = 'type=image,source=filled,target=/img';
    assert.match(
      await bench.sh(['--mount', mount], 'cat /img/data/link; stat -c %u:%g /img/data; touch /img/x 2>&1; true'),
      /^hello\n33:44\ntouch: .*Read-only/,
    );
    await bench.engine.must('create', '--name', 'shows', '--mount', 'type=image,source=filled,target=/img', image, 'cat', '/img/data/link');
    assert.match((await bench.engine.orlop('rmi', 'filled')).stderr, /shows/);
    assert.equal(await bench.engine.must('start', '-a', 'shows'), 'hello');
    await bench.engine.must('rm', 'shows');
  });

  test('a part of an image is mounted as such', { skip: !isAtLeast(kernelRelease(), 6, 15) && 'needs Linux 6.15' }, async () => {
    const part = (path: string): string[] => ['--mount', `type=image,source=filled,target=/img,image-subpath=${path}`];
    assert.equal(await bench.sh(part('data/sub'), 'ls /img; stat -c %u:%g /img'), 'file\n33:44');
    assert.equal(await bench.sh(part('data/link'), 'cat /img'), 'hello');
    assert.match(await bench.fails(part('none')), /cannot access none in image filled/);
  });

  describe('mounts below a bind', () => {
    test('come along, unless they are left out, and are read-only with it', { skip: noMappedTmpfs }, async (t) => {
      mkdirSync(join(bench.host, 'below'));
      execFileSync('mount', ['-t', 'tmpfs', 'below', join(bench.host, 'below')]);
      t.after(() => execFileSync('umount', [join(bench.host, 'below')]));
      writeFileSync(join(bench.host, 'below/file'), '');
      chownSync(join(bench.host, 'below/file'), 7, 8);
      const bind = `type=bind,source=${bench.host},target=/d`;
      assert.equal(await bench.sh(['--mount', bind], 'stat -c %u:%g /d/below/file'), '7:8');
      assert.equal(await bench.sh(['--mount', `${bind},bind-recursive=disabled`], 'ls /d/below'), '');
      assert.match(await bench.sh(['--mount', `${bind},readonly`], 'touch /d/below/x 2>&1; true'), /Read-only/);
      assert.equal(await bench.sh(['--mount', `${bind},readonly,bind-recursive=writable`], 'touch /d/below/x; ls /d/below'), 'file\nx');
    });

    test('stay as they are where owners cannot be mapped, and the rest is mapped all the same', async (t) => {
      mkdirSync(join(bench.host, 'below'));
      execFileSync('mount', ['-t', 'proc', 'below', join(bench.host, 'below')]);
      t.after(() => execFileSync('umount', [join(bench.host, 'below')]));
      writeFileSync(join(bench.host, 'file'), '');
      chownSync(join(bench.host, 'file'), 7, 8);
      const look = 'stat -c %u:%g /d/file /d/below/version; touch /d/new && ls /d/below/self >/dev/null';
      assert.equal(await bench.sh(['-v', `${bench.host}:/d`], look), '7:8\n65534:65534');
      assert.equal(owner(join(bench.host, 'new')), '0:0');
      const attempt = 'touch /d/x 2>&1; echo 1 2>&1 >/d/below/sys/kernel/printk; ls -d /d/below/self';
      assert.match(await bench.sh(['-v', `${bench.host}:/d:ro`], attempt), /Read-only.*\n.*(denied|Read-only).*\n\/d\/below\/self$/);
      assert.equal(await bench.sh(['-v', `${bench.host}/below:/d`], 'stat -c %u:%g /d/version'), '65534:65534');
      symlinkSync(bench.host, `${bench.host}-link`);
      assert.match(await bench.sh(['-v', `${bench.host}-link:/d`, '-v', `${bench.host}:/d/below`], 'ls /d/below'), /^below\nfile/);
    });

    test('come along with the whole host, as monitors ask for it', async () => {
      const seen = await bench.sh(
        ['-v', '/:/host:ro', '-v', '/sys:/sys:ro', '-v', '/dev:/host-dev'],
        'ls -d /host/proc/1 /sys/kernel /host-dev/null',
      );
      assert.equal(seen, '/host-dev/null\n/host/proc/1\n/sys/kernel');
    });

    test('a source whose owners cannot be mapped is named', async (t) => {
      for (const name of ['one', 'two', 'over']) mkdirSync(join(bench.host, name));
      const over = join(bench.host, 'over');
      execFileSync('mount', ['-t', 'overlay', '-o', `lowerdir=${bench.host}/one:${bench.host}/two`, 'over', over]);
      t.after(() => execFileSync('umount', [over]));
      const message = await bench.fails(['-v', `${over}:/d`]);
      assert.match(message, new RegExp(`the file system of ${over} \\(overlay\\) does not support it\\nhint: run with --userns host`));
      assert.equal(await bench.sh(['--userns', 'host', '-v', `${over}:/d`], 'stat -c %u:%g /d'), '0:0');
      assert.equal(await bench.sh(['-v', `${bench.host}:/d`], 'stat -c %u:%g /d /d/over'), '0:0\n65534:65534');
    });

    test('a file there that is only read is seen as a copy, with its owner and mode, anew at each start', async (t) => {
      for (const name of ['low', 'lower', 'secrets']) mkdirSync(join(bench.host, name));
      const secrets = join(bench.host, 'secrets');
      writeFileSync(join(bench.host, 'low', 'password'), 'hush');
      chownSync(join(bench.host, 'low', 'password'), 7, 8);
      chmodSync(join(bench.host, 'low', 'password'), 0o640);
      execFileSync('mount', ['-t', 'overlay', '-o', `lowerdir=${bench.host}/low:${bench.host}/lower`, 'secrets', secrets]);
      t.after(() => execFileSync('umount', [secrets]));
      const bind = `${secrets}/password:/run/secrets/password`;
      const seen = await bench.sh(
        ['-v', `${bind}:ro`],
        'stat -c %u:%g:%a /run/secrets/password; cat /run/secrets/password; echo x 2>/dev/null >/run/secrets/password || echo kept',
      );
      assert.match(seen, /^7:8:640\nhush.*kept$/s);
      assert.match(await bench.fails(['-v', bind]), /\(overlay\) does not support it/);
      assert.match(await bench.fails(['-v', '/dev/null:/n:ro', '-v', `${secrets}:/all:ro`]), /\(overlay\) does not support it/);
    });
  });

  describe('propagation', () => {
    const shared = (t: { after(undo: () => void): void }): void => {
      execFileSync('mount', ['--bind', bench.host, bench.host]);
      t.after(() => execFileSync('umount', ['-R', bench.host]));
      execFileSync('mount', ['--make-shared', bench.host]);
      mkdirSync(join(bench.host, 'late'));
    };

    test('a slave sees what the host mounts later, others do not', async (t) => {
      shared(t);
      for (const [name, option] of [
        ['slave', 'rslave'],
        ['private', 'rprivate'],
      ] as const)
        await bench.engine.must('run', '-d', '--name', name, '-v', `${bench.host}:/d:${option}`, image, 'sleep', '1000');
      execFileSync('mount', ['-t', 'tmpfs', 'late', join(bench.host, 'late')]);
      writeFileSync(join(bench.host, 'late/seen'), '');
      assert.equal(await bench.engine.must('exec', 'slave', 'ls', '/d/late'), 'seen');
      assert.equal(await bench.engine.must('exec', 'private', 'ls', '/d/late'), '');
      await bench.engine.must('rm', '-f', 'slave', 'private');
    });

    test('shared brings mounts of a container out, which takes the host’s ids', async (t) => {
      shared(t);
      await bench.sh(
        ['--privileged', '--userns', 'host', '-v', `${bench.host}:/d:rshared`],
        'mount -t tmpfs out /d/late && touch /d/late/from-inside',
      );
      assert.deepEqual(readdirSync(join(bench.host, 'late')), ['from-inside']);
      assert.match(await bench.fails(['-v', `${bench.host}:/d:rshared`]), /cannot be shared with a container that has user ids of its own/);
    });

    test('needs a source that can do it', async (t) => {
      execFileSync('mount', ['--bind', bench.host, bench.host]);
      t.after(() => execFileSync('umount', [bench.host]));
      execFileSync('mount', ['--make-private', bench.host]);
      assert.match(
        await bench.fails(['--userns', 'host', '-v', `${bench.host}:/d:shared`]),
        new RegExp(`path ${bench.host} is mounted on ${bench.host} but it is not a shared mount`),
      );
      assert.match(await bench.fails(['-v', `${bench.host}:/d:slave`]), /it is not a shared or slave mount/);
    });
  });
});
