import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from '../system/harness.ts';

const share = '/srv/orlop-share';

function run(...[file = '', ...words]: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(file, words, { encoding: 'utf8', timeout: 120_000 });
  assert.equal(status, 0, `${file} ${words.join(' ')}: ${stderr}`);
  return stdout;
}

/** Only in the test machine: nowhere else may a test start a server of the host's. */
function reason(): string | false {
  const hostname = readFileSync('/proc/sys/kernel/hostname', 'utf8').trim();
  if (hostname !== 'older' || !existsSync('/checkout')) return 'runs in the test machine (npm run test:vm)';
  return existsSync('/usr/sbin/exportfs') ? whyNot() : 'needs nfs-kernel-server';
}

describe('a volume on a server of NFS', { skip: reason() }, () => {
  let engine: TestEngine;
  before(async () => {
    mkdirSync(share, { recursive: true });
    writeFileSync(`${share}/greeting`, 'from the server\n');
    run('modprobe', 'nfsd');
    if (spawnSync('mountpoint', ['-q', '/proc/fs/nfsd']).status !== 0) run('mount', '-t', 'nfsd', 'nfsd', '/proc/fs/nfsd');
    // Version 4 alone: it needs no rpcbind.
    run('rpc.mountd', '--no-nfs-version', '3');
    run('rpc.nfsd', '--no-nfs-version', '3', '2');
    run('exportfs', '-o', 'rw,no_root_squash,insecure,no_subtree_check,fsid=0', `127.0.0.1:${share}`);
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    const options = ['-o', 'type=nfs', '-o', 'o=addr=localhost,rw,vers=4', '-o', 'device=:/'];
    await engine.must('volume', 'create', ...options, 'shared');
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    run('exportfs', '-u', `127.0.0.1:${share}`);
    run('rpc.nfsd', '0');
    rmSync(share, { recursive: true });
  });

  // A server that has just begun makes who writes wait for those who may come back, more than a minute.
  test('is mounted for a container without a user namespace, and let go with it', async () => {
    const inside = 'cat /data/greeting && echo back > /data/answer && chown 7:8 /data/answer';
    const said = await engine.must('run', '--rm', '--userns', 'host', '-v', 'shared:/data', 'busybox', 'sh', '-c', inside);
    assert.equal(said, 'from the server');
    assert.equal(readFileSync(`${share}/answer`, 'utf8'), 'back\n');
    const { uid, gid } = statSync(`${share}/answer`);
    assert.deepEqual([uid, gid], [7, 8]);
    assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), / nfs4? /);
  });

  test('cannot show a container with users of its own the owners that files have, and says what to do', async () => {
    const { code, stderr } = await engine.orlop('run', '--rm', '-v', 'shared:/data', 'busybox', 'true');
    assert.equal(code, 125, stderr);
    assert.match(stderr, /nfs.*userns/is);
  });
});
