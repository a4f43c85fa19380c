import { isActive } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import { holdMountedImages } from './make-mounts.ts';
import { volumesOf } from './resolved-mount.ts';

/** Once it is known which containers run: their volumes stay mounted, others are unmounted, and mounted images keep their content. */
export async function recoverVolumes(context: EngineContext): Promise<void> {
  const users = new Map<string, string[]>();
  for (const container of context.table.all()) {
    holdMountedImages(context, container);
    const { record } = container;
    if (!isActive(record.state.status)) continue;
    for (const name of volumesOf(record.mounts)) users.set(name, [...(users.get(name) ?? []), record.id]);
  }
  try {
    await context.volumes.reconcile(users);
  } catch (error) {
    context.logger.warn('the mounts of volumes could not be put right', { error });
  }
}
