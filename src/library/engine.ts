import process from 'node:process';
import {
  connect as connectClient,
  chooseHost,
  readTls,
  type ArchivesClient,
  type Client,
  type ConnectOptions as ClientOptions,
  type EventOptions,
  type ImagesClient,
} from '#client';
import type { LaunchBody, Progress } from '#wire';
import { signalOf } from './abort.ts';
import { type Build, type BuildOptions, startBuild } from './build.ts';
import { createContainers, runContainer, runToEnd, type Containers, type CreateOptions, type RunToEndOptions } from './containers.ts';
import { createContainer, ownContainer, type OwnedContainer } from './container.ts';
import type { ExecResult } from './exec.ts';
import { createLeaseKeeper, type LeaseKeeper, type LeaseOptions } from './lease.ts';
import { createNetworks, type Networks } from './networks.ts';
import { createVolumes, type Volumes } from './volumes.ts';

/** Something that has happened. */
export interface EngineEvent {
  /** `container`, `image`, `network`, `volume` */
  readonly type: string;
  /** `start`, `die`, … as in Docker's events. */
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly time: Date;
}

export interface EventsOptions {
  readonly filters?: Readonly<Record<string, readonly string[]>>;
  readonly since?: Date;
  readonly until?: Date;
  readonly signal?: AbortSignal;
}

/** Images: what is here, and ways in and out. */
export type Images = ImagesClient & Pick<ArchivesClient, 'load' | 'save'>;

/** An engine, and what is asked of it. Failures are OrlopErrors with `kind`, `code` and mostly a `hint`. */
export interface Engine extends AsyncDisposable {
  readonly host: string;
  /** Every call that the engine has, in Docker's fields. */
  readonly client: Client;
  readonly containers: Containers;
  readonly images: Images;
  readonly networks: Networks;
  readonly volumes: Volumes;
  /** Creates a container and starts it. Its image is pulled when it is not here. */
  run(options: CreateOptions): Promise<OwnedContainer>;
  /** Runs a container to its end, with what it reads and all that it says, and removes it. */
  runToEnd(options: RunToEndOptions): Promise<ExecResult>;
  /** Builds an image of a Dockerfile: `for await (const event of engine.build({ context: '.' }))`, or only its `result`. */
  build(options: BuildOptions): Build;
  /** Creates a system container and starts it: a whole distribution with its init. A template that is not built yet is built first. */
  launch(options: LaunchOptions): Promise<OwnedContainer>;
  /** What happens, until the signal fires or `until` has passed. Leaving the loop closes the connection. */
  events(options?: EventsOptions): AsyncGenerator<EngineEvent>;
  /** The same engine under a lease: all that is created by it goes when it is closed, and when this program ends however it ends. */
  lease(options?: LeaseOptions): Promise<Engine>;
  /** For others that hold the same lease; null without one. */
  leaseId(): Promise<string | null>;
  /** Ends the lease, if there is one, and closes what is open. Nothing keeps a program alive then. */
  close(): Promise<void>;
}

/** `source` names a template (`debian/trixie`) or an image (`debian:trixie-systemd`); the rest is as the engine's own API has it. */
export type LaunchOptions = LaunchBody & { readonly progress?: (step: Progress) => void; readonly signal?: AbortSignal };

export interface ConnectOptions extends ClientOptions {
  /** All that is created goes with the connection, which is made with the first that is. */
  readonly lease?: boolean | LeaseOptions;
}

/**
 * The engine at `host`; without it, the one that the environment names by the rules of Docker's clients (ORLOP_HOST, ORLOP_TLS_VERIFY and ORLOP_CERT_PATH), else
 * the default one. Nothing is sent before the first call. invalid-argument for an address that is none.
 */
export function connect({ lease = false, tls, ...options }: ConnectOptions = {}): Engine {
  const host = chooseHost(options, process.env);
  const client = connectClient({ host, tls: tls ?? (host.startsWith('tcp:') ? readTls({}, process.env) : undefined) });
  const keeper = lease === false ? null : createLeaseKeeper(client, lease === true ? {} : lease);
  return createEngine(client, keeper, async () => client.close());
}

/** `closed`: what closing does at last. */
export function createEngine(client: Client, keeper: LeaseKeeper | null, closed: () => Promise<void>): Engine {
  const creating = keeper === null ? async () => client : () => keeper.client();
  const containers = createContainers(client, creating);
  const close = async (): Promise<void> => {
    try {
      await keeper?.end();
    } finally {
      await closed();
    }
  };
  return {
    host: client.host,
    client,
    containers,
    images: { ...client.images, load: client.archives.load, save: client.archives.save },
    networks: createNetworks(client, creating),
    volumes: createVolumes(client, creating),
    run: (options) => runContainer(containers, options),
    runToEnd: (options) => runToEnd(containers, options),
    build: (options) => startBuild(client, options),
    async launch({ progress, signal, ...body }) {
      const how = { ...(progress === undefined ? {} : { progress }), ...signalOf(signal) };
      const { id, name } = await (await creating()).launch(body, how);
      return ownContainer(createContainer(client, id, name));
    },
    events: (options) => readEvents(client, options),
    async lease(options = {}) {
      const inner = createLeaseKeeper(client, options);
      await inner.id();
      return createEngine(client, inner, async () => {});
    },
    leaseId: async () => (keeper === null ? null : keeper.id()),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function* readEvents(client: Client, { filters, since, until, signal }: EventsOptions = {}): AsyncGenerator<EngineEvent> {
  const wanted: EventOptions = {
    ...(filters === undefined ? {} : { filters }),
    ...(since === undefined ? {} : { since: since.toISOString() }),
    ...(until === undefined ? {} : { until: until.toISOString() }),
    ...signalOf(signal),
  };
  for await (const { Type: type, Action: action, Actor: actor, timeNano } of client.events(wanted)) {
    yield { type, action, id: actor.ID, attributes: actor.Attributes, time: new Date(timeNano / 1e6) };
  }
}
