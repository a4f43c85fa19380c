import { isOrlopError, OrlopError } from '#errors';
import { leaseLabel } from '#wire';
import { removeContainer } from '../container/remove.ts';
import type { EngineContext } from '../context.ts';
import { createNetworkVerbs } from '../network/networks.ts';
import { createVolumeVerbs } from '../volume/volumes.ts';

/** What belongs to one lease: ids of containers and networks, names of volumes. */
export interface LeaseMembers {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

/** Of a container, only what its request says counts: labels of images are somebody else's. */
export function membersOf({ table, networks, volumes }: EngineContext, lease: string): LeaseMembers {
  return {
    containers: table.all().flatMap(({ record }) => (record.request.labels?.[leaseLabel] === lease ? [record.id] : [])),
    networks: networks.list().flatMap(({ id, labels }) => (labels[leaseLabel] === lease ? [id] : [])),
    volumes: volumes.list().flatMap(({ name, labels }) => (labels[leaseLabel] === lease ? [name] : [])),
  };
}

/** Every lease that something belongs to. */
export function leaseIdsOf({ table, networks, volumes }: EngineContext): Set<string> {
  const labels = [
    ...table.all().map(({ record }) => record.request.labels),
    ...networks.list().map((network) => network.labels),
    ...volumes.list().map((volume) => volume.labels),
  ];
  return new Set(labels.flatMap((some) => some?.[leaseLabel] ?? []));
}

/**
 * Removes containers by force and with their unnamed volumes, then networks, then volumes: each stands in the way of the next. Goes on after a failure; conflict
 * naming what is left. Can be repeated.
 */
export async function removeMembers(context: EngineContext, lease: string): Promise<void> {
  const { containers, networks, volumes } = membersOf(context, lease);
  const failures: unknown[] = [];
  const attempt = async (removal: Promise<void>): Promise<void> => {
    try {
      await removal;
    } catch (error) {
      // Somebody was quicker.
      if (!isOrlopError(error, 'not-found')) failures.push(error);
    }
  };
  await Promise.all(containers.map((id) => attempt(removeContainer(context, id, { force: true, volumes: true }))));
  const networkVerbs = createNetworkVerbs(context);
  const volumeVerbs = createVolumeVerbs(context);
  await Promise.all(networks.map((id) => attempt(networkVerbs.remove(id))));
  await Promise.all(volumes.map((name) => attempt(volumeVerbs.remove(name))));
  if (failures.length > 0) throw stays(context, lease, failures);
}

function stays(context: EngineContext, lease: string, failures: readonly unknown[]): OrlopError {
  const { containers, networks, volumes } = membersOf(context, lease);
  const what = [
    ...containers.map((id) => `container ${id.slice(0, 12)}`),
    ...networks.map((id) => `network ${context.networks.find(id).name}`),
    ...volumes.map((name) => `volume ${name}`),
  ];
  return new OrlopError('conflict', 'ENGINE_LEASE_STAYS', `not all of the lease ${lease} could be removed: ${what.join(', ')}`, {
    hint: 'it is tried again every 10 seconds: remove what else uses it',
    cause: failures[0],
  });
}
