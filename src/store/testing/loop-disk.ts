import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { loadAddon } from '#sys';
import { temporaryDirectory } from './temporary-store.ts';

export type FileSystem = 'btrfs' | 'xfs';

/** The smallest that each of them is content with. */
const megabytes: Readonly<Record<FileSystem, number>> = { btrfs: 192, xfs: 320 };

/** For the options of a test: why such a file system cannot be made here. */
export function onFileSystem(type: FileSystem): { readonly skip?: string } {
  if (process.getuid?.() !== 0) return { skip: `needs root: mounts ${type}` };
  if (spawnSync(`mkfs.${type}`, ['-V']).error !== undefined) return { skip: `there is no mkfs.${type}` };
  spawnSync('modprobe', [type]);
  const known = readFileSync('/proc/filesystems', 'utf8').split(/\s+/);
  return known.includes(type) ? {} : { skip: `this kernel has no ${type}` };
}

/** A new file system in a file, mounted for one test. */
export function mountLoopDisk(t: TestContext, type: FileSystem): string {
  // Registered first, for hooks run in order: unmounted before the directory is removed.
  let mounted = '';
  t.after(() => {
    if (mounted !== '') execFileSync('umount', ['-l', mounted]);
  });
  const directory = temporaryDirectory(t, loadAddon());
  const [image, disk] = [join(directory, 'image'), join(directory, 'disk')];
  writeFileSync(image, '');
  truncateSync(image, megabytes[type] * 1024 * 1024);
  execFileSync(`mkfs.${type}`, ['-q', image], { stdio: 'pipe' });
  mkdirSync(disk);
  execFileSync('mount', ['-t', type, '-o', 'loop', image, disk], { stdio: 'pipe' });
  mounted = disk;
  return disk;
}
