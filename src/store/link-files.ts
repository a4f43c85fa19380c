import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { isErrno } from '#errors';
import { type Addon, AT_FDCWD, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, createGiveWay, O_DIRECTORY, O_RDONLY, writeFileAtomic } from '#sys';
import { factsAt, findFiles, type Found, hashOf, openFound, openTreeToSearch, type Searching } from './equal-files.ts';
import { layerName, layerTree, type Layout } from './layout.ts';
import type { LayerRows } from './metadata/layer-rows.ts';
import type { Metadata } from './metadata/types.ts';
import type { ChainId, LinkedFiles, LinkFilesOptions } from './types.ts';

export interface LinkParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly layerRows: LayerRows;
  readonly metadata: Pick<Metadata, 'containers'>;
}

/** Cron, mail servers and others refuse files there that have a second name. */
const apart = /^\.\/(etc|var\/spool)\//;

interface Tree {
  readonly name: string;
  readonly descriptor: number;
  /** Whose writable part it is. */
  readonly container: string | null;
  /** Trees below it in some chain: one root may show both. */
  readonly below: ReadonlySet<string>;
}

interface Link {
  readonly kept: Found;
  readonly replaced: Found;
  readonly hash: string;
}

/** What is left to be put right, on disk while files are linked: a directory's time changes with a name in it, and a layer's digest with that. */
interface Pending {
  readonly directories: readonly { readonly tree: string; readonly path: string; readonly mtimeNs: string }[];
}

/**
 * Has equal files of layers (content, owner, mode, time and attributes) be one file with several names, where the file system cannot share blocks. Nobody writes into a layer: who changes such a file gets a copy
 * by overlayfs. Of one root two names never become one file, nor do those that have several names already, nor any below /etc and /var/spool.
 */
export async function linkFiles(parts: LinkParts, { containers, push, signal }: LinkFilesOptions): Promise<LinkedFiles> {
  const { addon, layout } = parts;
  const searching: Searching = { addon, giveWay: createGiveWay(), signal };
  using opened = new DisposableStack();
  const trees = openTrees(parts, containers, opened);
  const found: Found[] = [];
  for (const { descriptor } of trees) for (const file of await findFiles(searching, descriptor)) found.push(file);
  const planned = await planLinks(searching, new Map(trees.map((tree) => [tree.descriptor, tree])), found);
  const links = await inLayers(searching, trees, planned, push);
  const total = { files: new Set(found.map(({ dev, ino }) => `${dev} ${ino}`)).size, sharedFiles: 0, savedBytes: 0, savedCacheBytes: 0 };
  if (links.length === 0) return total;
  // What others come to stand on is on disk before.
  const root = opened.adopt(addon.openat2(AT_FDCWD, layout.root, O_RDONLY | O_DIRECTORY, 0, 0), addon.close);
  await addon.syncfsAside(root);
  await writeFileAtomic(pendingFile(layout), JSON.stringify(pendingOf(parts, links)));
  try {
    for (const link of links) {
      await searching.giveWay();
      signal?.throwIfAborted();
      const cached = addLink(parts, link);
      if (cached === null) continue;
      total.sharedFiles += 1;
      total.savedBytes += link.replaced.blocks * 512;
      total.savedCacheBytes += cached;
    }
  } finally {
    finishLinking(parts);
  }
  await addon.syncfsAside(root);
  return total;
}

/** Gives directories of layers the times again that they had before an engine was cut off while it linked files. */
export function finishLinking({ layout, addon }: Pick<LinkParts, 'layout' | 'addon'>): void {
  const pending = readPending(layout);
  if (pending === null) return;
  for (const { tree, path, mtimeNs } of pending.directories) {
    const descriptor = openTreeToSearch(addon, join(layout.root, tree));
    if (descriptor === null) continue;
    try {
      addon.utimensat(descriptor, path, BigInt(mtimeNs), BigInt(mtimeNs), AT_SYMLINK_NOFOLLOW);
    } catch (error) {
      // It is being removed.
      if (!isErrno(error, 'ENOENT')) throw error;
    } finally {
      addon.close(descriptor);
    }
  }
  rmSync(pendingFile(layout));
}

function pendingFile({ root }: Layout): string {
  return join(root, 'linking.json');
}

