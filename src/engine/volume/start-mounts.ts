import { isErrno, OrlopError } from '#errors';
import type { ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import type { ReadySandbox } from '../sandbox-pool.ts';
import { publishVolumeEvent } from './events.ts';
import { openImageMount } from './image-mounts.ts';
import { volumesOf, type ResolvedMount } from './resolved-mount.ts';
import { openSourceMount } from './source-mounts.ts';

/**
 * Binds, volumes and images of a container as detached mounts by their places; `borrow` closes a descriptor once the start is over. Volumes are acquired: whatever
 * comes of it, `releaseMounts` is to follow.
 */
export async function openMounts(
  context: EngineContext,
  record: ContainerRecord,
  mounts: readonly ResolvedMount[],
  ready: ReadySandbox,
  borrow: (descriptor: number) => number,
): Promise<Map<string, number>> {
  const opened = new Map<string, number>();
  for (const mount of mounts) {
    if (mount.type !== 'tmpfs') opened.set(mount.target, borrow(await openMount(context, record, mount, ready)));
  }
  if (ready.idRange === null || opened.size === 0) return opened;
  try {
    return lockAll(context, opened, borrow);
  } catch (error) {
    throw isErrno(error, 'ENOENT') ? removedMeanwhile(record, error) : error;
  }
}

async function openMount(context: EngineContext, record: ContainerRecord, mount: ResolvedMount, ready: ReadySandbox): Promise<number> {
  const { addon, volumes } = context;
  if (mount.type === 'image') {
    return openImageMount(context, mount, { base: ready.view ?? context.dataRootDescriptor, first: ready.idRange?.first ?? 0 });
  }
  const source = { addon, range: ready.idRange };
  if (mount.type === 'bind') return openSourceMount(source, mount, mount.source);
  const { path } = await volumes.acquire(mount.source, record.id);
  publishVolumeEvent(context, mount.source, 'mount', {
    driver: mount.driver ?? 'local',
    container: record.id,
    destination: mount.target,
    'read/write': String(!mount.readOnly),
    propagation: '',
  });
  return openSourceMount(source, mount, path);
}

/** mount_namespaces(7): flags that came from a namespace of more privilege stay, whatever a container's root may do to its mounts. */
function lockAll(
  { addon }: EngineContext,
  opened: ReadonlyMap<string, number>,
  borrow: (descriptor: number) => number,
): Map<string, number> {
  const targets = [...opened.keys()];
  const locked = addon.lockMounts([...opened.values()]).map(borrow);
  return new Map(targets.map((target, index) => [target, locked[index] ?? -1]));
}

/** Lets go of the volumes of a container that does not run any more. Again is fine. */
export async function releaseMounts(context: EngineContext, record: ContainerRecord): Promise<void> {
  for (const name of volumesOf(record.mounts)) {
    try {
      const held = await context.volumes.release(name, record.id);
      if (held) publishVolumeEvent(context, name, 'unmount', { driver: 'local', container: record.id });
    } catch (error) {
      context.logger.warn('a volume could not be unmounted', { container: record.name, volume: name, error });
    }
  }
}

/** A directory that has lost its last name cannot be mounted any more. */
function removedMeanwhile({ name }: ContainerRecord, cause: unknown): OrlopError {
  return new OrlopError('not-found', 'ENGINE_MOUNT_SOURCE', `something that ${name} mounts was removed while it was being mounted`, {
    hint: `start it again: orlop start ${name}`,
    cause,
  });
}
