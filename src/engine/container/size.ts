import type { EngineContext } from '../context.ts';
import { pushedLayers } from '../snapshot/root.ts';
import type { ContainerSize } from '../model.ts';

/** What the container's writable layer takes on disk, and what that is together with its image. */
export async function containerSize(context: EngineContext, ref: string): Promise<ContainerSize> {
  const { record } = context.table.find(ref);
  const { id, image } = record;
  const { bytes: upper } = await context.store.snapshots.usage(id).catch(() => ({ bytes: 0 }));
  const bytes = upper + pushedLayers(context, record).reduce((sum, { size }) => sum + size, 0);
  const { sizeBytes = 0 } = context.images.list().find((candidate) => candidate.id === image.id) ?? {};
  return { writableBytes: bytes, rootBytes: bytes + sizeBytes };
}
