import { rmSync } from 'node:fs';
import { changeMounts, openCgroup, type NewMount } from '#runtime';
import { AT_EMPTY_PATH, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, openNamespace, readMountinfo, S_IFDIR, S_IFMT } from '#sys';
import type { ContainerRecord } from '../container/record.ts';
import { runningPlace } from '../container/running-place.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { canRestrictDevices, deviceRules } from '../spec/devices.ts';
import type { ResolvedMount } from '../volume/resolved-mount.ts';
import { openSourceMount } from '../volume/source-mounts.ts';
import { gatherDevices, type GivenDevice } from './gather.ts';
import type { DeviceParts } from './named.ts';
import { isShifted } from '../id-ranges.ts';
import { openDeviceNodes } from './nodes.ts';
import { planDevices } from './plan.ts';

/** Mounts it where the container sees it, with the owners that it sees. `record`: what its cgroup lets it open. */
export async function plugIn(context: EngineContext, container: LiveContainer, record: ContainerRecord, parts: DeviceParts): Promise<void> {
  const { addon } = context;
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
  if (attach.length > 0) await changeMounts({ ...runningPlace(context, record), attach });
}

/** The opposite. `record`: what its cgroup lets it open from then on. */
export async function unplug(context: EngineContext, record: ContainerRecord, { mounts, nodes }: DeviceParts): Promise<void> {
  const wanted = [...mounts, ...nodes].map(({ target }) => target);
  const detach = mountPointsOf(record).filter((place) =>
    wanted.some((target) => place === target || (nodes.length > 0 && place.startsWith(`${target}/`))),
  );
  if (detach.length > 0) await changeMounts({ ...runningPlace(context, record), detach });
  if (nodes.length > 0) restrict(context, record);
}

/** Whether all of it is there. */
export function isPlugged(record: ContainerRecord, { mounts, nodes }: DeviceParts): boolean {
  const present = new Set(mountPointsOf(record));
  const places = [...mounts, ...nodes].map(({ target }) => target);
  return places.every((place) => present.has(place) || [...present].some((mounted) => mounted.startsWith(`${place}/`)));
}

function mountPointsOf({ state }: ContainerRecord): string[] {
  return [...new Set(readMountinfo(state.pid).map(({ mountPoint }) => mountPoint))];
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
  const users = devices.length > 0 && isShifted(record.run?.idRange ?? null) ? borrow(openNamespace(record.state.pid, 'user')) : null;
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
