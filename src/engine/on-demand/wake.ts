import { toOrlopError } from '#errors';
import { isActive } from '../container/record.ts';
import { startContainer } from '../container/start.ts';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';

/** Somebody has come. Several who come meanwhile wait for the one start. When it fails they are turned away, and the next one tries again. */
export async function wakeContainer(context: EngineContext, container: LiveContainer): Promise<void> {
  if (container.waking !== 'no') {
    container.waking = 'called';
    return;
  }
  container.waking = 'yes';
  try {
    // One that is ending starts again once it has ended; whoever waits is seen then.
    if (isActive(container.record.state.status)) return;
    publishContainerEvent(context, container, 'wake');
    await startContainer(context, container.record.id);
  } catch (error) {
    const reason = toOrlopError(error).message;
    context.logger.warn('a container could not be started for somebody who connected', { container: container.record.name, error });
    publishContainerEvent(context, container, 'wake-failed', { reason });
    await container.door?.order('refuse');
  } finally {
    const wasCalled = (container.waking as LiveContainer['waking']) === 'called';
    container.waking = 'no';
    // Whoever came meanwhile may still wait: then this is said once more.
    if (wasCalled && !isActive(container.record.state.status)) await container.door?.order('wait');
  }
}
