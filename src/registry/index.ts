export { createCredentialStore, type CredentialStore, dockerConfigPath } from './auth/docker-config.ts';
export { createRegistryClient, type RegistryClientOptions } from './client.ts';
export { createDownloads, type DownloadRequest, type Downloads, type DownloadsOptions } from './download.ts';
export { parseSettings, type PrefixSettings, type RegistrySettings } from './settings.ts';
export type {
  Credential,
  CredentialSource,
  ManifestAnswer,
  RegistryClient,
  RegistryLimits,
  Repository,
  RepositoryName,
  SearchHit,
} from './types.ts';
