import { isOrlopError } from '#errors';
import type { NetworkRecord } from '#network';
import { isActive } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { hasLabel } from '../labels.ts';
import type { ContainerId, Engine, NetworkMember, NetworkView, PruneFilter } from '../model.ts';
import { connectContainer, disconnectContainer } from './connect.ts';
import { publishNetworkEvent } from './events.ts';
import { filterNetworks } from './filter.ts';
import { awaitNetwork } from './places.ts';

/** The verbs on networks. */
export function createNetworkVerbs(context: EngineContext): Engine['networks'] {
  const { networks } = context;
  const view = (record: NetworkRecord): NetworkView => ({ ...record, members: membersOf(context, record.name) });
  return {
    list: (filters) => filterNetworks(networks.list().map(view), filters),
    inspect: (ref) => view(networks.find(ref)),
    async create(request) {
      const { network, warnings } = await networks.create(request);
      publishNetworkEvent(context, network, 'create');
      return { id: network.id, warnings };
    },
    async remove(ref) {
      await vacate(context, networks.find(ref));
      const network = await networks.remove(ref);
      // Of a configuration Docker tells the beginning only.
      if (network.configOnly !== true) publishNetworkEvent(context, network, 'destroy');
    },
    connect: (ref, container, wishes) => connectContainer(context, ref, container, wishes),
    disconnect: (ref, container, options) => disconnectContainer(context, ref, container, options),
    prune: (filter) => pruneNetworks(context, filter),
  };
}

/** As in Docker's engine, containers that do not run keep no network from going: they wait for another of its name. Machines do keep theirs. */
function isIdle({ record }: LiveContainer): boolean {
  return record.kind === 'app' && !isActive(record.state.status);
}

/** Those with a place in a network, running or not. */
function containersIn({ networks, table }: EngineContext, network: NetworkRecord): LiveContainer[] {
  const members = networks.endpoints().filter((endpoint) => endpoint.networkId === network.id);
  return members.flatMap(({ containerId }) => table.get(containerId as ContainerId) ?? []);
}

async function vacate(context: EngineContext, network: NetworkRecord): Promise<void> {
  const { networks, queues } = context;
  const containers = containersIn(context, network);
  if (network.isBuiltIn || !containers.every(isIdle)) return;
  for (const container of containers)
    await queues.run(container.record.id, async () => {
      const place = networks.endpoints(container.record.id).find(({ networkId }) => networkId === network.id);
      if (place === undefined || !isIdle(container)) return;
      await awaitNetwork(context, container, place);
    });
}

/** The running containers that have a place in a network. */
function membersOf({ networks, table }: EngineContext, network: string): NetworkMember[] {
  return networks.endpoints().flatMap((endpoint) => {
    const container = endpoint.network === network ? table.get(endpoint.containerId as ContainerId) : undefined;
    if (container === undefined || !isActive(container.record.state.status)) return [];
    const { id, containerId, address, prefixLength, address6, prefixLength6, mac } = endpoint;
    const numbers = { address, prefixLength, address6, prefixLength6, mac };
    const known = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined));
    return [{ id, containerId, containerName: container.record.name, ...known }];
  });
}

/** Removes the networks of users that none keeps from going; configurations, in which no container can be, stay. */
async function pruneNetworks(context: EngineContext, filter: PruneFilter): Promise<string[]> {
  const { networks } = context;
  const isFree = (network: NetworkRecord): boolean => containersIn(context, network).every(isIdle);
  const doomed = networks
    .list()
    .filter((network) => !network.isBuiltIn && network.configOnly !== true && fits(network, filter) && isFree(network));
  const removed: string[] = [];
  for (const network of doomed) {
    try {
      await vacate(context, network);
      publishNetworkEvent(context, await networks.remove(network.id), 'destroy');
    } catch (error) {
      // A container has come, or somebody else was quicker.
      if (isOrlopError(error, 'conflict') || isOrlopError(error, 'not-found')) continue;
      throw error;
    }
    removed.push(network.name);
  }
  return removed;
}

function fits({ createdAtMs, labels }: NetworkRecord, { beforeNs, labels: wanted = [], notLabels = [] }: PruneFilter): boolean {
  if (beforeNs !== undefined && BigInt(createdAtMs) * 1_000_000n >= beforeNs) return false;
  return wanted.every((label) => hasLabel(labels, label)) && !notLabels.some((label) => hasLabel(labels, label));
}
