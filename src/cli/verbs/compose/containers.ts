import type { Client } from '#client';
import { OrlopError } from '#errors';
import { convergeRestart, convergeStop, isUp, releaseServices, selectServices, type ObservedContainer } from '#compose';
import type { Arguments } from '../../arguments/parse.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { write, type Io } from '../../io.ts';
import { chooseContainers } from './chosen.ts';
import { providerCaller } from './providers.ts';
import { stepReporter, warner } from './progress.ts';

type Deed = (engine: Client, container: ObservedContainer, args: Arguments) => Promise<unknown>;

/** The same for each container of the services, side by side. */
function eachContainer(doing: string, done: string, deed: Deed, fits: (container: ObservedContainer) => boolean = () => true): Verb {
  return async (invocation) => {
    const { args, io, client } = invocation;
    const { containers } = await chooseContainers(invocation);
    const engine = await client();
    const fitting = containers.filter(fits);
    if (fitting.length === 0) await write(io.stderr, `no container to ${invocation.command.name.replace('compose ', '')}\n`);
    await doToEach(io, fitting, [doing, done], (container) => deed(engine, container, args));
    return exitCodes.ok;
  };
}

async function doToEach(
  io: Io,
  containers: readonly ObservedContainer[],
  [doing, done]: readonly [string, string],
  deed: (container: ObservedContainer) => Promise<unknown>,
): Promise<void> {
  await Promise.all(
    containers.map(async (container) => {
      await write(io.stderr, ` Container ${container.name}  ${doing}\n`);
      await deed(container);
      await write(io.stderr, ` Container ${container.name}  ${done}\n`);
    }),
  );
}

const runs = ({ state }: ObservedContainer): boolean => state === 'running';

/** `orlop compose restart`: in the order of what services depend on; with those named, those that are to be restarted with them, too. */
export const composeRestart: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const { project } = await chooseContainers(invocation);
  const wanted = { services: args.positionals, dependents: !args.flag('no-deps') };
  const options = { stopTimeoutS: args.integer('timeout'), onStep: stepReporter({ io, args }), onWarning: warner(io) };
  await convergeRestart(await client(), project, wanted, options);
  return exitCodes.ok;
};
export const composeKill = eachContainer(
  'Killing',
  'Killed',
  async (engine, { id }, args) => {
    const signal = args.text('signal');
    await engine.containers.kill(id, signal);
    // Nothing survives it, so that what comes after finds the container ended.
    if (signal === undefined || /^(?:SIG)?KILL$|^9$/i.test(signal)) await engine.containers.wait(id);
  },
  runs,
);
export const composePause = eachContainer('Pausing', 'Paused', (engine, { id }) => engine.containers.pause(id), isUp);
export const composeUnpause = eachContainer('Unpausing', 'Unpaused', (engine, { id }) => engine.containers.unpause(id), isUp);

/** `orlop compose stop` */
export const composeStop: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const { project, containers } = await chooseContainers(invocation);
  const services = Object.fromEntries(
    Object.entries(project.services).filter(([name]) => containers.some(({ service }) => service === name)),
  );
  const stopped = selectServices(project, args.positionals, { dependencies: false });
  const options = { stopTimeoutS: args.integer('timeout'), onStep: stepReporter({ io, args }), onWarning: warner(io) };
  await convergeStop(await client(), { ...project, services }, options);
  await releaseServices(stopped, providerCaller(invocation, project), 'stop');
  return exitCodes.ok;
};

/** `orlop compose rm` */
export const composeRemove: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  if (args.flag('stop')) await composeStop(invocation);
  const { containers } = await chooseContainers(invocation, args.positionals, { oneOff: true });
  const engine = await client();
  const ended = containers.filter((container) => !isUp(container));
  if (ended.length === 0) {
    await write(io.stderr, 'No stopped containers\n');
    return exitCodes.ok;
  }
  const { confirm } = await import('../prune.ts');
  const question = `Going to remove ${ended.map(({ name }) => name).join(', ')}`;
  if (args.flag('force')) await write(io.stdout, `${question}\n`);
  else if (!(await confirm(io, question))) return exitCodes.failure;
  await doToEach(io, ended, ['Removing', 'Removed'], ({ id }) => engine.containers.remove(id, { volumes: args.flag('volumes') }));
  return exitCodes.ok;
};

/** `orlop compose wait`: until all have ended; with the code of the first that fails. */
export const composeWait: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const { project, containers } = await chooseContainers(invocation);
  if (containers.length === 0)
    throw new OrlopError('not-found', 'COMPOSE_NO_CONTAINERS', `no containers for project ${JSON.stringify(project.name)}`, {
      hint: 'start them with orlop compose up -d',
    });
  const engine = await client();
  const codes = await Promise.all(
    containers.map(async ({ id }) => {
      const { StatusCode } = await engine.containers.wait(id);
      await write(io.stdout, `container ${JSON.stringify(id)} exited with status code ${StatusCode}\n`);
      return StatusCode;
    }),
  );
  if (args.flag('down-project')) {
    const { composeDown } = await import('./down.ts');
    await composeDown({ ...invocation, args: { ...args, positionals: [] } });
  }
  return codes.find((code) => code !== 0) ?? exitCodes.ok;
};
