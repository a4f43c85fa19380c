import type { EngineContext } from '../context.ts';
import { startContainer } from './start.ts';
import { stopContainer, type StopOptions } from './stop.ts';

/** Stops and starts, or only starts. If this engine dies between the two, the next one starts it. */
export async function restartContainer(context: EngineContext, ref: string, options: StopOptions): Promise<void> {
  await stopContainer(context, ref, { ...options, comesBack: true });
  await startContainer(context, ref);
}