function readPending(layout: Layout): Pending | null {
  try {
    return JSON.parse(readFileSync(pendingFile(layout), 'utf8')) as Pending;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

function openTrees({ layout, addon, layerRows, metadata }: LinkParts, containers: readonly string[], opened: DisposableStack): Tree[] {
  const rows = layerRows.list();
  const below = new Map<string, Set<string>>();
  const ancestry = (chain: ChainId | null): string[] => {
    const names: string[] = [];
    for (let layer = chain === null ? null : layerRows.get(chain); layer !== null; layer = parentOf(layerRows, layer.parent))
      names.push(layerRows.treeOf(layer.chainId));
    return names;
  };
  for (const { chainId } of rows) {
    const [name = layerName(chainId), ...others] = ancestry(chainId);
    below.set(name, new Set([...(below.get(name) ?? []), ...others]));
  }
  const trees: Tree[] = [];
  const open = (path: string, tree: Omit<Tree, 'descriptor'>): void => {
    const descriptor = openTreeToSearch(addon, path);
    if (descriptor !== null) trees.push({ ...tree, descriptor: opened.adopt(descriptor, addon.close) });
  };
  for (const [name, others] of below) open(join(layout.layers, name, layerTree), { name, container: null, below: others });
  for (const container of containers) {
    const chain = metadata.containers.get(container)?.chain ?? null;
    open(join(layout.container(container), 'upper'), { name: `upper of ${container}`, container, below: new Set(ancestry(chain)) });
  }
  return trees;
}

function parentOf(rows: LayerRows, parent: ChainId | null) {
  return parent === null ? null : rows.get(parent);
}

/** Which file is to become which other. */
async function planLinks(searching: Searching, trees: ReadonlyMap<number, Tree>, found: readonly Found[]): Promise<Link[]> {
  const namesOf = Map.groupBy(found, ({ dev, ino }) => `${dev} ${ino}`);
  const inodes = namesOf.values().filter((names) => names.every(({ path }) => !apart.test(path)));
  const alike = Map.groupBy(inodes, ([file]) =>
    file === undefined ? '' : [file.dev, file.size, file.mode, file.uid, file.gid, file.mtimeNs].join(' '),
  );
  const links: Link[] = [];
  for (const group of alike.values()) {
    if (group.length < 2) continue;
    const equal = new Map<string, Found[][]>();
    for (const names of group) {
      const hash = names[0] === undefined ? null : await hashWithAttributes(searching, names[0]);
      if (hash !== null) equal.set(hash, [...(equal.get(hash) ?? []), names]);
    }
    for (const [hash, same] of equal) links.push(...linksAmong(trees, hash, same));
  }
  return links;
}

/** Of equal files, each with all its names. Those that have most names are kept: they may have been linked before. */
function linksAmong(trees: ReadonlyMap<number, Tree>, hash: string, same: readonly Found[][]): Link[] {
  const kept: { readonly file: Found; readonly trees: Tree[] }[] = [];
  const links: Link[] = [];
  for (const names of same.toSorted((one, other) => (other[0]?.nlink ?? 0) - (one[0]?.nlink ?? 0))) {
    const [file] = names;
    if (file === undefined) continue;
    const places = names.flatMap(({ tree }) => trees.get(tree) ?? []);
    const fitting = file.nlink > 1 ? undefined : kept.find((each) => !each.trees.some((one) => places.some((other) => meet(one, other))));
    if (fitting === undefined) {
      kept.push({ file, trees: places });
    } else {
      fitting.trees.push(...places);
      links.push({ kept: fitting.file, replaced: file, hash });
    }
  }
  return links;
}

function meet(one: Tree, other: Tree): boolean {
  return one.name === other.name || one.below.has(other.name) || other.below.has(one.name);
}

async function hashWithAttributes(searching: Searching, file: Found): Promise<string | null> {
  const { addon } = searching;
  const content = await hashOf(searching, file);
  const descriptor = content === null ? null : openFound(addon, file);
  if (content === null || descriptor === null) return null;
  try {
    const hash = createHash('sha256').update(content);
    for (const name of addon.listxattr(descriptor).toSorted()) {
      const value = addon.getxattr(descriptor, name) ?? Buffer.alloc(0);
      hash.update(`${name}\0${value.length}\0`).update(value);
    }
    return hash.digest('hex');
  } finally {
    addon.close(descriptor);
  }
}

/** Containers whose files are in the plan get a new writable part above what they have written so far; of those that cannot, nothing is linked. */
async function inLayers(
  searching: Searching,
  trees: readonly Tree[],
  planned: readonly Link[],
  push: LinkFilesOptions['push'],
): Promise<Link[]> {
  const written = new Map(trees.flatMap(({ descriptor, container }) => (container === null ? [] : [[descriptor, container] as const])));
  const wanted = new Set(planned.flatMap(({ kept, replaced }) => [kept, replaced].flatMap(({ tree }) => written.get(tree) ?? [])));
  const pushed = new Set<string>();
  for (const container of wanted) if (await push(container)) pushed.add(container);
  const isThere = async (file: Found, hash: string): Promise<boolean> => {
    const container = written.get(file.tree);
    // Somebody may have written to it before it became a layer.
    return container === undefined || (pushed.has(container) && (await hashWithAttributes(searching, file)) === hash);
  };
  const links: Link[] = [];
  for (const link of planned) if ((await isThere(link.kept, link.hash)) && (await isThere(link.replaced, link.hash))) links.push(link);
  return links;
}

function pendingOf({ layout, addon }: LinkParts, links: readonly Link[]): Pending {
  const directories = new Map(links.map(({ replaced: { tree, path } }) => [`${tree} ${dirname(path)}`, { tree, path: dirname(path) }]));
  return {
    directories: [...directories.values()].flatMap(({ tree, path }) => {
      const mtimeNs = factsAt(addon, tree, path)?.mtimeNs;
      return mtimeNs === undefined
        ? []
        : [{ tree: relative(layout.root, readlinkSync(`/proc/self/fd/${tree}`)), path, mtimeNs: String(mtimeNs) }];
    }),
  };
}

/** How much of the replaced file was in the page cache, bytes; null: it was left as it is. */
function addLink({ layout, addon }: LinkParts, { kept, replaced }: Link): number | null {
  using opened = new DisposableStack();
  const [one, other, directory] = [
    openFound(addon, kept),
    openFound(addon, replaced),
    openFound(addon, { ...replaced, path: dirname(replaced.path) }, O_DIRECTORY),
  ];
  for (const descriptor of [one, other, directory]) if (descriptor !== null) opened.defer(() => addon.close(descriptor));
  if (one === null || other === null || directory === null) return null;
  const cached = addon.cachedBytes(other);
  const name = layout.temporary('link');
  try {
    addon.linkat(AT_FDCWD, `/proc/self/fd/${one}`, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
  } catch (error) {
    // As many names as a file can have, or directories of different projects.
    if (isErrno(error, 'EMLINK', 'EXDEV', 'ENOENT')) return null;
    throw error;
  }
  addon.renameat2(AT_FDCWD, name, directory, replaced.path.slice(dirname(replaced.path).length + 1), 0);
  return cached;
}
