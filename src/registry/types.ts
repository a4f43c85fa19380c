import type { Descriptor, Digest, Index } from '#oci';

/** What a registry is told about who asks. Never logged, never in a message. */
export type Credential =
  | { readonly type: 'password'; readonly username: string; readonly password: string }
  /** A refresh token of the registry's token service (OAuth2). */
  | { readonly type: 'identity-token'; readonly token: string }
  /** Sent as it is, as `Bearer`. */
  | { readonly type: 'registry-token'; readonly token: string };

/** Asked once for each registry host that wants to know; null for nobody. */
export type CredentialSource = (host: string) => Credential | null | Promise<Credential | null>;

/** A repository as references name it: `docker.io`, `library/debian`. */
export interface RepositoryName {
  readonly domain: string;
  readonly path: string;
}

/** Bounds of one client. Times in milliseconds. */
export interface RegistryLimits {
  /** Without a single byte from the other side, and of a body: without `leastBytes`. */
  readonly stallMs: number;
  readonly leastBytes: number;
  /** How often a request is tried that may be repeated. */
  readonly attempts: number;
  /** Before the second try; doubled for each further one. */
  readonly backoffMs: number;
  /** The longest `Retry-After` that is waited for; who asks for more gets an error that says so. */
  readonly longestWaitMs: number;
}

export interface ManifestAnswer {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface FetchBlobOptions extends CallOptions {
  /** False when the reader verifies the digest itself; the size is always checked. */
  readonly verify?: boolean;
}

export interface UploadOptions extends CallOptions {
  /** Bytes of each PATCH; one PUT without it. A registry's `OCI-Chunk-Min-Length` raises it. */
  readonly chunkBytes?: number;
  readonly onProgress?: (bytes: number) => void;
}

/** The content of an upload: opened anew for each try. */
export type OpenBlob = (start: number) => AsyncIterable<Uint8Array>;

/**
 * One repository of one registry, with its mirrors for reading. Calls fail with not-found, unauthenticated, permission-denied, resource-exhausted (429, 413),
 * unavailable (5xx, broken connections, after all tries), deadline-exceeded (stalls), data-loss (content with another digest), cancelled. Each message
 * names the registry and the reference.
 */
export interface Repository {
  readonly name: RepositoryName;
  /** By tag or digest, without the content; null for a manifest that is not there. */
  resolve(reference: string, options?: CallOptions): Promise<Descriptor | null>;
  /** Verified: against the digest when asked for by one, else against what the registry says of it. */
  fetchManifest(reference: string, options?: CallOptions): Promise<ManifestAnswer>;
  /** Streams a blob; a broken connection is taken up where it broke. Foreign blobs come from their own URLs, without credentials. */
  fetchBlob(blob: Descriptor, options?: FetchBlobOptions): AsyncIterable<Buffer>;
  hasBlob(digest: Digest, options?: CallOptions): Promise<boolean>;
  /** True when the registry took the blob over from another of its repositories. */
  mountBlob(digest: Digest, fromPath: string, options?: CallOptions): Promise<boolean>;
  uploadBlob(blob: { readonly digest: Digest; readonly size: number }, open: OpenBlob, options?: UploadOptions): Promise<void>;
  /** `reference` is a tag or the manifest's digest. */
  putManifest(reference: string, mediaType: string, bytes: Uint8Array, options?: CallOptions): Promise<void>;
  deleteManifest(reference: string, options?: CallOptions): Promise<void>;
  deleteBlob(digest: Digest, options?: CallOptions): Promise<void>;
  /** In the registry's order. */
  tags(options?: CallOptions): Promise<string[]>;
  /** What refers to a manifest; by the referrers API, else by the tag that stands in for it. */
  referrers(digest: Digest, options?: CallOptions & { readonly artifactType?: string }): Promise<Index>;
}

/** A repository that a search has found. */
export interface SearchHit {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
}

export interface RegistryClient extends Disposable {
  /**
   * Succeeds when the registry lets these credentials in. `identityToken` is what its token service gives to be kept in place of the password; null where
   * there is no such thing.
   */
  ping(
    domain: string,
    options?: CallOptions & { readonly credentials?: CredentialSource },
  ): Promise<{ readonly identityToken: string | null }>;
  catalog(domain: string, options?: CallOptions & { readonly credentials?: CredentialSource }): Promise<string[]>;
  /** Repositories whose name or description fits, in the registry's order; `limit` at most. Few registries but Docker's hub have it. */
  search(
    domain: string,
    query: { readonly term: string; readonly limit: number },
    options?: CallOptions & { readonly credentials?: CredentialSource },
  ): Promise<SearchHit[]>;
  repository(name: RepositoryName, options?: { readonly credentials?: CredentialSource }): Repository;
  /** Closes resting connections. */
  close(): void;
}
