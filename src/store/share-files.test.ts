import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadAddon } from '#sys';
import { createDirectories, createLayout } from './layout.ts';
import { shareFiles } from './share-files.ts';
import { mountLoopDisk, onFileSystem } from './testing/loop-disk.ts';

const addon = loadAddon();
const mib = 2 ** 20;

for (const fileSystem of ['btrfs', 'xfs'] as const)
  test(`equal files of layers and containers come to share their blocks, once, on ${fileSystem}`, onFileSystem(fileSystem), async (t) => {
    const layout = createLayout(join(mountLoopDisk(t, fileSystem), 'store'));
    createDirectories(layout);
    const write = (path: string, data: Buffer): void => {
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, data);
    };
    const [large, other] = [randomBytes(9 * mib + 777), randomBytes(mib)];
    const places = [
      join(layout.layers, 'a', 'fs', 'usr/lib/x'),
      join(layout.container('c1'), 'upper/opt/y'),
      join(layout.container('c2'), 'upper/z'),
    ];
    for (const place of places) write(place, large);
    write(join(layout.container('c1'), 'upper/other'), other);
    write(join(layout.container('c2'), 'upper/almost'), Buffer.concat([other.subarray(0, -1), Buffer.from([~(other.at(-1) ?? 0) & 0xff])]));
    symlinkSync('/etc', join(layout.container('c1'), 'upper/etc'));

    assert.deepEqual(await shareFiles({ layout, addon }, { containers: ['c1'] }), { files: 3, sharedFiles: 1, savedBytes: large.length });
    assert.deepEqual(await shareFiles({ layout, addon }, { containers: null }), { files: 5, sharedFiles: 1, savedBytes: large.length });
    assert.deepEqual(
      await shareFiles({ layout, addon }, { containers: null }),
      { files: 5, sharedFiles: 0, savedBytes: 0 },
      'once is enough',
    );
    for (const place of places) assert.ok(readFileSync(place).equals(large));
    writeFileSync(places[1] ?? '', 'changed');
    assert.ok(readFileSync(places[0] ?? '').equals(large), 'what is written to gets blocks of its own');
    rmSync(places[0] ?? '');
    assert.ok(readFileSync(places[2] ?? '').equals(large));
  });

test('a file system that cannot share is named, and nothing changes', onFileSystem('ext4'), async (t) => {
  const layout = createLayout(join(mountLoopDisk(t, 'ext4'), 'store'));
  createDirectories(layout);
  for (const id of ['c1', 'c2']) {
    mkdirSync(join(layout.container(id), 'upper'), { recursive: true });
    writeFileSync(join(layout.container(id), 'upper/x'), Buffer.alloc(mib, 'x'));
  }
  await assert.rejects(shareFiles({ layout, addon }, { containers: null }), { code: 'STORE_CANNOT_SHARE' });
});
