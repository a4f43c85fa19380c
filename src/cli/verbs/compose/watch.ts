import { readIgnoreFile, type Client } from '#client';
import {
  containersOf,
  convergeUp,
  dropUnused,
  listInitial,
  planReaction,
  react,
  selectServices,
  watchPaths,
  type IgnoredContext,
  type Project,
  type ServiceConfig,
} from '#compose';
import { OrlopError, toOrlopError } from '#errors';
import { exitCodes } from '../../exit-codes.ts';
import type { Invocation, Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { reportError } from '../../render/error.ts';
import { imageSource } from './images.ts';
import { stepReporter, warner } from './progress.ts';
import { readProject } from './project.ts';

interface Watched {
  readonly name: string;
  readonly service: ServiceConfig;
  readonly context: IgnoredContext | null;
}

/** `orlop compose watch`: follows files here by the rules of `develop.watch`, until it is interrupted. */
export const composeWatch: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const project = dropUnused(selectServices(await readProject(invocation, { named: args.positionals }), args.positionals));
  const watched = await chooseWatched(project);
  if (watched.length === 0)
    throw new OrlopError('failed-precondition', 'COMPOSE_NOTHING_TO_WATCH', 'none of the selected services is configured for watch', {
      hint: "give one a 'develop' section",
    });
  const engine = await client();
  if (!args.flag('no-up')) await bringUp(invocation, engine, project, false);
  const giveUp = new AbortController();
  const onInterrupt = (): void => giveUp.abort();
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    for (const one of watched) await handle(invocation, engine, project, one, await listInitial(one.service, one.context));
    const paths = watched.flatMap(({ service }) => (service.develop?.watch ?? []).map(({ path }) => path));
    await write(io.stderr, 'Watch enabled\n');
    for await (const batch of watchPaths(paths, giveUp.signal))
      for (const one of watched)
        await handle(invocation, engine, project, one, batch).catch((error: unknown) => reportError(io, toOrlopError(error)));
    return exitCodes.ok;
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
};

async function chooseWatched({ services }: Project): Promise<Watched[]> {
  const chosen = Object.entries(services).filter(([, { develop }]) => (develop?.watch ?? []).length > 0);
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
  await Promise.all(containers.map((container) => react(engine, container, reaction)));
  await write(io.stderr, `Syncing service ${name} after ${reaction.copies.length} changes were detected\n`);
}

async function bringUp(invocation: Invocation, engine: Client, project: Project, build: boolean): Promise<void> {
  const { args, io } = invocation;
  await convergeUp(engine, project, {
    images: { build },
    source: imageSource(invocation, project, { quiet: args.flag('quiet') }),
    plan: { dependencies: !build },
    onStep: stepReporter(io, args.flag('quiet')),
    onWarning: warner(io),
  });
}
