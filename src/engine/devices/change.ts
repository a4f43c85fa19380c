import { OrlopError } from '#errors';
import { checkDevice, type DeviceConfig, type DeviceMap, type DevicesBody } from '#wire';
import type { ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, saveRecord, type EngineContext } from '../context.ts';
import { followWishes } from '../network/ports.ts';
import { tryKeepDoor } from '../on-demand/door.ts';
import { findProfiles } from '../settings/profiles.ts';
import { checkDevices, exchangeDevices, onTheWay, releaseVolumes, settled } from './exchange.ts';
import { ownDevices, planNamed, withNamed } from './named.ts';

/**
 * Gives a container these devices of its own, and what its profiles give beside them; at once if it runs, and for later starts. The record has them first, marked as on their way: what a kill leaves undone
 * the next engine does. What fails is taken back whole.
 */
async function changeOwn(context: EngineContext, ref: string, plan: (record: ContainerRecord) => DeviceMap): Promise<void> {
  const container = context.table.find(ref);
  await context.queues.run(container.record.id, async () => {
    const before = container.record;
    const wanted = planNamed(plan(before), findProfiles(context, before.request.profiles ?? []));
    const after = withNamed(before, wanted, (name) => context.volumes.pathOf(name));
    checkDevices(context, before, after);
    await exchangeOrUndo(context, container, before, after);
    await tryKeepDoor(context, container);
    publishContainerEvent(context, container, 'update');
    await releaseVolumes(context, before, after);
  });
}

async function exchangeOrUndo(
  context: EngineContext,
  container: LiveContainer,
  before: ContainerRecord,
  after: ContainerRecord,
): Promise<void> {
  saveRecord(context, container, onTheWay(before, after));
  try {
    await using undo = new AsyncDisposableStack();
    await exchangeDevices(context, container, { before, after, undo });
    await followWishes(context, container, { before, after, undo });
    undo.move();
  } catch (error) {
    saveRecord(context, container, { ...before, ports: container.record.ports });
    throw error;
  }
  saveRecord(context, container, settled(container.record));
}

async function addDevice(context: EngineContext, ref: string, device: string, asked: DeviceConfig): Promise<void> {
  const config = checkDevice(device, asked);
  await changeOwn(context, ref, (record) => {
    const own = ownDevices(record);
    if (own[device] === undefined) return { ...own, [device]: config };
    throw new OrlopError('conflict', 'DEVICE_EXISTS', `container ${record.name} has a device ${device} already`, {
      hint: `change it with: orlop device set ${record.name} ${device}`,
    });
  });
}

/** What a profile gives becomes the container's own by it. */
async function changeDevice(context: EngineContext, ref: string, device: string, change: DeviceConfig): Promise<void> {
  await changeOwn(context, ref, (record) => {
    const old = record.request.namedDevices?.[device];
    if (old === undefined) throw notFound(record, device);
    return { ...ownDevices(record), [device]: checkDevice(device, { ...old, ...change, type: old['type'] ?? '' }) };
  });
}

/** What still has files open there keeps them until it closes them. */
async function removeDevice(context: EngineContext, ref: string, device: string): Promise<void> {
  await changeOwn(context, ref, (record) => {
    const { [device]: config, ...others } = ownDevices(record);
    if (config !== undefined) return others;
    const profile = record.inheritedDevices?.[device];
    if (profile === undefined) throw notFound(record, device);
    throw new OrlopError(
      'failed-precondition',
      'DEVICE_INHERITED',
      `device ${device} of container ${record.name} is from profile ${profile}`,
      {
        hint: `leave it out here with: orlop device add ${record.name} ${device} none`,
      },
    );
  });
}

function notFound(record: ContainerRecord, device: string): OrlopError {
  return new OrlopError('not-found', 'DEVICE_NOT_FOUND', `container ${record.name} has no device ${device}`, {
    hint: `see them with: orlop device ls ${record.name}`,
  });
}

function listDevices(context: EngineContext, ref: string): DevicesBody {
  const { request, inheritedDevices = {} } = context.table.find(ref).record;
  return { devices: request.namedDevices ?? {}, profiles: inheritedDevices };
}

/** What can be asked about devices that were added by name. */
export interface DeviceVerbs {
  list(ref: string): DevicesBody;
  /** At once to a running container, and for later starts; undone whole when it fails. conflict when its name or place is taken. */
  add(ref: string, device: string, config: DeviceConfig): Promise<void>;
  /** Other values of some keys; the old device is there again when the new one cannot be. */
  change(ref: string, device: string, change: DeviceConfig): Promise<void>;
  /** failed-precondition for what a profile gives. */
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
