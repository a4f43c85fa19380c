export { createRegistryServer, type RegistryServer, type RegistryServerOptions } from './server.ts';
export { openDirectoryStorage } from './storage/directory/open.ts';
export type { CheckReport, CollectOptions, CollectReport, Storage } from './storage/types.ts';
export { createHtpasswd } from './auth/htpasswd.ts';
export { createTokenAuthenticator } from './auth/token.ts';
export type { Authenticator } from './auth/types.ts';
export { createPolicy, parsePolicyConfig, type Policy } from './policy.ts';
export { createMirror } from './proxy/mirror.ts';
export type { Upstream } from './proxy/upstream.ts';
