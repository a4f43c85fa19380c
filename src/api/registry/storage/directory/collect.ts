import { statSync, unlinkSync } from 'node:fs';
import { rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '#oci';
import type { RepositoryName } from '../../spec/names.ts';
import type { Leases } from '../leases.ts';
import type { Locks } from '../locks.ts';
import type { CollectOptions, CollectReport, TagFacts } from '../types.ts';
import { linkKey, listDigests } from './blobs.ts';
import { hasErrno, listNames, orNull, removeFile } from './files.ts';
import type { Layout } from './layout.ts';
import { readRecord, readTags, removeManifestFiles, type ManifestRecord } from './manifests.ts';
import { findRepositories } from './repositories.ts';

export interface CollectorParts {
  readonly layout: Layout;
  readonly leases: Leases;
  readonly locks: Locks;
  readonly now: () => number;
  readonly isBusy: (uploadId: string) => boolean;
}

interface Counts {
  tags: number;
  manifests: number;
  uploads: number;
  blobs: number;
  bytes: number;
}

/**
 * Mark and sweep, repository by repository under its lock, so that no manifest arrives between the mark and the sweep; then content that no
 * repository shows. A file is removed in the same turn of the event loop in which its lease is looked at (`leases.ts`).
 */
export async function collect(parts: CollectorParts, options: CollectOptions): Promise<CollectReport> {
  const { layout, leases, locks, now } = parts;
  const since = now() - options.graceMs;
  const counts: Counts = { tags: 0, manifests: 0, uploads: 0, blobs: 0, bytes: 0 };
  await sweepUploads(parts, options, counts);
  const shown = new Set<Digest>();
  for (const name of await findRepositories(layout, '_blobs')) {
    options.signal?.throwIfAborted();
    await locks.run(name, () => sweepRepository({ ...parts, name, since, options, counts, shown }));
  }
  await sweepContent(parts, options, { since, counts, shown });
  leases.forget(since);
  return counts;
}

async function sweepUploads({ layout, isBusy, now }: CollectorParts, options: CollectOptions, counts: Counts): Promise<void> {
  for (const id of await listNames(layout.uploads)) {
    const folder = join(layout.uploads, id);
    const facts = (await orNull(stat(join(folder, 'data')))) ?? (await orNull(stat(folder)));
    if (facts === null || facts.mtimeMs >= now() - options.uploadIdleMs || isBusy(id)) continue;
    counts.uploads += 1;
    if (!options.dryRun) await rm(folder, { recursive: true, force: true });
  }
}

interface RepositorySweep extends CollectorParts {
  readonly name: RepositoryName;
  readonly since: number;
  readonly options: CollectOptions;
  readonly counts: Counts;
  /** Collects what the repository still shows afterwards. */
  readonly shown: Set<Digest>;
}

async function sweepRepository(sweep: RepositorySweep): Promise<void> {
  const { layout, name, options, shown, leases, since } = sweep;
  const tags = await expireTags(sweep);
  const records = new Map<Digest, ManifestRecord>();
  for (const digest of await listDigests(layout.manifests(name))) {
    const record = await readRecord(layout, name, digest);
    if (record !== null) records.set(digest, record);
  }
  if (options.untagged) await removeUntagged(sweep, tags, records);
  const needed = new Set<Digest>([...records.values()].flatMap(({ facts }) => [...facts.blobs, ...facts.manifests]));
  for (const digest of records.keys()) shown.add(digest);
  for (const digest of await listDigests(layout.blobLinks(name))) {
    const stays = needed.has(digest) || leases.isLive(linkKey(name, digest), since);
    if (stays || !removeWhenOld(layout.blobLink(name, digest), since, options.dryRun)) shown.add(digest);
  }
  for (const flat of await listNames(join(layout.repository(name), '_referrers'))) {
    // Empty folders only: what is in use is refused by rmdir(2) itself.
    if (!options.dryRun) await removeEmpty(join(layout.repository(name), '_referrers', flat));
  }
}

/** Removes the tags that the rules let go; tells the others. */
async function expireTags({ layout, name, options, counts, now }: RepositorySweep): Promise<readonly TagFacts[]> {
  const tags = (await readTags(layout, name)) ?? [];
  const gone = new Set(options.expire(name, tags, now()));
  counts.tags += gone.size;
  if (!options.dryRun) for (const tag of gone) await removeFile(layout.tag(name, tag));
  return tags.filter(({ tag }) => !gone.has(tag));
}

/** A manifest stays when a tag leads to it, when one that stays lists it, when its subject stays, or when it is new. */
async function removeUntagged(
  { layout, name, options, counts, leases, since }: RepositorySweep,
  tags: readonly TagFacts[],
  records: Map<Digest, ManifestRecord>,
): Promise<void> {
  const referrers = Map.groupBy(records.keys(), (digest) => records.get(digest)?.facts.subject);
  const kept = new Set<Digest>();
  const fresh = [...records].filter(([digest, { pushedAt }]) => pushedAt >= since || leases.isLive(linkKey(name, digest), since));
  const open = [...tags.map(({ digest }) => digest), ...fresh.map(([digest]) => digest)];
  for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
    const record = records.get(digest);
    if (record === undefined || kept.has(digest)) continue;
    kept.add(digest);
    open.push(...record.facts.manifests, ...(referrers.get(digest) ?? []));
  }
  for (const digest of records.keys()) {
    if (kept.has(digest)) continue;
    counts.manifests += 1;
    records.delete(digest);
    if (!options.dryRun) await removeManifestFiles(layout, name, digest);
  }
}

async function sweepContent(
  { layout, leases }: CollectorParts,
  { dryRun, signal }: CollectOptions,
  { since, counts, shown }: { since: number; counts: Counts; shown: ReadonlySet<Digest> },
): Promise<void> {
  for (const algorithm of await listNames(layout.blobs)) {
    for (const prefix of await listNames(join(layout.blobs, algorithm))) {
      signal?.throwIfAborted();
      for (const hex of await listNames(join(layout.blobs, algorithm, prefix))) {
        const digest = `${algorithm}:${hex}` as Digest;
        const path = join(layout.blobs, algorithm, prefix, hex);
        const size = (await orNull(stat(path)))?.size;
        if (size === undefined || shown.has(digest) || leases.isLive(digest, since) || !removeWhenOld(path, since, dryRun)) continue;
        counts.blobs += 1;
        counts.bytes += size;
      }
    }
  }
}

/** In one turn of the event loop, on purpose. */
function removeWhenOld(path: string, since: number, dryRun: boolean): boolean {
  try {
    if (statSync(path).mtimeMs >= since) return false;
    if (!dryRun) unlinkSync(path);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return true;
    throw error;
  }
}

async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: unknown) => {
    if (!hasErrno(error, 'ENOTEMPTY', 'ENOENT', 'ENOTDIR')) throw error;
  });
}
