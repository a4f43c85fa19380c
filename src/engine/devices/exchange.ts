import { existsSync } from 'node:fs';
import { isOrlopError, OrlopError } from '#errors';
import { parseProxy, type DeviceConfig, type DeviceMap, type EndpointWishes, type ProxyDevice } from '#wire';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { connectInQueue, disconnectInQueue } from '../network/connect.ts';
import { isClosed, type NetworkPlace } from '../network/mode.ts';
import { bindSourceMissing } from '../volume/source-mounts.ts';
import { gatherDevices } from './gather.ts';
import { parseAddress } from '#network';
import { differenceOf, partsOf, type DeviceParts } from './named.ts';
import { isPlugged, plugIn, unplug } from './plug.ts';
import { closeProxy, isCarried, openProxy, placeOfRunning } from './proxy.ts';

/** From the devices that a container has to those that it is to have. */
interface Exchange {
  readonly before: ContainerRecord;
  /** What is written down by now. */
  readonly after: ContainerRecord;
  /** Takes back what was done. */
  readonly undo: AsyncDisposableStack;
}

/** The record to write down before the first step: which devices are to be there, and which may still be. */
export function onTheWay(before: ContainerRecord, after: ContainerRecord): ContainerRecord {
  const { gone } = differenceOf(before, after);
  return { ...after, settling: true, ...(Object.keys(gone).length === 0 ? {} : { leaving: { ...before.leaving, ...gone } }) };
}

export function settled(record: ContainerRecord): ContainerRecord {
  const { settling: _settling, leaving: _leaving, ...others } = record;
  return others;
}

/** In the container's queue: the old ones go, the new ones come; at once if it runs. */
export async function exchangeDevices(context: EngineContext, container: LiveContainer, { before, after, undo }: Exchange): Promise<void> {
  const { gone, come } = differenceOf(before, after);
  for (const [device, config] of Object.entries(gone)) {
    undo.defer(() => bring(context, container, before, device, config));
    await take(context, container, after, device, config);
  }
  for (const [device, config] of Object.entries(come)) {
    undo.defer(() => take(context, container, before, device, config));
    await bring(context, container, after, device, config);
  }
}

async function bring(
  context: EngineContext,
  container: LiveContainer,
  record: ContainerRecord,
  device: string,
  config: DeviceConfig,
): Promise<void> {
  if (config['type'] === 'nic') return enter(context, container, config);
  if (config['type'] === 'proxy') return carry(context, container, record, device, config);
  const parts = planParts(context, device, config);
  await makeVolumes(context, parts);
  if (isActive(record.state.status)) await plugIn(context, container, record, parts);
}

async function take(
  context: EngineContext,
  container: LiveContainer,
  record: ContainerRecord,
  device: string,
  config: DeviceConfig,
): Promise<void> {
  if (config['type'] === 'nic') return leave(context, container, config);
  if (config['type'] === 'proxy') {
    const place = isActive(record.state.status) ? placeOfRunning(record) : null;
    return closeProxy(context, container, place, device, parseProxy(device, config));
  }
  if (isActive(record.state.status)) await unplug(context, record, planParts(context, device, config));
}

/**
 * What an engine was killed over: a container loses the devices that were on their way out, and gets those that its record names and that it does not have yet. A place in a network that
 * somebody has given up comes back by it.
 */
export async function settleDevices(context: EngineContext, container: LiveContainer): Promise<void> {
  const { record } = container;
  for (const [device, config] of Object.entries(record.leaving ?? {})) await take(context, container, record, device, config);
  for (const [device, config] of Object.entries(record.request.namedDevices ?? {})) {
    if (!isThere(context, container, device, config)) await bring(context, container, record, device, config);
  }
}

function isThere(context: EngineContext, container: LiveContainer, device: string, config: DeviceConfig): boolean {
  const { record } = container;
  if (config['type'] === 'nic') return context.networks.endpoints(record.id).some(({ network }) => network === config['network']);
  if (!isActive(record.state.status)) return false;
  return config['type'] === 'proxy' ? isCarried(context, container, device) : isPlugged(record, planParts(context, device, config));
}

async function carry(
  context: EngineContext,
  container: LiveContainer,
  record: ContainerRecord,
  device: string,
  config: DeviceConfig,
): Promise<void> {
  const proxy = parseProxy(device, config);
  // What is published goes with the ports.
  if (!proxy.nat && isActive(record.state.status)) await openProxy(context, container, placeOfRunning(record), device, proxy);
}

