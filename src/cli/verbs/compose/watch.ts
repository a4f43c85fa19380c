import { readIgnoreFile, type Client } from '#client';
import {
  containersOf,
  convergeUp,
  dropUnused,
  listInitial,
  planReaction,
  provideServices,
  react,
  selectServices,
  watchPaths,
  type IgnoredContext,
  type ObservedContainer,
  type Project,
  type ServiceConfig,
} from '#compose';
import { OrlopError, toOrlopError } from '#errors';
import { exitCodes } from '../../exit-codes.ts';
import type { Invocation, Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { reportError } from '../../render/error.ts';
import { imageSource } from './images.ts';
import { providerCaller } from './providers.ts';
import { stepReporter, warner } from './progress.ts';
import { readProject } from './project.ts';

/** A service whose files are followed. */
export interface Watched {
  readonly name: string;
  readonly service: ServiceConfig;
  readonly context: IgnoredContext | null;
}

/** `orlop compose watch`: follows files here by the rules of `develop.watch`, until it is interrupted. */
export const composeWatch: Verb = async (invocation) => {
  const { args, client } = invocation;
  const wished = dropUnused(selectServices(await readProject(invocation, { named: args.positionals }), args.positionals));
  const project = await provideServices(wished, providerCaller(invocation, wished));
  const watched = await chooseWatched(project);
  const engine = await client();
  if (!args.flag('no-up')) await bringUp(invocation, engine, project, false);
  const giveUp = new AbortController();
  const onInterrupt = (): void => giveUp.abort();
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    await followFiles(invocation, project, watched, giveUp.signal);
    return exitCodes.ok;
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
};

/** Brings what changes here into the services until the signal fires; what fails is said. */
export async function followFiles(
  invocation: Invocation,
  project: Project,
  watched: readonly Watched[],
  signal: AbortSignal,
): Promise<void> {
  const { io, client } = invocation;
  const engine = await client();
  for (const one of watched) await handle(invocation, engine, project, one, await listInitial(one.service, one.context));
  const paths = watched.flatMap(({ service }) => (service.develop?.watch ?? []).map(({ path }) => path));
  for await (const batch of watchPaths(paths, signal, () => write(io.stderr, 'Watch enabled\n')))
    for (const one of watched)
      await handle(invocation, engine, project, one, batch).catch((error: unknown) => reportError(io, toOrlopError(error)));
}

/** The services that say what to watch. failed-precondition: none does. */
export async function chooseWatched({ services }: Project): Promise<Watched[]> {
  const chosen = Object.entries(services).filter(([, { develop }]) => (develop?.watch ?? []).length > 0);
  if (chosen.length === 0)
    throw new OrlopError('failed-precondition', 'COMPOSE_NOTHING_TO_WATCH', 'none of the selected services is configured for watch', {
      hint: "give one a 'develop' section",
    });
  return Promise.all(
    chosen.map(async ([name, service]) => {
      const directory = service.build?.context;
      const matcher = directory?.startsWith('/') === true ? await readIgnoreFile(directory, null) : null;
      const context =
        directory === undefined || matcher === null ? null : { directory, ignores: (path: string): boolean => matcher.excludes(path) };
      return { name, service, context };
    }),
  );
}

async function handle(
  invocation: Invocation,
  engine: Client,
  project: Project,
  { name, service, context }: Watched,
  changed: readonly string[],
): Promise<void> {
  const { io } = invocation;
  const reaction = planReaction(service, changed, context);
  if (reaction === null) return;
  if (reaction.rebuilds) {
    await write(io.stderr, `Rebuilding service ${name} after changes were detected\n`);
    await bringUp(invocation, engine, selectServices(project, [name], { dependencies: false }), true);
    return;
  }
  const containers = (await containersOf(engine, project)).filter(
    (container) => container.service === name && container.state === 'running' && !container.oneOff,
  );
  const say = (container: ObservedContainer, word: string): Promise<void> =>
    reaction.restarts ? write(io.stderr, ` Container ${container.name}  ${word}\n`) : Promise.resolve();
  await Promise.all(
    containers.map(async (container) => {
      await say(container, 'Restarting');
      await react(engine, container, reaction);
      await say(container, 'Started');
    }),
  );
  await write(io.stderr, `Syncing service ${name} after ${reaction.copies.length} changes were detected\n`);
}

async function bringUp(invocation: Invocation, engine: Client, project: Project, build: boolean): Promise<void> {
  const { args, io } = invocation;
  await convergeUp(engine, project, {
    images: { build },
    source: imageSource(invocation, project, { quiet: args.flag('quiet') }),
    plan: { dependencies: !build },
    onStep: stepReporter({ io, args }, args.flag('quiet') || undefined),
    onWarning: warner(io),
  });
}
