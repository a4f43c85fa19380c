import { existsSync, rmSync } from 'node:fs';
import { isOrlopError, OrlopError } from '#errors';
import { changeMounts, openCgroup, type IdMap, type NewMount } from '#runtime';
import { AT_EMPTY_PATH, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, openNamespace, readMountinfo, S_IFDIR, S_IFMT } from '#sys';
import { checkDevice, type DeviceConfig, type EndpointWishes } from '#wire';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, saveRecord, type EngineContext } from '../context.ts';
import { connectContainer, disconnectContainer } from '../network/connect.ts';
import { canRestrictDevices, deviceRules } from '../spec/devices.ts';
import type { ResolvedMount } from '../volume/resolved-mount.ts';
import { bindSourceMissing, openSourceMount } from '../volume/source-mounts.ts';
import { gatherDevices, type GivenDevice } from './gather.ts';
import { partsOf, withDevice, withoutDevice, type DeviceParts } from './named.ts';
import { openDeviceNodes } from './nodes.ts';
import { planDevices } from './plan.ts';

/**
 * Adds a device to a container, at once to one that runs, and for later starts. The record has it first, marked as on its way: what a kill leaves undone the next engine does. What fails is
 * taken back.
 */
async function addDevice(context: EngineContext, ref: string, device: string, asked: DeviceConfig): Promise<void> {
  const config = checkDevice(device, asked);
  const container = context.table.find(ref);
  const parts = partsOf(device, config, (name) => context.volumes.pathOf(name));
  if (config['type'] === 'nic') return addPlace(context, container, device, config);
  checkKind(context, device, config, parts);
  await context.queues.run(container.record.id, async () => {
    const before = container.record;
    const after = withDevice(before, device, config, parts);
    await makeVolumes(context, parts);
    saveRecord(context, container, { ...after, settling: true });
    try {
      if (isActive(before.state.status)) await plugIn(context, container, parts);
    } catch (error) {
      saveRecord(context, container, before);
      throw error;
    }
    saveRecord(context, container, settled(container.record));
    publishContainerEvent(context, container, 'update');
  });
}

/**
 * Changes what a device is: the old one goes, the new one comes, and in between the record says which of the two is to be there. When the new one cannot be, the old one is there again.
 */
async function changeDevice(context: EngineContext, ref: string, device: string, change: DeviceConfig): Promise<void> {
  const container = context.table.find(ref);
  const planPart = (config: DeviceConfig): DeviceParts => partsOf(device, config, (name) => context.volumes.pathOf(name));
  await context.queues.run(container.record.id, async () => {
    const before = container.record;
    const without = withoutDevice(before, device);
    const old = before.request.namedDevices?.[device] ?? {};
    const config = checkDevice(device, { ...old, ...change, type: old['type'] ?? '' });
    if (config['type'] === 'nic')
      throw new OrlopError('unimplemented', 'DEVICE_FIXED', `device ${device}: a place in a network cannot be changed`, {
        hint: `remove it and add it again: orlop device rm ${before.name} ${device}`,
      });
    const parts = planPart(config);
    checkKind(context, device, config, parts);
    const after = withDevice(without, device, config, parts);
    await makeVolumes(context, parts);
    const isLive = isActive(before.state.status);
    saveRecord(context, container, { ...before, settling: true });
    try {
      if (isLive) await unplug(context, before, without, device);
      saveRecord(context, container, { ...after, settling: true });
      if (isLive) await plugIn(context, container, parts);
    } catch (error) {
      saveRecord(context, container, { ...before, settling: true });
      await settleDevices(context, container);
      saveRecord(context, container, before);
      throw error;
    }
    saveRecord(context, container, settled(after));
    publishContainerEvent(context, container, 'update');
  });
}

/** The opposite. Something that still has files open there keeps them until it closes them. */
async function removeDevice(context: EngineContext, ref: string, device: string): Promise<void> {
  const container = context.table.find(ref);
  const config = container.record.request.namedDevices?.[device];
  if (config?.['type'] === 'nic') await leave(context, container, config['network'] ?? '');
  await context.queues.run(container.record.id, async () => {
    const before = container.record;
    const after = withoutDevice(before, device);
    saveRecord(context, container, { ...before, settling: true });
    try {
      if (isActive(before.state.status)) await unplug(context, before, after, device);
    } catch (error) {
      saveRecord(context, container, before);
      throw error;
    }
    saveRecord(context, container, settled(after));
    publishContainerEvent(context, container, 'update');
  });
  for (const { source, type } of partsOf(device, config ?? {}, () => null).mounts)
    if (type === 'volume' && !container.record.mounts.some((mount) => mount.type === 'volume' && mount.source === source))
      await context.volumes.release(source, container.record.id);
}

