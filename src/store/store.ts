import { existsSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isErrno, isOrlopError, OrlopError } from '#errors';
import type { Logger } from '#log';
import { type Addon, createDiskLimits } from '#sys';
import { createBackgroundTasks } from './background.ts';
import { checkStore } from './check.ts';
import { createContentStore } from './content/content.ts';
import { createVerifiedBlobs } from './content/verified.ts';
import { shareFiles } from './share-files.ts';
import { measureStore } from './disk-usage.ts';
import { createCollector } from './gc/collect.ts';
import { createLayerStore } from './layers/layers.ts';
import type { UnpackLimits } from './layers/limits.ts';
import { createUnpackPool } from './layers/unpack-pool.ts';
import { createDirectories, createLayout, type Layout, spreadTrees } from './layout.ts';
import { finishLinking, linkFiles } from './link-files.ts';
import { createLeaseBook } from './leases.ts';
import { createBuilds, createBuildSteps } from './metadata/builds.ts';
import { createContainers } from './metadata/containers.ts';
import { type Database, openDatabase } from './metadata/database.ts';
import { createImages } from './metadata/images.ts';
import { createLayerRows } from './metadata/layer-rows.ts';
import { createLeaseRows } from './metadata/lease-rows.ts';
import { createEndpoints, createNetworks } from './metadata/networks.ts';
import { createSettings } from './metadata/settings.ts';
import { createSnapshotRows } from './metadata/snapshot-rows.ts';
import { createTurnovers } from './metadata/turnovers.ts';
import type { Metadata } from './metadata/types.ts';
import { reconcile } from './reconcile.ts';
import { createNativeSnapshotter } from './snapshots/native.ts';
import { createOverlaySnapshotter } from './snapshots/overlay.ts';
import type { SnapshotDriver, Store } from './types.ts';

export interface OpenStoreOptions {
  /** The data root; made when missing. */
  readonly root: string;
  readonly addon: Addon;
  readonly logger?: Logger;
  /** The bundled worker thread (`src/store/layers/worker.ts`); found by itself when run from source or beside the bundle as `store-worker.mjs`. */
  readonly workerUrl?: URL;
  /** What a layer may unpack to; `defaultLimits` without it. */
  readonly limits?: UnpackLimits;
  /** `overlay` without it. */
  readonly snapshots?: SnapshotDriver;
}

/**
 * Opens the store, alone: it stays locked for this process until it is closed or the process ends. Mends what a crash left. Fails with
 * failed-precondition `STORE_IN_USE` or `STORE_NEWER_SCHEMA`, permission-denied `STORE_ROOT_UNUSABLE`, data-loss `STORE_DATABASE_CORRUPT` or
 * `STORE_DATABASE_MISSING`.
 */
