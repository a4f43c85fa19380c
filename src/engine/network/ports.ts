import { OrlopError } from '#errors';
import type { Endpoint } from '#network';
import { isActive, type ContainerRecord } from '../container/record.ts';
import { parseProxy, type DeviceConfig } from '#wire';
import type { LiveContainer } from '../container/table.ts';
import { saveRecord, type EngineContext } from '../context.ts';
import type { PortChange, PortProtocol, PortSelection, PortWish, PublishedPort } from '../model.ts';
import { gatewayOf } from './gateway.ts';
import { isClosed } from './mode.ts';
import { keepRelays } from './relays.ts';

/** All that a container asks for on the host: what was named, and with `publishAll` the exposed ports that were not. Pure. */
export function portWishesOf(record: Pick<ContainerRecord, 'request' | 'exposedPorts' | 'network'>): PortWish[] {
  const { publishAll } = record.request;
  if (isClosed(record.network)) return [];
  const ports = [...(record.request.ports ?? []), ...Object.entries(record.request.namedDevices ?? {}).flatMap(wishesOfDevice)];
  if (publishAll !== true) return ports;
  const named = new Set(ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  return [...ports, ...record.exposedPorts.filter((port) => !named.has(port)).map(parseExposedPort)];
}

/** A proxy with `nat` is published ports. */
function wishesOfDevice([device, config]: readonly [string, DeviceConfig]): PortWish[] {
  if (config['type'] !== 'proxy') return [];
  const { nat, listen, connect } = parseProxy(device, config);
  if (!nat || listen.protocol === 'unix' || connect.protocol === 'unix') return [];
  const { protocol, address } = listen;
  return listen.ports.map((port, at) => ({
    containerPort: connect.ports[at] ?? connect.ports[0] ?? port,
    protocol,
    hostAddress: address,
    hostPort: { first: port, last: port },
  }));
}

function parseExposedPort(text: string): PortWish {
  const [number = '', protocol = 'tcp'] = text.split('/');
  return { containerPort: Number(number), protocol: protocol as PortProtocol };
}

/** Chooses the host's ports for a start and keeps them with the container. */
export async function reservePorts(context: EngineContext, container: LiveContainer, wishes: readonly PortWish[]): Promise<void> {
  const { record } = container;
  if (gatewayOf(context, context.networks.endpoints(record.id)) === null) return;
  const ports = record.door?.ports ?? (await context.networks.ports.reserve(record.id, wishes));
  container.record = { ...container.record, ports };
}

/** Lets the container's ports lead to the place that it now answers from; without one they are given up. */
export async function openPorts(context: EngineContext, container: LiveContainer): Promise<void> {
  const { id, ports } = container.record;
  if (ports.length === 0) return;
  const gateway = gatewayOf(context, context.networks.endpoints(id));
  if (gateway === null) return closePorts(context, container);
  await context.networks.ports.open(id, gateway, ports);
  await keepRelays(context, container, gateway);
}

/** Nothing leads to the container any more. */
export async function closePorts(context: EngineContext, container: LiveContainer): Promise<void> {
  if (container.record.ports.length === 0) return;
  container.record = { ...container.record, ports: [] };
  await keepRelays(context, container, null);
  await context.networks.ports.close(container.record.id);
}

/** Publishes further ports of a container, running or not, and gives others up. Kept for the next start. All or nothing. */
export async function changePorts(context: EngineContext, ref: string, change: PortChange): Promise<readonly PublishedPort[]> {
  const container = context.table.find(ref);
  return context.queues.run(container.record.id, async () => {
    const { record } = container;
    const { request, kept } = planPortChange(record, change);
    if (!isActive(record.state.status)) {
      saveRecord(context, container, { ...record, request });
      return [];
    }
    const gateway = gatewayOf(context, context.networks.endpoints(record.id));
    if (gateway === null) throw unreachable(record);
    const { ports } = context.networks;
    const added = change.add.length === 0 ? [] : await ports.reserve(record.id, change.add);
    const wanted = [...kept, ...added];
    await openInstead(context, container, gateway, wanted);
    saveRecord(context, container, { ...container.record, request, ports: wanted });
    return wanted;
  });
}

/**
 * Publishes what a running container wishes by now in place of what it has, in its own queue: ports that are still wished for stay where they are. All or nothing; answers what
 * leads to it then, to be written down.
 */
export async function exchangePorts(
  context: EngineContext,
  container: LiveContainer,
  wishes: readonly PortWish[],
): Promise<readonly PublishedPort[]> {
  const { record } = container;
  if (wishes.length + record.ports.length === 0) return [];
  const gateway = gatewayOf(context, context.networks.endpoints(record.id));
  if (gateway === null) throw unreachable(record);
  const { kept, added } = planExchange(record.ports, wishes);
  const { ports } = context.networks;
  const fresh = added.length === 0 ? [] : await ports.reserve(record.id, added);
  const wanted = [...kept, ...fresh];
  await openInstead(context, container, gateway, wanted);
  return wanted;
}

/** In place of the ports that its record has, or these again. */
async function openInstead(
  context: EngineContext,
  container: LiveContainer,
  gateway: Endpoint,
  wanted: readonly PublishedPort[],
): Promise<void> {
  const { id, ports } = container.record;
  try {
    await context.networks.ports.open(id, gateway, wanted);
    await keepRelays(context, container, gateway, { ports: wanted });
  } catch (error) {
    // Asked for what there was before, the room gives up what is new.
    await context.networks.ports.open(id, gateway, ports);
    await keepRelays(context, container, gateway);
    throw error;
  }
}

/** From what one record wishes to what another does, at once. Answers nothing: `container.record` has the ports, to be written down. */
export async function followWishes(
  context: EngineContext,
  container: LiveContainer,
  { before, after, undo }: { readonly before: ContainerRecord; readonly after: ContainerRecord; readonly undo: AsyncDisposableStack },
): Promise<void> {
  if (!isActive(after.state.status) || JSON.stringify(portWishesOf(before)) === JSON.stringify(portWishesOf(after))) return;
  const old = container.record.ports;
  const ports = await exchangePorts(context, container, portWishesOf(after));
  container.record = { ...container.record, ports };
  undo.defer(async () => {
    const back = await exchangePorts(context, container, portWishesOf(before));
    container.record = { ...container.record, ports: back.length === 0 ? old : back };
  });
}

/** Which published ports stay, and which wishes have none yet. Pure. */
export function planExchange(
  published: readonly PublishedPort[],
  wishes: readonly PortWish[],
): { readonly kept: readonly PublishedPort[]; readonly added: readonly PortWish[] } {
  const kept = published.filter((port) => wishes.some((wish) => isGranted(wish, port)));
  return { kept, added: wishes.filter((wish) => !kept.some((port) => isGranted(wish, port))) };
}

/** The request with its ports changed, and which published ones stay. Fails with `not-found` when nothing is published there. Pure. */
export function planPortChange(
  record: Pick<ContainerRecord, 'name' | 'request' | 'ports' | 'network'>,
  { add, remove }: PortChange,
): { readonly request: ContainerRecord['request']; readonly kept: readonly PublishedPort[] } {
  if (record.network.startsWith('container:') || isClosed(record.network)) throw unreachable(record);
  let wishes: readonly PortWish[] = record.request.ports ?? [];
  let kept = record.ports;
  for (const selection of remove) {
    const doomed = kept.filter((port) => isSelected(selection, port, port.hostPort));
    const unwished = wishes.filter((wish) => isWished(selection, wish) || doomed.some((port) => isGranted(wish, port)));
    if (unwished.length === 0) throw notPublished(record, selection, doomed.length > 0);
    wishes = wishes.filter((wish) => !unwished.includes(wish));
    const isGivenUp = (port: PublishedPort): boolean => port.hostPort === 0 && unwished.some((wish) => isGranted(wish, port));
    kept = kept.filter((port) => !doomed.includes(port) && !isGivenUp(port));
  }
  return { request: { ...record.request, ports: [...wishes, ...add] }, kept };
}

type HostPlace = { readonly protocol: PortProtocol; readonly hostAddress?: string };

function isSelected({ hostPort, protocol, hostAddress }: PortSelection, place: HostPlace, at: number): boolean {
  return at === hostPort && place.protocol === protocol && (hostAddress === undefined || place.hostAddress === hostAddress);
}

function isWished(selection: PortSelection, wish: PortWish): boolean {
  const { hostPort } = wish;
  return hostPort !== undefined && hostPort.first === hostPort.last && isSelected(selection, wish, hostPort.first);
}

/** Whether a published port may have come of a wish that left the choice to us. */
function isGranted({ containerPort, protocol, hostAddress, hostPort }: PortWish, port: PublishedPort): boolean {
  return (
    port.containerPort === containerPort &&
    port.protocol === protocol &&
    (hostAddress === undefined || hostAddress === port.hostAddress) &&
    (hostPort === undefined || port.hostPort === 0 || (hostPort.first <= port.hostPort && port.hostPort <= hostPort.last))
  );
}

function notPublished({ name }: Pick<ContainerRecord, 'name'>, { hostPort, protocol }: PortSelection, byAll: boolean): OrlopError {
  const message = byAll
    ? `port ${hostPort}/${protocol} of container ${name} is published with all its exposed ports`
    : `container ${name} publishes no port ${hostPort}/${protocol}`;
  const hint = byAll ? 'make the container anew without --publish-all' : `see its ports with: orlop port ${name}`;
  return new OrlopError(byAll ? 'failed-precondition' : 'not-found', 'ENGINE_PORT_NOT_PUBLISHED', message, { hint });
}

function unreachable({ name, network }: Pick<ContainerRecord, 'name' | 'network'>): OrlopError {
  return new OrlopError(
    'failed-precondition',
    'ENGINE_NO_WAY_IN',
    `no port of container ${name} can be published: it is in no network that leads out`,
    {
      hint: network === 'host' ? "it has the host's ports already" : 'connect it to a network with: orlop network connect',
    },
  );
}