/** Volumes that nothing of the container's mounts any more. */
export async function releaseVolumes(context: EngineContext, before: ContainerRecord, after: ContainerRecord): Promise<void> {
  const isOf = ({ mounts }: ContainerRecord, name: string): boolean =>
    mounts.some(({ type, source }) => type === 'volume' && source === name);
  for (const { type, source } of before.mounts)
    if (type === 'volume' && !isOf(after, source)) await context.volumes.release(source, before.id);
}

/** What cannot be on this host, or of this container, fails before anything is done. */
export function checkDevices(context: EngineContext, before: ContainerRecord, after: ContainerRecord): void {
  const { gone, come } = differenceOf(before, after);
  for (const [device, config] of Object.entries(come)) {
    if (config['type'] === 'nic') checkPlace(context, after, device, config, gone);
    else if (config['type'] === 'proxy') checkProxy(after, device, parseProxy(device, config));
    else checkKind(context, device, config, planParts(context, device, config));
  }
}

/** The networks that devices of a container that is being made bring it into. */
export function placesOfDevices({ request }: Pick<ContainerRecord, 'request'>): NetworkPlace[] {
  return Object.values(request.namedDevices ?? {}).flatMap((config) =>
    config['type'] === 'nic' ? [{ network: config['network'] ?? '', wishes: wishesOf(config) }] : [],
  );
}

function planParts(context: EngineContext, device: string, config: DeviceConfig): DeviceParts {
  return partsOf(device, config, (name) => context.volumes.pathOf(name));
}

function wishesOf(config: DeviceConfig): EndpointWishes {
  return {
    ...(config['ipv4.address'] === undefined ? {} : { address: config['ipv4.address'] }),
    ...(config['ipv6.address'] === undefined ? {} : { address6: config['ipv6.address'] }),
    ...(config['hwaddr'] === undefined ? {} : { mac: config['hwaddr'] }),
  };
}

async function enter(context: EngineContext, container: LiveContainer, config: DeviceConfig): Promise<void> {
  await connectInQueue(context, context.networks.find(config['network'] ?? ''), container, wishesOf(config));
}

/** A place that somebody has given up already, and a copy's that it never had, are gone. */
async function leave(context: EngineContext, container: LiveContainer, config: DeviceConfig): Promise<void> {
  try {
    await disconnectInQueue(context, context.networks.find(config['network'] ?? ''), container);
  } catch (error) {
    if (!isOrlopError(error) || !['ENGINE_NOT_CONNECTED', 'NETWORK_NOT_FOUND'].includes(error.code)) throw error;
  }
}

function checkPlace(
  context: EngineContext,
  record: ContainerRecord,
  device: string,
  { network: ref = '' }: DeviceConfig,
  gone: DeviceMap,
): void {
  const { name } = context.networks.find(ref);
  if (isClosed(name) || isClosed(record.network) || record.network.startsWith('container:'))
    throw invalid(device, `container ${record.name} cannot be in network ${name} beside ${record.network}`);
  const leaves = Object.values(gone).some((config) => config['type'] === 'nic' && config['network'] === name);
  if (leaves || !context.networks.endpoints(record.id).some((place) => place.network === name)) return;
  throw new OrlopError('conflict', 'DEVICE_PLACE', `device ${device}: container ${record.name} is in network ${name} already`);
}

function checkProxy(record: ContainerRecord, device: string, { listen, connect, nat }: ProxyDevice): void {
  for (const end of [listen, connect])
    if (end.protocol !== 'unix' && parseAddress(end.address) === null) throw invalid(device, `${end.address} is no address`);
  if (nat && (isClosed(record.network) || record.network.startsWith('container:')))
    throw invalid(device, `nat needs a network that leads out, and container ${record.name} has ${record.network}`);
}

function checkKind({ addon }: EngineContext, device: string, { type }: DeviceConfig, { mounts, nodes }: DeviceParts): void {
  const missing = mounts.find((mount) => mount.type === 'bind' && !existsSync(mount.source));
  if (missing !== undefined) throw bindSourceMissing(missing.source);
  const wanted = type === 'unix-char' ? 'c' : type === 'unix-block' ? 'b' : null;
  const given = gatherDevices(addon, nodes);
  if (wanted !== null && !given.every((one) => one.type === wanted))
    throw invalid(device, `${nodes[0]?.source ?? ''} is no ${type} device`);
}

function invalid(device: string, why: string): OrlopError {
  return new OrlopError('invalid-argument', 'DEVICE_INVALID', `device ${JSON.stringify(device)}: ${why}`);
}

async function makeVolumes(context: EngineContext, { mounts }: DeviceParts): Promise<void> {
  for (const { type, source } of mounts)
    if (type === 'volume') await context.volumes.create({ name: source, isAnonymous: false, labels: {}, options: {} });
}
