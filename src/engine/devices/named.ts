import { OrlopError } from '#errors';
import { parseSize, type DeviceConfig, type DeviceMap, type DeviceWish, type Profile } from '#wire';
import type { ContainerRecord } from '../container/record.ts';
import type { ResolvedMount } from '../volume/resolved-mount.ts';

/** What a named device is for a start: mounts, and nodes of the host. Both empty for a place in a network, which its room remembers. Pure. */
export interface DeviceParts {
  readonly mounts: readonly ResolvedMount[];
  readonly nodes: readonly DeviceWish[];
}

/** `volumePath`: where a volume lies. */
export function partsOf(device: string, config: DeviceConfig, volumePath: (name: string) => string | null): DeviceParts {
  const { type, source = '/dev/dri', path = source, permissions = 'rwm' } = config;
  const mount = { target: path, readOnly: config['readonly'] === 'true', shortOptions: '', device };
  switch (type) {
    case 'tmpfs': {
      const sizeBytes = config['size'] === undefined ? null : parseSize(config['size']);
      return { mounts: [{ type, source: '', ...mount, ...(sizeBytes === null ? {} : { sizeBytes }) }], nodes: [] };
    }
    case 'disk': {
      if (source.startsWith('/')) return { mounts: [{ type: 'bind', source, recursive: true, ...mount }], nodes: [] };
      const hostPath = volumePath(source);
      return { mounts: [{ type: 'volume', source, ...mount, ...(hostPath === null ? {} : { hostPath }) }], nodes: [] };
    }
    case 'nic':
    case 'proxy':
    case 'none':
      return { mounts: [], nodes: [] };
    default:
      return { mounts: [], nodes: [{ source, target: path, permissions, device }] };
  }
}

/** Devices by name, and of which profile those are that are not the container's own. */
export interface NamedDevices {
  readonly devices: DeviceMap;
  readonly inherited: Readonly<Record<string, string>>;
}

/** What was added to the container itself. Pure. */
export function ownDevices({ request, inheritedDevices = {} }: Pick<ContainerRecord, 'request' | 'inheritedDevices'>): DeviceMap {
  return Object.fromEntries(Object.entries(request.namedDevices ?? {}).filter(([device]) => !Object.hasOwn(inheritedDevices, device)));
}

/** Own devices before those of profiles, later profiles before earlier ones; each counts whole. Pure. */
export function planNamed(own: DeviceMap, profiles: readonly Pick<Profile, 'name' | 'devices'>[]): NamedDevices {
  const given = profiles.flatMap(({ name, devices = {} }) => Object.entries(devices).map(([device, config]) => ({ device, config, name })));
  const inherited = given.filter(({ device }) => !Object.hasOwn(own, device));
  return {
    devices: { ...Object.fromEntries(inherited.map(({ device, config }) => [device, config])), ...own },
    inherited: Object.fromEntries(inherited.map(({ device, name }) => [device, name])),
  };
}

/** The record with these devices and no others. conflict when a place is taken. Pure. */
export function withNamed(
  record: ContainerRecord,
  { devices, inherited }: NamedDevices,
  volumePath: (name: string) => string | null,
): ContainerRecord {
  const old = record.request.namedDevices ?? {};
  const gone = Object.keys(old).filter((device) => !isSame(old[device], devices[device]));
  const come = Object.entries(devices).filter(([device, config]) => !isSame(old[device], config));
  const without = gone.reduce(withoutDevice, record);
  const whole = come.reduce((next, [device, config]) => withDevice(next, device, config, partsOf(device, config, volumePath)), without);
  const { inheritedDevices: _, ...others } = whole;
  return Object.keys(inherited).length === 0 ? others : { ...others, inheritedDevices: inherited };
}

/** What one record has by name and another does not have, or has otherwise, and the other way round. Pure. */
export function differenceOf(before: ContainerRecord, after: ContainerRecord): { readonly gone: DeviceMap; readonly come: DeviceMap } {
  const [old, wanted] = [before.request.namedDevices ?? {}, after.request.namedDevices ?? {}];
  return {
    gone: Object.fromEntries(Object.entries(old).filter(([device, config]) => !isSame(config, wanted[device]))),
    come: Object.fromEntries(Object.entries(wanted).filter(([device, config]) => !isSame(config, old[device]))),
  };
}

function isSame(one: DeviceConfig | undefined, other: DeviceConfig | undefined): boolean {
  const sorted = (config: DeviceConfig = {}): string => JSON.stringify(Object.entries(config).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return (one === undefined) === (other === undefined) && sorted(one) === sorted(other);
}

function withDevice(record: ContainerRecord, device: string, config: DeviceConfig, { mounts, nodes }: DeviceParts): ContainerRecord {
  const places = [...record.mounts.map(({ target }) => target), ...(record.request.devices ?? []).map(({ target }) => target)];
  const taken = [...mounts, ...nodes].find(({ target }) => places.includes(target));
  if (taken !== undefined)
    throw new OrlopError('conflict', 'DEVICE_PLACE', `device ${device}: container ${record.name} has something on ${taken.target} already`);
  const devices = [...(record.request.devices ?? []), ...nodes];
  return {
    ...record,
    mounts: [...record.mounts, ...mounts],
    request: {
      ...record.request,
      namedDevices: { ...record.request.namedDevices, [device]: config },
      ...(devices.length === 0 ? {} : { devices }),
    },
  };
}

function withoutDevice(record: ContainerRecord, device: string): ContainerRecord {
  const isOther = (one: { readonly device?: string }): boolean => one.device !== device;
  const { devices = [], namedDevices: { [device]: _, ...namedDevices } = {}, ...request } = record.request;
  const others = devices.filter(isOther);
  return {
    ...record,
    mounts: record.mounts.filter(isOther),
    request: { ...request, namedDevices, ...(others.length === 0 ? {} : { devices: others }) },
  };
}

/** A copy's record, whose mounts were planned anew, with those of its named devices. Pure. */
export function withNamedMounts(record: ContainerRecord, volumePath: (name: string) => string | null): ContainerRecord {
  const named = Object.entries(record.request.namedDevices ?? {}).flatMap(([device, config]) => partsOf(device, config, volumePath).mounts);
  const places = new Set(record.mounts.map(({ target }) => target));
  return { ...record, mounts: [...record.mounts, ...named.filter(({ target }) => !places.has(target))] };
}
