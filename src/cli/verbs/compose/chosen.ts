import { containersOf, noSuchService, type ObservedContainer, type Project } from '#compose';
import { OrlopError } from '#errors';
import type { Invocation } from '../../invocation.ts';
import { findProjectOf } from './found.ts';

export interface Chosen {
  readonly project: Project;
  readonly containers: readonly ObservedContainer[];
}

/** The project's containers of the services named, or of all. not-found for a service that is none. */
export async function chooseContainers(
  invocation: Pick<Invocation, 'args' | 'io' | 'client'>,
  services: readonly string[] = invocation.args.positionals,
  options: { readonly oneOff?: boolean } = {},
): Promise<Chosen> {
  const { args, client } = invocation;
  const project = await findProjectOf(invocation, { named: services, resolvesEnvironment: false });
  for (const name of services) if (!Object.hasOwn(project.services, name)) throw noSuchService(name, project);
  const all = await containersOf(await client(), project);
  const index = args.integer('index');
  const fits = ({ service, oneOff, number }: ObservedContainer): boolean =>
    (services.length === 0 || services.includes(service)) &&
    (options.oneOff === true || !oneOff) &&
    (index === undefined || index === 0 || number === index);
  return { project, containers: all.filter(fits) };
}

/** One container of a service: that of `--index`, or the first. */
export async function chooseOne(invocation: Pick<Invocation, 'args' | 'io' | 'client'>, service: string): Promise<ObservedContainer> {
  const { containers } = await chooseContainers(invocation, [service]);
  const found = containers.find(({ state }) => state === 'running') ?? containers[0];
  const index = invocation.args.integer('index') ?? 0;
  if (found === undefined)
    throw new OrlopError(
      'not-found',
      'COMPOSE_NO_CONTAINER',
      `service "${service}" is not running${index === 0 ? '' : ` container #${index}`}`,
      {
        hint: 'start it with orlop compose up -d',
      },
    );
  return found;
}

/** As `chooseOne`, of those that run. */
export async function chooseRunning(invocation: Pick<Invocation, 'args' | 'io' | 'client'>, service: string): Promise<ObservedContainer> {
  const found = await chooseOne(invocation, service);
  if (found.state === 'exited' || found.state === 'created')
    throw new OrlopError('failed-precondition', 'COMPOSE_NOT_RUNNING', `service "${service}" is not running`, {
      hint: `start it with orlop compose start ${service}; see why it ended with orlop compose logs ${service}`,
    });
  return found;
}
