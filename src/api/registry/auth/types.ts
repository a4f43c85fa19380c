import type { RepositoryName } from '../spec/names.ts';

export type Action = 'pull' | 'push' | 'delete';

/** What a request needs. */
export type Access =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'repository'; readonly name: RepositoryName; readonly action: Action };

/** Who asks, and what they may do. */
export interface Caller {
  /** For the log; null when nobody asked. */
  readonly user: string | null;
  /** Fails with UNAUTHORIZED and a challenge, or DENIED, when the caller may not. */
  require(access: Access): void;
}

export interface Authenticator {
  /** Reads the Authorization header. Fails with UNAUTHORIZED and a challenge when it is wrong; `access` is what the challenge asks for. */
  identify(authorization: string | undefined, access: Access): Promise<Caller>;
}

/** Everybody may do everything. */
export const noAuthentication: Authenticator = {
  identify: () => Promise.resolve({ user: null, require: () => undefined }),
};
