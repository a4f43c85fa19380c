import { OrlopError } from '#errors';
import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';
import { inOrder } from '../plan/order.ts';

/** What a provider tells of a service that it runs. */
export interface Provided {
  /** For services that depend on it, behind the service's name: `URL` becomes `DATABASE_URL`. */
  readonly variables: Readonly<Record<string, string>>;
  /** As they are. */
  readonly rawVariables: Readonly<Record<string, string>>;
}

export type ProviderCommand = 'up' | 'down' | 'stop';

/** Calls the program that a service names as its provider. Resolves with what it told. Throws with what it said went wrong. */
export type CallProvider = (name: string, service: ServiceConfig, command: ProviderCommand) => Promise<Provided>;

/**
 * The project without the services that others provide, once those are there, and with the variables that they give to services that depend on them.
 * unimplemented for one that depends on a service of containers: providers are called before. Source: Docker Compose, docs/extension.md.
 */
export async function provideServices(project: Project, call: CallProvider): Promise<Project> {
  let now = project;
  for (const name of providedIn(project)) {
    const service = project.services[name] ?? {};
    const other = Object.keys(service.depends_on ?? {}).find((one) => project.services[one]?.provider === undefined);
    if (other !== undefined)
      throw new OrlopError(
        'unimplemented',
        'COMPOSE_UNSUPPORTED',
        `services.${name}.depends_on is not supported: it is provided before ${other} is there`,
        {
          hint: 'let services depend on what is provided, not the other way round',
        },
      );
    now = withVariables(now, name, await call(name, now.services[name] ?? {}, 'up'));
  }
  return withoutProvided(now);
}

/** The same for what is to go, or to stop: those that depend on others first. */
export async function releaseServices(project: Project, call: CallProvider, command: 'down' | 'stop'): Promise<void> {
  for (const name of providedIn(project).toReversed()) await call(name, project.services[name] ?? {}, command);
}

/** The project's services of containers; the others are known, and not looked for. Pure. */
export function withoutProvided(project: Project): Project {
  const part = (isProvided: boolean): Record<string, ServiceConfig> =>
    Object.fromEntries(Object.entries(project.services).filter(([, { provider }]) => (provider !== undefined) === isProvided));
  const provided = part(true);
  return Object.keys(provided).length === 0
    ? project
    : { ...project, services: part(false), disabled: { ...project.disabled, ...provided } };
}

function providedIn(project: Project): string[] {
  return inOrder(project).filter((name) => project.services[name]?.provider !== undefined);
}

function withVariables(project: Project, name: string, { variables, rawVariables }: Provided): Project {
  const prefix = `${name.toUpperCase()}_`;
  const prefixed = Object.fromEntries(Object.entries(variables).map(([key, value]) => [prefix + key, value]));
  const services = Object.entries(project.services).map(([other, service]): [string, ServiceConfig] => [
    other,
    Object.hasOwn(service.depends_on ?? {}, name)
      ? { ...service, environment: { ...service.environment, ...prefixed, ...rawVariables } }
      : service,
  ]);
  return { ...project, services: Object.fromEntries(services) };
}
