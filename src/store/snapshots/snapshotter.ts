import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Logger } from '#log';
import { type Addon, bootId, type DiskLimits, type Making, removeTree } from '#sys';
import type { BackgroundTasks } from '../background.ts';
import { diskError } from '../disk-errors.ts';
import { emptyLayer, type Layout } from '../layout.ts';
import { layerBetween } from '../trees/layer-between.ts';
import { measureTree } from '../trees/measure-tree.ts';
import { packMerged } from '../trees/pack-merged.ts';
import { measureLayer } from '../layers/adopt.ts';
import { clampTimes } from '../layers/clamp-times.ts';
import { publish } from '../layers/layers.ts';
import type { PackOptions } from '../layers/pack-inode.ts';
import { removeStubs, saysNothing } from '../layers/stubs.ts';
import type { LayerRows } from '../metadata/layer-rows.ts';
import type { Turnovers } from '../metadata/turnovers.ts';
import { changesBetween } from '../trees/layer-between.ts';
import { keepUpper, limitedSnapshot, pushUpper } from './left-layers.ts';
import { turnOver } from './turnover.ts';
import type {
  AdoptOptions,
  Change,
  ChangesOptions,
  ChainId,
  Layer,
  LayerStore,
  Lease,
  Snapshot,
  SnapshotDriver,
  SnapshotKey,
  Snapshotter,
} from '../types.ts';

export interface SnapshotterParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly limits: DiskLimits;
  readonly background: BackgroundTasks;
  readonly directories: (chain: ChainId) => string[];
  readonly apply: LayerStore['apply'];
  readonly rows: LayerRows;
  readonly turnovers: Turnovers;
  readonly transaction: <T>(change: () => T) => T;
  readonly flushed: () => Promise<void>;
  readonly settling: Map<string, Promise<void>>;
  readonly logger: Logger | undefined;
}

/** Container directories made here and not yet taken away: garbage collection leaves them even before they have a row. */
export interface OwnedSnapshotter extends Snapshotter {
  readonly inUse: ReadonlySet<string>;
}

/** In what the drivers differ. Paths are absolute, stacks top first. */
export interface Driver {
  readonly name: SnapshotDriver;
  /** Whether the writable directory is the whole root: then it gets its name when it is filled, and in a disk of its own it is that disk's root. */
  readonly isWhole: boolean;
  /** Makes of an empty directory what a container's writable directory is at first. */
  fill(upper: string, chain: readonly string[]): Promise<void> | void;
  /** What a container with this writable directory sees. */
  stack(upper: string, chain: readonly string[]): readonly string[];
  changes(upper: string, chain: readonly string[], options: ChangesOptions): Promise<Change[]>;
  commit(upper: string, chain: readonly string[], options: PackOptions): AsyncIterable<Buffer>;
}

