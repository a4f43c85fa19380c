import { existsSync, mkdirSync, statSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Logger } from '#log';
import { type Addon, removeTree } from '#sys';
import type { BackgroundTasks } from '../background.ts';
import { diskError } from '../disk-errors.ts';
import { emptyLayer, type Layout } from '../layout.ts';
import { layerBetween } from '../trees/layer-between.ts';
import { measureTree } from '../trees/measure-tree.ts';
import { packMerged } from '../trees/pack-merged.ts';
import type { PackOptions } from '../layers/pack-inode.ts';
import type { Change, ChangesOptions, ChainId, Snapshot, SnapshotDriver, SnapshotKey, Snapshotter } from '../types.ts';

export interface SnapshotterParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly background: BackgroundTasks;
  readonly directories: (chain: ChainId) => string[];
  readonly logger: Logger | undefined;
}

/** Container directories made here and not yet taken away: garbage collection leaves them even before they have a row. */
export interface OwnedSnapshotter extends Snapshotter {
  readonly inUse: ReadonlySet<string>;
}

/** In what the drivers differ. Paths are absolute, stacks top first. */
export interface Driver {
  readonly name: SnapshotDriver;
  /** Makes `upper`, a path that nothing has yet. */
  fill(upper: string, chain: readonly string[]): Promise<void> | void;
  /** What a container with this writable directory sees. */
  stack(upper: string, chain: readonly string[]): readonly string[];
  changes(upper: string, chain: readonly string[], options: ChangesOptions): Promise<Change[]>;
  commit(upper: string, chain: readonly string[], options: PackOptions): AsyncIterable<Buffer>;
}

/** What all drivers have in common: a directory for each container with its writable part, and what can be read from it. */
export function createSnapshotter(parts: SnapshotterParts, driver: Driver): OwnedSnapshotter {
  const { layout, addon, background, directories, logger } = parts;
  const inUse = new Set<string>();
  const lowerOf = (chain: ChainId | null): string[] => (chain === null ? [emptyLayer] : directories(chain));
  const absolute = (chain: ChainId | null): string[] => lowerOf(chain).map((path) => join(layout.root, path));
  const upperOf = (containerId: string): string => {
    const upper = join(layout.container(containerId), 'upper');
    // One look at a directory that was made a moment ago: a trip through the thread pool would take longer.
    if (!existsSync(upper)) throw snapshotNotFound(containerId);
    return upper;
  };
  const stackOf = ({ containerId, chain }: SnapshotKey): readonly string[] =>
    containerId === undefined ? absolute(chain) : driver.stack(upperOf(containerId), absolute(chain));
  const snapshotOf = (containerId: string, chain: ChainId | null): Snapshot => {
    const directory = relative(layout.root, layout.container(containerId));
    return { driver: driver.name, lower: lowerOf(chain), upper: join(directory, 'upper'), work: join(directory, 'work') };
  };
  return {
    driver: driver.name,
    inUse,
    async prepare(containerId, chain) {
      const snapshot = snapshotOf(containerId, chain);
      const directory = layout.container(containerId);
      await using undo = new AsyncDisposableStack();
      try {
        mkdirSync(directory, { mode: 0o700 });
        inUse.add(containerId);
        undo.defer(async () => {
          inUse.delete(containerId);
          await removeTree(addon, directory);
        });
        for (const part of ['work', 'logs', 'monitor']) mkdirSync(join(directory, part), { mode: 0o700 });
        await driver.fill(join(layout.root, snapshot.upper), absolute(chain));
      } catch (error) {
        if (isErrno(error, 'EEXIST'))
          throw new OrlopError('already-exists', 'STORE_SNAPSHOT_EXISTS', `container ${containerId} has a snapshot`);
        throw diskError(error, `container ${containerId}`, layout.containers);
      }
      undo.move();
      return snapshot;
    },
    async locate(containerId, chain) {
      upperOf(containerId);
      return snapshotOf(containerId, chain);
    },
    view: (chain) => ({ lower: lowerOf(chain) }),
    changes: async (containerId, chain, options = {}) => driver.changes(upperOf(containerId), absolute(chain), options),
    async *commit(containerId, chain, options = {}) {
      yield* driver.commit(upperOf(containerId), absolute(chain), options);
    },
    async *export(containerId, chain, options = {}) {
      yield* packMerged(addon, stackOf({ containerId, chain }), options);
    },
    async *diff(before, after) {
      yield* layerBetween(addon, stackOf(before), stackOf(after));
    },
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

/** The writable directory is the root that the container sees, so it looks like the root below it. */
export function makeUpper(addon: Addon, upper: string, top: string): void {
  const facts = statSync(top);
  mkdirSync(upper, { mode: 0o700 });
  addon.fchownat(-100, upper, facts.uid, facts.gid, 0);
  addon.fchmodat(-100, upper, facts.mode & 0o7777, 0);
}

function snapshotNotFound(containerId: string): OrlopError {
  return new OrlopError('not-found', 'STORE_SNAPSHOT_NOT_FOUND', `container ${containerId} has no snapshot`);
}
