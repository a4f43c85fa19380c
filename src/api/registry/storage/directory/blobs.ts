import { stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isDigest, type Digest } from '#oci';
import type { Leases } from '../leases.ts';
import type { Storage } from '../types.ts';
import type { RepositoryName } from '../../spec/names.ts';
import { openContent } from './content.ts';
import { listNames, orNull, removeFile, writeMark } from './files.ts';
import type { Layout } from './layout.ts';
import { findRepositories } from './repositories.ts';

export type BlobStorage = Pick<Storage, 'blobSize' | 'openBlob' | 'mountBlob' | 'findBlob' | 'removeBlob'>;

/** A lease on disk is renewed when it is older than this, not at each request. */
const renewMs = 60_000;

/** Lease keys: a repository's own link to a blob, and the content itself. */
export function linkKey(name: RepositoryName, digest: Digest): string {
  return `${name}@${digest}`;
}

export function createBlobStorage(layout: Layout, leases: Leases): BlobStorage {
  async function blobSize(name: RepositoryName, digest: Digest): Promise<number | null> {
    leases.touch(linkKey(name, digest));
    leases.touch(digest);
    const link = layout.blobLink(name, digest);
    const facts = await orNull(stat(link));
    if (facts === null) return null;
    const now = new Date();
    if (now.getTime() - facts.mtimeMs > renewMs && (await orNull(utimes(link, now, now).then(() => true))) === null) return null;
    return (await orNull(stat(layout.blob(digest))))?.size ?? null;
  }
  return {
    blobSize,
    async openBlob(name, digest, range) {
      if ((await orNull(stat(layout.blobLink(name, digest)))) === null) return null;
      return await openContent(layout.blob(digest), range);
    },
    async mountBlob(from, to, digest) {
      using _content = leases.hold(digest);
      using _link = leases.hold(linkKey(to, digest));
      if ((await blobSize(from, digest)) === null) return false;
      await writeMark(layout.blobLink(to, digest));
      return true;
    },
    async findBlob(digest) {
      const found: RepositoryName[] = [];
      if ((await orNull(stat(layout.blob(digest)))) === null) return found;
      for (const name of await findRepositories(layout, '_blobs'))
        if ((await orNull(stat(layout.blobLink(name, digest)))) !== null) found.push(name);
      return found;
    },
    removeBlob: (name, digest) => removeFile(layout.blobLink(name, digest)),
  };
}

/** The digests that a folder of `ALGORITHM/HEX` names; a file that is not ours is passed over. */
export async function listDigests(folder: string): Promise<readonly Digest[]> {
  const found: Digest[] = [];
  for (const algorithm of await listNames(folder)) {
    for (const hex of await listNames(join(folder, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest)) found.push(digest);
    }
  }
  return found;
}