function listDevices(context: EngineContext, ref: string): Readonly<Record<string, DeviceConfig>> {
  return context.table.find(ref).record.request.namedDevices ?? {};
}

/** What an engine was killed over: a running container gets the devices that its record names and that it does not have yet. */
export async function settleDevices(context: EngineContext, container: LiveContainer): Promise<void> {
  const { record } = container;
  if (!isActive(record.state.status) || record.request.namedDevices === undefined) return;
  const present = new Set(readMountinfo(record.state.pid).map(({ mountPoint }) => mountPoint));
  for (const [device, config] of Object.entries(record.request.namedDevices)) {
    const parts = partsOf(device, config, (name) => context.volumes.pathOf(name));
    const places = [...parts.mounts, ...parts.nodes].map(({ target }) => target);
    if (places.some((place) => !present.has(place) && ![...present].some((mounted) => mounted.startsWith(`${place}/`))))
      await plugIn(context, container, parts);
  }
}

function settled(record: ContainerRecord): ContainerRecord {
  const { settling: _, ...others } = record;
  return others;
}

async function addPlace(context: EngineContext, container: LiveContainer, device: string, config: DeviceConfig): Promise<void> {
  const none = { mounts: [], nodes: [] };
  withDevice(container.record, device, config, none);
  const wishes: EndpointWishes = {
    ...(config['ipv4.address'] === undefined ? {} : { address: config['ipv4.address'] }),
    ...(config['ipv6.address'] === undefined ? {} : { address6: config['ipv6.address'] }),
    ...(config['hwaddr'] === undefined ? {} : { mac: config['hwaddr'] }),
  };
  // The network room remembers places: a kill in between leaves one that has no name here.
  await connectContainer(context, config['network'] ?? '', container.record.id, wishes);
  await context.queues.run(container.record.id, async () => {
    saveRecord(context, container, withDevice(container.record, device, config, none));
  });
}

/** A place that somebody has given up already, and a copy's that it never had, are gone. */
async function leave(context: EngineContext, { record }: LiveContainer, network: string): Promise<void> {
  try {
    await disconnectContainer(context, network, record.id, { force: false });
  } catch (error) {
    if (!isOrlopError(error) || !['ENGINE_NOT_CONNECTED', 'NETWORK_NOT_FOUND'].includes(error.code)) throw error;
  }
}

function checkKind({ addon }: EngineContext, device: string, { type }: DeviceConfig, { mounts, nodes }: DeviceParts): void {
  const missing = mounts.find((mount) => mount.type === 'bind' && !existsSync(mount.source));
  if (missing !== undefined) throw bindSourceMissing(missing.source);
  const wanted = type === 'unix-char' ? 'c' : type === 'unix-block' ? 'b' : null;
  const given = gatherDevices(addon, nodes);
  if (wanted === null || given.every((one) => one.type === wanted)) return;
  throw new OrlopError(
    'invalid-argument',
    'DEVICE_INVALID',
    `device ${JSON.stringify(device)}: ${nodes[0]?.source ?? ''} is no ${type} device`,
  );
}

async function makeVolumes(context: EngineContext, { mounts }: DeviceParts): Promise<void> {
  for (const { type, source } of mounts)
    if (type === 'volume') await context.volumes.create({ name: source, isAnonymous: false, labels: {}, options: {} });
}

/** Mounts it where the container sees it, with the owners that it sees. */
async function plugIn(context: EngineContext, container: LiveContainer, parts: DeviceParts): Promise<void> {
  const { addon } = context;
  const { record } = container;
  using opened = new DisposableStack();
  const borrow = (descriptor: number): number => {
    opened.defer(() => addon.close(descriptor));
    return descriptor;
  };
  const binds = await openBinds(context, record, parts.mounts, borrow);
  const devices = gatherDevices(addon, parts.nodes);
  if (devices.length > 0) restrict(context, record);
  const nodes = openNodes(context, container, devices, parts.nodes[0]?.device ?? '', borrow);
  const attach: NewMount[] = [
    ...parts.mounts.filter(({ type }) => type === 'tmpfs').map(tmpfsOf),
    ...[...binds, ...nodes].map(([target, mount]): NewMount => ({ mount, target, make: isFolder(context, mount) ? 'directory' : 'file' })),
  ];
  await changeMounts({ ...placeOf(context, record), attach });
}

