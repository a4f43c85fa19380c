import { OrlopError } from '#errors';
import {
  dropUnused,
  convergeUp,
  containersOf,
  formatPlan,
  noSuchService,
  provideServices,
  selectServices,
  withoutProvided,
  waitUntilReady,
  type Project,
} from '#compose';
import { usageError } from '../../arguments/usage-error.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Invocation, Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { attachToProject } from './attached.ts';
import { imageSource } from './images.ts';
import { providerCaller } from './providers.ts';
import { hookPrinter, stepReporter, warner } from './progress.ts';
import { readProject } from './project.ts';

/** `orlop compose up` */
export const composeUp: Verb = async (invocation) => {
  const { args, client, command } = invocation;
  const isDetached = args.flag('detach') || args.flag('wait');
  const stopsWithFirst = args.flag('abort-on-container-exit') || args.flag('abort-on-container-failure') || args.has('exit-code-from');
  if (isDetached && stopsWithFirst) throw usageError('--detach and --wait do not go with --abort-on-container-exit and its like', command);
  for (const forcing of ['force-recreate', 'always-recreate-deps'])
    if (args.flag(forcing) && args.flag('no-recreate')) throw usageError(`--${forcing} and --no-recreate are incompatible`, command);
  if (isDetached && args.flag('watch')) throw usageError('--detach and --wait do not go with --watch', command);
  if (args.flag('menu')) throw usageError('--menu is not supported: there is no menu', command);
  const begunMs = Date.now();
  const whole = await bringUp(invocation, { start: !args.flag('no-start') });
  if (whole === null || args.flag('no-start')) return exitCodes.ok;
  const engine = await client();
  if (args.flag('wait')) await waitUntilReady(engine, whole, signalAfter(args.integer('wait-timeout')));
  if (isDetached) return exitCodes.ok;
  // What those named depend on goes on when they are stopped, and says nothing here, unless its code is wanted.
  const named = args.positionals.length === 0 ? [] : [...args.positionals, ...args.list('exit-code-from')];
  const project = args.flag('attach-dependencies') ? whole : selectServices(whole, named, { dependencies: false });
  if (args.flag('watch')) return (await import('./attach-watching.ts')).attachWatching(invocation, project, begunMs);
  const containers = (await containersOf(engine, project)).filter(
    ({ service, oneOff }) => !oneOff && Object.hasOwn(project.services, service),
  );
  const code = await attachToProject(invocation, { project, containers, sinceMs: begunMs });
  return code;
};

/** `orlop compose create` */
export const composeCreate: Verb = async (invocation) => {
  await bringUp(invocation, { start: false });
  return exitCodes.ok;
};

/** `orlop compose scale` */
export const composeScale: Verb = async (invocation) => {
  const scale = parseScales(invocation.args.positionals);
  await bringUp(invocation, { start: true, scale, names: Object.keys(scale) });
  return exitCodes.ok;
};

interface Wishes {
  readonly start: boolean;
  readonly scale?: Readonly<Record<string, number>>;
  readonly names?: readonly string[];
}

/** Converges; null when only the plan was wanted. */
async function bringUp(invocation: Invocation, { start, scale, names }: Wishes): Promise<Project | null> {
  const { args, io, client } = invocation;
  const wanted = names ?? args.positionals;
  const whole = await readProject({ args, io }, { named: wanted });
  const dependencies = !args.flag('no-deps');
  const selected = selectServices(whole, wanted, { dependencies });
  const wished = args.flag('all-resources') ? selected : dropUnused(selected);
  if (Object.keys(wished.services).length === 0 && !args.flag('all-resources'))
    throw new OrlopError('invalid-argument', 'COMPOSE_NO_SERVICE', 'no service selected', {
      hint: 'the files have none, or their profiles are not asked for: --profile',
    });
  const isDry = args.flag('dry-run');
  const project = isDry ? withoutProvided(wished) : await provideServices(wished, providerCaller(invocation, wished));
  const options = {
    images: { build: args.flag('build'), neverBuild: args.flag('no-build'), pull: args.text('pull') },
    source: isDry ? drySource(invocation) : imageSource(invocation, project, { quiet: args.flag('quiet-pull') }),
    plan: {
      start,
      dependencies,
      forceRecreate: args.flag('force-recreate'),
      recreateDependencies: args.flag('always-recreate-deps'),
      named: wanted,
      noRecreate: args.flag('no-recreate'),
      removeOrphans: args.flag('remove-orphans'),
      renewVolumes: args.flag('renew-anon-volumes'),
      replaceVolumes: args.flag('yes'),
      scale: checkScales(scale ?? parseScales(args.list('scale')), whole),
    },
    rollsBack: args.flag('rollback-on-failure'),
    parallel: args.integer('parallel'),
    stopTimeoutS: args.integer('timeout'),
    ...(args.flag('detach') ? {} : { onHook: hookPrinter(io) }),
    onStep: stepReporter({ io, args }),
    onWarning: warner(io),
    onPlan: async (plan: Parameters<typeof formatPlan>[0]) => {
      if (isDry) await write(io.stdout, formatPlan(plan));
      else for (const name of plan.unchanged ?? []) await write(io.stderr, ` Container ${name}  Running\n`);
      return !isDry;
    },
  };
  const giveUp = new AbortController();
  const onInterrupt = (): void => giveUp.abort();
  process.once('SIGINT', onInterrupt);
  try {
    await convergeUp(await client(), project, { ...options, signal: giveUp.signal });
  } finally {
    process.off('SIGINT', onInterrupt);
  }
  return isDry ? null : project;
}

/** Only says what would be pulled and built. */
function drySource({ io }: Pick<Invocation, 'io'>): Parameters<typeof convergeUp>[2]['source'] {
  return {
    pull: (image) => write(io.stdout, `Image ${image}  Pulling\n`),
    build: (_name, image) => write(io.stdout, `Image ${image}  Building\n`),
  };
}

/** not-found for a service that is none. */
function checkScales(scales: Readonly<Record<string, number>>, project: Project): Readonly<Record<string, number>> {
  for (const name of Object.keys(scales)) if (!Object.hasOwn(project.services, name)) throw noSuchService(name, project);
  return scales;
}

/** `web=3` */
export function parseScales(words: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name, count] = /^([^=]+)=(\d{1,5})$/.exec(word) ?? [];
      if (name === undefined) throw usageError(`${JSON.stringify(word)} is no SERVICE=NUMBER`);
      return [name, Number(count)];
    }),
  );
}

function signalAfter(seconds: number | undefined): AbortSignal {
  return seconds === undefined || seconds === 0 ? new AbortController().signal : AbortSignal.timeout(seconds * 1000);
}
