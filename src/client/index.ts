export { promiseWithResolvers } from './promise-with-resolvers.ts';
export { offerContext, readIfThere, readIgnoreFile, requireDirectory } from './build-context.ts';
import { type BuildsClient, createBuildsClient } from './builds.ts';
import { createContainersClient, type ContainersClient } from './containers.ts';
import { createFilesClient, type FilesClient } from './files.ts';
import { createExecsClient, type ExecsClient } from './execs.ts';
import { defaultHost, parseHost } from './host.ts';
import { createImagesClient, type ImagesClient } from './images.ts';
import { createArchivesClient, createDiskClient, type ArchivesClient, type DiskClient } from './store.ts';
import { createLeasesClient, type LeasesClient } from './leases.ts';
import { createLxdClient, type LxdClient } from './lxd.ts';
import { createNetworksClient, type NetworksClient } from './networks.ts';
import { createSnapshotsClient, type SnapshotsClient } from './snapshots.ts';
import {
  createDevicesClient,
  createProfilesClient,
  createSettingsClient,
  type DevicesClient,
  type ProfilesClient,
  type SettingsClient,
} from './settings.ts';
import { createSystemClient, type SystemClient } from './system.ts';
import type { ClientTls } from './transport/connection.ts';
import type { RequestOptions } from './transport/request.ts';
import { createTransport, type Transport } from './transport/transport.ts';
import { leaseHeader } from '#wire';
import { createVolumesClient, type VolumesClient } from './volumes.ts';

export type { AttachOptions, ContainersClient, ExpectedExit, ListOptions, LogOptions, StopOptions } from './containers.ts';
export type { BuildsClient, FollowedBuild } from './builds.ts';
export type { ExecsClient } from './execs.ts';
export type { FilesClient, PathStat } from './files.ts';
export type { ImagesClient, ImportOptions } from './images.ts';
export type { HeldLease, LeasesClient } from './leases.ts';
export type { PulledImage, PullOptions, PushedImage, RegistryOptions } from './registries.ts';
export type { ProcessStream } from './process-stream.ts';
export type { EventOptions, FollowOptions, SystemClient } from './system.ts';
export type { DevicesClient, ProfilesClient, SettingsClient } from './settings.ts';
export type { NetworksClient } from './networks.ts';
export type { ArchivesClient, CommitOptions, DiskClient, LoadLine, PruneAnswer } from './store.ts';
export { defaultHost, parseHost } from './host.ts';
export { readLogLines, type LogLine } from './log-lines.ts';
export { chooseHost, readTls, type HostChoice } from './environment.ts';
export type { ClientTls } from './transport/connection.ts';

/** An engine, from a program's side. Nothing is sent before the first call. */
export interface Client extends SystemClient, LxdClient, Disposable {
  readonly host: string;
  readonly builds: BuildsClient;
  readonly containers: ContainersClient;
  readonly execs: ExecsClient;
  readonly files: FilesClient;
  readonly images: ImagesClient;
  readonly networks: NetworksClient;
  readonly archives: ArchivesClient;
  readonly disk: DiskClient;
  readonly volumes: VolumesClient;
  readonly leases: LeasesClient;
  readonly snapshots: SnapshotsClient;
  readonly settings: SettingsClient;
  readonly profiles: ProfilesClient;
  readonly devices: DevicesClient;
  /** The same client over the same connections; what it creates belongs to this lease. */
  under(lease: string): Client;
  /** The same client over the same connections; each of its calls is given up as `cancelled` once the signal fires, also those that take none of their own. */
  until(signal: AbortSignal): Client;
  /** Closes resting connections; open streams stay. */
  close(): void;
}

export interface ConnectOptions {
  /** `unix:///path` or `tcp://host:port`; the default engine's when left out. */
  readonly host?: string | undefined;
  /** What a port is reached with: without it there is none. */
  readonly tls?: ClientTls | undefined;
}

/**
 * A client of the engine at `host`. Calls reject with an OrlopError: the engine's own, `unavailable` when nobody answers, `permission-denied` when the
 * socket is not ours to use, `cancelled` when their signal fired. invalid-argument at once for an address that is none.
 */
export function connect(options: ConnectOptions = {}): Client {
  const host = options.host ?? defaultHost;
  return clientOver(host, createTransport({ host, place: parseHost(host), tls: options.tls }));
}

function clientOver(host: string, transport: Transport): Client {
  const close = (): void => transport.close();
  return {
    host,
    builds: createBuildsClient(transport),
    containers: createContainersClient(transport),
    execs: createExecsClient(transport),
    files: createFilesClient(transport),
    images: createImagesClient(transport),
    networks: createNetworksClient(transport),
    archives: createArchivesClient(transport),
    disk: createDiskClient(transport),
    volumes: createVolumesClient(transport),
    leases: createLeasesClient(transport),
    snapshots: createSnapshotsClient(transport),
    settings: createSettingsClient(transport),
    profiles: createProfilesClient(transport),
    devices: createDevicesClient(transport),
    ...createSystemClient(transport),
    ...createLxdClient(transport),
    under: (lease) =>
      clientOver(
        host,
        extend(transport, ({ headers }) => ({ headers: { [leaseHeader]: lease, ...headers } })),
      ),
    until: (signal) =>
      clientOver(
        host,
        extend(transport, ({ signal: own }) => ({ signal: own === undefined ? signal : AbortSignal.any([own, signal]) })),
      ),
    close,
    [Symbol.dispose]: close,
  };
}

/** The same transport; something is added to each of its requests. */
function extend(transport: Transport, more: (options: RequestOptions) => Partial<RequestOptions>): Transport {
  const extended = (options: RequestOptions): RequestOptions => ({ ...options, ...more(options) });
  return {
    ...transport,
    request: (options) => transport.request(extended(options)),
    hijack: (options) => transport.hijack(extended(options)),
  };
}
