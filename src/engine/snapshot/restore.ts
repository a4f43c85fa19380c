import { OrlopError } from '#errors';
import type { CreateRequest } from '#wire';
import { chainOf, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { findSnapshot, requireWhole } from './find.ts';
import { withKnownProfiles } from './known-profiles.ts';
import type { SnapshotRecord, SnapshotSettings } from './record.ts';
import { changeOf } from './root.ts';
import { whileStopped } from './while-stopped.ts';

/**
 * Who a container is and what it is connected to stays: name, addresses, networks, what is mounted in it and given to it; so does the size of its disk. All else is as it was.
 */
const kept = [
  'name',
  'hostname',
  'domainname',
  'network',
  'endpoints',
  'mac',
  'mounts',
  'volumesFrom',
  'volumes',
  'volumeDriver',
  'tmpfs',
  'devices',
  'namedDevices',
  'storageOptions',
  'autoRemove',
] as const satisfies readonly (keyof CreateRequest)[];

/** The container's record with the settings of a snapshot. Pure. */
export function withSettings(record: ContainerRecord, settings: SnapshotSettings): ContainerRecord {
  const { chain: _chain, inherited: _inherited, ...rest } = record;
  const stays = Object.fromEntries(kept.flatMap((key) => (record.request[key] === undefined ? [] : [[key, record.request[key]]])));
  const was = Object.fromEntries(Object.entries(settings.request).filter(([key]) => !(kept as readonly string[]).includes(key)));
  const request = { ...was, ...stays } as unknown as CreateRequest;
  // With the devices stays where they are from.
  const { inheritedDevices: _inheritedDevices, ...others } = settings;
  return { ...rest, ...others, request };
}

/** Brings a container back to a snapshot: what it has written since goes. conflict when it runs, unless it is to be stopped and started again (`restart`). */
export async function restoreSnapshot(
  context: EngineContext,
  ref: string,
  name: string,
  { restart = false }: { readonly restart?: boolean },
): Promise<void> {
  const container = context.table.find(ref);
  const snapshot = findSnapshot(context, container.record, name);
  requireWhole(context, container.record, snapshot);
  await whileStopped(context, container, restart ? null : isRunning(container, snapshot), () =>
    restoreEnded(context, container, snapshot.id),
  );
}

async function restoreEnded(context: EngineContext, container: LiveContainer, snapshotId: string): Promise<void> {
  const { record } = container;
  // It may have been removed while this waited for its turn.
  const snapshot = findSnapshot(context, record, snapshotId);
  requireWhole(context, record, snapshot);
  const restored = { ...withSettings(record, withKnownProfiles(context, snapshot.settings)), snapshotHead: snapshot.id };
  await context.store.snapshots.reset(
    record.id,
    chainOf(restored),
    changeOf(
      context,
      container,
      () => restored,
      () => undefined,
    ),
  );
  container.record = restored;
  publishContainerEvent(context, container, 'restore', { snapshot: snapshot.name });
}

function isRunning({ record }: LiveContainer, { name }: SnapshotRecord): OrlopError {
  return new OrlopError(
    'conflict',
    'ENGINE_CONTAINER_RUNNING',
    `container ${record.name} is running: what it does would be taken from under it`,
    {
      hint: `stop it, or let it be stopped and started again with: orlop restore --restart ${record.name} ${name}`,
    },
  );
}
