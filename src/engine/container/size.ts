import type { EngineContext } from '../context.ts';
import type { ContainerSize } from '../model.ts';

/** What the container's writable layer takes on disk, and what that is together with its image. */
export async function containerSize(context: EngineContext, ref: string): Promise<ContainerSize> {
  const { id, image } = context.table.find(ref).record;
  const { bytes } = await context.store.snapshots.usage(id).catch(() => ({ bytes: 0 }));
  const { sizeBytes = 0 } = context.images.list().find((candidate) => candidate.id === image.id) ?? {};
  return { writableBytes: bytes, rootBytes: bytes + sizeBytes };
}
