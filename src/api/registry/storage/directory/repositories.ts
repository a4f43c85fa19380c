import { join } from 'node:path';
import { readdir } from 'node:fs/promises';
import { isRepositoryName, type RepositoryName } from '../../spec/names.ts';
import { orNull } from './files.ts';
import type { Layout } from './layout.ts';

/** Deeper than any name of 255 characters can be. */
const deepest = 128;

/**
 * All repositories in the order of their bytes: with `_manifests`, those that have been pushed to; with `_blobs`, also those where a push is under way.
 */
export async function findRepositories(layout: Layout, having: '_manifests' | '_blobs'): Promise<readonly RepositoryName[]> {
  const found: RepositoryName[] = [];
  const look = async (name: string, depth: number): Promise<void> => {
    const entries = (await orNull(readdir(join(layout.repositories, name), { withFileTypes: true }))) ?? [];
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    if (folders.some((folder) => folder === having || folder === '_manifests') && isRepositoryName(name)) found.push(name);
    if (depth === deepest) return;
    for (const folder of folders) if (!folder.startsWith('_')) await look(name === '' ? folder : `${name}/${folder}`, depth + 1);
  };
  await look('', 0);
  return found.toSorted((a, b) => (a < b ? -1 : 1));
}
