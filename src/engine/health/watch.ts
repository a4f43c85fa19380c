import type { HealthView } from '#wire';
import type { LiveContainer } from '../container/table.ts';
import { nowNs, publishContainerEvent, type EngineContext } from '../context.ts';
import { probe } from './probe.ts';
import { judge, unknownHealth, waitMs } from './rules.ts';

/** The questions that a running container is asked; `view` stays when it has ended. */
export interface HealthWatch {
  view: HealthView;
  stop(): void;
}

/** Asks a running container whether it is well, from now on until its end, if it is to be asked. */
export function watchHealth(context: EngineContext, container: LiveContainer): void {
  stopHealthWatch(container);
  const check = container.record.healthCheck ?? null;
  if (check === null) {
    container.health = null;
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const watch: HealthWatch = { view: unknownHealth, stop: () => clearTimeout(timer) };
  const isCurrent = (): boolean => container.health === watch && container.connection !== null;
  const sinceStartNs = (): number => Number(nowNs() - container.record.state.startedAtNs);
  const askLater = (): void => {
    timer = setTimeout(() => void ask(), waitMs(check, watch.view, sinceStartNs())).unref();
  };
  const ask = async (): Promise<void> => {
    // What is frozen cannot answer.
    const result = container.record.state.status === 'paused' ? null : await probe(context, container, check);
    if (!isCurrent()) return;
    if (result !== null) {
      const before = watch.view.status;
      watch.view = judge(check, watch.view, result, sinceStartNs());
      if (watch.view.status !== before) tell(context, container, watch.view.status);
    }
    askLater();
  };
  container.health = watch;
  askLater();
}

function tell(context: EngineContext, container: LiveContainer, status: HealthView['status']): void {
  publishContainerEvent(context, container, `health_status: ${status}`);
  const action = container.record.request.onUnhealthy ?? 'none';
  if (status === 'unhealthy' && action !== 'none') context.whenUnhealthy(container, action);
}

/** The container has ended, or the engine goes. */
export function stopHealthWatch(container: LiveContainer): void {
  container.health?.stop();
}
