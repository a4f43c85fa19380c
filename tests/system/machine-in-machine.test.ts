import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, projectRoot, startEngine, whyNot, type TestEngine } from './harness.ts';

/** The machine's programs are the host's: it needs nothing to be built or fetched. */
const whyNoPrograms = existsSync('/usr/lib64') && existsSync('/usr/sbin/nft') ? false : 'needs /usr with the C library and nft in it';

const daemon = `setsid ${projectRoot}/bin/orlopd >/root/log 2>&1 </dev/null & echo $! >/root/pid`;

describe('an engine in a machine, without any privilege', { skip: whyNot() || whyNoPrograms }, () => {
  let engine: TestEngine;
  const path = '/usr/sbin:/usr/bin:/sbin:/bin';
  const inside = (...words: string[]): Promise<string> => engine.must('exec', '-e', `PATH=${path}`, '-e', 'HOME=/root', 'nest', ...words);
  const orlop = (...words: string[]): Promise<string> => inside(join(projectRoot, 'bin/orlop'), ...words);
  const refusal = async (...words: string[]): Promise<string> => {
    const { code, stderr } = await engine.orlop('exec', '-e', `PATH=${path}`, 'nest', join(projectRoot, 'bin/orlop'), ...words);
    assert.notEqual(code, 0);
    return stderr;
  };
  const startInner = async (): Promise<void> => {
    await inside('sh', '-c', daemon);
    const asked = (): Promise<string> =>
      orlop('version').then(
        () => 'up',
        () => inside('cat', '/root/log'),
      );
    await eventually(asked, (answer) => answer === 'up', 20_000);
  };
  const stopInner = async (signal: string): Promise<void> => {
    await inside('sh', '-c', `kill -${signal} $(cat /root/pid)`);
    const gone = (): Promise<string> => inside('sh', '-c', 'kill -0 $(cat /root/pid) 2>/dev/null && echo there || echo gone');
    await eventually(gone, (answer) => answer === 'gone', 20_000);
  };

  before(async () => {
    engine = await startEngine();
    const mounts = ['/usr:/usr:ro', `${projectRoot}:${projectRoot}:ro`, 'engine:/var/lib/orlop'].flatMap((mount) => ['-v', mount]);
    await engine.must('launch', ...mounts, 'busybox', 'nest');
    await inside('/bin/busybox', 'sh', '-c', 'ln -s usr/lib64 /lib64; ln -s usr/lib /lib');
    const archive = join(engine.root, 'busybox.tar');
    await engine.must('save', '-o', archive, 'busybox');
    await engine.must('cp', archive, 'nest:/root/busybox.tar');
    await startInner();
    await orlop('load', '-q', '-i', '/root/busybox.tar');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('says that it is in one', async () => {
    assert.match(await orlop('doctor'), /The engine runs in a machine/);
  });

  test('runs containers in user namespaces of their own, in which nothing of the machine can be changed', async () => {
    assert.equal(await orlop('run', '--rm', 'busybox', 'echo', 'hello'), 'hello');
    const namespace = (...words: string[]): Promise<string> => inside(...words, 'readlink', '/proc/self/ns/user');
    const [own, inners] = [await namespace(), await orlop('run', '--rm', 'busybox', 'readlink', '/proc/self/ns/user')];
    assert.notEqual(own, inners);
    assert.match(await refusal('run', '--rm', '--privileged', 'busybox', 'mknod', '/n', 'c', '1', '3'), /Operation not permitted/);
    assert.equal(await orlop('run', '--rm', 'busybox', 'sh', '-c', 'echo x >/dev/null && head -c 3 /dev/zero | wc -c'), '3');
  });

  test('gives them a network, names and published ports', async () => {
    await orlop('network', 'create', 'front');
    await orlop(
      'run',
      '-d',
      '--name',
      'web',
      '--network',
      'front',
      '-p',
      '8080:80',
      'busybox',
      'nc',
      '-ll',
      '-p',
      '80',
      '-e',
      'echo',
      'hello',
    );
    const asked = 'nc -w 3 web 80 </dev/null';
    assert.equal(await orlop('run', '--rm', '--network', 'front', 'busybox', 'sh', '-c', asked), 'hello');
    assert.equal(await inside('/bin/busybox', 'nc', '-w', '3', '127.0.0.1', '8080'), 'hello');
    await orlop('rm', '-f', 'web');
    await orlop('network', 'rm', 'front');
  });

  test('keeps what they remove and hide in layers, in builds as well', async () => {
    const recipe = 'FROM busybox\\nRUN rm -r /home && mkdir /home && echo new >/home/file && rm /bin/cat\\nCOPY Dockerfile /\\n';
    await inside('sh', '-c', `mkdir -p /root/build && printf '${recipe}' >/root/build/Dockerfile`);
    await orlop('build', '-q', '-t', 'built', '/root/build');
    assert.equal(await orlop('run', '--rm', 'built', 'sh', '-c', 'ls /home; ls /bin/cat 2>/dev/null; ls /Dockerfile'), 'file\n/Dockerfile');
    await orlop('run', '--name', 'one', 'built', 'sh', '-c', 'rm -r /home && mkdir /home');
    await orlop('snapshot', 'one', 'first');
    await orlop('copy', 'one', 'two');
    await orlop('commit', 'two', 'again');
    assert.equal(await orlop('run', '--rm', 'again', 'ls', '/home'), '');
    await orlop('rm', '-f', 'one', 'two');
  });

  test('gives them volumes and files of the machine', async () => {
    await orlop('run', '--rm', '-v', 'data:/data', 'busybox', 'sh', '-c', 'echo kept >/data/file');
    assert.equal(
      await orlop('run', '--rm', '-v', 'data:/data', '-v', '/root:/r:ro', 'busybox', 'cat', '/data/file', '/r/pid'),
      `kept\n${await inside('cat', '/root/pid')}`,
    );
  });

  test('runs those that share what is the machine’s', async () => {
    assert.match(await orlop('run', '--rm', '--network', 'host', 'busybox', 'ls', '/sys/class/net'), /eth0/);
    assert.match(await orlop('run', '--rm', '--pid', 'host', 'busybox', 'ps'), /orlopd/);
    assert.match(await orlop('run', '--rm', '--privileged', 'busybox', 'ls', '/dev'), /fuse/);
  });

  test('launches machines', async () => {
    await orlop('launch', 'busybox', 'inner');
    assert.match(await orlop('exec', 'inner', 'ls', '/dev'), /fuse/);
    await orlop('restart', 'inner');
    await orlop('stop', 'inner');
    await orlop('rm', 'inner');
  });

  test('refuses what it cannot do by its name', async () => {
    assert.match(await refusal('run', '--rm', '--storage-opt', 'size=100M', 'busybox', 'true'), /disk limit cannot be made/);
    assert.match(await refusal('run', '--rm', '--set', 'security.idmap.size=131072', 'busybox', 'true'), /131072 user ids/);
  });

  test('is killed, finds its containers again, and stops clean', async () => {
    await orlop('run', '-d', '--name', 'long', 'busybox', 'sleep', '1000');
    await stopInner('KILL');
    await startInner();
    assert.equal(await orlop('ps', '--format', '{{.Names}}'), 'long');
    assert.equal(await orlop('exec', 'long', 'echo', 'hello'), 'hello');
    await orlop('rm', '-f', 'long');
    await stopInner('TERM');
    assert.equal(
      await inside(
        'sh',
        '-c',
        'ls /sys/class/net | grep orl; nft list tables | grep -v orlop-dns; ls /sys/fs/cgroup | grep orlop; ps | grep [b]osun; true',
      ),
      '',
    );
  });
});
