import { saveState, type EngineContext } from '../context.ts';
import { nextDelayMs, startsAgain } from './restart-policy.ts';
import { planNamespaces } from '../spec/namespaces.ts';
import type { ContainerRecord } from './record.ts';
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

/**
 * When the engine comes up: who waited for a start, and who is to run whenever the engine does. Each start is on its own, but comes after those of the containers whose
 * namespaces it joins and which it links to.
 */
export function resumeRestarts(context: EngineContext): void {
  const due = new Map<string, LiveContainer>();
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
    due.set(container.record.id, container);
  }
  startInOrder(context, due);
}

function startInOrder(context: EngineContext, due: ReadonlyMap<string, LiveContainer>): void {
  const begun = new Map<string, Promise<void>>();
  /** Resolves when its start is over, however it ended. `waiting`: who waits for this one; a circle is cut there. */
  const begin = (container: LiveContainer, waiting: ReadonlySet<string>): Promise<void> => {
    const { id } = container.record;
    const known = begun.get(id);
    if (known !== undefined) return known;
    const chain = new Set([...waiting, id]);
    const needed = neededBy(container.record).flatMap((other) => (chain.has(other) ? [] : (due.get(other) ?? [])));
    const over = Promise.all(needed.map((other) => begin(other, chain))).then(() => {
      startNow(context, container);
      return context.queues.run(id, async () => undefined);
    });
    begun.set(id, over);
    return over;
  };
  for (const container of due.values()) void begin(container, new Set());
}

function neededBy(record: ContainerRecord): string[] {
  return [...planNamespaces(record).joined.values(), ...(record.links ?? []).map(({ id }) => id)];
}
