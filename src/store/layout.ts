import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { type Digest, digestAlgorithm, digestHex } from '#oci';
import { type Addon, AT_FDCWD, O_DIRECTORY, O_RDONLY } from '#sys';
import type { ChainId } from './types.ts';

/**
 * The store on disk, all of it on one file system and for root only (0700):
 *
 *     <root>/
 *       orlop.db (-wal, -reserve)      names and references, and space for more of it on a full disk; locked by the engine that has the store open
 *       blobs/<algorithm>/<hex>        OCI content, immutable: manifests, configs, packed layers
 *       layers/<chain-hex>/fs/         one unpacked layer, overlay format: a whiteout is a character device 0:0, an opaque directory
 *                                      has trusted.overlay.opaque=y; owners are those the container sees
 *       layers/empty/fs/               what a container without image stands on, because overlayfs wants a lower directory
 *       containers/<id>/upper/         what the container wrote, overlay format
 *       containers/<id>/work/          overlayfs' own
 *       containers/<id>/upper.next/    takes the place of `upper`, which becomes a layer or goes (snapshots/turnover.ts)
 *       containers/<id>/disk.ext4      a file system of limited size that holds those two, where the disk has no project quotas
 *       containers/<id>/logs/          log files
 *       containers/<id>/monitor/       the monitor's directory
 *       linking.json                   while equal files are linked: which times directories had (link-files.ts)
 *       ingest/                        what is being made or deleted; emptied when the store is opened
 */
export interface Layout {
  readonly root: string;
  readonly database: string;
  readonly blobs: string;
  readonly layers: string;
  readonly containers: string;
  readonly ingest: string;
  blob(digest: Digest): string;
  /** The layer's own directory; its tree is `fs` in it. */
  layer(chainId: ChainId): string;
  container(id: string): string;
  /** A new name in `ingest/`, unique beyond this process. */
  temporary(purpose: string): string;
}

export const layerTree = 'fs';
export const emptyLayer = 'layers/empty/fs';

export function createLayout(root: string): Layout {
  const [blobs, layers, containers, ingest] = ['blobs', 'layers', 'containers', 'ingest'].map((name) => join(root, name)) as [
    string,
    string,
    string,
    string,
  ];
  return {
    root,
    database: join(root, 'orlop.db'),
    blobs,
    layers,
    containers,
    ingest,
    blob: (digest) => join(blobs, digestAlgorithm(digest), digestHex(digest)),
    layer: (chainId) => join(layers, layerName(chainId)),
    container: (id) => join(containers, checkedId(id)),
    temporary: (purpose) => join(ingest, `${purpose}-${randomBytes(9).toString('hex')}`),
  };
}

/** The directory name of a chain below `layers/`. */
export function layerName(chainId: ChainId): string {
  // Chains of one sha512 layer have its diff-id as chain-id: too long for comfort as a name.
  const hex = digestHex(chainId);
  return hex.length === 64 ? hex : createHash('sha256').update(chainId).digest('hex');
}

export function createDirectories(layout: Layout): void {
  for (const directory of [layout.root, layout.blobs, join(layout.blobs, 'sha256'), layout.layers, layout.containers, layout.ingest]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
  mkdirSync(join(layout.layers, 'empty'), { recursive: true, mode: 0o700 });
  mkdirSync(join(layout.root, emptyLayer), { recursive: true, mode: 0o755 });
}

/**
 * Has ext4 place what is unpacked, tree by tree, in block groups far apart. Without a journal ext4 does not take an inode again for a minute after it was freed, and looks at each of a group's
 * for every file that it makes there (recently_deleted in fs/ext4/ialloc.c): trees that come and go in one group then cost seconds.
 */
export function spreadTrees(addon: Addon, { ingest }: Layout): void {
  const directory = addon.openat2(AT_FDCWD, ingest, O_RDONLY | O_DIRECTORY, 0, 0);
  try {
    addon.spreadDirectories(directory);
  } catch (error) {
    if (!isErrno(error, 'ENOTTY', 'EOPNOTSUPP', 'EINVAL', 'EPERM', 'EACCES', 'ENOSYS')) throw error;
  } finally {
    addon.close(directory);
  }
}

function checkedId(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(id)) return id;
  throw new OrlopError('invalid-argument', 'STORE_BAD_ID', `bad container id ${JSON.stringify(id.slice(0, 200))}`);
}
