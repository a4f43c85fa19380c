import { OrlopError } from '#errors';
import type { SnapshotRow } from '#store';
import type { ContainerRecord } from '../container/record.ts';

/** What of a container goes into its snapshots, and comes back with them. */
export type SnapshotSettings = Pick<
  ContainerRecord,
  'kind' | 'request' | 'image' | 'chain' | 'process' | 'labels' | 'healthCheck' | 'exposedPorts' | 'inherited' | 'inheritedDevices'
>;

/** The engine's truth about one snapshot; a row of the database. JSON-safe. */
export interface SnapshotRecord {
  readonly id: string;
  readonly containerId: string;
  readonly name: string;
  readonly comment: string;
  /** ms since the epoch. */
  readonly createdMs: number;
  readonly expiresMs: number | null;
  /** Id of the snapshot that the container went on from when this was made; null: none. */
  readonly parent: string | null;
  readonly wasRunning: boolean;
  readonly isScheduled: boolean;
  readonly settings: SnapshotSettings;
}

export function settingsOf(record: ContainerRecord): SnapshotSettings {
  const { kind, request, image, chain, process, labels, healthCheck, exposedPorts, inherited, inheritedDevices } = record;
  return {
    kind,
    request,
    image,
    process,
    labels,
    exposedPorts,
    ...(chain === undefined ? {} : { chain }),
    ...(healthCheck === undefined ? {} : { healthCheck }),
    ...(inherited === undefined ? {} : { inherited }),
    ...(inheritedDevices === undefined ? {} : { inheritedDevices }),
  };
}

export function rowOf(record: SnapshotRecord): Omit<SnapshotRow, 'isLost'> {
  const { id, containerId, name, createdMs, settings } = record;
  return {
    id,
    containerId,
    name,
    createdNs: BigInt(createdMs) * 1_000_000n,
    // Steps of builds stand on no manifest.
    image: settings.image.manifest,
    chain: settings.chain === undefined ? settings.image.chain : settings.chain,
    record: JSON.stringify(record),
  };
}

export function snapshotOf({ id, name, record }: SnapshotRow): SnapshotRecord {
  try {
    const parsed = JSON.parse(record) as SnapshotRecord;
    if (parsed.id !== id) throw new TypeError(`it is the record of ${parsed.id}`);
    return parsed;
  } catch (cause) {
    throw new OrlopError('data-loss', 'ENGINE_SNAPSHOT_UNREADABLE', `the record of snapshot ${name} cannot be read`, {
      hint: 'remove the snapshot',
      cause,
    });
  }
}
