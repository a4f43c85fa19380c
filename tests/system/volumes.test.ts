import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readMountinfo } from '#sys';
import { whyNot } from './harness.ts';
import { image, noMappedTmpfs, owner, useMountBench, users } from './mount-bench.ts';

describe('volumes', { skip: whyNot() }, () => {
  const bench = useMountBench();

  describe('an empty volume gets what the image has at its place', () => {
    const expected = ['33:44 2751 /d', '33:44 755 /d/sub', '33:44 644 /d/sub/file', '33:44 4755 /d/hard'];
    const look =
      'stat -c "%u:%g %a %n" /d /d/sub; stat -c "%u:%g %Y %n" /d/sub/file; readlink /d/link; test /d/hard -ef /d/sub/file && echo same';

    for (const [how, flags] of users) {
      test(`with owners, modes, times and links, for a container ${how}`, async () => {
        const volume = `copied${bench.count}`;
        await bench.engine.must('run', '--rm', ...flags, '-v', `${volume}:/data`, 'filled', 'true');
        const seen = await bench.sh([...flags, '-v', `${volume}:/d`], look);
        const time = Date.parse('2001-02-03T04:05:06Z') / 1000;
        assert.equal(seen, `${expected[0]}\n${expected[1]}\n33:44 ${time} /d/sub/file\nsub/file\nsame`);
        assert.equal(owner(bench.content(volume)), '33:44');
      });
    }

    test('once: what is in it later stays', async () => {
      const volume = `once${bench.count}`;
      await bench.engine.must('run', '--rm', '-v', `${volume}:/data`, 'filled', 'rm', '-r', '/data/sub');
      assert.equal(await bench.engine.must('run', '--rm', '-v', `${volume}:/data`, 'filled', 'ls', '/data'), 'hard\nlink');
    });

    test('not with nocopy, and not into a bind', async () => {
      assert.equal(await bench.engine.must('run', '--rm', '-v', `none${bench.count}:/data:nocopy`, 'filled', 'ls', '/data'), '');
      assert.equal(await bench.engine.must('run', '--rm', '-v', `${bench.host}:/data`, 'filled', 'ls', '/data'), '');
    });

    test('an anonymous one too, which goes with rm -v and with --rm, and stays with rm', async () => {
      const before = await bench.engine.must('volume', 'ls', '-q');
      assert.equal(await bench.engine.must('run', '--rm', 'filled', 'cat', '/data/link'), 'hello');
      assert.equal(await bench.engine.must('volume', 'ls', '-q'), before);
      await bench.engine.must('create', '--name', 'holder', 'filled');
      const [name = ''] = (await bench.engine.must('volume', 'ls', '-q', '-f', 'dangling=false')).split('\n');
      assert.match(name, /^[0-9a-f]{64}$/);
      await bench.engine.must('rm', '-v', 'holder');
      await bench.engine.must('create', '--name', 'holder', 'filled');
      await bench.engine.must('rm', 'holder');
      assert.match(await bench.engine.must('volume', 'prune', '-f'), /^Deleted Volumes:\n[0-9a-f]{64}\n/);
      assert.equal(await bench.engine.must('volume', 'ls', '-q'), before);
    });
  });

  test('volumes of other containers, as these have them or read-only', async () => {
    await bench.engine.must('create', '--name', 'giver', '-v', `given${bench.count}:/one`, '-v', `${bench.host}:/two:ro`, image);
    await bench.sh(['--volumes-from', 'giver'], 'touch /one/x; touch /two/x; true');
    assert.ok(existsSync(join(bench.content(`given${bench.count}`), 'x')));
    assert.deepEqual(readdirSync(bench.host), []);
    assert.match(await bench.sh(['--volumes-from', 'giver:ro'], 'ls /one; touch /one/y 2>&1; true'), /^x\ntouch: .*Read-only/);
    assert.match((await bench.engine.orlop('volume', 'rm', `given${bench.count}`)).stderr, /volume is in use - \[[0-9a-f]{64}\]/);
    assert.equal(await bench.engine.must('ps', '-a', '--filter', `volume=given${bench.count}`, '--format', '{{.Names}}'), 'giver');
    await bench.engine.must('rm', 'giver');
    await bench.engine.must('volume', 'rm', `given${bench.count}`);
  });

  describe('a subpath', () => {
    test('is what is mounted, and must be there', async () => {
      const volume = `sub${bench.count}`;
      await bench.sh(['-v', `${volume}:/d`], 'mkdir -p /d/a/b; echo deep >/d/a/b/file');
      assert.equal(await bench.sh(['--mount', `source=${volume},target=/d,volume-subpath=a/b`], 'ls /d'), 'file');
      assert.equal(await bench.sh(['--mount', `source=${volume},target=/f,volume-subpath=a/b/file`], 'cat /f'), 'deep');
      assert.match(await bench.fails(['--mount', `source=${volume},target=/d,volume-subpath=none`]), /cannot access none in volume/);
      assert.match(
        await bench.fails(['--mount', `source=${volume},target=/d,volume-subpath=../x`]),
        /subpath must be a relative path within the volume/,
      );
    });

    test('is filled from the image while it is an empty directory, as a whole volume is', async () => {
      const volume = `part${bench.count}`;
      await bench.sh(['-v', `${volume}:/d`], 'mkdir -p /d/a/b /d/none; echo deep >/d/a/file');
      const part = (path: string, more = ''): string[] => [
        '--mount',
        `source=${volume},target=/data,volume-subpath=${path}${more}`,
        'filled',
      ];
      const run = (flags: string[], ...argv: string[]) => bench.engine.must('run', '--rm', ...flags, ...argv);
      assert.equal(await run(part('none', ',volume-nocopy'), 'ls', '/data'), '');
      assert.equal(await run(part('a'), 'ls', '/data'), 'b\nfile');
      assert.equal(await run(part('a/b'), 'cat', '/data/link'), 'hello');
      assert.equal(owner(join(bench.content(volume), 'a/b')), '33:44');
      await run(part('a/b'), 'rm', '-r', '/data/sub');
      assert.equal(await run(part('a/b'), 'ls', '/data'), 'hard\nlink');
      assert.deepEqual(readdirSync(bench.content(volume)).toSorted(), ['a', 'none']);
      assert.match((await bench.engine.orlop('run', '--rm', ...part('missing'), 'true')).stderr, /cannot access missing in volume/);
    });

    test('never leaves its volume while a container swaps it for a link', async (t) => {
      const volume = `race${bench.count}`;
      writeFileSync(join(bench.host, 'secret'), 'secret');
      const swap = `cd /d; while :; do mkdir a; rmdir a; ln -s ${bench.host} a; rm a; done 2>/dev/null`;
      t.after(() => bench.engine.must('rm', '-f', 'swapper'));
      await bench.engine.must('run', '-d', '--name', 'swapper', '-v', `${volume}:/d`, image, 'sh', '-c', swap);
      for (let round = 0; round < 12; round++) {
        const mount = `type=volume,source=${volume},target=/e,volume-subpath=a`;
        const { code, stdout, stderr } = await bench.engine.orlop('run', '--rm', '--mount', mount, image, 'ls', '/e');
        assert.doesNotMatch(stdout, /secret/);
        // It may be gone by any of several steps.
        if (code !== 0)
          assert.match(
            stderr,
            /^orlop: (?:cannot access a in volume|something that \S+ mounts was removed|nothing can be mounted on \/e: no such)/,
          );
      }
    });

    test('never leaves its volume by links that a container made', async () => {
      const volume = `attack${bench.count}`;
      writeFileSync(join(bench.host, 'secret'), 'secret');
      await bench.engine.must('volume', 'create', volume);
      for (const [name, target] of [
        ['absolute', bench.host],
        ['up', '../'.repeat(12) + bench.host.slice(1)],
        ['root', '/'],
        ['proc', '/proc/self/root'],
      ] as const)
        symlinkSync(target, join(bench.content(volume), name));
      for (const path of ['absolute', 'up', 'proc', 'root/etc', 'up/../up'])
        assert.match(await bench.fails(['--mount', `source=${volume},target=/d,volume-subpath=${path}`], 'cat /d/secret'), /cannot access/);
      const listed = await bench.sh(['--mount', `source=${volume},target=/d,volume-subpath=root`], 'ls /d');
      assert.equal(listed, 'absolute\nproc\nroot\nup');
    });
  });

  test('a machine takes volumes too', async () => {
    await bench.engine.must('launch', '-v', `machine${bench.count}:/srv`, '-v', `${bench.host}:/host:ro`, image, 'box');
    assert.match(
      await bench.engine.must('exec', 'box', 'sh', '-c', 'touch /srv/mine; touch /host/x 2>&1; mount -o remount,bind,rw /host 2>&1; true'),
      /Read-only[\s\S]*denied/,
    );
    assert.equal(owner(join(bench.content(`machine${bench.count}`), 'mine')), '0:0');
    await bench.engine.must('rm', '-f', 'box');
  });

  test('a volume with a file system of its own is mounted while it is used, whatever becomes of the engine', {
    skip: noMappedTmpfs,
  }, async () => {
    const volume = `tmp${bench.count}`;
    const mounts = (): number => readMountinfo().filter(({ mountPoint }) => mountPoint === bench.content(volume)).length;
    await bench.engine.must('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m,uid=5', volume);
    assert.equal(mounts(), 0);
    await bench.engine.must('run', '-d', '--name', 'user', '-v', `${volume}:/d`, image, 'sleep', '1000');
    assert.equal(await bench.engine.must('exec', 'user', 'sh', '-c', 'echo kept >/d/file; stat -c %u /d'), '5');
    assert.equal(mounts(), 1);
    await bench.engine.kill();
    await bench.engine.start();
    assert.equal(await bench.sh(['-v', `${volume}:/e`], 'cat /e/file'), 'kept');
    assert.equal(mounts(), 1);
    await bench.engine.must('rm', '-f', 'user');
    assert.equal(mounts(), 0);
    await bench.engine.must('volume', 'rm', volume);
  });

  test('a container that ends while no engine runs lets go of its volumes', { skip: noMappedTmpfs }, async () => {
    const volume = `gone${bench.count}`;
    await bench.engine.must('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', volume);
    await bench.engine.must(
      'run',
      '-d',
      '--name',
      'ends',
      '-v',
      `${volume}:/d`,
      image,
      'sh',
      '-c',
      'while [ ! -e /d/end ]; do sleep 0.05; done',
    );
    await bench.engine.kill();
    writeFileSync(join(bench.content(volume), 'end'), '');
    await bench.engine.start();
    await bench.engine.must('wait', 'ends');
    await bench.engine.must('rm', 'ends');
    assert.ok(readMountinfo().every(({ mountPoint }) => mountPoint !== bench.content(volume)));
    await bench.engine.must('volume', 'rm', volume);
  });

  test('a start that fails lets go of its volumes', { skip: noMappedTmpfs }, async () => {
    const volume = `failed${bench.count}`;
    await bench.engine.must('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', volume);
    const missing = `source=other${bench.count},target=/p,volume-subpath=none`;
    assert.match(await bench.fails(['-v', `${volume}:/d`, '--mount', missing]), /cannot access none in volume/);
    assert.equal((await bench.engine.orlop('run', '--rm', '-v', `${volume}:/d`, image, 'no-such-program')).code, 127);
    assert.ok(readMountinfo().every(({ mountPoint }) => mountPoint !== bench.content(volume)));
    await bench.engine.must('volume', 'rm', volume, `other${bench.count}`);
  });

  test('a create that fails leaves no volume behind that it made', async () => {
    const before = await bench.engine.must('volume', 'ls', '-q');
    const { stderr } = await bench.engine.orlop(
      'create',
      '-v',
      `fresh${bench.count}:/bin/busybox`,
      '--mount',
      `type=bind,source=${bench.host}/none,target=/x`,
      'filled',
    );
    assert.match(stderr, /does not exist/);
    assert.match(
      (await bench.engine.orlop('create', '-v', `fresh${bench.count}:/bin/busybox`, 'filled')).stderr,
      /cannot mount volume over existing file/,
    );
    assert.equal(await bench.engine.must('volume', 'ls', '-q'), before);
  });

  test('two wishes for one place, bad names and unknown drivers are refused in Docker’s words', async () => {
    assert.match(await bench.fails(['-v', 'aa:/d', '-v', 'bb:/d']), /Duplicate mount point: \/d/);
    assert.match(await bench.fails(['-v', 'a/b:/d']), /includes invalid characters for a local volume name/);
    assert.match(
      await bench.fails(['--volume-driver', 'cloud', '-v', 'cc:/d']),
      /error looking up volume plugin cloud: plugin "cloud" not found/,
    );
    assert.equal(await bench.engine.must('volume', 'ls', '-q', '-f', 'name=^(aa|bb|cc)$'), '');
  });

  test('inspect shows what is mounted, and the disk what volumes take', async () => {
    const volume = `shown${bench.count}`;
    await bench.engine.must(
      'create',
      '--name',
      'seen',
      '-v',
      `${volume}:/one`,
      '-v',
      `${bench.host}:/two:ro`,
      '--mount',
      'type=tmpfs,target=/three',
      image,
    );
    assert.deepEqual(JSON.parse(await bench.engine.must('inspect', '-f', '{{json .Mounts}}', 'seen')), [
      {
        Type: 'volume',
        Name: volume,
        Source: bench.content(volume),
        Destination: '/one',
        Driver: 'local',
        Mode: 'z',
        RW: true,
        Propagation: '',
      },
      { Type: 'bind', Source: bench.host, Destination: '/two', Mode: 'ro', RW: false, Propagation: 'rprivate' },
      { Type: 'tmpfs', Source: '', Destination: '/three', Mode: '', RW: true, Propagation: '' },
    ]);
    assert.deepEqual(JSON.parse(await bench.engine.must('inspect', '-f', '{{json .HostConfig.Binds}}', 'seen')), [
      `${volume}:/one`,
      `${bench.host}:/two:ro`,
    ]);
    assert.equal(
      await bench.engine.must('ps', '-a', '--no-trunc', '--filter', 'name=seen', '--format', '{{.Mounts}} {{.LocalVolumes}}'),
      `${volume},${bench.host}, 1`,
    );
    assert.match(await bench.engine.must('system', 'df', '--format', '{{.Type}} {{.Active}}'), /^Local Volumes 1$/m);
    await bench.engine.must('rm', 'seen');
  });

  test('an engine that dies while it fills a volume leaves it empty or full', async () => {
    const volume = `half${bench.count}`;
    for (let round = 0; round < 4; round++) {
      const creating = bench.engine.orlop('create', '-v', `${volume}${round}:/data`, 'filled');
      await Promise.race([creating, new Promise((resolve) => setTimeout(resolve, 20 * round))]);
      await bench.engine.kill();
      await creating;
      await bench.engine.start();
      const seen = await bench.engine.must('run', '--rm', '-v', `${volume}${round}:/data`, 'filled', 'ls', '/data');
      assert.equal(seen, 'hard\nlink\nsub');
    }
    assert.equal(readFileSync(join(bench.content(`${volume}0`), 'hard'), 'utf8'), 'hello\n');
    const ids = await bench.engine.must('ps', '-aq');
    if (ids !== '') await bench.engine.must('rm', ...ids.split('\n'));
  });
});
