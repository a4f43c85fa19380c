import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { runCommand, startEngine, whyNot, type TestEngine } from './harness.ts';

/** Online growth of ext4 asks for CAP_SYS_RESOURCE (capabilities(7)), which not every root has. */
const mayGrow = (BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`) & (1n << 24n)) !== 0n;

/** A file system with project quotas in a file, mounted; or why there is none. */
function mountQuotaDisk(type: string, mkfs: readonly string[]): { root: string; close(): void } | string {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-quota-'));
  const [image, root] = [join(directory, 'image'), join(directory, 'disk')];
  writeFileSync(image, '');
  truncateSync(image, 512 * 1024 * 1024);
  mkdirSync(root);
  try {
    execFileSync(`mkfs.${type}`, ['-q', ...mkfs, image], { stdio: 'pipe' });
    execFileSync('mount', ['-t', type, '-o', 'loop,prjquota', image, root], { stdio: 'pipe' });
  } catch {
    rmSync(directory, { recursive: true });
    return `there are no project quotas on ${type} here`;
  }
  return {
    root,
    close() {
      // After a failure something may still be there; what failed is to be told, not this.
      execFileSync('umount', ['-l', root]);
      rmSync(directory, { recursive: true });
    },
  };
}

function loopFilesBelow(directory: string): string[] {
  const files = readdirSync('/sys/block').flatMap((name) => {
    try {
      return [readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim()];
    } catch {
      return [];
    }
  });
  return files.filter((file) => file.startsWith(`${directory}/`));
}

const df = "df -m / | awk 'NR==2{print $2}'";

async function sizeInside(engine: TestEngine, name: string): Promise<string> {
  return engine.must('exec', name, 'sh', '-c', df);
}

async function checkDisks(engine: TestEngine, grows: boolean): Promise<void> {
  await engine.must('template', 'build', 'busybox');
  const refused = await engine.orlop('create', '--storage-opt', 'inodes=5', 'busybox');
  assert.match(refused.stderr, /Unknown option inodes/);
  for (const flags of [[], ['--userns', 'host']]) {
    const name = `c${flags.length}`;
    await engine.must('run', '-d', '--name', name, ...flags, '--storage-opt', 'size=64M', 'busybox', 'sleep', '600');
    assert.equal(await sizeInside(engine, name), '64');
    const full = await engine.orlop('exec', name, 'dd', 'if=/dev/zero', 'of=/fill', 'bs=1M', 'count=500');
    assert.match(full.stderr, /No space left on device|Disk quota exceeded/);
    // The engine's death changes nothing, and the next engine knows the disk.
    await engine.kill();
    await engine.start();
    assert.equal(await sizeInside(engine, name), '64');
    await engine.must('exec', name, 'rm', '/fill');
    if (grows) {
      await engine.must('update', '--storage-opt', 'size=128M', name);
      assert.equal(await sizeInside(engine, name), '128');
      await engine.must('exec', name, 'dd', 'if=/dev/zero', 'of=/more', 'bs=1M', 'count=90');
      assert.match(await engine.must('inspect', '--format', '{{json .HostConfig.StorageOpt}}', name), /"size":"134217728"/);
    }
    assert.match(await engine.must('diff', name), grows ? /^A \/more$/m : /^/);
    await engine.must('stop', '-t', '0', name);
    await engine.must('start', name);
    assert.equal(await sizeInside(engine, name), grows ? '128' : '64');
    await engine.must('rm', '-f', name);
  }
}

async function nothingStays(engine: TestEngine): Promise<void> {
  for (const deadline = Date.now() + 30_000; loopFilesBelow(engine.dataRoot).length > 0; await delay(20))
    assert.ok(Date.now() < deadline, `loop devices stay: ${loopFilesBelow(engine.dataRoot).join(' ')}`);
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes('disk.ext4'));
}

test('containers have disks of limited size in image files, on any disk', { skip: whyNot(), timeout: 300_000 }, async () => {
  const engine = await startEngine();
  try {
    await checkDisks(engine, mayGrow && /image files/.test(await engine.must('info')));
    // Killed while it makes and takes away such disks, it leaves none behind.
    for (const pauseMs of [0, 15, 40, 80, 150]) {
      const creating = engine.spawn('create', '--storage-opt', 'size=64M', 'busybox');
      await delay(pauseMs);
      await engine.kill();
      creating.kill('SIGKILL');
      await engine.start();
    }
    const ids = (await engine.must('ps', '-aq')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await engine.must('rm', '-f', ...ids);
    assert.deepEqual(readdirSync(join(engine.dataRoot, 'containers')), []);
    await nothingStays(engine);
  } finally {
    await engine[Symbol.asyncDispose]();
  }
});

for (const [type, mkfs] of [['ext4', ['-O', 'quota,project', '-E', 'quotatype=prjquota']] as const, ['xfs', []] as const]) {
  test(`containers have disks of limited size by project quotas on ${type}`, { skip: whyNot(), timeout: 300_000 }, async (t) => {
    const disk = mountQuotaDisk(type, mkfs);
    if (typeof disk === 'string') return t.skip(disk);
    try {
      const engine = await startEngine([], join(disk.root, 'data'));
      try {
        assert.match(await engine.must('info'), /Disk limits: project quotas/);
        await checkDisks(engine, true);
        await nothingStays(engine);
        if (type === 'xfs') return;
        const left = await runCommand('sh', ['-c', `command -v repquota >/dev/null && repquota -P -O csv "${disk.root}" || true`]);
        assert.doesNotMatch(left.stdout, /,(65536|131072),/);
      } finally {
        await engine[Symbol.asyncDispose]();
      }
    } finally {
      disk.close();
    }
  });
}
