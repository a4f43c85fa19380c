import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestAlgorithm, isDigest, shortDigest } from '#oci';
import { type Addon, type DiskLimits, removeTree } from '#sys';
import { createRunningHash } from './content/hash.ts';
import { type ReferenceCache, referencesOf } from './gc/references.ts';
import { extendChain } from './layers/chain.ts';
import { layerName, layerTree, type Layout } from './layout.ts';
import type { LeaseBook } from './leases.ts';
import type { Database } from './metadata/database.ts';
import type { LayerRows } from './metadata/layer-rows.ts';
import type { Metadata } from './metadata/types.ts';
import { releaseLimit } from './snapshots/snapshotter.ts';
import type { ChainId, CheckOptions, CheckReport, Layer, Problem, ProblemKind } from './types.ts';

export interface CheckerParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly limits: DiskLimits;
  readonly db: Database;
  readonly metadata: Metadata;
  readonly layerRows: LayerRows;
  readonly leases: LeaseBook;
  readonly containersInUse: ReadonlySet<string>;
}

interface Checking extends CheckerParts {
  readonly repair: boolean;
  readonly problems: Problem[];
  /** Notes a problem; `mend` is called when repairs are wanted. */
  found(kind: ProblemKind, object: string, message: string, mend?: () => Promise<void> | void): Promise<void>;
}

/** See `Store.check`. */
export async function checkStore(parts: CheckerParts, options: CheckOptions): Promise<CheckReport> {
  const problems: Problem[] = [];
  const repair = options.repair === true;
  const checking: Checking = {
    ...parts,
    repair,
    problems,
    async found(kind, object, message, mend) {
      if (repair && mend !== undefined) await mend();
      problems.push({ kind, object, message, state: mend === undefined ? 'yours to mend' : repair ? 'repaired' : 'can be repaired' });
    },
  };
  await checkDatabase(checking);
  const blobs = await checkBlobs(checking, options);
  const layers = await checkLayers(checking);
  const images = await checkImages(checking);
  const containers = await checkContainers(checking);
  return { problems, checked: { blobs, layers, images, containers } };
}

async function checkDatabase({ db, found, layout }: Checking): Promise<void> {
  for (const row of db.prepare('PRAGMA integrity_check(10)').all()) {
    const said = String(row['integrity_check']);
    if (said !== 'ok') await found('database-damaged', layout.database, `the database is damaged: ${said}`);
  }
  for (const row of db.prepare('PRAGMA foreign_key_check').all())
    await found(
      'database-damaged',
      layout.database,
      `a row of ${String(row['table'])} names one of ${String(row['parent'])} that is not there`,
    );
}

