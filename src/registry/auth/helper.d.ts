import { OrlopError } from '#errors';
export interface HelperOptions {
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}
export interface HelperOutcome {
  readonly code: number | null;
  readonly stdout: string;
}
/**
 * Runs `docker-credential-NAME VERB` (docker-credential-helpers' protocol). Unavailable `REGISTRY_HELPER_FAILED` when there is none, when it takes too long
 * or says too much; its exit code is the caller's business.
 */
export declare function runHelper(
  name: string,
  verb: 'get' | 'store' | 'erase',
  input: string,
  options?: HelperOptions,
): Promise<HelperOutcome>;
export declare function failed(name: string, why: string): OrlopError;
