import type { AttachOptions, Client, StopOptions } from '#client';
import { isOrlopError, OrlopError } from '#errors';
import {
  usageOf,
  type DockerContainer,
  type DockerStats,
  type LimitUse,
  type SettingsChanged,
  type SettingsView,
  type Usage,
  type WaitCondition,
} from '#wire';
import { signalOf, throwIfAborted } from './abort.ts';
import { collectResult, spawnIn, type ExecOptions, type ExecResult, type SpawnOptions } from './exec.ts';
import { createFiles, type Files } from './files.ts';
import { readLogLines, type LogLine } from '#client';
import { createProcess, type Process } from './process.ts';
import { createSnapshots, type Snapshots } from './snapshots.ts';
import { reachable, waitForHealth, waitForLog, waitForPort, type WaitOptions } from './wait-for.ts';

export interface LogOptions {
  /** Goes on with what comes until the container ends. */
  readonly follow?: boolean;
  /** Both without it. */
  readonly stream?: 'stdout' | 'stderr';
  /** The last so many lines; all without. */
  readonly tail?: number;
  readonly since?: Date;
  readonly until?: Date;
  /** Lines say when they were written. */
  readonly times?: boolean;
  readonly signal?: AbortSignal;
}

/** A container that is there. It keeps its id over renames; a call after its removal is not-found. */
export interface Container {
  readonly id: string;
  /** What it was called when this was made. */
  readonly name: string;
  readonly files: Files;
  readonly snapshots: Snapshots;
  /** false: it was running already. */
  start(): Promise<boolean>;
  /** false: it was not running. */
  stop(options?: StopOptions): Promise<boolean>;
  restart(options?: StopOptions): Promise<void>;
  /** KILL without a name. */
  kill(signal?: string): Promise<void>;
  pause(): Promise<void>;
  unpause(): Promise<void>;
  /** What is set, where it is from, and what is in force: docs/settings.md. */
  settings(): Promise<SettingsView>;
  /** Changes settings, all or none, at once where the kernel can and for later starts; `once`: of this run only. */
  set(settings: Readonly<Record<string, string>>, options?: { once?: boolean }): Promise<SettingsChanged>;
  unset(...names: readonly string[]): Promise<SettingsChanged>;
  /** How close it is to its limits, and how often it met them. */
  limits(): Promise<readonly LimitUse[]>;
  rename(name: string): Promise<void>;
  /** Another one like it, which shares its layers; it is not started. A running one stands still for a moment. `snapshot`: as it was then. */
  copy(name?: string, options?: { snapshot?: string; ephemeral?: boolean }): Promise<Container>;
  /** Puts it on another image; its settings, networks, mounts and snapshots stay, and of its files those that are named. */
  rebuild(image: string, options?: { keep?: readonly string[]; restart?: boolean }): Promise<void>;
  /** An image of it; resolves with its id. */
  publish(name?: string, options?: { snapshot?: string; comment?: string; author?: string }): Promise<string>;
  /** A running one only by force. `volumes`: also those that were made for it without a name. */
  remove(options?: { force?: boolean; volumes?: boolean }): Promise<void>;
  /** All that the engine says of it, in Docker's fields. */
  inspect(): Promise<DockerContainer>;
  /** Resolves with its exit code once it does not run. */
  wait(options?: { condition?: WaitCondition; signal?: AbortSignal }): Promise<number>;
  /** What it has said, line by line. Leaving the loop closes the connection. */
  logs(options?: LogOptions): AsyncGenerator<LogLine>;
  /** What it uses, every second until it ends. */
  stats(options?: { signal?: AbortSignal }): AsyncGenerator<Usage>;
  /** Runs a command in it to its end. The signal kills it. */
  exec(command: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a command in it and gives its streams, while it is being started. */
  spawn(command: readonly string[], options?: SpawnOptions): Promise<Process>;
  /** The streams of its own process. Before its start, nothing that it says is missed. */
  attach(options?: { stdin?: boolean; ignore?: 'stdout' | 'stderr'; signal?: AbortSignal }): Promise<Process>;
  /** Where a port of it is reached from the engine's host. not-found when it is not published. */
  port(port: number, protocol?: 'tcp' | 'udp' | 'sctp'): Promise<{ address: string; port: number }>;
  /** Its address in a network; in the first that it has one in without a name. */
  address(network?: string): Promise<string>;
  /** The same container; each call on it is given up as `cancelled` once the signal fires, also those that take none of their own. */
  until(signal: AbortSignal): Container;
  waitForHealth(options?: WaitOptions): Promise<void>;
  waitForPort(port: number, options?: WaitOptions): Promise<{ address: string; port: number }>;
  waitForLog(pattern: string | RegExp, options?: WaitOptions): Promise<LogLine>;
}

/** A container that goes, running or not and with its unnamed volumes, when it leaves scope: `await using container = …`. */
export interface OwnedContainer extends Container, AsyncDisposable {
  /** It stays after all. */
  keep(): Container;
}

export function createContainer(client: Client, id: string, name: string): Container {
  const { containers } = client;
  const container: Container = {
    id,
    name,
    files: createFiles(client, id),
    snapshots: createSnapshots(client, id),
    start: () => containers.start(id),
    stop: (options) => containers.stop(id, options),
    restart: (options) => containers.restart(id, options),
    kill: (signal) => containers.kill(id, signal),
    pause: () => containers.pause(id),
    unpause: () => containers.unpause(id),
    rename: (wanted) => containers.rename(id, wanted),
    async copy(wanted, options = {}) {
      const made = await client.snapshots.copy(id, { ...options, ...(wanted === undefined ? {} : { name: wanted }) });
      return createContainer(client, made.id, made.name);
    },
    rebuild: (image, options = {}) => client.snapshots.rebuild(id, { ...options, image }),
    publish: (image, options = {}) => client.snapshots.publish(id, { ...options, ...(image === undefined ? {} : { name: image }) }),
    settings: () => client.settings.show(id),
    set: (settings, { once = false } = {}) => client.settings.change(id, { set: settings, once }),
    unset: (...names) => client.settings.change(id, { unset: names }),
    limits: () => client.settings.limits(id),
    remove: (options) => containers.remove(id, options),
    inspect: () => containers.inspect(id),
    wait: async ({ condition, signal } = {}) =>
      (await containers.wait(id, { ...(condition === undefined ? {} : { condition }), ...signalOf(signal) })).StatusCode,
    logs: (options = {}) => readLog(client, id, options),
    stats: ({ signal } = {}) => readUsage(containers.stats(id, signalOf(signal))),
    async exec(command, options = {}) {
      await using process = await spawnIn(client, id, command, { ...options, stdin: options.input !== undefined });
      return await collectResult(process, options, command.join(' '));
    },
    spawn: (command, options = {}) => spawnIn(client, id, command, options),
    attach: (options = {}) => attach(client, id, options),
    port: async (port, protocol = 'tcp') => portOf(await containers.inspect(id), port, protocol),
    address: async (network) => addressOf(await containers.inspect(id), network),
    until: (signal) => createContainer(client.until(signal), id, name),
    waitForHealth: (options = {}) => waitForHealth(container, options),
    waitForPort: (port, options = {}) => waitForPort(container, port, options),
    waitForLog: (pattern, options = {}) => waitForLog(container, pattern, options),
  };
  return container;
}

/** The same, removed when it is disposed of; one that is gone already is fine. */
export function ownContainer(container: Container): OwnedContainer {
  let isKept = false;
  return {
    ...container,
    keep() {
      isKept = true;
      return container;
    },
    async [Symbol.asyncDispose]() {
      if (isKept) return;
      await container.remove({ force: true, volumes: true }).catch((error: unknown) => {
        if (!isOrlopError(error, 'not-found')) throw error;
      });
    },
  };
}

function readLog(client: Client, id: string, options: LogOptions): AsyncGenerator<LogLine> {
  const { follow = false, stream, tail, since, until, times = false, signal } = options;
  const frames = client.containers.logs(id, {
    follow,
    stdout: stream !== 'stderr',
    stderr: stream !== 'stdout',
    timestamps: times,
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { since: since.toISOString() }),
    ...(until === undefined ? {} : { until: until.toISOString() }),
    ...signalOf(signal),
  });
  return readLogLines(frames, times);
}

