import type { Digest } from '#oci';

/** A name and the manifest it points to. */
export interface ImageRow {
  /** Complete reference, `docker.io/library/debian:trixie`. */
  readonly name: string;
  readonly manifest: Digest;
  /** What the image is made for, where it is known: `app` or `system`. */
  readonly kind: string;
  /** Nanoseconds since the epoch: when the name was last set. */
  readonly createdNs: bigint;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ContainerRow {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly createdNs: bigint;
  /** The manifest it was made from; keeps the image's content alive. */
  readonly image: Digest | null;
  /** The chain it stands on; keeps the layers alive. */
  readonly chain: Digest | null;
  /** The engine's own record, JSON text; the store never reads it. */
  readonly record: string;
}

/** A container's root as it was once, with the settings of that time. */
export interface SnapshotRow {
  readonly id: string;
  readonly containerId: string;
  /** One of its name in each container. */
  readonly name: string;
  readonly createdNs: bigint;
  /** The manifest that the container was made from; kept as long as the row. */
  readonly image: Digest | null;
  /** All that its root consists of; kept as long as the row. */
  readonly chain: Digest | null;
  /** Layers of it are gone from the disk. */
  readonly isLost: boolean;
  /** The engine's own record, JSON text. */
  readonly record: string;
}

export interface SnapshotRows {
  /** Sets the row. Already-exists `STORE_SNAPSHOT_NAME_IN_USE`; failed-precondition when `chain` is not here. */
  put(row: Omit<SnapshotRow, 'isLost'>): void;
  /** Oldest first. */
  ofContainer(containerId: string): SnapshotRow[];
  /** Oldest first. */
  list(): SnapshotRow[];
  remove(id: string): boolean;
}

export interface NetworkRow {
  readonly id: string;
  readonly name: string;
  readonly record: string;
}

export interface EndpointRow {
  readonly containerId: string;
  readonly network: string;
  readonly address: string | null;
  readonly mac: string | null;
  readonly record: string;
}

export interface Images {
  /** Sets a name, moving it when it exists. */
  put(row: ImageRow): void;
  get(name: string): ImageRow | null;
  byManifest(manifest: Digest): ImageRow[];
  /** By name. */
  list(): ImageRow[];
  remove(name: string): boolean;
}

export interface Containers {
  /** Already-exists `STORE_NAME_IN_USE` naming the holder; failed-precondition when `chain` is not here. */
  insert(row: ContainerRow): void;
  /** Not-found `STORE_CONTAINER_NOT_FOUND`; `STORE_NAME_IN_USE` as above. */
  update(
    id: string,
    change: { readonly name?: string; readonly record?: string; readonly chain?: Digest | null; readonly image?: Digest | null },
  ): void;
  get(id: string): ContainerRow | null;
  byName(name: string): ContainerRow | null;
  /** Those whose id starts so, at most `limit` (default 2: enough to tell "ambiguous"). */
  byIdPrefix(prefix: string, limit?: number): ContainerRow[];
  /** Oldest first. */
  list(): ContainerRow[];
  /** Its endpoints and its snapshots go with it. */
  remove(id: string): boolean;
}

export interface Networks {
  insert(row: NetworkRow): void;
  update(id: string, record: string): void;
  get(id: string): NetworkRow | null;
  byName(name: string): NetworkRow | null;
  list(): NetworkRow[];
  remove(id: string): boolean;
}

export interface Endpoints {
  /** Sets the container's endpoint in that network. */
  put(row: EndpointRow): void;
  get(containerId: string, network: string): EndpointRow | null;
  ofContainer(containerId: string): EndpointRow[];
  ofNetwork(network: string): EndpointRow[];
  list(): EndpointRow[];
  remove(containerId: string, network: string): boolean;
}

/** What a step of a build made, by what it depended on. */
export interface BuildStepRow {
  readonly key: string;
  /** The root after it, which stays as long as the row; null: an empty one. */
  readonly chain: Digest | null;
  /** Its layer, packed, where that was needed; stays as long as the row. */
  readonly blob: Digest | null;
  readonly createdNs: bigint;
  /** When it was last asked for, and how often. */
  readonly usedNs: bigint;
  readonly uses: number;
  /** The solver's own record, JSON text; the store never reads it. */
  readonly record: string;
}

export interface BuildSteps {
  /** Sets what the key stands for. */
  put(row: BuildStepRow): void;
  get(key: string): BuildStepRow | null;
  /** It was used once more. */
  touch(key: string, usedNs: bigint): void;
  /** Oldest first. */
  list(): BuildStepRow[];
  remove(keys: readonly string[]): void;
}

/** A build that has begun, and what came of it. */
export interface BuildRow {
  readonly id: string;
  readonly startedNs: bigint;
  /** The engine's own record, JSON text. */
  readonly record: string;
}

export interface Builds {
  put(row: BuildRow): void;
  get(id: string): BuildRow | null;
  /** Newest first. */
  list(): BuildRow[];
  remove(id: string): boolean;
}

export interface Settings {
  get(key: string): string | null;
  set(key: string, value: string): void;
  delete(key: string): boolean;
}

/** The database. Calls are synchronous and take microseconds: none waits for the disk. Changes get there in their order, milliseconds later. */
export interface Metadata {
  readonly images: Images;
  readonly containers: Containers;
  readonly snapshots: SnapshotRows;
  readonly networks: Networks;
  readonly endpoints: Endpoints;
  readonly buildSteps: BuildSteps;
  readonly builds: Builds;
  readonly settings: Settings;
  /** All or nothing; `change` must be synchronous. Nested calls join the outer one. */
  transaction<T>(change: () => T): T;
  /** When all changes made before this call are on disk: for what is promised to somebody. Data-loss `STORE_DATABASE_IO`. */
  flushed(): Promise<void>;
}
