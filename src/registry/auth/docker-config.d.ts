import type { Credential } from '../types.ts';
import { type HelperOptions } from './helper.ts';
/** The credentials that people keep in Docker's configuration file or in the program that it names. */
export interface CredentialStore {
  /** Null when nothing is kept. Failed-precondition `REGISTRY_BAD_CONFIG` for a damaged file, unavailable for a helper that fails. */
  get(domain: string): Promise<Credential | null>;
  /** Says where they were put: the file, or the helper's name. */
  set(
    domain: string,
    credential: Credential & {
      type: 'password';
    },
  ): Promise<string>;
  /** True when there were any. */
  erase(domain: string): Promise<boolean>;
}
/** `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`. */
export declare function dockerConfigPath(env: Readonly<Record<string, string | undefined>>, home: string): string;
/** The store behind a configuration file; the file need not be there. */
export declare function createCredentialStore(path: string, options?: HelperOptions): CredentialStore;
