import type { Duplex } from 'node:stream';
import type {
  BootView,
  BuildOverrides,
  CommitRequest,
  ContainerChange,
  ContainerFilter,
  ContainerSample,
  ContainerSize,
  ContainerView as PlainContainerView,
  CreateRequest,
  DiskView,
  EndpointWishes,
  EngineEvent,
  EngineInfo,
  ExecRequest,
  ExecView as PlainExecView,
  Finding,
  ImageView,
  Kind,
  LoadedImage,
  LxdImport,
  LoadOptions,
  NetworkFilters,
  NetworkRequest,
  NetworkView,
  PathChange,
  PortChange,
  Progress,
  Pruned,
  PruneFilter,
  PublishedPort,
  RegistryCall,
  RegistryLogin,
  RemoteImageView,
  SearchHitView,
  StopRequest,
  Dedupe,
  StoreCheck,
  TemplateView,
  VolumeRequest,
  VolumeView,
  WaitCondition,
} from '#wire';

import type { BuildVerbs } from './build/verbs.ts';
import type { FileVerbs } from './files/verbs.ts';
import type { SnapshotVerbs } from './snapshot/verbs.ts';
import type { LeaseVerbs } from './lease/leases.ts';
import type { DeviceVerbs } from './devices/change.ts';
import type { SettingVerbs } from './settings/verbs.ts';

export type {
  CommitRequest,
  ContainerChange,
  ContainerFilter,
  ContainerSize,
  ContainerStatus,
  CreateRequest,
  DiskView,
  EndpointWishes,
  EngineEvent,
  EngineInfo,
  ExecRequest,
  Finding,
  ImageView,
  Kind,
  Limits,
  NetworkFilters,
  NetworkMember,
  NetworkMode,
  NetworkView,
  PortChange,
  PortProtocol,
  PortSelection,
  PortWish,
  Progress,
  Pruned,
  PublishedPort,
  PruneFilter,
  TemplateView,
  Ulimit,
  WaitCondition,
} from '#wire';

export type ContainerId = string & { readonly __brand: 'ContainerId' };
export type ExecId = string & { readonly __brand: 'ExecId' };

/** As clients see it, with ids that cannot be mistaken for each other. */
export interface ContainerView extends PlainContainerView {
  readonly id: ContainerId;
  readonly execIds: readonly ExecId[];
}

export interface ExecView extends PlainExecView {
  readonly id: ExecId;
  readonly containerId: ContainerId;
}

export interface AttachRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Its output begins where the log ends, see `sinceNs`. */
  readonly exact?: boolean;
}

/** A byte pipe to the process: raw with a terminal, else Docker's multiplexed frames from it and raw bytes to it. Half-close ends its standard input. */
export interface AttachedStream {
  readonly stream: Duplex;
  readonly terminal: boolean;
  /** Of an exact one: its output begins behind all that the log has up to this time, ns since the epoch. */
  readonly sinceNs?: bigint;
  /** To be called by an edge whose client has typed the keys that let go of it. */
  readonly onDetach?: () => void;
}

export interface LogRequest {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly sinceNs?: bigint;
  readonly untilNs?: bigint;
  /** Last N lines; absent: all. */
  readonly tail?: number;
  /** Called once what is kept is open: from then on it is read to its end, also when the container is removed. */
  readonly onOpen?: () => void;
}

