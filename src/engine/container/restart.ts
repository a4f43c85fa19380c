import { saveState, type EngineContext } from '../context.ts';
import { nextDelayMs, startsAgain } from './restart-policy.ts';
import type { LiveContainer } from './table.ts';

/** Whether a process that ends now, with this code, is to be started again. */
export function willStartAgain(container: LiveContainer, exitCode: number): boolean {
  const { request, state } = container.record;
  return startsAgain(request.restartPolicy, { exitCode, restarts: state.restartCount, stopped: container.stopping });
}

/** Starts a container that is `restarting` after its wait, unless somebody stops, removes or starts it before. */
export function startLater(context: EngineContext, container: LiveContainer): void {
  const { startedAtNs, finishedAtNs } = container.record.state;
  container.restartDelayMs = nextDelayMs(container.restartDelayMs, Number((finishedAtNs - startedAtNs) / 1_000_000n));
  container.restartTimer = setTimeout(() => startNow(context, container), container.restartDelayMs).unref();
}

function startNow(context: EngineContext, container: LiveContainer): void {
  container.restartTimer = null;
  if (context.table.get(container.record.id) !== container || container.record.state.status !== 'restarting') return;
  context.startAgain(container);
}

/** No start is waited for any more. true: one was; the container has ended then. */
export function giveUpRestart(context: EngineContext, container: LiveContainer): boolean {
  if (container.restartTimer !== null) clearTimeout(container.restartTimer);
  container.restartTimer = null;
  if (container.record.state.status !== 'restarting') return false;
  saveState(context, container, { status: 'exited', stopped: true });
  return true;
}

/** When the engine comes up: who waited for a start, who was in the middle of a restart, and who is to run whenever the engine does. Each start is on its own. */
export function resumeRestarts(context: EngineContext): void {
  for (const container of context.table.all()) {
    const { request, state } = container.record;
    const { status, exitCode, restartCount: restarts, stopped = false, startedAtNs, comesBack } = state;
    if (status === 'exited' && comesBack === true) {
      context.startAgain(container);
      continue;
    }
    if (status !== 'restarting' && (status !== 'exited' || startedAtNs === 0n)) continue;
    if (!startsAgain(request.restartPolicy, { exitCode, restarts, stopped }, 'engine start')) {
      if (status === 'restarting') saveState(context, container, { status: 'exited' });
      continue;
    }
    saveState(context, container, { status: 'restarting' });
    startNow(context, container);
  }
}
