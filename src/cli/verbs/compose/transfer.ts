import type { Client } from '#client';
import { ensureImages, imageOf, selectServices, type Project, type ServiceConfig } from '#compose';
import type { Arguments } from '../../arguments/parse.ts';
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
  await ensureImages(await client(), { ...project, services }, imageSource(invocation, project, { quiet: args.flag('quiet'), further }), {
    build: true,
  });
  if (args.flag('push')) await composePush(invocation);
  return exitCodes.ok;
};

/** `orlop compose pull` */
export const composePull: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const project = await chosen(invocation, args.flag('include-deps'));
  const engine = await client();
  const quiet = args.flag('quiet');
  const source = imageSource(invocation, project, { quiet });
  const say = (text: string): void => void (quiet || io.stderr.write(` ${text}\n`));
  const pullers = new Map<string, string>();
  const failures: { readonly name: string; readonly reason: unknown }[] = [];
  const pull = async (name: string, service: ServiceConfig): Promise<void> => {
    const { image = '' } = service;
    const reason = await whyNoPull(engine, service, args);
    const other = pullers.get(image);
    if (reason !== null || other !== undefined) {
      say(`${name} Skipped - ${reason ?? `Image is already being pulled by ${other ?? ''}`}`);
      return;
    }
    pullers.set(image, name);
    say(`${name} Pulling`);
    try {
      await source.pull(image, service);
      say(`${name} Pulled`);
    } catch (error) {
      failures.push({ name, reason: error });
      say(`${name} Error`);
    }
  };
  await Promise.all(Object.entries(project.services).map(([name, service]) => pull(name, service)));
  const [failed] = failures;
  if (failed !== undefined && !args.flag('ignore-pull-failures')) throw failed.reason;
  const buildable = failures.map(({ name }) => name).filter((name) => project.services[name]?.build !== undefined);
  if (buildable.length > 0)
    say(`WARNING: Some service image(s) must be built from source by running:\n    orlop compose build ${buildable.join(' ')}`);
  return exitCodes.ok;
};

/** What people are told of a service whose image is not asked for, or null. */
async function whyNoPull(engine: Client, { build, image, pull_policy: policy }: ServiceConfig, args: Arguments): Promise<string | null> {
  if (image === undefined || policy === 'never' || policy === 'build') return 'No image to be pulled';
  if (build !== undefined && args.flag('ignore-buildable')) return 'Image can be built';
  // What is called latest may be another by now, unless nobody wants to know.
  const asked = args.text('policy');
  const isEnough =
    asked === 'missing' || (asked === undefined && policy === 'missing' && !/^[^:@]+(?::\d+\/[^:@]+)?$|:latest$/.test(image));
  if (!isEnough) return null;
  const isHere = await engine.images.inspect(image).then(
    () => true,
    () => false,
  );
  return isHere ? 'Image is already present locally' : null;
}

/** `orlop compose push` */
export const composePush: Verb = async (invocation) => {
  const { args, io } = invocation;
  const project = await chosen(invocation, args.flag('include-deps'));
  const quiet = args.flag('quiet') ? ['--quiet'] : [];
  for (const [name, { build, image }] of Object.entries(project.services)) {
    if (build === undefined || image === undefined) continue;
    for (const wanted of new Set([imageOf(project, name), ...(build.tags ?? [])])) {
      try {
        await runVerb(invocation, ['push', ...quiet, wanted]);
      } catch (error) {
        if (!args.flag('ignore-push-failures')) throw error;
        const why = error instanceof Error ? error.message : String(error);
        void io.stderr.write(`orlop: warning: ${wanted} was not pushed: ${why}\n`);
      }
    }
  }
  return exitCodes.ok;
};
