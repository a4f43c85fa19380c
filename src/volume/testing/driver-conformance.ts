import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadAddon, readMountinfo, removeTree } from '#sys';
import { contentOf } from '../directory.ts';
import type { VolumeDriver, VolumeRecord } from '../types.ts';

export interface DriverBench {
  readonly driver: VolumeDriver;
  readonly options: Readonly<Record<string, string>>;
  /** What is written stays after the last unmount: false for tmpfs. */
  readonly keeps: boolean;
}

/** A directory of a test's own, removed at its end with all that is mounted in it. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-volume-'));
  const addon = loadAddon();
  t.after(async () => {
    for (const { mountPoint } of readMountinfo().toReversed()) if (mountPoint.startsWith(`${directory}/`)) addon.umount(mountPoint, 2);
    await removeTree(addon, directory);
  });
  return directory;
}

/** What every driver promises, whatever its volumes are made of. */
export function testVolumeDriver(name: string, options: { readonly skip?: string | false }, open: (t: TestContext) => DriverBench): void {
  const make = async (t: TestContext): Promise<DriverBench & { directory: string; volume: VolumeRecord; place: string }> => {
    const bench = open(t);
    const directory = join(temporaryDirectory(t), 'own');
    mkdirSync(directory);
    const { driver } = bench;
    const facts = { name: 'data', driver: driver.name, labels: {}, options: bench.options, createdAtMs: 0, isAnonymous: false };
    const volume = { ...facts, ...driver.check(bench.options) };
    await driver.make(directory, volume);
    return { ...bench, directory, volume, place: contentOf(directory) };
  };

  test(`${name}: a new volume is an empty directory that takes files`, options, async (t) => {
    const { driver, directory, volume, place } = await make(t);
    await driver.mount(directory, volume);
    writeFileSync(join(place, 'file'), 'content');
    assert.equal(readFileSync(join(place, 'file'), 'utf8'), 'content');
    await driver.unmount(directory, volume);
    await driver.unmake(directory, volume);
  });

  test(`${name}: mounting and unmounting again changes nothing`, options, async (t) => {
    const { driver, directory, volume, place } = await make(t);
    const mounts = (): number => readMountinfo().filter(({ mountPoint }) => mountPoint === place).length;
    await driver.mount(directory, volume);
    const once = mounts();
    writeFileSync(join(place, 'file'), 'content');
    await driver.mount(directory, volume);
    assert.equal(mounts(), once);
    assert.equal(readFileSync(join(place, 'file'), 'utf8'), 'content');
    for (let times = 0; times < 2; times++) await driver.unmount(directory, volume);
    assert.equal(mounts(), 0);
    await driver.unmake(directory, volume);
  });

  test(`${name}: what was written is there the next time it is mounted`, options, async (t) => {
    const { driver, directory, volume, place, keeps } = await make(t);
    await driver.mount(directory, volume);
    writeFileSync(join(place, 'file'), 'content');
    await driver.unmount(directory, volume);
    await driver.mount(directory, volume);
    if (keeps) assert.equal(readFileSync(join(place, 'file'), 'utf8'), 'content');
    else assert.throws(() => readFileSync(join(place, 'file')), { code: 'ENOENT' });
    await driver.unmount(directory, volume);
    await driver.unmake(directory, volume);
    rmSync(directory, { recursive: true });
  });

  test(`${name}: options that mean nothing to it are refused by name`, options, (t) => {
    assert.throws(() => open(t).driver.check({ 'no-such-option': '1' }), { kind: 'invalid-argument', message: /no-such-option/ });
  });
}
