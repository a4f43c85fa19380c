import type { EngineContext } from '../context.ts';

/** Gives the space back of layers that nothing stands on any more; nobody waits for it. */
export function collectLeftLayers({ store, logger }: EngineContext): void {
  store.collectGarbage().catch((error: unknown) => logger.warn('what a snapshot kept could not be taken away', { error }));
}
