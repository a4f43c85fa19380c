import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { loadAddon } from '#sys';
import { temporaryDirectory } from './temporary-store.ts';

export type FileSystem = 'btrfs' | 'xfs' | 'ext4' | 'ext4 with project quotas' | 'xfs with project quotas';

interface Making {
  readonly type: string;
  /** The smallest that each of them is content with. */
  readonly megabytes: number;
  readonly mkfs: readonly string[];
  readonly options: string;
}

const makings: Readonly<Record<FileSystem, Making>> = {
  btrfs: { type: 'btrfs', megabytes: 192, mkfs: [], options: 'loop' },
  xfs: { type: 'xfs', megabytes: 320, mkfs: [], options: 'loop' },
  ext4: { type: 'ext4', megabytes: 32, mkfs: [], options: 'loop' },
  'ext4 with project quotas': {
    type: 'ext4',
    megabytes: 320,
    mkfs: ['-O', 'quota,project', '-E', 'quotatype=prjquota'],
    options: 'loop,prjquota',
  },
  'xfs with project quotas': { type: 'xfs', megabytes: 320, mkfs: [], options: 'loop,prjquota' },
};

/** For the options of a test: why such a file system cannot be made here. */
export function onFileSystem(fileSystem: FileSystem): { readonly skip?: string } {
  const { type, options } = makings[fileSystem];
  if (process.getuid?.() !== 0) return { skip: `needs root: mounts ${type}` };
  if (spawnSync(`mkfs.${type}`, ['-V']).error !== undefined) return { skip: `there is no mkfs.${type}` };
  spawnSync('modprobe', [type]);
  const known = readFileSync('/proc/filesystems', 'utf8').split(/\s+/);
  if (!known.includes(type)) return { skip: `this kernel has no ${type}` };
  return options.includes('prjquota') && !canMount(fileSystem) ? { skip: `this kernel has no project quotas on ${type}` } : {};
}

const tried = new Map<FileSystem, boolean>();

function canMount(fileSystem: FileSystem): boolean {
  const known = tried.get(fileSystem);
  if (known !== undefined) return known;
  const directory = mkdtempSync(join(tmpdir(), 'orlop-probe-'));
  try {
    execFileSync('umount', [makeLoopDisk(directory, fileSystem)]);
    tried.set(fileSystem, true);
  } catch {
    tried.set(fileSystem, false);
  } finally {
    rmSync(directory, { recursive: true });
  }
  return tried.get(fileSystem) === true;
}

/** A new file system in a file, mounted for one test. */
export function mountLoopDisk(t: TestContext, fileSystem: FileSystem): string {
  // Registered first, for hooks run in order: unmounted before the directory is removed.
  let mounted = '';
  t.after(() => {
    if (mounted !== '') execFileSync('umount', ['-l', mounted]);
  });
  mounted = makeLoopDisk(temporaryDirectory(t, loadAddon()), fileSystem);
  return mounted;
}

function makeLoopDisk(directory: string, fileSystem: FileSystem): string {
  const { type, megabytes, mkfs, options } = makings[fileSystem];
  const [image, disk] = [join(directory, 'image'), join(directory, 'disk')];
  writeFileSync(image, '');
  truncateSync(image, megabytes * 1024 * 1024);
  execFileSync(`mkfs.${type}`, ['-q', ...mkfs, image], { stdio: 'pipe' });
  mkdirSync(disk);
  execFileSync('mount', ['-t', type, '-o', options, image, disk], { stdio: 'pipe' });
  return disk;
}
