import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { addressToBytes, parseAddress, type Endpoint } from '#network';
import { connectCarrier, spawnCarrier } from '#sys';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import type { PublishedPort } from '../model.ts';
import { gatewayOf } from './gateway.ts';

/** How many ports one carrier takes (carrier-setup.ts). */
const mostPorts = 64;
/** How long a carrier that ended before its container stays so, ms. */
const restartAfterMs = 1_000;

/** What one carrier does: told apart by its name, which says all of it. */
interface Relay {
  readonly name: string;
  readonly ports: readonly PublishedPort[];
}

/**
 * What is published on IPv6 for a container that has only an IPv4 address, in carriers' portions: nothing in the kernel translates between the families. Pure.
 */
export function planRelays(published: readonly PublishedPort[], gateway: Pick<Endpoint, 'address' | 'address6'> | null): Relay[] {
  const { address, address6 } = gateway ?? {};
  if (address === undefined || address6 !== undefined) return [];
  const carried = published.filter(
    ({ hostAddress, hostPort, protocol }) => hostAddress.includes(':') && hostPort !== 0 && protocol !== 'sctp',
  );
  const portions = Array.from({ length: Math.ceil(carried.length / mostPorts) }, (_, at) =>
    carried.slice(at * mostPorts, (at + 1) * mostPorts),
  );
  return portions.map((ports) => {
    const text = ports.map(({ protocol, hostAddress, hostPort, containerPort }) =>
      [protocol, hostAddress, hostPort, containerPort].join(' '),
    );
    return {
      name: createHash('sha256')
        .update([address, ...text].join('\n'))
        .digest('hex')
        .slice(0, 16),
      ports,
    };
  });
}

/**
 * Brings the carriers of a running container in line with its ports and its place: processes of their own, which end with the container's, and which neither the engine's end nor its restart cuts off.
 * What listens for a container that starts on demand sees to IPv6 as well. `pid`: of its first process. Fails with the kernel's words when one cannot listen.
 */
export async function keepRelays(
  context: EngineContext,
  container: LiveContainer,
  gateway: Endpoint | null,
  {
    pid = container.record.state.pid,
    ports = container.record.ports,
  }: { readonly pid?: number; readonly ports?: readonly PublishedPort[] } = {},
): Promise<void> {
  const wanted = container.record.door === undefined ? planRelays(ports, gateway) : [];
  const names = new Set(wanted.map(({ name }) => name));
  for (const name of new Set([...container.relays.keys(), ...leftRelays(container)]))
    if (!names.has(name)) await closeRelay(context, container, name);
  if (gateway === null || pid === 0) return;
  for (const relay of wanted) if (!isCarrying(context, container, relay.name)) await openRelay(context, container, { relay, gateway, pid });
}

/** Of a running container's ports, those that a carrier of an earlier engine still has. */
export function carriedPorts(context: EngineContext, container: LiveContainer, gateway: Endpoint | null): PublishedPort[] {
  return planRelays(container.record.ports, gateway)
    .filter(({ name }) => isCarrying(context, container, name))
    .flatMap(({ ports }) => ports);
}

/** An engine that closes lets go of them; they go on. */
export function leaveRelays(container: LiveContainer): void {
  const carriers = [...container.relays.values()];
  container.relays.clear();
  for (const carrier of carriers) carrier.close();
}

async function openRelay(
  context: EngineContext,
  container: LiveContainer,
  { relay, gateway, pid }: { readonly relay: Relay; readonly gateway: Endpoint; readonly pid: number },
): Promise<void> {
  const { addon, bosun, networks } = context;
  using opened = new DisposableStack();
  const borrow = (descriptor: number): number => {
    opened.defer(() => addon.close(descriptor));
    return descriptor;
  };
  const process = openProcess(addon, pid);
  if (process === null) return;
  opened.defer(() => addon.close(process));
  const target = parseAddress(gateway.address ?? '');
  const address = target === null ? new Uint8Array(4) : addressToBytes(target);
  const pairs = relay.ports.map((port) => {
    const held = networks.ports.lend(container.record.id, port);
    if (held === null) throw taken(container.record, port);
    const kind = port.protocol === 'udp' ? ('datagram' as const) : ('stream' as const);
    return { listener: borrow(held), kind, target: { address, port: port.containerPort } };
  });
  mkdirSync(container.files.relays, { recursive: true, mode: 0o700 });
  const path = join(container.files.relays, relay.name);
  rmSync(path, { force: true });
  await spawnCarrier(addon, bosun, { pairs, control: borrow(addon.bindStream(path)), process });
  isCarrying(context, container, relay.name);
}

/** null: it has ended already, and so is there nothing to carry. */
function openProcess(addon: EngineContext['addon'], pid: number): number | null {
  try {
    return addon.pidfdOpen(pid);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return null;
    throw error;
  }
}

async function closeRelay(context: EngineContext, container: LiveContainer, name: string): Promise<void> {
  const path = join(container.files.relays, name);
  const carrier = container.relays.get(name) ?? connectCarrier(context.addon, path);
  container.relays.delete(name);
  await carrier?.quit();
  rmSync(path, { force: true });
}

/** false: nobody answers. One that ends before the container does is started again. */
function isCarrying(context: EngineContext, container: LiveContainer, name: string): boolean {
  if (container.relays.has(name)) return true;
  const carrier = connectCarrier(context.addon, join(container.files.relays, name));
  if (carrier === null) return false;
  container.relays.set(name, carrier);
  void carrier.gone.then(() => {
    if (container.relays.get(name) !== carrier) return;
    container.relays.delete(name);
    setTimeout(() => void again(context, container), restartAfterMs).unref();
  });
  return true;
}

async function again(context: EngineContext, container: LiveContainer): Promise<void> {
  await context.queues.run(container.record.id, async () => {
    const { record } = container;
    if (!isActive(record.state.status) || container.connection === null) return;
    context.logger.warn('what carried IPv6 to published ports has ended, and is started again', { container: record.name });
    try {
      await keepRelays(context, container, gatewayOf(context, context.networks.endpoints(record.id)));
    } catch (error) {
      context.logger.error('IPv6 is not carried to published ports', { container: record.name, error });
    }
  });
}

function leftRelays({ files }: LiveContainer): string[] {
  try {
    return readdirSync(files.relays);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function taken({ name }: Pick<ContainerRecord, 'name'>, { hostAddress, hostPort, protocol }: PublishedPort): OrlopError {
  return new OrlopError(
    'conflict',
    'ENGINE_RELAY_PORT',
    `port [${hostAddress}]:${hostPort}/${protocol} of container ${name} is served by another program`,
    { hint: `see which one with: ss -lnp 'sport = :${hostPort}'` },
  );
}
