import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Image } from '#image';
import { mountOverlayRoot } from '#sys';
import { detectInit, shutdownSignal, type InitSystem } from '#system';
import type { EngineContext } from '../context.ts';

/** The init of a system image: what its label says, else what its files show; null when it has none that we know. */
export async function initOf(context: EngineContext, image: Pick<Image, 'init' | 'chain'>): Promise<InitSystem | null> {
  if (image.init !== null) return image.init as InitSystem;
  const { lower } = context.store.snapshots.view(image.chain);
  const root = lower.length === 1 ? openTree(context, lower[0] ?? '') : await mountReadOnly(context, lower);
  try {
    return detectInit(context.addon, root);
  } finally {
    closeSync(root);
  }
}

/** The signal that shuts it down, as text; systemd's when nothing is known. */
export function stopSignalOf(init: InitSystem | null): string {
  return String(shutdownSignal(init ?? 'systemd'));
}

function openTree(context: EngineContext, lower: string): number {
  return openSync(join(context.dataRoot, lower), constants.O_RDONLY | constants.O_DIRECTORY);
}

function mountReadOnly(context: EngineContext, lower: readonly string[]): Promise<number> {
  return mountOverlayRoot(context.addon, { base: context.dataRootDescriptor, lower, fsuid: 0, fsgid: 0, way: context.overlayWay });
}