async function* readUsage(samples: AsyncIterable<DockerStats>): AsyncGenerator<Usage> {
  let before: DockerStats | undefined;
  for await (const sample of samples) {
    yield usageOf(sample, before);
    before = sample;
  }
}

async function attach(client: Client, id: string, options: NonNullable<Parameters<Container['attach']>[0]>): Promise<Process> {
  const { stdin = false, ignore, signal } = options;
  const { containers } = client;
  throwIfAborted(signal);
  const wanted: AttachOptions = { stdin, stdout: true, stderr: true };
  const { State: state } = await containers.inspect(id);
  const streams = await containers.attach(id, wanted);
  const waiting = new AbortController();
  const condition = state.Running ? 'not-running' : 'next-exit';
  const { exit } = await containers.expectExit(id, { condition, signal: waiting.signal }).catch((error: unknown) => {
    streams.stream.destroy();
    throw error;
  });
  return createProcess({
    streams,
    exitCode: async () => (await exit).StatusCode,
    resize: (rows, columns) => containers.resize(id, rows, columns),
    kill: (name) => containers.kill(id, name),
    // The container is not ours to end: it goes on without us.
    abandon: async () => waiting.abort(),
    ignore,
    signal,
  });
}

function portOf(found: DockerContainer, port: number, protocol: string): { address: string; port: number } {
  const binding = found.NetworkSettings.Ports[`${port}/${protocol}`]?.find(({ HostPort }) => HostPort !== '');
  if (binding !== undefined) return { address: reachable(binding.HostIp), port: Number(binding.HostPort) };
  throw new OrlopError(
    'not-found',
    'LIBRARY_NOT_PUBLISHED',
    `port ${port}/${protocol} of container ${found.Name.slice(1)} is not published`,
    {
      hint: `create it with ports: [${port}]; while it does not run, nothing leads to it`,
    },
  );
}

function addressOf(found: DockerContainer, network: string | undefined): string {
  const { Networks: places } = found.NetworkSettings;
  const place = network === undefined ? Object.values(places).find(({ IPAddress }) => IPAddress !== '') : places[network];
  if (place !== undefined && place.IPAddress !== '') return place.IPAddress;
  const where = network === undefined ? '' : ` in the network ${network}`;
  throw new OrlopError('not-found', 'LIBRARY_NO_ADDRESS', `container ${found.Name.slice(1)} has no address${where}`, {
    hint: 'only one that runs in a network has one',
  });
}
