import { publishContainerEvent, type EngineContext } from '../context.ts';
import { startContainer } from './start.ts';
import type { StopRequest } from '#wire';
import { stopContainer } from './stop.ts';

/** Stops and starts, or only starts. If this engine dies between the two, the next one starts it. */
export async function restartContainer(context: EngineContext, ref: string, options: StopRequest): Promise<void> {
  await stopContainer(context, ref, { ...options, comesBack: true });
  await startContainer(context, ref);
  publishContainerEvent(context, context.table.find(ref), 'restart');
}