export interface LogRecord {
  readonly stream: 'stdout' | 'stderr';
  readonly timeNs: bigint;
  readonly data: Buffer;
  /** What the container's log options chose to tell of it. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface ExitFacts {
  readonly exitCode: number;
  readonly error?: string;
}

/** The engine's door: what the APIs are edges of. `ref` is an id, an unambiguous prefix of one, or a name; unknown: not-found; ambiguous: invalid-argument. */
export interface Engine extends AsyncDisposable {
  readonly containers: {
    /** Undone whole when a step fails. Name in use: conflict. Missing image: not-found. */
    create(request: CreateRequest): Promise<{ id: ContainerId; warnings: string[] }>;
    /** false: it was running already. */
    start(ref: string): Promise<boolean>;
    /** Signal, then KILL after the timeout (seconds; -1: never). false: it was not running. */
    stop(ref: string, options: StopRequest): Promise<boolean>;
    restart(ref: string, options: StopRequest): Promise<void>;
    /** Signal name or number as text; conflict when it is not running. */
    kill(ref: string, signal: string): Promise<void>;
    pause(ref: string): Promise<void>;
    unpause(ref: string): Promise<void>;
    rename(ref: string, name: string): Promise<void>;
    /** Limits hold at once for what runs, all is kept for later starts; what is absent stays. Answers warnings of what this host cannot limit. */
    update(ref: string, change: ContainerChange): Promise<readonly string[]>;
    /** conflict when it runs and `force` is not set. */
    remove(ref: string, options: { force?: boolean; volumes?: boolean }): Promise<void>;
    /** `web/alias`: the one link that calls a container so. Its containers stay. */
    removeLink(ref: string): Promise<void>;
    wait(ref: string, condition: WaitCondition, signal: AbortSignal): Promise<ExitFacts>;
    /**
     * Resolves when a machine that runs is up, with how; null: its init cannot be asked, or it is no machine. Fails with failed-precondition when it ends before, deadline-exceeded when the time
     * is over, and with the last lines of its console in the hint.
     */
    awaitBoot(ref: string, timeoutMs: number, signal: AbortSignal): Promise<BootView | null>;
    list(filter: ContainerFilter): ContainerView[];
    inspect(ref: string): ContainerView;
    /** A running container, or a created one: then the stream joins at its start and misses nothing. */
    attach(ref: string, request: AttachRequest): Promise<AttachedStream>;
    logs(ref: string, request: LogRequest, signal: AbortSignal): AsyncIterable<LogRecord>;
    resize(ref: string, rows: number, columns: number): Promise<void>;
    /**
     * Gives a container's writable layer this limit (bytes), running or not, now and for later starts. conflict below what is used; failed-precondition where the way that limits
     * are made cannot.
     */
    resizeDisk(ref: string, sizeBytes: number): Promise<void>;
    /** What it takes on disk; walks its writable layer. */
    size(ref: string): Promise<ContainerSize>;
    /** What it uses at this moment; null when it does not run. */
    sample(ref: string): ContainerSample | null;
    /** Process table of the container: titles and rows as `ps` prints them with these arguments. */
    top(ref: string, psArguments: string): Promise<{ titles: string[]; processes: string[][] }>;
    /** Publishes further ports, running or not, and gives others up; kept for the next start. Answers what leads to it now. */
    changePorts(ref: string, change: PortChange): Promise<readonly PublishedPort[]>;
  };
  /** `ref` is a name, an id, or the start of one. */
  readonly networks: {
    list(filters: NetworkFilters): NetworkView[];
    inspect(ref: string): NetworkView;
    /** conflict when the name or a subnet is in use. */
    create(request: NetworkRequest): Promise<{ id: string; warnings: readonly string[] }>;
    /** conflict while containers are in it; permission-denied for those that always exist. */
    remove(ref: string): Promise<void>;
    /** A container, running or not, gets one more place. conflict when it has one there. */
    connect(ref: string, container: string, wishes: EndpointWishes): Promise<void>;
    disconnect(ref: string, container: string, options: { force?: boolean }): Promise<void>;
    /** Removes those of users that no container is in; returns their names. */
    prune(filter: PruneFilter): Promise<string[]>;
  };
  /** Directories that outlive containers. */
  readonly volumes: {
    /** One that has the name already is answered as it is. */
    create(request: VolumeRequest): Promise<VolumeView>;
    /** By name; Docker's filters. */
    list(filters?: Readonly<Record<string, readonly string[]>>): VolumeView[];
    inspect(name: string): VolumeView;
    /** conflict while a container mounts it, running or not; `force`: one that is not there is fine. */
    remove(name: string, options?: { force?: boolean }): Promise<void>;
    /** Those that no container mounts; `named`: also those that somebody gave a name. */
    prune(filter: Pick<PruneFilter, 'labels' | 'notLabels'> & { readonly named: boolean }): Promise<Pruned>;
  };
  readonly snapshots: SnapshotVerbs;
  readonly execs: {
    create(ref: string, request: ExecRequest): ExecId;
    /** null when detached. */
    start(
      id: string,
      options: { detach: boolean; terminal?: boolean; consoleSize?: readonly [number, number] },
    ): Promise<AttachedStream | null>;
    resize(id: string, rows: number, columns: number): Promise<void>;
    /** Signal name or number as text, to this process alone; conflict when it is not running. */
    kill(id: string, signal: string): Promise<void>;
    inspect(id: string): ExecView;
    /** As `inspect`; conflict when it has been started, or its container does not run. */
    check(id: string): ExecView;
  };
  readonly images: {
    list(options: { all?: boolean; filters?: Readonly<Record<string, readonly string[]>> }): ImageView[];
    /** `platform`: see `Images.resolve`. */
    inspect(ref: string, platform?: string): ImageView;
    /** Untags, and deletes what nothing uses any more; conflict when a container uses it and `force` is not set. */
    remove(ref: string, options: { force?: boolean }): Promise<{ untagged: string[]; deleted: string[] }>;
    tag(ref: string, name: string): Promise<void>;
    /** A root tar (plain, gzip, zstd) becomes an image of one layer; changes are Dockerfile instructions (CMD, ENV, ENTRYPOINT, …). Returns its id. */
    /** A file of the web, as it comes. Fails as `#registry`'s downloads do. */
    download(url: URL, signal: AbortSignal): AsyncIterable<Uint8Array>;
    importRoot(
      source: AsyncIterable<Uint8Array>,
      options: { name?: string; message?: string; changes?: readonly string[]; kind?: Kind; platform?: string },
    ): Promise<string>;
  };
  /** Images to and from registries. `login` is used for the one call and kept nowhere. Fails as `#registry`'s calls do. */
  readonly registries: {
    /** `name` is the familiar reference; `isNew`: the name pointed elsewhere, or nowhere, before. */
    pull(
      ref: string,
      options: RegistryCall & { platform?: string; progress?: (step: Progress) => void },
    ): Promise<{ name: string; digest: string; isNew: boolean }>;
    push(
      ref: string,
      options: RegistryCall & { platform?: string; progress?: (step: Progress) => void },
    ): Promise<{ tag: string; digest: string; sizeBytes: number }>;
    /** All tags that the registry has of a repository. */
    tags(ref: string, options: RegistryCall): Promise<string[]>;
    inspect(ref: string, options: RegistryCall): Promise<RemoteImageView>;
    /** Repositories of a registry that fit a term. */
    search(domain: string, query: { term: string; limit: number }, options: RegistryCall): Promise<SearchHitView[]>;
    /** Unauthenticated when the registry does not let them in. `identityToken`: to be kept in place of the password; null when there is none. */
    login(registry: string, login: RegistryLogin, signal: AbortSignal): Promise<{ identityToken: string | null }>;
  };
  /** Images from Dockerfiles, and what is kept of them. */
  readonly builds: BuildVerbs;
  /** Images that were made for LXD and Incus. */
  readonly lxd: {
    /** A unified tarball, or a metadata tarball and its root; `name` is null for an image without one. */
    import(request: LxdImport): Promise<{ id: string; name: string | null }>;
    /** The newest image that `images:debian/12` means; `name` is what it is called here. */
    fetch(
      source: string,
      options: { progress: (step: Progress) => void; signal: AbortSignal },
    ): Promise<{ id: string; name: string; isNew: boolean }>;
  };
  readonly files: FileVerbs;
  /** Images as archives, and what containers have changed. */
  readonly archives: {
    /** An archive of images, each under the name that it is asked for by; not-found before the first byte. */
    save(references: readonly string[], options: { platform?: string; signal: AbortSignal }): AsyncIterable<Uint8Array>;
    /** All images of an archive, or none. */
    load(source: AsyncIterable<Uint8Array>, options: LoadOptions): Promise<LoadedImage[]>;
    /** A container's root as a tar, without what is mounted in it. */
    export(ref: string): AsyncIterable<Uint8Array>;
    changes(ref: string): Promise<PathChange[]>;
    /** A container's changes become an image; returns its id. */
    commit(ref: string, request: CommitRequest): Promise<string>;
  };
  /** What is on disk. */
  readonly disk: {
    usage(): Promise<DiskView>;
    pruneContainers(filter: PruneFilter): Promise<Pruned>;
    /** `named`: also images that have a name. */
    pruneImages(filter: PruneFilter & { readonly named: boolean }): Promise<Pruned>;
    check(options: { readonly repair?: boolean; readonly content?: boolean; readonly signal?: AbortSignal }): Promise<StoreCheck>;
    /** Has equal files share their blocks; null: of all containers. */
    dedupe(refs: readonly string[] | null, signal?: AbortSignal): Promise<Dedupe>;
  };
  readonly templates: {
    list(): TemplateView[];
    /** Recipes that cannot be used, one sentence each. */
    problems(): string[];
    /** Builds `debian/trixie` (all its default variants: app and systemd) or one variant `debian/trixie/systemd`; returns the image names. */
    build(
      name: string,
      options: BuildOverrides & { rebuild?: boolean; progress: (step: Progress) => void; signal: AbortSignal },
    ): Promise<string[]>;
  };
  /** Creates and starts a system container. `source` is a template or an image; a template that is not built yet is built first. */
  launch(
    source: string,
    request: Omit<CreateRequest, 'image' | 'kind'>,
    options: { progress: (step: Progress) => void; signal: AbortSignal },
  ): Promise<{ id: ContainerId; name: string }>;
  /** What containers are held to, and profiles. */
  readonly settings: SettingVerbs;
  /** What is added to containers by name, running or not. */
  readonly devices: DeviceVerbs;
  /** What belongs to a lease goes when nobody holds that any more. */
  readonly leases: LeaseVerbs;
  info(): EngineInfo;
  /**
   * Stops all that runs, those that start last first, each with its own timeout; the next engine starts them again unless they say otherwise (`boot.autostart`). Answers the names of
   * those that could not be stopped.
   */
  shutdown(): Promise<readonly string[]>;
  /** What of this host helps or hinders containers. */
  doctor(): Promise<readonly Finding[]>;
  events(
    options: { sinceNs?: bigint; untilNs?: bigint; filters?: Readonly<Record<string, readonly string[]>> },
    signal: AbortSignal,
  ): AsyncIterable<EngineEvent>;
}
