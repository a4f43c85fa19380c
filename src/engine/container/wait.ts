import { OrlopError } from '#errors';
import type { EngineContext } from '../context.ts';
import type { ExitFacts, WaitCondition } from '../model.ts';
import { isActive } from './record.ts';
import type { LiveContainer } from './table.ts';

/** Resolves when the condition holds: at once, or at the container's next end or removal. `cancelled` when the signal fires first. */
export function waitFor(context: EngineContext, ref: string, condition: WaitCondition, signal: AbortSignal): Promise<ExitFacts> {
  const container = context.table.find(ref);
  if (condition === 'not-running' && !isActive(container.record.state.status)) return Promise.resolve(exitFacts(container));
  const listeners = condition === 'removed' ? container.onRemove : container.onExit;
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      forget();
      resolve(exitFacts(container));
    };
    const abort = (): void => {
      forget();
      reject(new OrlopError('cancelled', 'ENGINE_WAIT_CANCELLED', `waiting for container ${container.record.name} was given up`));
    };
    const forget = (): void => {
      container.onExit.delete(finish);
      container.onRemove.delete(finish);
      signal.removeEventListener('abort', abort);
    };
    listeners.add(finish);
    // A container that is removed without ever running ends every wait.
    container.onRemove.add(finish);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });
}

function exitFacts(container: LiveContainer): ExitFacts {
  const { exitCode, error } = container.record.state;
  return error === '' ? { exitCode } : { exitCode, error };
}
