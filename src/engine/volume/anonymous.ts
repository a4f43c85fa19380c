import { isOrlopError } from '#errors';
import type { ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import { publishVolumeEvent } from './events.ts';

/** What Docker labels volumes with that nobody named. */
export const anonymousLabel = 'com.docker.volume.anonymous';

/** Removes the volumes that were made for a container without a name, but for those that others use. Again is fine. */
export async function removeAnonymousVolumes(context: EngineContext, record: ContainerRecord): Promise<void> {
  for (const { source: name, isAnonymous } of record.mounts) {
    if (isAnonymous !== true) continue;
    try {
      await context.volumes.remove(name, { users: usersOfVolume(context, name).filter((id) => id !== record.id) });
      publishVolumeEvent(context, name, 'destroy', { driver: 'local' });
    } catch (error) {
      if (isOrlopError(error, 'conflict') || isOrlopError(error, 'not-found')) continue;
      context.logger.warn('an anonymous volume could not be removed', { container: record.name, volume: name, error });
    }
  }
}

/** Ids of the containers that mount it, running or not. */
export function usersOfVolume({ table }: Pick<EngineContext, 'table'>, name: string): string[] {
  const uses = ({ mounts }: ContainerRecord): boolean => mounts.some(({ type, source }) => type === 'volume' && source === name);
  return table.all().flatMap(({ record }) => (uses(record) ? [record.id] : []));
}
