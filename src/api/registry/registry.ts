import type { Logger } from '#log';
import type { Metrics } from './metrics.ts';
import type { Policy } from './policy.ts';
import type { Storage } from './storage/types.ts';
import type { RepositoryName } from './spec/names.ts';
import type { Exchange } from './exchange.ts';
import type { Mirror } from './proxy/mirror.ts';

/** What the handlers of all requests share. */
export interface Registry {
  readonly storage: Storage;
  readonly policy: Policy;
  /** Fetches what is missing from another registry; null for a registry that has what has been pushed to it. */
  readonly mirror: Mirror | null;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Whether a manifest may come without all that it refers to. */
  readonly sparse: boolean;
}

/** One request that has been understood and permitted. */
export interface Call {
  readonly registry: Registry;
  readonly exchange: Exchange;
  /** Whether whoever asks may read this other repository: what a mount needs. */
  mayPull(name: RepositoryName): Promise<boolean>;
}
