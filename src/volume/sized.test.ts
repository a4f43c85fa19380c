import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { createLocalDriver } from './local-driver.ts';
import { createVolumeSizes } from './sized.ts';
import { temporaryDirectory, testVolumeDriver } from './testing/driver-conformance.ts';
import { openVolumes } from './volumes.ts';

const addon = loadAddon();
const whyNotRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root: mounts' };
const options = { size: '64m' };
const mib = 1024 * 1024;

testVolumeDriver('volumes in image files', whyNotRoot, (t) => ({
  driver: createLocalDriver(addon, createVolumeSizes(addon, temporaryDirectory(t))),
  options,
  keeps: true,
}));

const logger = createLogger({ level: 'error', sink: () => undefined });

async function checkLimit(t: TestContext, root: string): Promise<void> {
  await using volumes = await openVolumes({ addon, root, logger });
  await volumes.create({ name: 'small', options });
  const { path } = await volumes.acquire('small', 'one');
  t.after(async () => volumes.release('small', 'one'));
  assert.deepEqual(readdirSync(path), []);
  assert.equal(statSync(path).mode & 0o7777, 0o755);
  const { blocks, bsize } = statfsSync(path);
  assert.equal(blocks * bsize, 64 * mib);
  // Root itself is not limited by the quotas of ext4; who is somebody else is.
  mkdirSync(join(path, 'd'));
  chownSync(join(path, 'd'), 1000, 1000);
  const fill = `setpriv --reuid 1000 --regid 1000 --clear-groups dd if=/dev/zero of=/proc/self/cwd/fill bs=1M count=100`;
  assert.throws(
    () => execFileSync('sh', ['-c', fill], { cwd: join(path, 'd'), stdio: 'pipe' }),
    /No space left on device|Disk quota exceeded/,
  );
  rmSync(join(path, 'd'), { recursive: true });
  writeFileSync(join(path, 'kept'), '');
  await volumes.release('small', 'one');
  const again = await volumes.acquire('small', 'two');
  assert.equal(readFileSync(join(again.path, 'kept'), 'utf8'), '');
  await volumes.release('small', 'two');
  await volumes.remove('small');
}

test('a volume of limited size takes so much and no more', whyNotRoot, (t) => checkLimit(t, temporaryDirectory(t)));

for (const [type, mkfs] of [['ext4', ['-O', 'quota,project', '-E', 'quotatype=prjquota']] as const, ['xfs', []] as const]) {
  test(`a volume of limited size takes so much and no more, by project quotas on ${type}`, whyNotRoot, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'orlop-volume-quota-'));
    const [image, root] = [join(directory, 'image'), join(directory, 'disk')];
    t.after(() => {
      rmSync(directory, { recursive: true });
    });
    writeFileSync(image, '');
    truncateSync(image, 320 * mib);
    mkdirSync(root);
    try {
      execFileSync(`mkfs.${type}`, ['-q', ...mkfs, image], { stdio: 'pipe' });
      execFileSync('mount', ['-t', type, '-o', 'loop,prjquota', image, root], { stdio: 'pipe' });
    } catch {
      return t.skip(`there are no project quotas on ${type} here`);
    }
    try {
      await checkLimit(t, join(root, 'volumes'));
    } finally {
      execFileSync('umount', [root]);
    }
  });
}

test('a size that is none is refused, and leaves nothing', whyNotRoot, async (t) => {
  const root = temporaryDirectory(t);
  await using volumes = await openVolumes({ addon, root, logger });
  await assert.rejects(volumes.create({ name: 'tiny', options: { size: '1m' } }), { code: 'SYS_DISK_TOO_SMALL' });
  assert.deepEqual(volumes.list(), []);
});
