export interface ConnectionLimits {
  readonly maxHeaderSize: number;
  readonly headersTimeout: number;
  /** How often the headers' time is looked at, ms. */
  readonly connectionsCheckingInterval: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  /** On each address. */
  readonly maxConnections: number;
}

/**
 * What one client, or all together, may take of the engine. A request's headers come within half a minute and in 64 KiB: logins for many registries travel in them.
 * Bodies may take as long as they like, since builds and imports upload for hours, but for those that are JSON (`body.ts`).
 */
export const connectionLimits: ConnectionLimits = {
  maxHeaderSize: 64 * 1024,
  headersTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  requestTimeout: 0,
  keepAliveTimeout: 0,
  // Three for each of two thousand attached containers, and room.
  maxConnections: 8192,
};
