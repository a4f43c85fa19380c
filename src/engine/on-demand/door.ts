import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { OrlopError } from '#errors';
import { addressToBytes, parseAddress, type Endpoint } from '#network';
import { connectCarrier, spawnCarrier, type CarrierConnection, type CarrierPair } from '#sys';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { saveRecord, type EngineContext } from '../context.ts';
import { isServed } from './served.ts';
import type { PublishedPort, PortWish } from '../model.ts';
import { gatewayOf } from '../network/gateway.ts';
import { openPorts, planExchange, portWishesOf } from '../network/ports.ts';

/** For how long a client waits for the server within a container that has started. */
const patienceMs = 60_000;
const lookEveryMs = 50;

export function isOnDemand({ request }: Pick<ContainerRecord, 'request'>): boolean {
  return request.settings?.['boot.on-demand'] === 'true';
}

/**
 * In the container's queue: brings what listens for it in line with what its record says. A carrier holds its ports from then on, whether it runs, an engine runs, or neither. Running, it gets what comes past the firewall's
 * table, which leads to the container itself; else it waits, and who comes starts the container.
 */
export async function keepDoor(context: EngineContext, container: LiveContainer): Promise<void> {
  const { record } = container;
  if (!isOnDemand(record) && record.door === undefined && container.door === null) return;
  const gateway = gatewayOf(context, context.networks.endpoints(record.id));
  if (!isOnDemand(record) || record.isStep === true || gateway === null || portWishesOf(record).length === 0)
    return closeDoor(context, container);
  const running = isActive(record.state.status);
  if (!takeUpDoor(context, container, gateway)) {
    await closeDoor(context, container);
    if (running) return;
    await openDoor(context, container, gateway);
  }
  await container.door?.order(running ? 'open' : 'wait');
}

/** The same, where it is an aside: what cannot be is logged, and the container is none that starts by itself. */
export async function tryKeepDoor(context: EngineContext, container: LiveContainer): Promise<void> {
  try {
    await keepDoor(context, container);
  } catch (error) {
    context.logger.warn('nobody listens for a container that is to start on demand', { container: container.record.name, error });
  }
}

/** It runs: who waits is let in, and carried to it until its servers listen. Then the firewall's table leads there. */
export async function openInlet(context: EngineContext, container: LiveContainer): Promise<void> {
  if (container.door === null) return;
  await container.door.order('open');
  void leadWhenServed(context, container, container.record.state.startedAtNs).catch((error: unknown) =>
    context.logger.warn('the ports of a container lead there by a detour', { container: container.record.name, error }),
  );
}

async function leadWhenServed(context: EngineContext, container: LiveContainer, startedAtNs: bigint): Promise<void> {
  const isSameRun = (): boolean =>
    isActive(container.record.state.status) && container.record.state.startedAtNs === startedAtNs && !container.stopping;
  for (const deadline = Date.now() + patienceMs; isSameRun() && Date.now() < deadline; await delay(lookEveryMs, undefined, { ref: false }))
    if (isServed(container.record.state.pid, container.record.ports)) break;
  await context.queues.run(container.record.id, async () => {
    if (isSameRun() && container.connection !== null) await openPorts(context, container);
  });
}

/** It is about to end: whoever comes from now on waits for its next start. */
export async function closeInlet(context: EngineContext, container: LiveContainer): Promise<void> {
  if (container.door === null) return;
  await container.door.order('hold');
  await context.networks.ports.pause(container.record.id);
}

/** Nobody listens for it any more. */
export async function closeDoor(context: EngineContext, container: LiveContainer): Promise<void> {
  const { record, files, door } = container;
  if (record.door === undefined && door === null) return;
  const carrier = door ?? connectCarrier(context.addon, files.door);
  container.door = null;
  await carrier?.quit();
  rmSync(files.door, { force: true });
  if (!isActive(record.state.status)) await context.networks.ports.close(record.id);
  const { door: _, ...others } = container.record;
  if (record.door !== undefined) saveRecord(context, container, others);
}

