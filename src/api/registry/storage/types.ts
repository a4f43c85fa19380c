import type { Digest, DigestAlgorithm } from '#oci';
import type { ManifestFacts } from '../spec/manifest.ts';
import type { RepositoryName, Tag } from '../spec/names.ts';
import type { ByteRange } from '../spec/ranges.ts';

/**
 * Where a registry keeps its content. Whatever a method reports as done survives the death of the process and of the machine. Content is shared
 * by all repositories; what a repository shows is what has been pushed or mounted there.
 */
export interface Storage extends AsyncDisposable {
  /** Size of a blob of the repository in bytes, or null. Asking renews its lease: garbage collection leaves it alone for the grace period. */
  blobSize(name: RepositoryName, digest: Digest): Promise<number | null>;
  /** Opens a range of a blob of the repository; null when it is not there. */
  openBlob(name: RepositoryName, digest: Digest, range: ByteRange): Promise<Content | null>;
  /** Shows a blob of one repository in another as well; false when the first has it not. */
  mountBlob(from: RepositoryName, to: RepositoryName, digest: Digest): Promise<boolean>;
  /** The repositories that show this blob, in the order of their bytes. */
  findBlob(digest: Digest): Promise<readonly RepositoryName[]>;
  /** Takes a blob out of the repository; false when it was not there. */
  removeBlob(name: RepositoryName, digest: Digest): Promise<boolean>;

  /** Begins an upload whose content is going to be digested with this algorithm, most likely. */
  beginUpload(name: RepositoryName, algorithm: DigestAlgorithm): Promise<Upload>;
  /** An upload under way in this repository, whoever began it and whenever; null when there is none. */
  findUpload(name: RepositoryName, id: string): Promise<Upload | null>;

  /** Stores a manifest and points the tags at it, one after the other. Nobody sees it before it is whole. */
  putManifest(name: RepositoryName, manifest: StoredManifest, tags: readonly Tag[]): Promise<void>;
  readManifest(name: RepositoryName, digest: Digest): Promise<StoredManifest | null>;
  /** Whether the manifest is there; renews its lease. */
  hasManifest(name: RepositoryName, digest: Digest): Promise<boolean>;
  /** Removes a manifest with the tags that point at it; false when it was not there. */
  removeManifest(name: RepositoryName, digest: Digest): Promise<boolean>;
  readTag(name: RepositoryName, tag: Tag): Promise<Digest | null>;
  removeTag(name: RepositoryName, tag: Tag): Promise<boolean>;
  /** In the order of their bytes; null when nothing has ever been pushed there. */
  listTags(name: RepositoryName): Promise<readonly TagFacts[] | null>;
  /** Manifests whose subject is this digest, in the order of their digests. */
  listReferrers(name: RepositoryName, subject: Digest): Promise<readonly ReferrerFacts[]>;
  /** In the order of their bytes. */
  listRepositories(): Promise<readonly RepositoryName[]>;

  /** Removes what nothing needs, while requests are served. */
  collect(options: CollectOptions): Promise<CollectReport>;
  /** Reads everything and compares: what is damaged or missing. */
  check(signal?: AbortSignal): Promise<CheckReport>;
}

/** Content that has been opened. The caller disposes of it, having read it or not. */
export interface Content extends AsyncDisposable {
  /** Once. A chunk is good until the next one is asked for: its memory is used again. Fails when there is less than there should be. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface Upload {
  readonly id: string;
  /** Bytes that have arrived and are kept. */
  readonly size: number;
  /**
   * Adds what the source brings. A source that fails half-way leaves what arrived before. `exactBytes`: a source of another length leaves
   * nothing. Fails with BLOB_UPLOAD_INVALID while another append runs, SIZE_INVALID for a wrong length.
   */
  append(source: AsyncIterable<Uint8Array>, options?: AppendOptions): Promise<void>;
  /** Ends the upload as a blob of the repository. Content that does not have this digest is thrown away: DIGEST_INVALID. */
  commit(digest: Digest): Promise<void>;
  /** Throws away what has arrived. */
  cancel(): Promise<void>;
}

export interface AppendOptions {
  readonly exactBytes?: number;
}

export interface StoredManifest {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly facts: ManifestFacts;
}

export interface TagFacts {
  readonly tag: Tag;
  readonly digest: Digest;
  /** When the tag was pushed, in ms since 1970. */
  readonly pushedAt: number;
}

export interface ReferrerFacts {
  readonly digest: Digest;
  readonly size: number;
  readonly facts: ManifestFacts;
}

export interface CollectOptions {
  /** What was pushed, mounted or asked for within this time stays, so that a push under way finds its blobs again. */
  readonly graceMs: number;
  /** Uploads that have not grown for this long are given up. */
  readonly uploadIdleMs: number;
  /** Whether manifests go that no tag, index or subject that stays leads to. */
  readonly untagged: boolean;
  /** The tags of a repository that may go. */
  expire(name: RepositoryName, tags: readonly TagFacts[], nowMs: number): readonly Tag[];
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

export interface CollectReport {
  readonly tags: number;
  readonly manifests: number;
  readonly uploads: number;
  /** Blobs whose content went, and its bytes. */
  readonly blobs: number;
  readonly bytes: number;
}

export interface CheckReport {
  readonly repositories: number;
  readonly manifests: number;
  readonly blobs: number;
  /** One sentence each. */
  readonly problems: readonly string[];
}
