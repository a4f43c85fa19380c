import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestAlgorithm, digestHex, isDigest, type Digest } from '#oci';
import type { CheckReport } from '../types.ts';
import { listDigests } from './blobs.ts';
import { listNames, orNull } from './files.ts';
import type { Layout } from './layout.ts';
import { readRecord, readTags } from './manifests.ts';
import { findRepositories } from './repositories.ts';

/** Reads all content against its digests, and every repository against the content. */
export async function check(layout: Layout, signal?: AbortSignal): Promise<CheckReport> {
  const problems: string[] = [];
  const content = await checkContent(layout, problems, signal);
  const repositories = await findRepositories(layout, '_blobs');
  let manifests = 0;
  for (const name of repositories) {
    for (const digest of await listDigests(layout.blobLinks(name)))
      if (!content.has(digest)) problems.push(`${name} shows the blob ${digest}, which is not there`);
    for (const digest of await listDigests(layout.manifests(name))) {
      manifests += 1;
      const record = await readRecord(layout, name, digest);
      if (record === null) continue;
      if (!content.has(digest)) problems.push(`${name} has the manifest ${digest} without its content`);
      for (const part of record.facts.blobs) {
        if (record.facts.absent?.includes(part) === true) continue;
        const shown = await orNull(stat(layout.blobLink(name, part)));
        if (shown === null) problems.push(`the manifest ${digest} of ${name} needs the blob ${part}, which is not there`);
      }
    }
    for (const { tag, digest } of (await readTags(layout, name)) ?? [])
      if ((await orNull(stat(layout.manifest(name, digest)))) === null)
        problems.push(`${name}:${tag} leads to ${digest}, which is not there`);
  }
  return { repositories: repositories.length, manifests, blobs: content.size, problems };
}

async function checkContent(layout: Layout, problems: string[], signal?: AbortSignal): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  for (const algorithm of await listNames(layout.blobs)) {
    for (const prefix of await listNames(join(layout.blobs, algorithm))) {
      for (const hex of await listNames(join(layout.blobs, algorithm, prefix))) {
        signal?.throwIfAborted();
        const digest = `${algorithm}:${hex}`;
        if (!isDigest(digest)) continue;
        found.add(digest);
        const hash = createHash(digestAlgorithm(digest));
        for await (const chunk of createReadStream(layout.blob(digest), { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
        if (hash.digest('hex') !== digestHex(digest)) problems.push(`the content of ${digest} is damaged`);
      }
    }
  }
  return found;
}