export async function openStore({
  root,
  addon,
  logger,
  workerUrl,
  limits: unpackLimits,
  snapshots: driver = 'overlay',
}: OpenStoreOptions): Promise<Store> {
  const layout = createLayout(resolve(root));
  makeDirectories(layout);
  spreadTrees(addon, layout);
  refuseLostDatabase(layout);
  await using opened = new AsyncDisposableStack();
  const wasCutOff = hasOpenLog(layout);
  const db = opened.use(openOnFullDisk(layout, (error) => logger?.error('the database is not safe on disk', { error })));
  finishLinking({ layout, addon });
  const metadata = createMetadata(db);
  const layerRows = createLayerRows(db);
  const turnovers = createTurnovers(db);
  const leases = createLeaseBook(createLeaseRows(db));
  const background = createBackgroundTasks();
  opened.defer(() => background.settled());
  const pool = opened.use(createUnpackPool({ workerUrl }));
  const limits = createDiskLimits(addon, layout.root);
  const reconciled = await reconcile({ layout, addon, limits, metadata, layerRows, turnovers, background, logger });

  const verified = createVerifiedBlobs();
  const content = createContentStore(layout, verified);
  const layers = createLayerStore({
    layout,
    addon,
    rows: layerRows,
    verified,
    pool,
    logger,
    ...(unpackLimits === undefined ? {} : { limits: unpackLimits }),
  });
  const createDriver = driver === 'native' ? createNativeSnapshotter : createOverlaySnapshotter;
  const { inUse, ...snapshots } = createDriver({
    layout,
    addon,
    limits,
    background,
    directories: layers.directories,
    apply: layers.apply,
    rows: layerRows,
    turnovers,
    transaction: metadata.transaction,
    flushed: metadata.flushed,
    settling: new Map(),
    logger,
  });
  const collector = createCollector({ layout, addon, limits, metadata, layerRows, leases, background, containersInUse: inUse });
  const checker = { layout, addon, limits, db, metadata, layerRows, leases, containersInUse: inUse };
  const resources = opened.move();
  const close = (): Promise<void> => resources.disposeAsync();
  return {
    root: layout.root,
    content,
    layers,
    snapshots,
    metadata,
    leases,
    reconciled,
    wasCutOff,
    containerDirectory: (id, part) => (part === undefined ? layout.container(id) : join(layout.container(id), part)),
    collectGarbage: collector.collect,
    diskUsage: () => measureStore(layout, addon, content, metadata, collector.preview),
    check: (options = {}) => checkStore(checker, options),
    shareFiles: (options) => shareFiles({ layout, addon }, options),
    linkFiles: (options) => linkFiles({ layout, addon, layerRows, metadata }, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * A killed engine may have filled the disk with an unfinished download: the database cannot even be opened then. Its files go first, and it is
 * tried once more. An engine that still runs would have said STORE_IN_USE.
 */
function openOnFullDisk(layout: Layout, onError: (error: unknown) => void): Database {
  try {
    return openDatabase(layout.database, onError);
  } catch (error) {
    const isFull = isOrlopError(error) && ['STORE_DISK_FULL', 'STORE_DATABASE_IO'].includes(error.code);
    if (!isFull || !removeUnfinishedBlobs(layout)) throw error;
    return openDatabase(layout.database, onError);
  }
}

function removeUnfinishedBlobs(layout: Layout): boolean {
  const files = readdirSync(layout.ingest, { withFileTypes: true }).filter((entry) => entry.isFile());
  for (const file of files) unlinkSync(join(layout.ingest, file.name));
  return files.length > 0;
}

/** Whoever closes the database empties its log and takes it away (sqlite.org/wal.html, "Avoiding Excessively Large WAL Files"). */
function hasOpenLog({ database }: Layout): boolean {
  return (statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** A new database would know no container, and what is in `containers/` would be cleared away as unknown. */
function refuseLostDatabase(layout: Layout): void {
  if (existsSync(layout.database) || readdirSync(layout.containers).length === 0) return;
  throw new OrlopError('data-loss', 'STORE_DATABASE_MISSING', `the database ${layout.database} is missing, but there are containers`, {
    hint: `bring it back from a backup, or move ${layout.containers} away to start anew`,
  });
}

function createMetadata(db: Database): Metadata {
  return {
    images: createImages(db),
    containers: createContainers(db),
    snapshots: createSnapshotRows(db),
    networks: createNetworks(db),
    endpoints: createEndpoints(db),
    buildSteps: createBuildSteps(db),
    builds: createBuilds(db),
    settings: createSettings(db),
    transaction: (change) => db.transaction(change),
    flushed: () => db.flushed(),
  };
}

function makeDirectories(layout: Layout): void {
  try {
    createDirectories(layout);
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST')) throw error;
    throw new OrlopError(
      'permission-denied',
      'STORE_ROOT_UNUSABLE',
      `the data root ${layout.root} cannot be used: ${(error as Error).message}`,
      {
        hint: 'run as root, or choose another --data-root',
        cause: error,
      },
    );
  }
}