async function checkBlobs(checking: Checking, { content = false, signal }: CheckOptions): Promise<number> {
  const { layout, found } = checking;
  let count = 0;
  for (const algorithm of await readdir(layout.blobs)) {
    for (const hex of await readdir(join(layout.blobs, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      const path = join(layout.blobs, algorithm, hex);
      count += 1;
      if (!isDigest(digest)) await found('blob-unknown', digest, `${path} is named like no blob`, () => takeAway(checking, path));
      else if (content && (await hashOf(path, digest, signal)) !== digest)
        await found('blob-damaged', digest, `blob ${digest} is damaged on disk`, () => takeAway(checking, path));
    }
  }
  return count;
}

async function hashOf(path: string, digest: Digest, signal: AbortSignal | undefined): Promise<Digest> {
  const hash = createRunningHash(digestAlgorithm(digest));
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.finish();
}

async function checkLayers(checking: Checking): Promise<number> {
  const { layout, layerRows, leases, found } = checking;
  const rows = layerRows.list();
  for (const layer of rows) {
    // Forgotten a moment ago, with what it stood on.
    if (layerRows.get(layer.chainId) === null) continue;
    const name = shortDigest(layer.chainId);
    if (extendChain(layer.parent, layer.diffId) !== layer.chainId)
      await found('layer-damaged', layer.chainId, `the row of layer ${name} contradicts itself`, () => forget(checking, layer));
    else if (!existsSync(join(layout.layers, layerRows.treeOf(layer.chainId), layerTree)))
      await found('layer-missing', layer.chainId, `the unpacked layer ${name} is missing`, () => forget(checking, layer));
  }
  const beingMade = [...leases.held().layers].map(layerName);
  const known = new Set([...layerRows.list().map(({ chainId }) => layerRows.treeOf(chainId)), ...beingMade, 'empty']);
  for (const directory of readdirSync(layout.layers)) {
    if (!known.has(directory))
      await found('layer-unknown', directory, `no row knows the unpacked layer ${directory}`, () =>
        takeAway(checking, join(layout.layers, directory)),
      );
  }
  return rows.length;
}

/** With all that stands on it. They are unpacked again when they are needed, from their blobs. */
async function forget(checking: Checking, layer: Layer): Promise<void> {
  const { layerRows, layout } = checking;
  const doomed = new Set<ChainId>([layer.chainId]);
  for (let grown = true; grown; ) {
    const more = layerRows.list().filter(({ chainId, parent }) => parent !== null && doomed.has(parent) && !doomed.has(chainId));
    grown = more.length > 0;
    for (const { chainId } of more) doomed.add(chainId);
  }
  const trees = new Set([...doomed].map((chainId) => layerRows.treeOf(chainId)));
  layerRows.remove([...doomed]);
  for (const { chainId } of layerRows.list()) trees.delete(layerRows.treeOf(chainId));
  for (const name of trees) await takeAway(checking, join(layout.layers, name));
}

async function checkImages({ layout, metadata, found }: Checking): Promise<number> {
  const cache: ReferenceCache = new Map();
  const isHere = (digest: Digest): boolean => existsSync(layout.blob(digest));
  const rows = metadata.images.list();
  for (const { name, manifest } of rows) {
    const missing = missingOf(layout, cache, manifest, isHere);
    if (missing !== null) await found('image-incomplete', name, `image ${name} lacks ${missing}: get it again, or remove it`);
  }
  return rows.length;
}

/** The first thing that is missing. An index is whole with one whole manifest: the others are for other machines. */
function missingOf(layout: Layout, cache: ReferenceCache, target: Digest, isHere: (digest: Digest) => boolean, depth = 0): string | null {
  if (!isHere(target)) return target;
  const { blobs, manifests } = referencesOf(layout, cache, target);
  if (blobs.length > 0) return blobs.find((digest) => !isHere(digest)) ?? null;
  if (manifests.length === 0) return `what ${target} should say`;
  const missing = depth > 3 ? [target] : manifests.map((digest) => missingOf(layout, cache, digest, isHere, depth + 1));
  return missing.includes(null) ? null : (missing[0] ?? null);
}

async function checkContainers(checking: Checking): Promise<number> {
  const { layout, limits, metadata, containersInUse, found } = checking;
  const rows = metadata.containers.list();
  for (const { id, name } of rows) {
    const directory = layout.container(id);
    if (!existsSync(join(directory, 'upper')) && !limits.hasImage(directory))
      await found('container-missing', id, `the files of container ${name} are missing: remove it`);
  }
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  for (const { containerId, name, isLost } of metadata.snapshots.list())
    if (isLost)
      await found(
        'snapshot-incomplete',
        name,
        `files of snapshot ${name} of ${names.get(containerId) ?? containerId} are missing: remove it`,
      );
  const known = new Set(rows.map(({ id }) => id));
  for (const id of readdirSync(layout.containers)) {
    if (!known.has(id) && !containersInUse.has(id))
      await found('container-unknown', id, `no row knows the container ${id}`, () => {
        releaseLimit(limits, join(layout.containers, id));
        return takeAway(checking, join(layout.containers, id));
      });
  }
  return rows.length;
}

/** Out of sight at once, then deleted. */
async function takeAway({ layout, addon }: Checking, path: string): Promise<void> {
  if (!existsSync(path)) return;
  const doomed = layout.temporary('damaged');
  await rename(path, doomed);
  await removeTree(addon, doomed);
}
