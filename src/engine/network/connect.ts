import { isErrno, isOrlopError, OrlopError } from '#errors';
import type { NetworkRecord } from '#network';
import { openNamespace } from '#sys';
import { isActive } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { saveRecord, type EngineContext } from '../context.ts';
import type { EndpointWishes } from '../model.ts';
import { refreshNames } from './attachment.ts';
import { publishNetworkEvent } from './events.ts';
import { joinedId } from '../spec/namespaces.ts';
import { checkWishes, isClosed } from './mode.ts';
import { forgetAwaited, isWired, reservePlace } from './places.ts';
import { shapeNewLinks } from './rates.ts';
import { openPorts, portWishesOf, reservePorts } from './ports.ts';

/** Gives a container, running or not, one more place. Undone whole when a step fails. */
export async function connectContainer(context: EngineContext, ref: string, containerRef: string, wishes: EndpointWishes): Promise<void> {
  const network = context.networks.find(ref);
  const container = context.table.find(containerRef);
  await context.queues.run(container.record.id, () => connectInQueue(context, network, container, wishes));
}

export async function connectInQueue(
  context: EngineContext,
  network: NetworkRecord,
  container: LiveContainer,
  wishes: EndpointWishes,
): Promise<void> {
  const { id } = container.record;
  checkWishes(network, wishes);
  checkConnect(context, container, network);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => context.networks.release(id, network.name));
  const { status } = container.record.state;
  const place = await reservePlace(context, container.record, { network: network.name, wishes });
  if (isActive(status) && isWired(place)) {
    await withNamespace(context, container, (namespace) => context.networks.attach(place, namespace));
    undo.defer(() => withNamespace(context, container, (namespace) => context.networks.detach(place, namespace)));
    shapeNewLinks(context, container.record);
    await followPlaces(context, container);
  }
  undo.move();
  forgetAwaited(context, container, network.name);
  publishNetworkEvent(context, network, 'connect', { container: id });
}

/** Takes a container out of a network. `force`: also one that is not there any more. */
export async function disconnectContainer(
  context: EngineContext,
  ref: string,
  containerRef: string,
  { force = false }: { readonly force?: boolean },
): Promise<void> {
  if (await disconnectAwaited(context, ref, containerRef)) return;
  const network = context.networks.find(ref);
  const container = findUnlessForced(context, containerRef, force);
  if (container === null) return forgetMissing(context, network, containerRef);
  await context.queues.run(container.record.id, () => disconnectInQueue(context, network, container));
}

/** From a network that there is not, or not yet again. false: it waits for none of this name. */
async function disconnectAwaited(context: EngineContext, name: string, containerRef: string): Promise<boolean> {
  const container = findUnlessForced(context, containerRef, true);
  const isAwaited = (): boolean => container?.record.awaited?.some(({ network }) => network === name) === true;
  if (container === null || !isAwaited()) return false;
  return context.queues.run(container.record.id, async () => {
    if (!isAwaited()) return false;
    forgetAwaited(context, container, name);
    return true;
  });
}

export async function disconnectInQueue(context: EngineContext, network: NetworkRecord, container: LiveContainer): Promise<void> {
  const { id } = container.record;
  if (container.record.network === 'host' && network.name === 'host')
    throw invalid('cannot disconnect container from host network - container was created in host network mode');
  const place = context.networks.endpoints(id).find((candidate) => candidate.network === network.name);
  if (place === undefined) {
    throw new OrlopError('failed-precondition', 'ENGINE_NOT_CONNECTED', `container ${id} is not connected to network ${network.name}`);
  }
  if (isActive(container.record.state.status) && isWired(place)) {
    await withNamespace(context, container, (namespace) => context.networks.detach(place, namespace));
    await context.networks.release(id, network.name);
    await followPlaces(context, container);
  } else await context.networks.release(id, network.name);
  publishNetworkEvent(context, network, 'disconnect', { container: id });
}

async function withNamespace(context: EngineContext, container: LiveContainer, work: (namespace: number) => Promise<void>): Promise<void> {
  const { name, state } = container.record;
  const namespace = openNetwork(name, state.pid);
  try {
    await work(namespace);
  } finally {
    context.addon.close(namespace);
  }
}

function openNetwork(name: string, pid: number): number {
  try {
    return openNamespace(pid, 'net');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ESRCH')) throw error;
    throw new OrlopError('conflict', 'ENGINE_CONTAINER_NOT_RUNNING', `container ${name} has just ended`, { cause: error });
  }
}

/** What a running container has beside its links follows its places: files, names, ports. */
async function followPlaces(context: EngineContext, container: LiveContainer): Promise<void> {
  const { ports } = container.record;
  await refreshNames(context, container);
  const wishes = portWishesOf(container.record);
  if (ports.length === 0 && wishes.length > 0) await reservePorts(context, container, wishes);
  await openPorts(context, container);
  if (container.record.ports !== ports) saveRecord(context, container, container.record);
}

/** In Docker's words, which programs show. */
function checkConnect(context: EngineContext, { record }: LiveContainer, network: NetworkRecord): void {
  const places = context.networks.endpoints(record.id);
  if (record.network !== 'host' && network.name === 'host')
    throw invalid('cannot connect container to host network - container must be created in host network mode');
  if (record.network === 'host' || joinedId(record.network) !== null) {
    throw invalid('container sharing network namespace with another container or host cannot be connected to any other network');
  }
  if (places.some((place) => place.network === network.name)) {
    throw new OrlopError('conflict', 'ENGINE_CONNECTED', `endpoint with name ${record.name} already exists in network ${network.name}`);
  }
  if (places.length > 0 && (isClosed(network.name) || places.some((place) => isClosed(place.network)))) {
    throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_NETWORK_CONFLICT', message);
}

function findUnlessForced(context: EngineContext, ref: string, force: boolean): LiveContainer | null {
  try {
    return context.table.find(ref);
  } catch (error) {
    if (force && isOrlopError(error, 'not-found')) return null;
    throw error;
  }
}

/** A place of a container that is gone. */
async function forgetMissing(context: EngineContext, network: NetworkRecord, ref: string): Promise<void> {
  const place = context.networks.endpoints().find((candidate) => candidate.network === network.name && candidate.containerId === ref);
  if (place === undefined) throw new OrlopError('not-found', 'ENGINE_CONTAINER_NOT_FOUND', `No such container: ${ref}`);
  await context.networks.release(place.containerId, network.name);
}
