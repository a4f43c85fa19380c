import { dirname } from 'node:path';
import { isErrno, isOrlopError } from '#errors';
import { measureTree } from '#store';
import type { VolumeRecord } from '#volume';
import type { DiskView, VolumeView } from '#wire';
import type { EngineContext } from '../context.ts';
import { hasLabel } from '../labels.ts';
import type { Engine } from '../model.ts';
import { anonymousLabel, usersOfVolume } from './anonymous.ts';
import { publishVolumeEvent } from './events.ts';
import { filterVolumes } from './filter.ts';

/** The engine's calls about volumes. */
export function createVolumeVerbs(context: EngineContext): Engine['volumes'] {
  const { volumes } = context;
  return {
    async create({ name, driver, labels = {}, options }) {
      const isAnonymous = name === undefined || name === '';
      const { volume, isNew } = await volumes.create({
        ...(isAnonymous ? {} : { name }),
        ...(driver === undefined || driver === '' ? {} : { driver }),
        ...(options === undefined ? {} : { options }),
        labels: isAnonymous ? { ...labels, [anonymousLabel]: '' } : labels,
      });
      if (isNew) publishVolumeEvent(context, volume.name, 'create', { driver: volume.driver });
      return viewOf(context, volume);
    },
    list: (filters = {}) =>
      filterVolumes(
        volumes.list().map((volume) => viewOf(context, volume)),
        filters,
        (name) => isUsed(context, name),
      ),
    inspect: (name) => viewOf(context, volumes.find(name)),
    async remove(name, { force = false } = {}) {
      try {
        await removeVolume(context, name);
      } catch (error) {
        if (!force || !isOrlopError(error, 'not-found')) throw error;
      }
    },
    prune: (filter) => pruneVolumes(context, filter),
  };
}

async function removeVolume(context: EngineContext, name: string): Promise<void> {
  const { driver } = context.volumes.find(name);
  await context.volumes.remove(name, { users: usersOfVolume(context, name) });
  publishVolumeEvent(context, name, 'destroy', { driver });
}

/** Those that no container mounts: without a name, or all. One that shows something else than a directory of its own frees nothing, and stays. */
async function pruneVolumes(
  context: EngineContext,
  filter: Parameters<Engine['volumes']['prune']>[0],
): ReturnType<Engine['volumes']['prune']> {
  const { labels = [], notLabels = [], named } = filter;
  const fits = (volume: VolumeRecord): boolean =>
    (named || volume.isAnonymous) &&
    Object.keys(volume.options).every((option) => option === 'size') &&
    labels.every((label) => hasLabel(volume.labels, label)) &&
    !notLabels.some((label) => hasLabel(volume.labels, label));
  const removed: string[] = [];
  let freedBytes = 0;
  for (const volume of context.volumes.list().filter(fits)) {
    const bytes = await sizeOf(context, volume.name);
    try {
      await removeVolume(context, volume.name);
    } catch (error) {
      if (isOrlopError(error, 'conflict') || isOrlopError(error, 'not-found')) continue;
      throw error;
    }
    removed.push(volume.name);
    freedBytes += bytes;
  }
  publishVolumeEvent(context, '', 'prune', { reclaimed: String(freedBytes) });
  return { removed, untagged: [], freedBytes };
}

/** What each volume takes on disk, and how many containers mount it. */
export async function volumeUsage(context: EngineContext): Promise<DiskView['volumes']> {
  const usage: DiskView['volumes'][number][] = [];
  for (const volume of context.volumes.list()) {
    usage.push({
      ...viewOf(context, volume),
      bytes: await sizeOf(context, volume.name),
      containers: usersOfVolume(context, volume.name).length,
    });
  }
  return usage;
}

/** All that lies in its directory: content, or the image file of one with a limited size. 0 of one that goes meanwhile. */
async function sizeOf({ addon, volumes }: EngineContext, name: string): Promise<number> {
  try {
    return (await measureTree(addon, dirname(volumes.pathOf(name)))).bytes;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0;
    throw error;
  }
}

function isUsed(context: EngineContext, name: string): boolean {
  return usersOfVolume(context, name).length > 0;
}

function viewOf({ volumes }: EngineContext, volume: VolumeRecord): VolumeView {
  const { name, driver, labels, options, createdAtMs, isAnonymous } = volume;
  return { name, driver, labels, options, createdAtMs, isAnonymous, path: volumes.pathOf(name) };
}