/** What all drivers have in common: a directory for each container with its writable part, and what can be read from it. */
export function createSnapshotter(parts: SnapshotterParts, driver: Driver): OwnedSnapshotter {
  const { layout, addon, limits, background, directories, logger } = parts;
  const inUse = new Set<string>();
  const lowerOf = (chain: ChainId | null): string[] => (chain === null ? [emptyLayer] : directories(chain));
  const absolute = (chain: ChainId | null): string[] => lowerOf(chain).map((path) => join(layout.root, path));
  const isThere = (containerId: string): boolean => {
    const directory = layout.container(containerId);
    // One look at a directory that was made a moment ago: a trip through the thread pool would take longer.
    return existsSync(join(directory, 'upper')) || limits.hasImage(directory);
  };
  const openUpper = async (containerId: string): Promise<OpenUpper> => {
    const directory = layout.container(containerId);
    const upper = join(directory, 'upper');
    if (existsSync(upper)) return { upper, [Symbol.asyncDispose]: async () => undefined };
    const disk = await limits.open(directory);
    if (disk === null) throw snapshotNotFound(containerId);
    return {
      upper: driver.isWhole ? rootOf(disk.path) : join(disk.path, 'upper'),
      [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
    };
  };
  const openStack = async ({ containerId, chain }: SnapshotKey): Promise<AsyncDisposable & { readonly stack: readonly string[] }> => {
    if (containerId === undefined) return { stack: absolute(chain), [Symbol.asyncDispose]: async () => undefined };
    const opened = await openUpper(containerId);
    return { stack: driver.stack(opened.upper, absolute(chain)), [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  };
  const isLimited = (containerId: string): boolean => {
    if (!isThere(containerId)) throw snapshotNotFound(containerId);
    const directory = layout.container(containerId);
    return limits.hasImage(directory) || limits.sizeOf(directory, 'upper') !== null;
  };
  const snapshotOf = (containerId: string, chain: ChainId | null): Snapshot => {
    const path = layout.container(containerId);
    const directory = relative(layout.root, path);
    const stack = { driver: driver.name, lower: lowerOf(chain) };
    return limits.hasImage(path)
      ? { ...stack, upper: driver.isWhole ? '.' : 'upper', work: 'work', disk: directory }
      : { ...stack, upper: join(directory, 'upper'), work: join(directory, 'work'), disk: null };
  };
  return {
    driver: driver.name,
    inUse,
    limitedBy: limits.way,
    async prepare(containerId, chain, { sizeBytes } = {}) {
      const directory = layout.container(containerId);
      const lower = absolute(chain);
      const fill = (making: Making): Promise<void> | void => fillWritable(parts, driver, making, lower);
      await using undo = new AsyncDisposableStack();
      try {
        mkdirSync(directory, { mode: 0o700 });
        inUse.add(containerId);
        undo.defer(async () => {
          inUse.delete(containerId);
          releaseLimit(limits, directory);
          await removeTree(addon, directory);
        });
        for (const part of ['logs', 'monitor']) mkdirSync(join(directory, part), { mode: 0o700 });
        if (sizeBytes === undefined) await fill({ root: directory, isHidden: false, limit: () => undefined });
        else await limits.make(directory, { temporary: layout.temporary('disk'), sizeBytes, fill });
      } catch (error) {
        if (isErrno(error, 'EEXIST'))
          throw new OrlopError('already-exists', 'STORE_SNAPSHOT_EXISTS', `container ${containerId} has a snapshot`);
        throw diskError(error, `container ${containerId}`, layout.containers);
      }
      undo.move();
      return snapshotOf(containerId, chain);
    },
    async locate(containerId, chain) {
      if (!isThere(containerId)) throw snapshotNotFound(containerId);
      return snapshotOf(containerId, chain);
    },
    openDisk: async ({ disk }) => (disk === null ? null : limits.open(join(layout.root, disk))),
    limitOf(containerId) {
      if (!isThere(containerId)) throw snapshotNotFound(containerId);
      return limits.sizeOf(layout.container(containerId), 'upper');
    },
    async resize(containerId, sizeBytes) {
      if (!isThere(containerId)) throw snapshotNotFound(containerId);
      await limits.resize(layout.container(containerId), writableParts, sizeBytes);
    },
    view: (chain) => ({ lower: lowerOf(chain) }),
    async changes(containerId, chain, options = {}) {
      await using opened = await openUpper(containerId);
      return await driver.changes(opened.upper, absolute(chain), options);
    },
    async *commit(containerId, chain, options = {}) {
      await using opened = await openUpper(containerId);
      yield* driver.commit(opened.upper, absolute(chain), options);
    },
    async adopt(lease, containerId, chain, options = {}) {
      const upper = join(layout.container(containerId), 'upper');
      try {
        if (driver.isWhole || !existsSync(upper))
          throw new OrlopError(
            'failed-precondition',
            'STORE_NOT_ADOPTABLE',
            `what container ${containerId} wrote is in no directory of its own`,
          );
        return await adoptUpper(parts, lease, { ...options, upper, chain, lower: absolute(chain) });
      } catch (error) {
        throw diskError(error, `a layer of container ${containerId}`, layout.layers);
      }
    },
    canPush: (containerId) => !driver.isWhole && !isLimited(containerId),
    async push(lease, containerId, chain, { stubs = [], ...change }) {
      if (driver.isWhole || isLimited(containerId)) throw limitedSnapshot(containerId);
      const upper = join(layout.container(containerId), 'upper');
      try {
        return await pushUpper(parts, driver, lease, { containerId, upper, chain, lower: absolute(chain), stubs }, change);
      } catch (error) {
        throw diskError(error, `a layer of container ${containerId}`, layout.layers);
      }
    },
    async keep(lease, containerId, chain, { stubs = [], onRead } = {}) {
      await using opened = await openUpper(containerId);
      try {
        if (driver.isWhole) return await parts.apply(lease, driver.commit(opened.upper, absolute(chain), {}), { parent: chain });
        return await keepUpper(parts, lease, { containerId, upper: opened.upper, chain, lower: absolute(chain), stubs }, onRead);
      } catch (error) {
        throw diskError(error, `a layer of container ${containerId}`, layout.layers);
      }
    },
    async reset(containerId, chain, { prepare, ...change }) {
      const isImage = isLimited(containerId) && limits.hasImage(layout.container(containerId));
      const upper = join(layout.container(containerId), 'upper');
      const lower = absolute(chain);
      const fill = async (directory: string): Promise<void> => {
        if (!isImage) limits.join(directory, upper);
        await driver.fill(directory, lower);
        await prepare?.(directory);
      };
      const makeDisk = async (path: string): Promise<void> => {
        const place = layout.temporary('disk');
        mkdirSync(place, { mode: 0o700 });
        try {
          await limits.make(place, {
            temporary: layout.temporary('disk'),
            sizeBytes: limits.sizeOf(layout.container(containerId), 'upper') ?? 0,
            async fill(making) {
              await fillWritable(parts, driver, making, lower);
              await prepare?.(driver.isWhole ? making.root : join(making.root, 'upper'));
            },
          });
          await rename(join(place, 'disk.ext4'), path);
        } finally {
          await removeTree(addon, place);
        }
      };
      try {
        await turnOver(parts, { containerId, layer: null, chain, change, fill, ...(isImage ? { makeDisk } : {}) });
      } catch (error) {
        throw diskError(error, `container ${containerId}`, layout.containers);
      }
    },
    async changesBetween(before, after, options = {}) {
      await using older = await openStack(before);
      await using newer = await openStack(after);
      return await changesBetween(addon, older.stack, newer.stack, options);
    },
    async *export(containerId, chain, options = {}) {
      await using opened = await openStack({ containerId, chain });
      yield* packMerged(addon, opened.stack, options);
    },
    async *diff(before, after, options = {}) {
      await using older = await openStack(before);
      await using newer = await openStack(after);
      yield* layerBetween(addon, older.stack, newer.stack, options);
    },
    async remove(containerId) {
      const doomed = layout.temporary('container');
      try {
        releaseLimit(limits, layout.container(containerId));
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
      await using opened = await openUpper(containerId);
      try {
        return await measureTree(addon, opened.upper);
      } catch (error) {
        throw isErrno(error, 'ENOENT') ? snapshotNotFound(containerId) : error;
      }
    },
  };
}

interface Adoption extends AdoptOptions {
  readonly upper: string;
  readonly chain: ChainId | null;
  /** Absolute, top first. */
  readonly lower: readonly string[];
}

async function adoptUpper(
  parts: SnapshotterParts,
  lease: Lease,
  { upper, chain, lower, stubs = [], latestNs, signal }: Adoption,
): Promise<Layer | null> {
  const { addon } = parts;
  if (chain !== null) lease.hold({ layer: chain });
  removeStubs(addon, upper, lower, stubs);
  if (saysNothing(addon, upper, lower[0] ?? '')) return null;
  if (latestNs !== undefined) await clampTimes(addon, upper, latestNs);
  const measured = await measureLayer(addon, upper, signal);
  return publish(parts, lease, { tree: upper, parent: chain, ...measured, boot: bootId() });
}

/** A container's writable directory, absolute, for as long as this is open. */
interface OpenUpper extends AsyncDisposable {
  readonly upper: string;
}

/** What a limit counts. */
const writableParts = ['upper', 'work'] as const;

/** A link in /proc leads to a mount: what is behind it is not a link any more. */
function rootOf(mount: string): string {
  return `${mount}/.`;
}

/** Before a container's directory is taken away: it is known by the directory what the kernel keeps for it. */
export function releaseLimit(limits: DiskLimits, directory: string): void {
  limits.release(directory, writableParts);
}

async function fillWritable(
  { addon, layout }: SnapshotterParts,
  driver: Driver,
  { root, isHidden, limit }: Making,
  chain: readonly string[],
): Promise<void> {
  if (driver.isWhole && isHidden) {
    rmdirSync(join(root, 'lost+found'));
    return driver.fill(rootOf(root), chain);
  }
  const [upper, work] = [join(root, 'upper'), join(root, 'work')];
  mkdirSync(work, { mode: 0o700 });
  limit(work);
  const made = driver.isWhole ? layout.temporary('snapshot') : upper;
  mkdirSync(made, { mode: 0o700 });
  try {
    limit(made);
    await driver.fill(made, chain);
    if (made !== upper) await rename(made, upper);
  } catch (error) {
    await removeTree(addon, made);
    throw error;
  }
}

function snapshotNotFound(containerId: string): OrlopError {
  return new OrlopError('not-found', 'STORE_SNAPSHOT_NOT_FOUND', `container ${containerId} has no snapshot`);
}
