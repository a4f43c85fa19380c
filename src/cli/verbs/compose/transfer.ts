import { ensureImages, imageOf, selectServices, type Project } from '#compose';
import { exitCodes } from '../../exit-codes.ts';
import type { Invocation, Verb } from '../../invocation.ts';
import { imageSource, runVerb } from './images.ts';
import { readProject } from './project.ts';

async function chosen(invocation: Invocation, dependencies: boolean): Promise<Project> {
  const { args } = invocation;
  return selectServices(await readProject(invocation, { named: args.positionals }), args.positionals, { dependencies });
}

/** `orlop compose build` */
export const composeBuild: Verb = async (invocation) => {
  const { args, client } = invocation;
  const project = await chosen(invocation, args.flag('with-dependencies'));
  const services = Object.fromEntries(Object.entries(project.services).filter(([, { build }]) => build !== undefined));
  const further = [
    ...['no-cache', 'pull'].flatMap((name) => (args.flag(name) ? [`--${name}`] : [])),
    ...['build-arg', 'ssh'].flatMap((name) => args.list(name).map((value) => `--${name}=${value}`)),
    ...(args.text('memory') === undefined ? [] : [`--memory=${args.text('memory') ?? ''}`]),
  ];
  await ensureImages(
    await client(),
    { ...project, services },
    imageSource(invocation, { ...project }, { quiet: args.flag('quiet'), further }),
    { build: true },
  );
  return exitCodes.ok;
};

/** `orlop compose pull` */
export const composePull: Verb = async (invocation) => {
  const { args, client } = invocation;
  const project = await chosen(invocation, args.flag('include-deps'));
  const engine = await client();
  const source = imageSource(invocation, project, { quiet: args.flag('quiet') });
  const pulled = Object.entries(project.services).filter(
    ([, { build, image, pull_policy: policy }]) =>
      image !== undefined && policy !== 'never' && policy !== 'build' && !(build !== undefined && args.flag('ignore-buildable')),
  );
  const once = new Map(pulled.map(([, service]) => [service.image ?? '', service]));
  const outcomes = await Promise.allSettled(
    [...once].map(async ([image, service]) => {
      const isHere =
        args.text('policy') === 'missing' &&
        (await engine.images.inspect(image).then(
          () => true,
          () => false,
        ));
      if (!isHere) await source.pull(image, service);
    }),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined && !args.flag('ignore-pull-failures')) throw failed.reason;
  return exitCodes.ok;
};

/** `orlop compose push` */
export const composePush: Verb = async (invocation) => {
  const { args } = invocation;
  const project = await chosen(invocation, args.flag('include-deps'));
  for (const [name, { build }] of Object.entries(project.services))
    if (build !== undefined) await runVerb(invocation, ['push', ...(args.flag('quiet') ? ['--quiet'] : []), imageOf(project, name)]);
  return exitCodes.ok;
};
