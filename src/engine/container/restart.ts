import { setTimeout as delay } from 'node:timers/promises';
import { nowNs, saveState, type EngineContext } from '../context.ts';
import { countTries, nextDelayMs, startsAgain } from './restart-policy.ts';
import { planNamespaces } from '../spec/namespaces.ts';
import type { ContainerRecord } from './record.ts';
import type { LiveContainer } from './table.ts';

/** Whether a process that ends now, with this code, is to be started again. */
export function willStartAgain(container: LiveContainer, exitCode: number): boolean {
  const { record } = container;
  return startsAgain(record.request.restartPolicy, { exitCode, restarts: triesOf(record, nowNs()), stopped: container.stopping });
}

/** How many starts by its policy count when a run ends at this time. Pure. */
export function triesOf({ request, state }: Pick<ContainerRecord, 'request' | 'state'>, finishedAtNs: bigint): number {
  const ranMs = Number((finishedAtNs - state.startedAtNs) / 1_000_000n);
  return countTries(request.restartPolicy, { restarts: state.restartCount, shortRuns: state.shortRuns ?? 0, ranMs });
}

/** Starts a container that is `restarting` after its wait, unless somebody stops, removes or starts it before. */
export function startLater(context: EngineContext, container: LiveContainer): void {
  const { request, state } = container.record;
  const ranMs = Number((state.finishedAtNs - state.startedAtNs) / 1_000_000n);
  container.restartDelayMs = nextDelayMs(request.restartPolicy, container.restartDelayMs, ranMs);
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
 * When the engine comes up: who waited for a start, who was on its way back, and who is to run whenever the engine does. Those of a higher `boot.autostart.order` come first, and
 * the next ones wait as long as they say; beside each other, each comes after those whose namespaces it joins and which it links to. Ends when all have been begun, or given up.
 */
export async function resumeRestarts(context: EngineContext, signal: AbortSignal): Promise<void> {
  const due = new Map<string, LiveContainer>();
  for (const container of context.table.all()) {
    const { status, comesBack } = container.record.state;
    if (!isDue(container.record)) {
      if (status === 'restarting') saveState(context, container, { status: 'exited' });
      continue;
    }
    if (comesBack !== true) saveState(context, container, { status: 'restarting' });
    due.set(container.record.id, container);
  }
  const begin = startInOrder(context, due);
  for (const { containers, delayMs } of planLevels([...due.values()].map(({ record }) => record))) {
    if (signal.aborted) return;
    const level = containers.map(({ id }) => due.get(id)).filter((container) => container !== undefined);
    await Promise.all(level.map((container) => begin(container)));
    if (delayMs > 0) await delay(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/** Whether a container that does not run is to be started by an engine that comes up. Pure. */
export function isDue({ request, state }: Pick<ContainerRecord, 'request' | 'state'>): boolean {
  const { status, exitCode, stopped = false, startedAtNs, finishedAtNs, comesBack } = state;
  if (status !== 'created' && status !== 'exited' && status !== 'restarting') return false;
  const autostart = request.settings?.['boot.autostart'];
  if (autostart !== undefined) return autostart === 'true';
  if (status === 'exited' && comesBack === true) return true;
  if (status !== 'restarting' && startedAtNs === 0n) return false;
  return startsAgain(request.restartPolicy, { exitCode, restarts: triesOf({ request, state }, finishedAtNs), stopped }, 'engine start');
}

export interface StartLevel<Item> {
  readonly containers: readonly Item[];
  /** Before those of the next level. */
  readonly delayMs: number;
}

/** Containers in the order in which they are started; a shutdown goes the other way. Pure. */
export function planLevels<Item extends Pick<ContainerRecord, 'request'>>(records: readonly Item[]): StartLevel<Item>[] {
  const orderOf = ({ request }: Item): number => Number(request.settings?.['boot.autostart.order'] ?? 0);
  const delayOf = ({ request }: Item): number => Number.parseInt(request.settings?.['boot.autostart.delay'] ?? '0', 10) * 1000;
  const orders = [...new Set(records.map(orderOf))].toSorted((a, b) => b - a);
  return orders.map((order) => {
    const containers = records.filter((record) => orderOf(record) === order);
    return { containers, delayMs: Math.max(0, ...containers.map(delayOf)) };
  });
}

type Begin = (container: LiveContainer) => Promise<void>;

function startInOrder(context: EngineContext, due: ReadonlyMap<string, LiveContainer>): Begin {
  const begun = new Map<string, Promise<void>>();
  /** Resolves when its start is over, however it ended. `waiting`: who waits for this one; a circle is cut there. */
  const begin = (container: LiveContainer, waiting: ReadonlySet<string>): Promise<void> => {
    const { id } = container.record;
    const known = begun.get(id);
    if (known !== undefined) return known;
    const chain = new Set([...waiting, id]);
    const needed = neededBy(container.record).flatMap((other) => (chain.has(other) ? [] : (due.get(other) ?? [])));
    const over = Promise.all(needed.map((other) => begin(other, chain))).then(() => {
      resume(context, container);
      return context.queues.run(id, async () => undefined);
    });
    begun.set(id, over);
    return over;
  };
  return (container) => begin(container, new Set());
}

/** Unless somebody has started, stopped or removed it meanwhile. */
function resume(context: EngineContext, container: LiveContainer): void {
  const { status, comesBack } = container.record.state;
  if (status !== 'exited' || comesBack !== true) startNow(context, container);
  else if (context.table.get(container.record.id) === container) context.startAgain(container);
}

function neededBy(record: ContainerRecord): string[] {
  return [...planNamespaces(record).joined.values(), ...(record.links ?? []).map(({ id }) => id)];
}
