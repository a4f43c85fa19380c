import { parseSeconds } from '#wire';
import type { Conversation } from '#network';
import type { ContainerRecord } from '../container/record.ts';
import { stopContainer } from '../container/stop.ts';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { openPorts } from '../network/ports.ts';
import { closeInlet, isOnDemand, openInlet } from './door.ts';

const usualIdle = '10m';
const longestPauseMs = 5_000;
const shortestPauseMs = 250;

/** When a container was last used, as far as this engine has seen. */
export interface Use {
  readonly lastMs: number;
  /** Conversations that are known. */
  readonly ids: ReadonlySet<string>;
}

/** null: it is never stopped. Pure. */
export function idleMsOf({ request }: Pick<ContainerRecord, 'request'>): number | null {
  const seconds = parseSeconds('boot.idle', request.settings?.['boot.idle'] ?? usualIdle);
  return seconds === 0 ? null : seconds * 1000;
}

/** Whatever goes on, or has come and gone since the last look, is use. Pure. */
export function useOf(before: Use | undefined, conversations: readonly Conversation[], busy: boolean, nowMs: number): Use {
  const isNew = conversations.some(({ id, isOver }) => !isOver || before?.ids.has(id) !== true);
  const ids = new Set(conversations.map(({ id }) => id));
  return { ids, lastMs: before === undefined || busy || isNew ? nowMs : before.lastMs };
}

/** Stops containers that start on demand once nobody has used their ports for as long as they say, while it is open. */
export function keepIdle(context: EngineContext): Disposable {
  const uses = new Map<string, Use>();
  let timer: NodeJS.Timeout | null = null;
  let isOpen = true;
  const round = async (): Promise<void> => {
    const pauseMs = await look(context, uses).catch((error: unknown) => {
      context.logger.warn('whether containers are used could not be seen', { error });
      return longestPauseMs;
    });
    if (isOpen) timer = setTimeout(() => void round(), pauseMs).unref();
  };
  timer = setTimeout(() => void round(), shortestPauseMs).unref();
  return {
    [Symbol.dispose]() {
      isOpen = false;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

async function look(context: EngineContext, uses: Map<string, Use>): Promise<number> {
  const candidates = context.table
    .all()
    .filter(({ record }) => isOnDemand(record) && record.state.status === 'running' && idleMsOf(record) !== null);
  for (const id of uses.keys()) if (!candidates.some(({ record }) => record.id === id)) uses.delete(id);
  if (candidates.length === 0) return longestPauseMs;
  const seen = context.networks.ports.conversations(candidates.map(({ record }) => record.id));
  let pauseMs = longestPauseMs;
  for (const container of candidates) {
    const { id } = container.record;
    const idleMs = idleMsOf(container.record) ?? 0;
    const use = useOf(uses.get(id), seen.get(id) ?? [], await isBusy(container), Date.now());
    uses.set(id, use);
    pauseMs = Math.min(pauseMs, Math.max(shortestPauseMs, idleMs / 4));
    if (Date.now() - use.lastMs < idleMs) continue;
    uses.delete(id);
    void sleep(context, container, use);
  }
  return pauseMs;
}

/** Somebody works in it, or is carried to it. */
async function isBusy({ execs, door }: LiveContainer): Promise<boolean> {
  return execs.size > 0 || ((await door?.order('state'))?.active ?? 0) > 0;
}

/** First nobody more is let in, then looked at once more: who has come until then is served. */
async function sleep(context: EngineContext, container: LiveContainer, use: Use): Promise<void> {
  const { id } = container.record;
  try {
    await closeInlet(context, container);
    const conversations = context.networks.ports.conversations([id]).get(id) ?? [];
    if ((await isBusy(container)) || conversations.some((one) => !one.isOver || !use.ids.has(one.id))) {
      await openPorts(context, container);
      await openInlet(context, container);
      return;
    }
    publishContainerEvent(context, container, 'sleep');
    await stopContainer(context, id, {});
  } catch (error) {
    context.logger.warn('a container that nobody uses could not be stopped', { container: container.record.name, error });
  }
}
