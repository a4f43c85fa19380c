import type { Route, VersionWindow } from '#api/http';
import { apiVersion, minimumApiVersion } from '#wire';
import type { ContainerBackend } from './containers/backend.ts';
import { containerRoutes } from './containers/routes.ts';
import type { ExecBackend } from './execs/backend.ts';
import { execRoutes } from './execs/routes.ts';
import type { ImageBackend } from './images/backend.ts';
import { imageRoutes } from './images/routes.ts';
import type { NetworkBackend } from './networks/backend.ts';
import { notYetRoutes } from './not-yet.ts';
import { pluginRoutes } from './plugins/routes.ts';
import type { RegistryBackend } from './registries/backend.ts';
import { registryRoutes } from './registries/routes.ts';
import type { StoreBackend } from './store/backend.ts';
import { swarmRoutes } from './swarm/routes.ts';
import type { SystemBackend } from './system/backend.ts';
import { systemRoutes } from './system/routes.ts';

export type { ContainerBackend, ExecBackend, ImageBackend, NetworkBackend, RegistryBackend, StoreBackend, SystemBackend };
export { type FileBackend, fileRoutes } from './files/routes.ts';
export type { BuildBackend } from './build/backend.ts';
export { buildRoutes } from './build/routes.ts';
export { networkRoutes } from './networks/routes.ts';
export { storeRoutes } from './store/routes.ts';
export type { VolumeBackend } from './volumes/backend.ts';
export { volumeRoutes } from './volumes/routes.ts';
/** What an engine must offer to be served as Docker's. */
export type DockerBackend = ContainerBackend & ExecBackend & ImageBackend & RegistryBackend & SystemBackend;

/** All routes of Docker's API that Orlop has, and named refusals for those that it will have. */
export function dockerRoutes(backend: DockerBackend): Route[] {
  const { storageDriver } = backend.info();
  return [
    ...systemRoutes(backend),
    ...registryRoutes(backend),
    ...imageRoutes(backend, storageDriver),
    ...execRoutes(backend),
    ...containerRoutes(backend, storageDriver),
    ...pluginRoutes(),
    ...swarmRoutes(),
    ...notYetRoutes(),
  ];
}

export const dockerVersions: VersionWindow = { oldest: minimumApiVersion, newest: apiVersion };

/** Headers by which Docker's clients know an engine, with each answer. */
export function dockerHeaders(engineVersion: string): Record<string, string> {
  return { 'Api-Version': apiVersion, 'Docker-Experimental': 'false', Ostype: 'linux', Server: `Orlop/${engineVersion} (linux)` };
}
