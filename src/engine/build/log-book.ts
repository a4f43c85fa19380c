import type { BuildRow } from '#store';
import type { BuildEvent, BuildRecordView, BuildRequest } from '#wire';
import type { EngineContext } from '../context.ts';
import type { ToldBuilds } from './told.ts';

/** As many builds are remembered. */
const mostBuilds = 200;

/** Writes one build down: what happens, and how it ends. */
export interface BuildLog {
  note(event: BuildEvent): void;
  end(outcome: Pick<BuildRecordView, 'status' | 'error' | 'imageId'>): void;
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

export function openBuildLog({ store, logger }: EngineContext, told: ToldBuilds, id: string, request: BuildRequest): BuildLog {
  const { builds } = store.metadata;
  const startedMs = Date.now();
  const steps = new Map<string, Mutable<BuildRecordView['steps'][number]>>();
  const write = (outcome: Pick<BuildRecordView, 'status' | 'error' | 'imageId' | 'endedMs'>): void => {
    const record: BuildRecordView = { id, name: nameOf(request), startedMs, ...outcome, steps: [...steps.values()] };
    builds.put({ id, startedNs: BigInt(startedMs) * 1_000_000n, record: JSON.stringify(record) });
  };
  write({ status: 'running', error: '', imageId: '', endedMs: 0 });
  for (const { id: old } of builds.list().slice(mostBuilds)) {
    builds.remove(old);
    told.remove(old);
  }
  const telling = told.begin(id);
  return {
    note(event) {
      telling.take(event);
      if (event.type === 'start')
        steps.set(event.step, { text: event.text, stage: event.stage, startedMs: event.atMs, endedMs: 0, cached: false });
      const step = event.type === 'end' ? steps.get(event.step) : undefined;
      if (event.type === 'end' && step !== undefined) [step.endedMs, step.cached] = [event.atMs, event.cached];
    },
    end(outcome) {
      write({ ...outcome, endedMs: Date.now() });
      try {
        telling.end();
      } catch (error) {
        // On a full disk a build is what it is all the same.
        logger.warn('what a build said could not be kept', { error });
      }
    },
  };
}

function nameOf({ names = [], target, dockerfile = 'Dockerfile' }: BuildRequest): string {
  return names[0] ?? (target === undefined || target === '' ? dockerfile : `${dockerfile} (${target})`);
}

/** Newest first. */
export function listBuilds({ store }: EngineContext, isRunning: (id: string) => boolean): BuildRecordView[] {
  return store.metadata.builds.list().map((row) => viewOf(row, isRunning));
}

function viewOf({ record }: BuildRow, isRunning: (id: string) => boolean): BuildRecordView {
  const view = JSON.parse(record) as BuildRecordView;
  if (view.status !== 'running' || isRunning(view.id)) return view;
  return { ...view, status: 'failed', error: 'it was cut off by the end of the engine' };
}
