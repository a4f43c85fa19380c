import { mkdirSync, statSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Logger } from '#log';
import { type Addon, removeTree, withErrno } from '#sys';
import { diskError } from '../disk-errors.ts';
import { emptyLayer, type Layout } from '../layout.ts';
import { measureTree } from '../trees/measure-tree.ts';
import type { ChainId, Snapshot, Snapshotter } from '../types.ts';
import type { BackgroundTasks } from '../background.ts';

export interface OverlaySnapshotterParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly background: BackgroundTasks;
  readonly directories: (chain: ChainId) => string[];
  readonly logger: Logger | undefined;
}

/** Container directories made here and not yet taken away: garbage collection leaves them even before they have a row. */
export interface OverlaySnapshotter extends Snapshotter {
  readonly inUse: ReadonlySet<string>;
}

/** Snapshots for overlayfs. Making one costs a handful of mkdir(2), whatever the image's size. */
export function createOverlaySnapshotter({ layout, addon, background, directories, logger }: OverlaySnapshotterParts): OverlaySnapshotter {
  const inUse = new Set<string>();
  const lowerOf = (chain: ChainId | null): string[] => (chain === null ? [emptyLayer] : directories(chain));
  const snapshotOf = (containerId: string, chain: ChainId | null): Snapshot => {
    const directory = relative(layout.root, layout.container(containerId));
    return { lower: lowerOf(chain), upper: join(directory, 'upper'), work: join(directory, 'work') };
  };
  return {
    inUse,
    async prepare(containerId, chain) {
      const snapshot = snapshotOf(containerId, chain);
      const directory = layout.container(containerId);
      await using undo = new AsyncDisposableStack();
      try {
        mkdirSync(directory, { mode: 0o700 });
        undo.defer(() => removeTree(addon, directory));
        for (const part of ['work', 'logs', 'monitor']) mkdirSync(join(directory, part), { mode: 0o700 });
        makeUpper(addon, join(layout.root, snapshot.upper), join(layout.root, snapshot.lower[0] ?? emptyLayer));
      } catch (error) {
        if (isErrno(error, 'EEXIST'))
          throw new OrlopError('already-exists', 'STORE_SNAPSHOT_EXISTS', `container ${containerId} has a snapshot`);
        throw diskError(error, `container ${containerId}`, layout.containers);
      }
      undo.move();
      inUse.add(containerId);
      return snapshot;
    },
    async locate(containerId, chain) {
      const snapshot = snapshotOf(containerId, chain);
      try {
        // One look at a directory that was made a moment ago: a trip through the thread pool would take longer.
        statSync(join(layout.root, snapshot.upper));
      } catch (error) {
        throw isErrno(error, 'ENOENT') ? snapshotNotFound(containerId) : error;
      }
      return snapshot;
    },
    view: (chain) => ({ lower: lowerOf(chain) }),
    async remove(containerId) {
      const doomed = layout.temporary('container');
      try {
        await rename(layout.container(containerId), doomed);
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return false;
        throw error;
      } finally {
        inUse.delete(containerId);
      }
      background.add(removeTree(addon, doomed), (error) =>
        logger?.warn('a removed container could not be deleted', { container: containerId, error }),
      );
      return true;
    },
    async usage(containerId) {
      try {
        return await measureTree(addon, join(layout.container(containerId), 'upper'));
      } catch (error) {
        throw isErrno(error, 'ENOENT') ? snapshotNotFound(containerId) : error;
      }
    },
  };
}

/** The upper directory is the root that the container sees, so it looks like the root below it. */
function makeUpper(addon: Addon, upper: string, top: string): void {
  const facts = withErrno(top, () => statSync(top));
  mkdirSync(upper, { mode: 0o700 });
  addon.fchownat(-100, upper, facts.uid, facts.gid, 0);
  addon.fchmodat(-100, upper, facts.mode & 0o7777, 0);
}

function snapshotNotFound(containerId: string): OrlopError {
  return new OrlopError('not-found', 'STORE_SNAPSHOT_NOT_FOUND', `container ${containerId} has no snapshot`);
}
