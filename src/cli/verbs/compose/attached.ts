import type { ObservedContainer, Project } from '#compose';
import { noSuchService } from '#compose';
import { exitCodes } from '../../exit-codes.ts';
import type { Invocation } from '../../invocation.ts';
import { write } from '../../io.ts';
import { painterFor } from '../../render/colour.ts';
import { followLogs, shortName, type LogView } from './follow-logs.ts';
import { hookPrinter } from './progress.ts';
import { stopProject } from './stop-project.ts';

interface Attached {
  readonly project: Project;
  readonly containers: readonly ObservedContainer[];
  /** What was said before is left out. */
  readonly sinceMs: number;
}

/** Shows what a project's containers say until all have ended, one has where that is asked for, or a person interrupts: then they are stopped. */
export async function attachToProject(invocation: Invocation, { project, containers, sinceMs }: Attached): Promise<number> {
  const { args, io, client } = invocation;
  const from = args.text('exit-code-from');
  if (from !== undefined && !Object.hasOwn(project.services, from)) throw noSuchService(from, project);
  const shown = containers.filter(({ service }) => isShown(service, project, invocation));
  const engine = await client();
  const giveUp = new AbortController();
  const { signal } = giveUp;
  let interrupts = 0;
  let stopping: Promise<void> | null = null;
  const nameOf = (id: string): string => {
    const found = containers.find((container) => container.id === id);
    return found === undefined ? id : shortName(found);
  };
  const print = hookPrinter(io);
  const stop = (): Promise<void> => (stopping ??= stopProject(invocation, project, (id, line) => print(nameOf(id), line)));
  if (shown.length > 0) await write(io.stdout, `Attaching to ${shown.map(shortName).toSorted().join(', ')}\n`);
  const onInterrupt = (): void => {
    interrupts += 1;
    if (interrupts === 1) {
      void io.stderr.write('Gracefully Stopping... press Ctrl+C again to force\n');
      stop().catch(() => undefined);
    } else for (const { id } of containers) engine.containers.kill(id).catch(() => undefined);
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  let code: number = exitCodes.ok;
  const said = new Map(shown.map(({ id }) => [id, Promise.withResolvers<void>()]));
  const exits = containers.map(async (container) => {
    const { StatusCode } = await engine.containers.wait(container.id, { signal });
    await said.get(container.id)?.promise;
    void io.stdout.write(`${shortName(container)} exited with code ${StatusCode}\n`);
    const counts =
      args.flag('abort-on-container-exit') || from !== undefined || (args.flag('abort-on-container-failure') && StatusCode !== 0);
    if (from === undefined ? counts && code === 0 && stopping === null : container.service === from) code = StatusCode;
    if (counts && stopping === null) void io.stderr.write('Aborting on container exit...\n');
    if (counts) await stop();
  });
  const view = {
    ...viewOf(invocation),
    since: String(sinceMs / 1000),
    signal,
    onEnd: (id: string) => said.get(id)?.resolve(),
  };
  try {
    await Promise.all([...exits, followLogs(engine, io, shown, view)]);
    if (stopping !== null) await (stopping as Promise<void>);
    return interrupts > 0 ? exitCodes.signalBase + 2 : code;
  } finally {
    giveUp.abort();
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}

/** How `up` shows what containers say. */
export function viewOf({ args, io }: Pick<Invocation, 'args' | 'io'>): Pick<LogView, 'follow' | 'noPrefix' | 'timestamps' | 'colours'> {
  const colours = painterFor(io.stdout, io.env)('red', 'x') !== 'x' && !args.flag('no-color') && args.text('ansi') !== 'never';
  return { follow: true, noPrefix: args.flag('no-log-prefix'), timestamps: args.flag('timestamps'), colours };
}

/** Whether `up` shows what a service says. */
export function isShown(service: string, project: Project, { args }: Pick<Invocation, 'args'>): boolean {
  const only = args.list('attach');
  if (args.list('no-attach').includes(service)) return false;
  return only.length > 0 ? only.includes(service) : project.services[service]?.attach !== false;
}
