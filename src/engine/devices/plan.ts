import type { CdiEdits, CdiMount, SpecMount } from '#oci';
import { OrlopError } from '#errors';
import type { Addon } from '#sys';
import type { ContainerRecord } from '../container/record.ts';
import type { ResolvedMount } from '../volume/resolved-mount.ts';
import { readCdiRegistry, cdiDirectories } from './cdi-registry.ts';
import { gatherDevices, gatherNodes, type GivenDevice } from './gather.ts';
import { machineDevices } from './of-machines.ts';
import { resolveRequests } from './requests.ts';

/** What a container gets of the host's devices at one start. */
export interface DevicePlan {
  readonly devices: readonly GivenDevice[];
  /** Files that come with devices: opened as binds are, and put in place by `specMounts`. */
  readonly mounts: readonly ResolvedMount[];
  readonly specMounts: readonly SpecMount[];
  readonly env: readonly string[];
  readonly gids: readonly number[];
}

const nothing: DevicePlan = { devices: [], mounts: [], specMounts: [], env: [], gids: [] };

/** Looks at the host anew for each start: devices and their descriptions come and go. */
export function planDevices(
  addon: Addon,
  { kind, request, mounts }: Pick<ContainerRecord, 'kind' | 'request' | 'mounts'>,
  directories = cdiDirectories,
): DevicePlan {
  const { devices: wishes = [], deviceRequests = [] } = request;
  if (kind === 'app' && wishes.length + deviceRequests.length === 0) return nothing;
  const edits = deviceRequests.length === 0 ? [] : resolveRequests(deviceRequests, readCdiRegistry(directories));
  // Who brings a /dev of his own has his own devices in it.
  const given = [
    ...machineDevices(addon, kind),
    ...gatherDevices(addon, wishes),
    ...gatherNodes(
      addon,
      edits.flatMap(({ deviceNodes }) => deviceNodes),
    ),
  ];
  const devices = mounts.some(({ target }) => target === '/dev') ? given.filter(({ target }) => !target.startsWith('/dev/')) : given;
  return { ...planEdits(edits), devices: [...new Map(devices.map((device) => [device.target, device])).values()] };
}

/** The part of edits that is no device. Pure. */
export function planEdits(edits: readonly CdiEdits[]): Omit<DevicePlan, 'devices'> {
  const all = edits.flatMap(({ mounts }) => mounts);
  const binds = all.filter(isBind);
  const strange = all.find((mount) => !isBind(mount) && mount.type !== 'tmpfs');
  if (strange !== undefined)
    throw new OrlopError(
      'unimplemented',
      'ENGINE_CDI_UNSUPPORTED',
      `a CDI device wants a mount of type ${strange.type} on ${strange.containerPath}`,
      {
        hint: 'supported are bind and tmpfs',
      },
    );
  return {
    mounts: binds.map(resolveMount),
    specMounts: all.map(specMountOf),
    env: edits.flatMap(({ env }) => env),
    gids: edits.flatMap(({ additionalGids }) => additionalGids).filter((gid) => gid !== 0),
  };
}

function isBind({ type = '', options = [] }: CdiMount): boolean {
  return type === '' || type === 'bind' || options.includes('bind') || options.includes('rbind');
}

function resolveMount({ hostPath, containerPath, options = [] }: CdiMount): ResolvedMount {
  return {
    type: 'bind',
    source: hostPath,
    target: containerPath,
    readOnly: options.includes('ro'),
    recursive: options.includes('rbind'),
    shortOptions: '',
  };
}

function specMountOf(mount: CdiMount): SpecMount {
  const { hostPath, containerPath: destination, options = [] } = mount;
  if (!isBind(mount)) return { destination, type: 'tmpfs', source: 'tmpfs', options: [...options] };
  return {
    destination,
    type: 'bind',
    source: hostPath,
    options: options.includes('bind') || options.includes('rbind') ? [...options] : ['bind', ...options],
  };
}
