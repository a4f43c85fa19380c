import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadAddon } from '#sys';
import { contentOf } from './directory.ts';
import { createLocalDriver } from './local-driver.ts';
import { temporaryDirectory, testVolumeDriver } from './testing/driver-conformance.ts';

const addon = loadAddon();
const driver = createLocalDriver(addon, null);
const asRoot = { skip: process.getuid?.() !== 0 && 'needs root: mounts' };
const onExt4 = {
  skip: asRoot.skip !== false ? asRoot.skip : spawnSync('mkfs.ext4', ['-V']).error !== undefined && 'there is no mkfs.ext4',
};

testVolumeDriver('local, a directory', {}, () => ({ driver, options: {}, keeps: true }));

testVolumeDriver('local, a tmpfs', asRoot, () => ({
  driver,
  options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=7' },
  keeps: false,
}));

testVolumeDriver('local, a directory elsewhere', asRoot, (t) => ({
  driver,
  options: { type: 'none', device: temporaryDirectory(t), o: 'bind' },
  keeps: true,
}));

testVolumeDriver('local, ext4 on a device', onExt4, (t) => {
  const image = join(temporaryDirectory(t), 'image');
  writeFileSync(image, '');
  truncateSync(image, 16 * 1024 * 1024);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', image]);
  const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
  t.after(() => void execFileSync('losetup', ['--detach', device]));
  return { driver, options: { type: 'ext4', device, o: 'noatime' }, keeps: true };
});

const volumeWith = (options: Record<string, string>) => ({
  name: 'data',
  driver: 'local',
  labels: {},
  options,
  createdAtMs: 0,
  isAnonymous: false,
});

test('a tmpfs has the size and the owner that its options name', asRoot, async (t) => {
  const directory = join(temporaryDirectory(t), 'own');
  mkdirSync(directory);
  const volume = volumeWith({ type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=7,mode=711,nosuid' });
  await driver.make(directory, volume);
  await driver.mount(directory, volume);
  const place = contentOf(directory);
  const { blocks, blockSize } = addon.statfs(place);
  assert.equal(blocks * blockSize, 1024 * 1024);
  const facts = addon.fstatat(-100, place, 0);
  assert.deepEqual([facts.uid, facts.mode & 0o777], [7, 0o711]);
  assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(`${place} [^ ]*nosuid`));
  await driver.unmount(directory, volume);
});

test('a failed mount names device and place, and no password', asRoot, async (t) => {
  const directory = join(temporaryDirectory(t), 'own');
  mkdirSync(directory);
  const volume = volumeWith({ type: 'tmpfs', device: 'tmpfs', o: 'password=hunter2' });
  await driver.make(directory, volume);
  await assert.rejects(driver.mount(directory, volume), (error: Error) => {
    assert.match(error.message, /^failed to mount local volume: mount tmpfs:/);
    assert.doesNotMatch(`${error.message}${String((error as { hint?: string }).hint)}${String(error.cause)}`, /hunter2/);
    return true;
  });
});

test('a file system that the kernel lacks is named', asRoot, async (t) => {
  const directory = join(temporaryDirectory(t), 'own');
  mkdirSync(directory);
  const volume = volumeWith({ type: 'nosuchfs', device: 'server:/share', o: 'addr=127.0.0.1' });
  await driver.make(directory, volume);
  await assert.rejects(driver.mount(directory, volume), { kind: 'failed-precondition', message: /no file system nosuchfs/ });
});
