import { readFile, stat } from 'node:fs/promises';
import type { Digest } from '#oci';
import type { ManifestFacts } from '../../spec/manifest.ts';
import { isTag, type RepositoryName, type Tag } from '../../spec/names.ts';
import type { Leases } from '../leases.ts';
import type { Locks } from '../locks.ts';
import type { ReferrerFacts, Storage, StoredManifest, TagFacts } from '../types.ts';
import { linkKey } from './blobs.ts';
import { listNames, makeDirectory, orNull, readJsonFile, removeFile, writeFileWhole, writeMark } from './files.ts';
import { digestOfFlat, type Layout } from './layout.ts';

export type ManifestStorage = Pick<
  Storage,
  'putManifest' | 'readManifest' | 'hasManifest' | 'removeManifest' | 'readTag' | 'removeTag' | 'listTags' | 'listReferrers'
>;

/** What the file of a manifest says. */
export interface ManifestRecord {
  readonly size: number;
  /** ms since 1970. */
  readonly pushedAt: number;
  readonly facts: ManifestFacts;
}

interface TagRecord {
  readonly digest: Digest;
  readonly pushedAt: number;
}

export async function readRecord(layout: Layout, name: RepositoryName, digest: Digest): Promise<ManifestRecord | null> {
  return (await readJsonFile(layout.manifest(name, digest))) as ManifestRecord | null;
}

/** In the order of their bytes; null when the repository has never been pushed to. */
export async function readTags(layout: Layout, name: RepositoryName): Promise<readonly TagFacts[] | null> {
  if ((await orNull(stat(layout.manifests(name)))) === null) return null;
  const tags: TagFacts[] = [];
  for (const tag of (await listNames(layout.tags(name))).filter(isTag)) {
    const record = (await readJsonFile(layout.tag(name, tag))) as TagRecord | null;
    if (record !== null) tags.push({ tag, ...record });
  }
  return tags;
}

/** The caller holds the repository's lock. The tags go first: none may lead to nothing. */
export async function removeManifestFiles(layout: Layout, name: RepositoryName, digest: Digest): Promise<boolean> {
  const record = await readRecord(layout, name, digest);
  if (record === null) return false;
  for (const tag of (await readTags(layout, name)) ?? []) {
    if (tag.digest === digest) await removeFile(layout.tag(name, tag.tag));
  }
  const removed = await removeFile(layout.manifest(name, digest));
  if (record.facts.subject !== undefined) await removeFile(layout.referrer(name, record.facts.subject, digest));
  return removed;
}

export function createManifestStorage(layout: Layout, leases: Leases, locks: Locks, now: () => number): ManifestStorage {
  /** Content, then who refers to it, then the record that makes it visible, then the tags. */
  async function put(name: RepositoryName, { digest, bytes, facts }: StoredManifest, tags: readonly Tag[]): Promise<void> {
    using _content = leases.hold(digest);
    using _link = leases.hold(linkKey(name, digest));
    if ((await orNull(stat(layout.blob(digest))))?.size !== bytes.length) await writeFileWhole(layout.staging, layout.blob(digest), bytes);
    if (facts.subject !== undefined) await writeMark(layout.referrer(name, facts.subject, digest));
    const pushedAt = now();
    const record: ManifestRecord = { size: bytes.length, pushedAt, facts };
    await writeFileWhole(layout.staging, layout.manifest(name, digest), JSON.stringify(record));
    await makeDirectory(layout.tags(name));
    for (const tag of tags)
      await writeFileWhole(layout.staging, layout.tag(name, tag), JSON.stringify({ digest, pushedAt } satisfies TagRecord));
  }
  return {
    putManifest: (name, manifest, tags) => locks.run(name, () => put(name, manifest, tags)),
    async readManifest(name, digest) {
      const record = await readRecord(layout, name, digest);
      if (record === null) return null;
      const bytes = await orNull(readFile(layout.blob(digest)));
      return bytes === null ? null : { digest, bytes, facts: record.facts };
    },
    async hasManifest(name, digest) {
      leases.touch(linkKey(name, digest));
      return (await orNull(stat(layout.manifest(name, digest)))) !== null;
    },
    removeManifest: (name, digest) => locks.run(name, () => removeManifestFiles(layout, name, digest)),
    readTag: async (name, tag) => ((await readJsonFile(layout.tag(name, tag))) as TagRecord | null)?.digest ?? null,
    removeTag: (name, tag) => locks.run(name, () => removeFile(layout.tag(name, tag))),
    listTags: (name) => readTags(layout, name),
    async listReferrers(name, subject) {
      const found: ReferrerFacts[] = [];
      for (const file of await listNames(layout.referrers(name, subject))) {
        const digest = digestOfFlat(file);
        // A push that was cut off may have left the mark and no manifest.
        const record = digest === null ? null : await readRecord(layout, name, digest);
        if (digest !== null && record !== null) found.push({ digest, size: record.size, facts: record.facts });
      }
      return found;
    },
  };
}
