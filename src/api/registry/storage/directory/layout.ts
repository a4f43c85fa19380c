import { join } from 'node:path';
import { digestAlgorithm, digestHex, isDigest, type Digest } from '#oci';
import type { RepositoryName, Tag } from '../../spec/names.ts';

/**
 * ROOT/
 *   format                                   `orlop-registry 1`
 *   control.sock                             of the process that owns the root
 *   blobs/ALGORITHM/HE/HEX                   content, manifests too, shared by all repositories
 *   uploads/UUID/{info,data}                 content that is still arriving, and whose it is
 *   staging/UUID                             small files before they get their names
 *   repositories/NAME/_blobs/ALGORITHM/HEX       empty: the repository shows this blob; its mtime is its lease
 *   repositories/NAME/_manifests/ALGORITHM/HEX   JSON: what the registry must know of a manifest
 *   repositories/NAME/_tags/TAG                  JSON: the digest, and when it was pushed
 *   repositories/NAME/_referrers/DIGEST/DIGEST   empty: the second has the first as its subject (`-` for `:`)
 *
 * A part of a repository name never begins with `_`, so the names of one do not meet the files of another.
 */
export interface Layout {
  readonly root: string;
  readonly formatFile: string;
  readonly staging: string;
  readonly uploads: string;
  readonly blobs: string;
  readonly repositories: string;
  blob(digest: Digest): string;
  repository(name: RepositoryName): string;
  blobLinks(name: RepositoryName): string;
  blobLink(name: RepositoryName, digest: Digest): string;
  manifests(name: RepositoryName): string;
  manifest(name: RepositoryName, digest: Digest): string;
  tags(name: RepositoryName): string;
  tag(name: RepositoryName, tag: Tag): string;
  referrers(name: RepositoryName, subject: Digest): string;
  referrer(name: RepositoryName, subject: Digest, digest: Digest): string;
}

export const formatLine = 'orlop-registry 1\n';

export function createLayout(root: string): Layout {
  const repository = (name: RepositoryName): string => join(root, 'repositories', name);
  const two = (digest: Digest): string => join(digestAlgorithm(digest), digestHex(digest));
  const flat = (digest: Digest): string => digest.replace(':', '-');
  const referrers = (name: RepositoryName, subject: Digest): string => join(repository(name), '_referrers', flat(subject));
  return {
    root,
    formatFile: join(root, 'format'),
    staging: join(root, 'staging'),
    uploads: join(root, 'uploads'),
    blobs: join(root, 'blobs'),
    repositories: join(root, 'repositories'),
    repository,
    blob: (digest) => join(root, 'blobs', digestAlgorithm(digest), digestHex(digest).slice(0, 2), digestHex(digest)),
    blobLinks: (name) => join(repository(name), '_blobs'),
    blobLink: (name, digest) => join(repository(name), '_blobs', two(digest)),
    manifests: (name) => join(repository(name), '_manifests'),
    manifest: (name, digest) => join(repository(name), '_manifests', two(digest)),
    tags: (name) => join(repository(name), '_tags'),
    tag: (name, tag) => join(repository(name), '_tags', tag),
    referrers,
    referrer: (name, subject, digest) => join(referrers(name, subject), flat(digest)),
  };
}

/** The digest that a file under `_referrers` is named after; null for a file that is not ours. */
export function digestOfFlat(fileName: string): Digest | null {
  const digest = fileName.replace('-', ':');
  return isDigest(digest) ? digest : null;
}
