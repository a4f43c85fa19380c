import { OrlopError } from '#errors';
import { parseSize, type DeviceConfig, type DeviceWish } from '#wire';
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
      return { mounts: [], nodes: [] };
    default:
      return { mounts: [], nodes: [{ source, target: path, permissions, device }] };
  }
}

/** The record with one more device. conflict when its name or its place is taken. Pure. */
export function withDevice(record: ContainerRecord, device: string, config: DeviceConfig, { mounts, nodes }: DeviceParts): ContainerRecord {
  if (record.request.namedDevices?.[device] !== undefined)
    throw new OrlopError('conflict', 'DEVICE_EXISTS', `container ${record.name} has a device ${device} already`, {
      hint: `remove it first with: orlop device rm ${record.name} ${device}`,
    });
  const places = [...record.mounts.map(({ target }) => target), ...(record.request.devices ?? []).map(({ target }) => target)];
  const taken = [...mounts, ...nodes].find(({ target }) => places.includes(target));
  if (taken !== undefined)
    throw new OrlopError('conflict', 'DEVICE_PLACE', `container ${record.name} has something on ${taken.target} already`);
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

/** The record without it; not-found when there is none. Pure. */
export function withoutDevice(record: ContainerRecord, device: string): ContainerRecord {
  const { [device]: config, ...namedDevices } = record.request.namedDevices ?? {};
  if (config === undefined)
    throw new OrlopError('not-found', 'DEVICE_NOT_FOUND', `container ${record.name} has no device ${device}`, {
      hint: `see them with: orlop device ls ${record.name}`,
    });
  const isOther = (one: { readonly device?: string }): boolean => one.device !== device;
  const { devices = [], ...request } = record.request;
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
