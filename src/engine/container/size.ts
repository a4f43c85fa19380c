import type { EngineContext } from '../context.ts';
import { pushedLayers } from '../snapshot/root.ts';
import type { ContainerSize } from '../model.ts';

/** What the container's writable layer takes on disk, and what that is together with its image. */
export async function containerSize(context: EngineContext, ref: string): Promise<ContainerSize> {
  const { record } = context.table.find(ref);
  const { id, image } = record;
  const upper = await context.store.snapshots.usage(id).catch(() => ({ bytes: 0, contentBytes: 0 }));
  const pushed = pushedLayers(context, record).reduce((sum, { size }) => sum + size, 0);
  const contentBytes = upper.contentBytes + pushed;
  const { sizeBytes = 0 } = context.images.list().find((candidate) => candidate.id === image.id) ?? {};
  return { writableBytes: upper.bytes + pushed, contentBytes, rootBytes: contentBytes + sizeBytes };
}