async function unplug(context: EngineContext, before: ContainerRecord, after: ContainerRecord, device: string): Promise<void> {
  const isOf = (one: { readonly device?: string }): boolean => one.device === device;
  const nodes = (before.request.devices ?? []).filter(isOf);
  const present = new Set(readMountinfo(before.state.pid).map(({ mountPoint }) => mountPoint));
  const wanted = [...before.mounts.filter(isOf), ...nodes].map(({ target }) => target);
  const detach = [...present].filter((place) =>
    wanted.some((target) => place === target || (nodes.length > 0 && place.startsWith(`${target}/`))),
  );
  if (detach.length > 0) await changeMounts({ ...placeOf(context, before), detach });
  if (nodes.length > 0) restrict(context, after);
}

function placeOf({ addon, bosun }: EngineContext, { state, run }: ContainerRecord) {
  const range = run?.idRange ?? null;
  const lines = range === null ? [] : [{ containerID: 0, hostID: range.first, size: range.count }];
  const idMap: IdMap = { uids: lines, gids: lines };
  return { addon, bosun, pid: state.pid, ...(range === null ? {} : { idMap }) };
}

/** Its cgroup lets it open what its record names, and no more. */
function restrict(context: EngineContext, record: ContainerRecord): void {
  if (record.run === null || record.request.privileged === true || !canRestrictDevices(context.cgroups)) return;
  const { devices } = planDevices(context.addon, record, context.cdiDirectories);
  openCgroup(context.cgroups, record.run.cgroup).apply({ devices: deviceRules(record, devices, context.cgroups) });
}

async function openBinds(
  context: EngineContext,
  record: ContainerRecord,
  mounts: readonly ResolvedMount[],
  borrow: (descriptor: number) => number,
): Promise<(readonly [target: string, mount: number])[]> {
  const { addon, volumes } = context;
  const range = record.run?.idRange ?? null;
  const opened: (readonly [string, number])[] = [];
  for (const mount of mounts) {
    if (mount.type === 'tmpfs') continue;
    const path = mount.type === 'volume' ? (await volumes.acquire(mount.source, record.id)).path : mount.source;
    const descriptor = borrow(openSourceMount({ addon, range }, mount, path));
    if (!canRestrictDevices(context.cgroups) && record.request.privileged !== true)
      addon.mountSetattr(descriptor, '', AT_EMPTY_PATH, BigInt(MOUNT_ATTR_NODEV), 0n, 0n, -1);
    opened.push([mount.target, range === null ? descriptor : borrow(addon.lockMounts([descriptor])[0] ?? -1)]);
  }
  return opened;
}

function openNodes(
  { addon }: EngineContext,
  { record, files }: LiveContainer,
  devices: readonly GivenDevice[],
  name: string,
  borrow: (descriptor: number) => number,
): ReadonlyMap<string, number> {
  const users = devices.length === 0 || record.run?.idRange == null ? null : borrow(openNamespace(record.state.pid, 'user'));
  const directory = `${files.devices}-${name}`;
  rmSync(directory, { recursive: true, force: true });
  return openDeviceNodes(addon, devices, { directory, users, borrow });
}

function tmpfsOf({ target, sizeBytes, readOnly }: ResolvedMount): NewMount {
  const options = ['mode=1777', ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])];
  return { target, tmpfs: { options, attributes: MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (readOnly ? MOUNT_ATTR_RDONLY : 0) } };
}

function isFolder({ addon }: EngineContext, mount: number): boolean {
  return (addon.fstatat(mount, '', AT_EMPTY_PATH).mode & S_IFMT) === S_IFDIR;
}

/** What can be asked about devices that were added by name. */
export interface DeviceVerbs {
  list(ref: string): Readonly<Record<string, DeviceConfig>>;
  /** At once to a running container, and for later starts; undone whole when it fails. conflict when its name or place is taken. */
  add(ref: string, device: string, config: DeviceConfig): Promise<void>;
  /** Other values of some keys; the old device is there again when the new one cannot be. */
  change(ref: string, device: string, change: DeviceConfig): Promise<void>;
  remove(ref: string, device: string): Promise<void>;
}

export function createDeviceVerbs(context: EngineContext): DeviceVerbs {
  return {
    list: (ref) => listDevices(context, ref),
    add: (ref, device, config) => addDevice(context, ref, device, config),
    change: (ref, device, change) => changeDevice(context, ref, device, change),
    remove: (ref, device) => removeDevice(context, ref, device),
  };
}
