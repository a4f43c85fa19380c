import { chmodSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as k from '#sys';
import { type Addon, createDiskLimits } from '#sys';
import { contentOf } from './directory.ts';
import { isMountPoint, unmountLocal } from './local-mount.ts';
import type { VolumeSizes } from './types.ts';

const content = basename(contentOf(''));

/**
 * Volumes of limited size below `root`: by project quotas where its file system has them, else each in an ext4 of its own, `disk.ext4` beside the content, which is mounted on
 * the content's place while somebody uses the volume. Fails as `DiskLimits.make`.
 */
export function createVolumeSizes(addon: Addon, root: string): VolumeSizes {
  const limits = createDiskLimits(addon, root);
  return {
    async limit(directory, sizeBytes) {
      const temporary = join(directory, '.disk');
      await limits.make(directory, {
        temporary,
        sizeBytes,
        fill({ root: made, isHidden, limit }) {
          // The root of such a file system is the content itself, which is to be empty.
          if (isHidden) makeEmpty(made);
          else limit(contentOf(directory));
        },
      });
    },
    async mount(directory) {
      const place = contentOf(directory);
      if (!limits.hasImage(directory) || isMountPoint(place)) return;
      await using disk = await limits.open(directory);
      if (disk !== null) addon.moveMount(disk.descriptor, '', k.AT_FDCWD, place, k.MOVE_MOUNT_F_EMPTY_PATH);
    },
    async unmount(directory) {
      const place = contentOf(directory);
      if (limits.hasImage(directory) && isMountPoint(place)) unmountLocal(addon, place);
    },
    free: async (directory) => limits.release(directory, [content]),
  };
}

function makeEmpty(root: string): void {
  rmdirSync(join(root, 'lost+found'));
  chmodSync(join(root, '.'), 0o755);
}
