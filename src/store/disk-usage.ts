import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '#errors';
import type { Addon } from '#sys';
import type { Collector } from './gc/collect.ts';
import type { Layout } from './layout.ts';
import type { Metadata } from './metadata/types.ts';
import { measureTree } from './trees/measure-tree.ts';
import type { ContentStore, DiskUsage } from './types.ts';

/** Walks the store; takes as long as du(1), without holding the event loop. */
export async function measureStore(
  layout: Layout,
  addon: Addon,
  content: ContentStore,
  metadata: Metadata,
  preview: Collector['preview'],
): Promise<DiskUsage> {
  const blobs = await content.list();
  const layers = (await readdir(layout.layers)).filter((name) => name !== 'empty');
  const containers = await readdir(layout.containers);
  const unfinished = await readdir(layout.ingest);
  const garbage = await preview();
  return {
    blobs: { count: blobs.length, bytes: sumOf(blobs) },
    layers: { count: layers.length, bytes: await measureAll(addon, layout.layers, layers) },
    containers: { count: containers.length, bytes: await measureAll(addon, layout.containers, containers) },
    images: { count: metadata.images.list().length },
    unfinished: { count: unfinished.length, bytes: await measureAll(addon, layout.ingest, unfinished) },
    database: { bytes: await measureFiles(['', '-wal', '-shm'].map((suffix) => `${layout.database}${suffix}`)) },
    garbage: { count: garbage.blobs.length + garbage.layers.length, bytes: sumOf(garbage.blobs) + sumOf(garbage.layers) },
  };
}

function sumOf(things: readonly { readonly size: number }[]): number {
  return things.reduce((sum, { size }) => sum + size, 0);
}

async function measureFiles(paths: readonly string[]): Promise<number> {
  let sum = 0;
  for (const path of paths) {
    try {
      sum += (await stat(path)).blocks * 512;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return sum;
}

async function measureAll(addon: Addon, directory: string, names: readonly string[]): Promise<number> {
  let sum = 0;
  for (const name of names) {
    try {
      const path = join(directory, name);
      sum += (await lstat(path)).isDirectory() ? (await measureTree(addon, path)).bytes : await measureFiles([path]);
    } catch (error) {
      // Removed meanwhile.
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return sum;
}
