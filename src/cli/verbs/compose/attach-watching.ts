import type { Client } from '#client';
import { containersOf, labels, type ObservedContainer, type Project } from '#compose';
import { exitCodes } from '../../exit-codes.ts';
import type { Invocation } from '../../invocation.ts';
import { isShown, viewOf } from './attached.ts';
import { followLog, shortName } from './follow-logs.ts';
import { stopProject } from './stop-project.ts';
import { chooseWatched, followFiles, type Watched } from './watch.ts';

/** `up --watch`: shows what containers say, those as well that are restarted or replaced, and follows files, until a person interrupts: then all are stopped. */
export async function attachWatching(invocation: Invocation, project: Project, sinceMs: number): Promise<number> {
  const watched: readonly Watched[] = await chooseWatched(project);
  const engine = await invocation.client();
  const giveUp = new AbortController();
  const onInterrupt = (): void => giveUp.abort();
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    const showing = showStarts(invocation, engine, project, { sinceMs, signal: giveUp.signal });
    await Promise.all([showing, followFiles(invocation, project, watched, giveUp.signal)]);
  } finally {
    giveUp.abort();
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
    await stopProject(invocation, project);
  }
  return exitCodes.signalBase + 2;
}

/** Shows what runs, and what starts from now on. */
async function showStarts(
  invocation: Invocation,
  engine: Client,
  project: Project,
  { sinceMs, signal }: { readonly sinceMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const places = new Map<string, number>();
  const followed = new Map<string, Promise<void>>();
  const listOwn = async (): Promise<ObservedContainer[]> =>
    (await containersOf(engine, project)).filter(
      ({ service, oneOff }) => !oneOff && Object.hasOwn(project.services, service) && isShown(service, project, invocation),
    );
  const first = await listOwn();
  const width = Math.max(0, ...first.map((container) => shortName(container).length));
  const show = (container: ObservedContainer, since: string): void => {
    const index = places.get(shortName(container)) ?? places.size;
    places.set(shortName(container), index);
    // What it said before its restart is shown to the end first.
    const before = followed.get(container.id) ?? Promise.resolve();
    const view = { ...viewOf(invocation), since, signal, width, index };
    followed.set(
      container.id,
      before.then(() => followLog(engine, invocation.io, container, view)).catch(() => undefined),
    );
  };
  for (const container of first) show(container, String(sinceMs / 1000));
  const filters = { type: ['container'], event: ['start'], label: [`${labels.project}=${project.name}`] };
  try {
    for await (const { Actor } of engine.events({ filters, signal })) {
      const started = (await listOwn()).find(({ id }) => id === Actor.ID);
      if (started === undefined) continue;
      const { State } = await engine.containers.inspect(started.id);
      show(started, String(Date.parse(State.StartedAt) / 1000));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  await Promise.all(followed.values());
}
