import type { EngineContext } from '../context.ts';

/** Gives the space back of what nothing needs any more, layers above all; nobody waits for it. */
export function collectLeftLayers({ store, logger }: EngineContext): void {
  store.collectGarbage().catch((error: unknown) => logger.warn('what nothing needs any more could not be taken away', { error }));
}
