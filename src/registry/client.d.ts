import type { Logger } from '#log';
import { type RegistrySettings } from './settings.ts';
import type { RegistryClient, RegistryLimits } from './types.ts';
export interface RegistryClientOptions {
  readonly settings?: RegistrySettings;
  /** See `readCertificates`; `/etc/orlop/certs.d` and `/etc/docker/certs.d` without it. */
  readonly certificateDirectories?: readonly string[];
  /** For proxies; none are used without it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly limits?: Partial<RegistryLimits>;
  readonly userAgent?: string;
  readonly logger?: Logger;
}
/** A client of OCI registries (distribution-spec 1.1). Connections are shared by all that it makes, logins by nobody. */
export declare function createRegistryClient(options?: RegistryClientOptions): RegistryClient;
