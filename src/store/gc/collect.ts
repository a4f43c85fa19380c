import { readdirSync, renameSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isErrno } from '#errors';
import { type Digest, isDigest } from '#oci';
import { type Addon, type DiskLimits, removeTree } from '#sys';
import type { BackgroundTasks } from '../background.ts';
import type { Layout } from '../layout.ts';
import type { LeaseBook } from '../leases.ts';
import type { LayerRows } from '../metadata/layer-rows.ts';
import type { Metadata } from '../metadata/types.ts';
import { releaseLimit } from '../snapshots/snapshotter.ts';
import type { Blob, ChainId, GarbageReport, Layer } from '../types.ts';
import { type ReferenceCache, referencesOf } from './references.ts';

export interface CollectorParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly limits: DiskLimits;
  readonly metadata: Metadata;
  readonly layerRows: LayerRows;
  readonly leases: LeaseBook;
  readonly background: BackgroundTasks;
  /** Containers whose directory was made but that may have no row yet. */
  readonly containersInUse: ReadonlySet<string>;
}

export interface Collector {
  collect(): Promise<GarbageReport>;
  /** What would go. */
  preview(): Promise<{ readonly blobs: readonly Blob[]; readonly layers: readonly Layer[] }>;
}

interface Marks {
  readonly blobs: Set<Digest>;
  readonly chains: Set<ChainId>;
}

/**
 * Mark and sweep. Which blobs are unmarked is looked up at leisure, then the database is brought to disk: after a power cut no image may come back whose blobs
 * are gone. Then marking once more and renaming what is unmarked still into `ingest/` happens in a single turn of the event loop, so that nothing can come to
 * be needed in between. Deleting follows at leisure.
 */
export function createCollector(parts: CollectorParts): Collector {
  const cache: ReferenceCache = new Map();
  const warmUp = async (): Promise<void> => {
    for (const manifest of rootManifests(parts)) {
      referencesOf(parts.layout, cache, manifest);
      await setImmediate();
    }
  };
  const findAndSweep = async (): Promise<Swept> => {
    await warmUp();
    const unmarked = await unmarkedBlobs(parts.layout, mark(parts, cache).blobs);
    // A disk that refuses even this has been told of; space on it is what helps.
    await parts.metadata.flushed().catch(() => undefined);
    return sweep(parts, mark(parts, cache), unmarked);
  };
  return {
    async preview() {
      await warmUp();
      const marks = mark(parts, cache);
      return { blobs: await unmarkedBlobs(parts.layout, marks.blobs), layers: unmarkedLayers(parts, marks) };
    },
    async collect() {
      const swept = findAndSweep();
      // The store closes when it knows of nothing any more that goes; what is renamed already, opening it deletes.
      parts.background.add(swept, () => undefined);
      const { report, files, trees } = await swept;
      for (const digest of report.blobs) cache.delete(digest.digest);
      // A large file takes the kernel a while: not on this thread.
      for (const path of files) await rm(path, { force: true });
      for (const path of trees) await removeTree(parts.addon, path);
      return report;
    },
  };
}

function rootManifests({ metadata, leases }: CollectorParts): Digest[] {
  const ofImages = metadata.images.list().map(({ manifest }) => manifest);
  const ofContainers = metadata.containers.list().flatMap(({ image }) => (image === null ? [] : [image]));
  const ofSnapshots = metadata.snapshots.list().flatMap(({ image }) => (image === null ? [] : [image]));
  return [...ofImages, ...ofContainers, ...ofSnapshots, ...leases.held().images];
}

function mark(parts: CollectorParts, cache: ReferenceCache): Marks {
  const { layout, metadata, leases, layerRows } = parts;
  const held = leases.held();
  const steps = metadata.buildSteps.list();
  const marks: Marks = { blobs: new Set([...held.blobs, ...steps.flatMap(({ blob }) => blob ?? [])]), chains: new Set() };
  const visited = new Set<Digest>();
  const manifests = rootManifests(parts);
  for (let next = manifests.pop(); next !== undefined; next = manifests.pop()) {
    if (visited.has(next)) continue;
    visited.add(next);
    const references = referencesOf(layout, cache, next);
    for (const blob of [next, ...references.blobs]) marks.blobs.add(blob);
    for (const chain of references.chains) marks.chains.add(chain);
    manifests.push(...references.manifests);
  }
  const named = [...metadata.containers.list(), ...metadata.snapshots.list(), ...steps].flatMap(({ chain }) => chain ?? []);
  const chains = [...held.layers, ...named, ...marks.chains];
  for (const chain of chains) {
    for (let layer = layerRows.get(chain); layer !== null; layer = layer.parent === null ? null : layerRows.get(layer.parent))
      marks.chains.add(layer.chainId);
  }
  return marks;
}

interface Swept {
  readonly report: GarbageReport;
  /** What is left to delete, under names in `ingest/`. */
  readonly files: readonly string[];
  readonly trees: readonly string[];
}

function sweep(parts: CollectorParts, marks: Marks, unmarked: readonly Blob[]): Swept {
  const { layout, layerRows } = parts;
  const [files, trees]: [string[], string[]] = [[], []];
  const takeAway = (path: string, purpose: string, doomed: string[]): boolean => {
    const name = layout.temporary(purpose);
    try {
      renameSync(path, name);
      doomed.push(name);
      return true;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      return false;
    }
  };
  const blobs = unmarked.filter(({ digest }) => !marks.blobs.has(digest) && takeAway(layout.blob(digest), 'blob', files));
  const layers = unmarkedLayers(parts, marks);
  // First the rows: a row without its layer is worse than the reverse, which opening the store mends silently.
  const doomed = new Set(layers.map(({ chainId }) => layerRows.treeOf(chainId)));
  layerRows.remove(layers.map(({ chainId }) => chainId));
  // Two layers may have one tree.
  for (const { chainId } of layerRows.list()) doomed.delete(layerRows.treeOf(chainId));
  for (const name of doomed) takeAway(join(layout.layers, name), 'layer', trees);
  const containers = orphans(parts);
  for (const id of containers) {
    releaseLimit(parts.limits, layout.container(id));
    takeAway(layout.container(id), 'container', trees);
  }
  const sizes = [...blobs, ...layers].map(({ size }) => size);
  const report = {
    blobs,
    layers: layers.map(({ chainId }) => chainId),
    containers,
    freedBytes: sizes.reduce((sum, size) => sum + size, 0),
  };
  return { report, files, trees };
}

function unmarkedLayers({ layerRows }: CollectorParts, { chains }: Marks): Layer[] {
  return layerRows.list().filter(({ chainId }) => !chains.has(chainId));
}

async function unmarkedBlobs(layout: Layout, marked: ReadonlySet<Digest>): Promise<Blob[]> {
  const blobs: Blob[] = [];
  for (const algorithm of await readdir(layout.blobs)) {
    for (const hex of await readdir(join(layout.blobs, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (!isDigest(digest) || marked.has(digest)) continue;
      const size = await sizeOf(layout.blob(digest));
      if (size !== null) blobs.push({ digest, size });
    }
  }
  return blobs;
}

/** null: removed since it was listed. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

function orphans({ layout, metadata, containersInUse }: CollectorParts): string[] {
  return readdirSync(layout.containers).filter((id) => !containersInUse.has(id) && metadata.containers.get(id) === null);
}
