import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { addressToBytes, parseAddress } from '#network';
import { connectCarrier, openNamespace, spawnCarrier, type CarrierPair, type CarrierTarget } from '#sys';
import { parseProxy, type ProxyDevice, type ProxyEnd } from '#wire';
import type { IdRange } from '../id-ranges.ts';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { clearListener, openListeners } from './listeners.ts';

/** A process of a running container, and the ids that it has on the host. */
export interface ProxyPlace {
  readonly pid: number;
  readonly range: IdRange | null;
}

/** How long a carrier that ended before its container stays so, ms. */
const restartAfterMs = 1_000;

/** Of a record, those that a process of their own carries: the others are published ports. Pure. */
export function carriedProxies({ request }: Pick<ContainerRecord, 'request'>): Map<string, ProxyDevice> {
  const proxies = Object.entries(request.namedDevices ?? {}).flatMap(([device, config]) =>
    config['type'] === 'proxy' ? [[device, parseProxy(device, config)] as const] : [],
  );
  return new Map(proxies.filter(([, { nat }]) => !nat));
}

export function placeOfRunning({ state, run }: ContainerRecord): ProxyPlace {
  return { pid: state.pid, range: run?.idRange ?? null };
}

/**
 * Starts what carries a proxy: a process of its own, which ends with the container's, so that neither the engine's end nor its restart cuts anything off. What is left of an earlier one is taken away.
 * Fails with the kernel's words when it cannot listen.
 */
export async function openProxy(
  context: EngineContext,
  container: LiveContainer,
  place: ProxyPlace,
  device: string,
  proxy: ProxyDevice,
): Promise<void> {
  const { addon, bosun } = context;
  // A socket that lies in the container is taken away by who binds another in its place.
  await closeProxy(context, container, null, device, proxy);
  using opened = new DisposableStack();
  const borrow = (descriptor: number): number => {
    opened.defer(() => addon.close(descriptor));
    return descriptor;
  };
  mkdirSync(container.files.proxies, { recursive: true, mode: 0o700 });
  const listeners = await openListeners(context, container, { place, proxy, borrow });
  const isHost = proxy.bind === 'host';
  await spawnCarrier(addon, bosun, {
    pairs: pairsOf(proxy, listeners),
    control: borrow(addon.bindStream(controlOf(container, device))),
    process: borrow(addon.pidfdOpen(place.pid)),
    ...(isHost ? { network: borrow(openNamespace(place.pid, 'net')) } : {}),
    ...(isHost && proxy.connect.protocol === 'unix' ? { mounts: borrow(openNamespace(place.pid, 'mnt')) } : {}),
    ...(isHost && place.range !== null ? { users: borrow(openNamespace(place.pid, 'user')) } : {}),
    ...(proxy.connectUid === undefined ? {} : { uid: proxy.connectUid }),
    ...(proxy.connectGid === undefined ? {} : { gid: proxy.connectGid }),
    ...(proxy.header === undefined ? {} : { header: proxy.header }),
  });
  watchProxy(context, container, device);
}

/** Ends what carries it, and takes its socket away. Idempotent. */
export async function closeProxy(
  context: EngineContext,
  container: LiveContainer,
  place: ProxyPlace | null,
  device: string,
  proxy: ProxyDevice,
): Promise<void> {
  const control = controlOf(container, device);
  const carrier = container.proxies.get(device) ?? connectCarrier(context.addon, control);
  container.proxies.delete(device);
  await carrier?.quit();
  rmSync(control, { force: true });
  await clearListener(context, container, place, proxy);
}

/** For a start: all of them, or the start fails. */
export async function openProxies(
  context: EngineContext,
  container: LiveContainer,
  place: ProxyPlace,
  undo: AsyncDisposableStack,
): Promise<void> {
  for (const [device, proxy] of carriedProxies(container.record)) {
    undo.defer(() => closeProxy(context, container, null, device, proxy));
    await openProxy(context, container, place, device, proxy);
  }
}

/** The container has ended: nothing is left that could be reached through them. */
export async function closeProxies(context: EngineContext, container: LiveContainer): Promise<void> {
  for (const [device, proxy] of carriedProxies(container.record)) await closeProxy(context, container, null, device, proxy);
}

/** After an engine's restart they are as they were; what ended meanwhile is started again. */
export async function resumeProxies(context: EngineContext, container: LiveContainer): Promise<void> {
  for (const [device, proxy] of carriedProxies(container.record)) {
    if (watchProxy(context, container, device)) continue;
    await openProxy(context, container, placeOfRunning(container.record), device, proxy);
  }
}

export function isCarried(context: EngineContext, container: LiveContainer, device: string): boolean {
  return container.proxies.has(device) || watchProxy(context, container, device);
}

/** false: nobody answers. One that ends before the container does is started again. */
function watchProxy(context: EngineContext, container: LiveContainer, device: string): boolean {
  const carrier = connectCarrier(context.addon, controlOf(container, device));
  if (carrier === null) return false;
  container.proxies.set(device, carrier);
  void carrier.gone.then(() => {
    if (container.proxies.get(device) !== carrier) return;
    container.proxies.delete(device);
    setTimeout(() => void again(context, container, device), restartAfterMs).unref();
  });
  return true;
}

async function again(context: EngineContext, container: LiveContainer, device: string): Promise<void> {
  await context.queues.run(container.record.id, async () => {
    const { record } = container;
    const proxy = carriedProxies(record).get(device);
    if (proxy === undefined || !isActive(record.state.status) || container.connection === null || container.proxies.has(device)) return;
    context.logger.warn('what carried a proxy has ended, and is started again', { container: record.name, device });
    try {
      await openProxy(context, container, placeOfRunning(record), device, proxy);
    } catch (error) {
      context.logger.error('a proxy could not be started again', { container: record.name, device, error });
    }
  });
}

/** An engine that closes lets go of them; they go on. */
export function leaveProxies(container: LiveContainer): void {
  const carriers = [...container.proxies.values()];
  container.proxies.clear();
  for (const carrier of carriers) carrier.close();
}

function controlOf({ files }: LiveContainer, device: string): string {
  return join(files.proxies, `${device}.sock`);
}

function pairsOf({ listen, connect }: ProxyDevice, listeners: readonly number[]): CarrierPair[] {
  const kind = listen.protocol === 'udp' ? 'datagram' : 'stream';
  return listeners.map((listener, at) => ({ listener, kind, target: targetOf(connect, at) }));
}

function targetOf(end: ProxyEnd, at: number): CarrierTarget {
  if (end.protocol === 'unix') return { path: end.path };
  const address = parseAddress(end.address);
  return { address: address === null ? new Uint8Array(4) : addressToBytes(address), port: end.ports[at] ?? end.ports[0] ?? 0 };
}
