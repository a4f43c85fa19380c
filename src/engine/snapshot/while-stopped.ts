import type { OrlopError } from '#errors';
import { isActive } from '../container/record.ts';
import { giveUpRestart } from '../container/restart.ts';
import { startContainer } from '../container/start.ts';
import { stopContainer } from '../container/stop.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';

/**
 * Does, in a container's queue, what it must not run for. One that runs is stopped and started again: also when the work fails, and by the next engine when this one dies in between. `refusal`: thrown
 * instead of stopping it.
 */
export async function whileStopped(
  context: EngineContext,
  container: LiveContainer,
  refusal: OrlopError | null,
  work: () => Promise<void>,
): Promise<void> {
  const { id, name } = container.record;
  let ran = false;
  const attempt = (): Promise<boolean> =>
    context.queues.run(id, async () => {
      if (isActive(container.record.state.status)) return false;
      giveUpRestart(context, container);
      await work();
      return true;
    });
  try {
    do {
      if (!isActive(container.record.state.status)) continue;
      if (refusal !== null) throw refusal;
      ran = (await stopContainer(context, id, { comesBack: true })) || ran;
    } while (!(await attempt()));
  } catch (error) {
    if (ran)
      await startContainer(context, id).catch((cause: unknown) => {
        context.logger.warn('a container that was stopped for nothing could not be started again', { container: name, error: cause });
      });
    throw error;
  }
  if (ran) await startContainer(context, id);
}
