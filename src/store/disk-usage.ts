import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '#errors';
import type { Addon } from '#sys';
import type { Layout } from './layout.ts';
import type { Metadata } from './metadata/types.ts';
import { measureTree } from './trees/measure-tree.ts';
import type { ContentStore, DiskUsage } from './types.ts';

/** Walks the store; takes as long as du(1), without holding the event loop. */
export async function measureStore(layout: Layout, addon: Addon, content: ContentStore, metadata: Metadata): Promise<DiskUsage> {
  const blobs = await content.list();
  const layers = (await readdir(layout.layers)).filter((name) => name !== 'empty');
  const containers = await readdir(layout.containers);
  return {
    blobs: { count: blobs.length, bytes: blobs.reduce((sum, { size }) => sum + size, 0) },
    layers: { count: layers.length, bytes: await measureAll(addon, layout.layers, layers) },
    containers: { count: containers.length, bytes: await measureAll(addon, layout.containers, containers) },
    images: { count: metadata.images.list().length },
  };
}

async function measureAll(addon: Addon, directory: string, names: readonly string[]): Promise<number> {
  let sum = 0;
  for (const name of names) {
    try {
      sum += (await measureTree(addon, join(directory, name))).bytes;
    } catch (error) {
      // Removed meanwhile.
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return sum;
}
