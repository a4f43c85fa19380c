import { OrlopError } from '#errors';
import type { Project } from '../model/project.ts';
import type { Plan, Step } from '../plan/steps.ts';

type Undo = (() => Promise<void>) | null;

/** What follows when containers fail that take the places of others. */
export interface Verdicts {
  /** Services whose failure says that what ran before is to be brought back. */
  readonly lost: readonly string[];
  /** Does a step. Its failure is only said where its service may have more of them; else it is thrown. */
  tolerate(step: Step, signal: AbortSignal, work: () => Promise<Undo>): Promise<Undo>;
}

/** Heeds `failure_action` and `max_failure_ratio` (compose-spec deploy, update_config): by default the first failure ends the update and leaves the rest as it is. */
export function judgeUpdates(
  project: Project,
  plan: Plan,
  key: 'update_config' | 'rollback_config',
  onWarning: (text: string) => void,
): Verdicts {
  const lost: string[] = [];
  const updated = (service: string): Set<string> =>
    new Set(plan.steps.flatMap(({ act, updates }) => (updates !== undefined && serviceOf(act) === service ? [updates] : [])));
  const failed = new Map<string, Set<string>>();
  const fail = (service: string, container: string, error: unknown): void => {
    const { failure_action: action = 'pause', max_failure_ratio: ratio = 0 } = project.services[service]?.deploy?.[key] ?? {};
    const own = (failed.get(service) ?? new Set()).add(container);
    failed.set(service, own);
    const why = error instanceof Error ? error.message : String(error);
    if (action === 'continue' || own.size / updated(service).size <= ratio) {
      onWarning(`${container} failed, the update of service ${service} goes on: ${why}`);
      return;
    }
    if (action === 'rollback') lost.push(service);
    throw new OrlopError('failed-precondition', 'COMPOSE_UPDATE_FAILED', `update of service ${service} failed: ${why}`, {
      cause: error,
      hint: action === 'rollback' ? 'mend the service, then update again' : `look at orlop logs ${container}; the rest is as it was`,
    });
  };
  return {
    lost,
    tolerate: async ({ act, updates }, signal, work) => {
      try {
        return await work();
      } catch (error) {
        const service = serviceOf(act);
        if (updates === undefined || service === null || signal.aborted) throw error;
        fail(service, updates, error);
        return null;
      }
    },
  };
}

function serviceOf(act: Step['act']): string | null {
  return 'service' in act ? act.service : null;
}
