import { OrlopError } from '#errors';
import { dockerMountOf, toDockerHealthcheck, type DockerCreateBody, type HealthCheck, type MountWish } from '#wire';

/** A port of a container that is to be reached from outside. */
export interface PortOptions {
  readonly container: number;
  /** On the host; one that is free without it. */
  readonly host?: number;
  /** The host's address; the engine's default without it. */
  readonly address?: string;
  readonly protocol?: 'tcp' | 'udp' | 'sctp';
}

/** How a container is asked whether it is well. Times are ms; what is absent has Docker's default. */
export interface HealthOptions {
  /** A program with its arguments, or a line for the container's shell. */
  readonly command: readonly string[] | string;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly retries?: number;
}

/** A container that is wanted. What is absent is the image's, then the engine's default. */
export interface ContainerOptions {
  /** A name such as `debian:trixie`, or an id. */
  readonly image: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  /** Made up without it. */
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `name|uid[:group|gid]` */
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly hostname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Its process has a terminal. */
  readonly terminal?: boolean;
  /** Its process has a standard input, for `attach`, which ends with the first who writes to it. */
  readonly stdin?: boolean;
  /** A number stands for that port of the container at any free port of the host. */
  readonly ports?: readonly (number | PortOptions)[];
  /** A network's name or id, `none`, `host`, or `container:ID`. */
  readonly network?: string;
  /** Further names in that network. */
  readonly aliases?: readonly string[];
  readonly mounts?: readonly MountWish[];
  readonly memoryBytes?: number;
  /** Of processors: 1.5 is one and a half. */
  readonly processors?: number;
  /** How many processes and threads at a time. */
  readonly pids?: number;
  /** What it may write to its own root. */
  readonly diskBytes?: number;
  readonly readOnlyRoot?: boolean;
  readonly privileged?: boolean;
  /** A small PID 1 that collects what its children leave behind. */
  readonly init?: boolean;
  readonly addCapabilities?: readonly string[];
  readonly dropCapabilities?: readonly string[];
  readonly health?: HealthOptions;
  readonly restart?: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  /** How its output is kept: docs/logs.md. */
  readonly logging?: { readonly driver?: 'json-file' | 'local' | 'none'; readonly options?: Readonly<Record<string, string>> };
  readonly stopSignal?: string;
  readonly stopTimeoutS?: number;
  /** As `orlop set` writes them: docs/settings.md. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Later ones win; the one called default without it. */
  readonly profiles?: readonly string[];
  /** Whatever else Docker's API can say of a container, in its words; it comes before what is said here. */
  readonly docker?: DockerCreateBody;
}

/** The body of the request that creates such a container. */
export function planCreateBody(options: ContainerOptions): DockerCreateBody {
  const { docker = {} } = options;
  const ports = (options.ports ?? []).map((port) => (typeof port === 'number' ? { container: port } : port));
  const network = options.network ?? docker.HostConfig?.NetworkMode;
  if (options.aliases !== undefined && network === undefined)
    throw new OrlopError('invalid-argument', 'LIBRARY_NO_NETWORK', 'aliases are names in a network, and none is named', {
      hint: 'create one, and name it in the option network',
    });
  const body = definedOf({
    Image: options.image,
    Cmd: listOf(options.command),
    Entrypoint: listOf(options.entrypoint),
    Env: options.env === undefined ? undefined : Object.entries(options.env).map(([name, value]) => `${name}=${value}`),
    User: options.user,
    WorkingDir: options.workingDirectory,
    Hostname: options.hostname,
    Labels: options.labels === undefined ? undefined : { ...options.labels },
    Tty: options.terminal,
    OpenStdin: options.stdin,
    StdinOnce: options.stdin,
    StopSignal: options.stopSignal,
    StopTimeout: options.stopTimeoutS,
    Healthcheck: options.health === undefined ? undefined : healthOf(options.health),
    ExposedPorts: ports.length === 0 ? undefined : Object.fromEntries(ports.map((port) => [portName(port), {}])),
    ...(options.aliases === undefined || network === undefined
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [...options.aliases] } } } }),
  });
  return { ...body, ...docker, HostConfig: { ...hostConfigOf(options, ports), ...docker.HostConfig } };
}

function hostConfigOf(options: ContainerOptions, ports: readonly PortOptions[]): NonNullable<DockerCreateBody['HostConfig']> {
  return definedOf({
    NetworkMode: options.network,
    PortBindings: ports.length === 0 ? undefined : bindingsOf(ports),
    Mounts: options.mounts?.map(dockerMountOf),
    Memory: options.memoryBytes,
    NanoCpus: options.processors === undefined ? undefined : Math.round(options.processors * 1e9),
    PidsLimit: options.pids,
    StorageOpt: options.diskBytes === undefined ? undefined : { size: String(options.diskBytes) },
    ReadonlyRootfs: options.readOnlyRoot,
    Privileged: options.privileged,
    Init: options.init,
    Settings: options.settings === undefined ? undefined : { ...options.settings },
    Profiles: listOf(options.profiles),
    CapAdd: listOf(options.addCapabilities),
    CapDrop: listOf(options.dropCapabilities),
    LogConfig:
      options.logging === undefined ? undefined : { Type: options.logging.driver ?? 'json-file', Config: { ...options.logging.options } },
    RestartPolicy: options.restart === undefined ? undefined : { Name: options.restart, MaximumRetryCount: 0 },
  });
}

function portName({ container, protocol = 'tcp' }: PortOptions): string {
  return `${container}/${protocol}`;
}

/** Several of the host's ports may lead to one. */
function bindingsOf(ports: readonly PortOptions[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    const binding = { HostIp: port.address ?? '', HostPort: port.host === undefined ? '' : String(port.host) };
    (bindings[portName(port)] ??= []).push(binding);
  }
  return bindings;
}

const nsPerMs = 1_000_000;

function healthOf({ command, intervalMs, timeoutMs, startPeriodMs, retries }: HealthOptions): ReturnType<typeof toDockerHealthcheck> {
  const check: HealthCheck = {
    test: typeof command === 'string' ? ['CMD-SHELL', command] : ['CMD', ...command],
    ...definedOf({
      intervalNs: intervalMs === undefined ? undefined : intervalMs * nsPerMs,
      timeoutNs: timeoutMs === undefined ? undefined : timeoutMs * nsPerMs,
      startPeriodNs: startPeriodMs === undefined ? undefined : startPeriodMs * nsPerMs,
      retries,
    }),
  };
  return toDockerHealthcheck(check);
}

function listOf(list: readonly string[] | undefined): string[] | undefined {
  return list === undefined ? undefined : [...list];
}

type Defined<Draft> = { [Key in keyof Draft]?: Exclude<Draft[Key], undefined> };

function definedOf<Draft extends object>(draft: Draft): Defined<Draft> {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)) as Defined<Draft>;
}
