import { mkdirSync } from 'node:fs';
import { OrlopError } from '#errors';
import type { Addon } from '#sys';
import { contentOf } from './directory.ts';
import { isMountPoint, mountLocal, unmountLocal } from './local-mount.ts';
import { parseLocalOptions } from './local-options.ts';
import type { VolumeDriver, VolumeSizes } from './types.ts';

export const localDriverName = 'local';

/** Directories of the host, or whatever mount(8) could mount. `sizes` null: the option `size` is refused. */
export function createLocalDriver(addon: Addon, sizes: VolumeSizes | null): VolumeDriver {
  return {
    name: localDriverName,
    check(options) {
      const { mount, sizeBytes } = parseLocalOptions(options);
      if (sizeBytes === undefined) return {};
      if (sizes === null) throw invalid('quota size requested but no quota support');
      if (mount !== null) throw invalid('the option size is for volumes that are directories: this one has a device');
      return { sizeBytes };
    },
    async make(directory, { sizeBytes }) {
      mkdirSync(contentOf(directory), { mode: 0o755 });
      if (sizeBytes !== undefined) await sizes?.limit(directory, sizeBytes);
    },
    async mount(directory, { options, sizeBytes }) {
      if (sizeBytes !== undefined) return sizes?.mount(directory);
      const { mount } = parseLocalOptions(options);
      const place = contentOf(directory);
      if (mount !== null && !isMountPoint(place)) await mountLocal(addon, mount, place);
    },
    async unmount(directory, { options, sizeBytes }) {
      if (sizeBytes !== undefined) return sizes?.unmount(directory);
      const place = contentOf(directory);
      if (parseLocalOptions(options).mount !== null && isMountPoint(place)) unmountLocal(addon, place);
    },
    async unmake(directory, { sizeBytes }) {
      if (sizeBytes !== undefined) await sizes?.free(directory);
    },
  };
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'VOLUME_BAD_OPTIONS', message);
}
