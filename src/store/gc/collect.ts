import { readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isErrno } from '#errors';
import { type Digest, isDigest } from '#oci';
import { type Addon, type DiskLimits, removeTree } from '#sys';
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
 * Mark and sweep. Reading manifests beforehand may take several turns of the event loop; then marking and renaming what is unmarked into
 * `ingest/` happens in a single turn, so that nothing can come to be needed in between. Deleting follows at leisure.
 */
export function createCollector(parts: CollectorParts): Collector {
  const cache: ReferenceCache = new Map();
  const warmUp = async (): Promise<void> => {
    for (const manifest of rootManifests(parts)) {
      referencesOf(parts.layout, cache, manifest);
      await setImmediate();
    }
  };
  return {
    async collect() {
      await warmUp();
      const { report, doomed } = sweep(parts, mark(parts, cache));
      for (const digest of report.blobs) cache.delete(digest.digest);
      for (const path of doomed) await removeTree(parts.addon, path);
      return report;
    },
    async preview() {
      await warmUp();
      const { blobs, chains } = mark(parts, cache);
      return { blobs: unmarkedBlobs(parts.layout, blobs), layers: parts.layerRows.list().filter(({ chainId }) => !chains.has(chainId)) };
    },
  };
}

function rootManifests({ metadata, leases }: CollectorParts): Digest[] {
  const ofImages = metadata.images.list().map(({ manifest }) => manifest);
  const ofContainers = metadata.containers.list().flatMap(({ image }) => (image === null ? [] : [image]));
  return [...ofImages, ...ofContainers, ...leases.held().images];
}

function mark(parts: CollectorParts, cache: ReferenceCache): Marks {
  const { layout, metadata, leases, layerRows } = parts;
  const held = leases.held();
  const marks: Marks = { blobs: new Set(held.blobs), chains: new Set() };
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
  const chains = [...held.layers, ...metadata.containers.list().flatMap(({ chain }) => (chain === null ? [] : [chain])), ...marks.chains];
  for (const chain of chains) {
    for (let layer = layerRows.get(chain); layer !== null; layer = layer.parent === null ? null : layerRows.get(layer.parent))
      marks.chains.add(layer.chainId);
  }
  return marks;
}

function sweep(parts: CollectorParts, marks: Marks): { report: GarbageReport; doomed: string[] } {
  const { layout, layerRows } = parts;
  const doomed: string[] = [];
  const takeAway = (path: string, purpose: string): void => {
    const name = layout.temporary(purpose);
    try {
      renameSync(path, name);
      doomed.push(name);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  };
  const blobs = unmarkedBlobs(layout, marks.blobs);
  for (const { digest } of blobs) takeAway(layout.blob(digest), 'blob');
  const layers: Layer[] = layerRows.list().filter(({ chainId }) => !marks.chains.has(chainId));
  // First the rows: a row without its layer is worse than the reverse, which opening the store mends silently.
  layerRows.remove(layers.map(({ chainId }) => chainId));
  for (const { chainId } of layers) takeAway(layout.layer(chainId), 'layer');
  const containers = orphans(parts);
  for (const id of containers) {
    releaseLimit(parts.limits, layout.container(id));
    takeAway(layout.container(id), 'container');
  }
  const sizes = [...blobs, ...layers].map(({ size }) => size);
  const report = {
    blobs,
    layers: layers.map(({ chainId }) => chainId),
    containers,
    freedBytes: sizes.reduce((sum, size) => sum + size, 0),
  };
  return { report, doomed };
}

function unmarkedBlobs(layout: Layout, marked: ReadonlySet<Digest>): Blob[] {
  const blobs: Blob[] = [];
  for (const algorithm of readdirSync(layout.blobs)) {
    for (const hex of readdirSync(join(layout.blobs, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest) && !marked.has(digest)) blobs.push({ digest, size: statSync(layout.blob(digest)).size });
    }
  }
  return blobs;
}

function orphans({ layout, metadata, containersInUse }: CollectorParts): string[] {
  return readdirSync(layout.containers).filter((id) => !containersInUse.has(id) && metadata.containers.get(id) === null);
}
