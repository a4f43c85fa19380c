import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import type { Image } from '#image';
import { mountOverlayRoot } from '#sys';
import { findInit, type FoundInit, shutdownSignal, type InitSystem } from '#system';
import type { CreateRequest } from '#wire';
import type { EngineContext } from '../context.ts';

/** The init of a system image: what its label says, else what its files show; null when it has none that we know. */
export async function initOf(context: EngineContext, image: Pick<Image, 'init' | 'chain'>): Promise<InitSystem | null> {
  if (image.init !== null) return image.init as InitSystem;
  return (await lookForInit(context, image))?.init ?? null;
}

async function lookForInit(context: EngineContext, { chain }: Pick<Image, 'chain'>): Promise<FoundInit | null> {
  const { lower } = context.store.snapshots.view(chain);
  const root = lower.length === 1 ? openTree(context, lower[0] ?? '') : await mountReadOnly(context, lower);
  try {
    return findInit(context.addon, root);
  } finally {
    closeSync(root);
  }
}

/**
 * What a machine is asked to run when its image says nothing of machines: the init that is in it, and not the program that the image has for apps. failed-precondition `ENGINE_NO_INIT` for an image
 * without one. Who asks for a command gets it.
 */
export async function asMachine(
  context: EngineContext,
  request: CreateRequest,
  image: Pick<Image, 'kind' | 'init' | 'chain'>,
): Promise<CreateRequest> {
  if (request.kind !== 'system' || image.kind === 'system' || [...(request.command ?? []), ...(request.entrypoint ?? [])].length > 0)
    return request;
  const found = await lookForInit(context, image);
  if (found !== null) return { stopSignal: stopSignalOf(found.init), ...request, entrypoint: [], command: [found.path] };
  throw new OrlopError('failed-precondition', 'ENGINE_NO_INIT', `image ${request.image} has no init that could run a machine`, {
    hint: `it is for app containers: orlop run ${request.image}`,
  });
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