/** false: there is none that is still right. */
function takeUpDoor(context: EngineContext, container: LiveContainer, gateway: Endpoint): boolean {
  const { record, files } = container;
  if (record.door === undefined) return false;
  const { kept, added } = planExchange(record.door.ports, portWishesOf(record));
  if (added.length > 0 || kept.length !== record.door.ports.length || record.door.key !== keyOf(gateway)) return false;
  if (container.door === null) {
    const carrier = connectCarrier(context.addon, files.door);
    if (carrier === null) return false;
    watch(context, container, carrier);
  }
  context.networks.ports.claim(record.id, record.door.ports);
  return true;
}

function keyOf({ address = '', address6 = '' }: Endpoint): string {
  return `${address} ${address6}`;
}

async function openDoor(context: EngineContext, container: LiveContainer, gateway: Endpoint): Promise<void> {
  const { addon, bosun, networks } = context;
  const { id } = container.record;
  const ports = await networks.ports.reserve(id, wishesAgain(container.record));
  using opened = new DisposableStack();
  const borrow = (descriptor: number): number => {
    opened.defer(() => addon.close(descriptor));
    return descriptor;
  };
  try {
    const pairs = ports.flatMap((port) => pairOf(context, id, port, gateway, borrow));
    rmSync(container.files.door, { force: true });
    await spawnCarrier(addon, bosun, { pairs, control: borrow(addon.bindStream(container.files.door)), waits: true, patienceMs });
  } catch (error) {
    await networks.ports.close(id);
    throw error;
  }
  const carrier = connectCarrier(addon, container.files.door);
  if (carrier === null)
    throw new OrlopError('internal', 'ENGINE_DOOR_GONE', `what listens for container ${container.record.name} has ended at once`);
  watch(context, container, carrier);
  saveRecord(context, container, { ...container.record, door: { ports, key: keyOf(gateway) } });
}

/** The very ports that it had, as long as they are wished for. */
function wishesAgain(record: ContainerRecord): PortWish[] {
  const { kept, added } = planExchange(record.door?.ports ?? [], portWishesOf(record));
  const again = kept.map(({ containerPort, protocol, hostAddress, hostPort }) => ({
    containerPort,
    protocol,
    hostAddress,
    hostPort: { first: hostPort, last: hostPort },
  }));
  return [...again, ...added];
}

function pairOf(
  context: EngineContext,
  id: string,
  port: PublishedPort,
  gateway: Endpoint,
  borrow: (descriptor: number) => number,
): CarrierPair[] {
  const target = parseAddress((port.hostAddress.includes(':') ? (gateway.address6 ?? gateway.address) : gateway.address) ?? '');
  if (port.protocol === 'sctp' || port.hostPort === 0 || target === null)
    throw new OrlopError(
      'failed-precondition',
      'ENGINE_DOOR_PORT',
      `nobody can listen for ${port.hostAddress}:${port.hostPort}/${port.protocol}`,
      {
        hint: 'boot.on-demand is for TCP and UDP on ports of the host',
      },
    );
  const held = context.networks.ports.lend(id, port);
  if (held === null) throw new OrlopError('conflict', 'ENGINE_DOOR_PORT', `port ${port.hostPort} is served by another program`);
  const kind = port.protocol === 'udp' ? 'datagram' : 'stream';
  return [{ listener: borrow(held), kind, target: { address: addressToBytes(target), port: port.containerPort } }];
}

function watch(context: EngineContext, container: LiveContainer, carrier: CarrierConnection): void {
  container.door = carrier;
  carrier.onCall = () => context.wakeUp(container);
  void carrier.gone.then(() => {
    if (container.door !== carrier) return;
    container.door = null;
    context.logger.warn('what listened for a container has ended, and is started again', { container: container.record.name });
    void context.queues.run(container.record.id, () => tryKeepDoor(context, container));
  });
}

/** An engine that closes lets go of it; it goes on. */
export function leaveDoor(container: LiveContainer): void {
  const { door } = container;
  container.door = null;
  door?.close();
}
