import { isOrlopError } from '#errors';
import type { Logger } from '#log';
import type { Downloads } from '#registry';
import type { Images, LxdImages, TemplateBuilder, Templates, Transfers } from '#image';
import type { Networks } from '#network';
import type { CgroupLayout, SeccompCache } from '#runtime';
import type { Store } from '#store';
import type { LogConfig, UnhealthyAction } from '#wire';
import type { Addon, OverlayWay } from '#sys';
import type { Volumes } from '#volume';
import type { ContainerTable, LiveContainer } from './container/table.ts';
import { formatRecord, type ContainerRecord, type ContainerState } from './container/record.ts';
import type { EventBus } from './events.ts';
import type { Lxcfs } from './lxcfs/keeper.ts';
import type { IdRanges } from './id-ranges.ts';
import type { SandboxPool } from './sandbox-pool.ts';
import type { SerialQueues } from './serial.ts';

/** What the composition root hands the engine. */
export interface EngineOptions {
  readonly addon: Addon;
  /** What monitors are spawned from: bosun, through a read-only mount. */
  readonly bosun: string;
  /** Where bosun lies on the host, to be bound into containers that ask for an init. */
  readonly bosunFile: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly store: Store;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly cgroups: CgroupLayout;
  readonly images: Images;
  readonly templates: TemplateBuilder;
  /** Recipes that the builder knows. */
  readonly recipes: Templates;
  /** Images for LXD and Incus. */
  readonly lxd: LxdImages;
  /** Files of the web. */
  readonly downloads: Downloads;
  /** Images to and from registries. */
  readonly transfers: Transfers;
  /** Name of our own cgroup below each hierarchy's root. */
  readonly cgroupParent: string;
  readonly version: string;
  readonly buildId: string;
  readonly logger: Logger;
  /** How many sandboxes are kept ready; 0 makes each when it is needed. */
  readonly sandboxesReady: number;
  /** Where devices are described for CDI; the usual places without it. */
  readonly cdiDirectories?: readonly string[];
  /** How this kernel mounts the roots of containers. */
  readonly overlayWay: OverlayWay;
  /** How many user ids there are in the machine that the engine runs in; null on a host, which has all. */
  readonly ownIds: number | null;
  /** How output is kept of containers that say nothing of it. */
  readonly logging: LogConfig;
  /** Path of the program lxcfs; null: it is not installed. */
  readonly lxcfsProgram: string | null;
  /** What this host lacks and what follows from it, one sentence each. */
  readonly warnings: readonly string[];
}

/** What every part of the engine works on. */
export interface EngineContext extends EngineOptions {
  /** The host's own name. */
  readonly hostname: string;
  readonly table: ContainerTable;
  readonly events: EventBus;
  readonly pool: SandboxPool;
  readonly idRanges: IdRanges;
  /** One change of a container at a time. */
  readonly queues: SerialQueues;
  readonly dataRootDescriptor: number;
  /** Starts a machine that has asked for its reboot, or a container by its restart policy; a failure is written into its record and logged. */
  readonly startAgain: (container: LiveContainer) => void;
  /** Starts a container that somebody has connected to; a failure is logged, and whoever waits is turned away. */
  readonly wakeUp: (container: LiveContainer) => void;
  /** Stops or restarts a container that has become unhealthy; a failure is logged. */
  readonly whenUnhealthy: (container: LiveContainer, action: UnhealthyAction) => void;
  /** What shows containers their limits. */
  readonly lxcfs: Lxcfs;
  /** Compiled filters by profile. */
  readonly seccomp: SeccompCache;
}

/** Replaces the record, in the database first: what clients see survives the engine. A power cut may take the last moments back (`lasting.ts`). */
export function saveRecord(context: EngineContext, container: LiveContainer, record: ContainerRecord): void {
  const renamed = record.name === container.record.name ? {} : { name: record.name };
  context.store.metadata.containers.update(record.id, { ...renamed, record: formatRecord(record) });
  container.record = record;
}

export function saveState(
  context: EngineContext,
  container: LiveContainer,
  change: Partial<ContainerState>,
  run?: ContainerRecord['run'],
): void {
  saveRecord(context, container, withState(container.record, change, run));
}

/**
 * The same on the way to a removal. The row of a container that goes at its end is not brought up to date before it is deleted: whatever a killed engine
 * leaves of it, the next one finds it ended and removes it.
 */
export function passState(
  context: EngineContext,
  container: LiveContainer,
  change: Partial<ContainerState>,
  run?: ContainerRecord['run'],
): void {
  if (container.record.request.autoRemove === true) container.record = withState(container.record, change, run);
  else saveState(context, container, change, run);
}

/** The same of an end: on a full disk that is known here alone, and the next engine reads it from what the monitor has written. */
export function saveEnd(
  context: EngineContext,
  container: LiveContainer,
  change: Partial<ContainerState>,
  save: typeof saveState | typeof passState,
): void {
  try {
    save(context, container, change, null);
  } catch (error) {
    if (!isOrlopError(error) || error.code !== 'STORE_DISK_FULL') throw error;
    context.logger.warn("a container's end could not be written down: the disk is full", { container: container.record.name, error });
    container.record = withState(container.record, change, null);
  }
}

function withState(record: ContainerRecord, change: Partial<ContainerState>, run: ContainerRecord['run'] | undefined): ContainerRecord {
  return { ...record, state: { ...record.state, ...change }, run: run === undefined ? record.run : run };
}

export function publishContainerEvent(
  context: EngineContext,
  container: LiveContainer,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  const { record } = container;
  context.events.publish({
    type: 'container',
    action,
    id: record.id,
    attributes: { ...record.labels, image: record.image.name, name: record.name, ...attributes },
  });
}

export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
