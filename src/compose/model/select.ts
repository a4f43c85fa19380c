import { OrlopError } from '#errors';
import type { Project } from './project.ts';
import type { ServiceConfig } from './service.ts';

type Services = Readonly<Record<string, ServiceConfig>>;

/** The project with the services that these profiles ask for, and those that are named; `*` asks for all. Pure. Source: compose-spec 15-profiles. */
export function selectProfiles(project: Project, profiles: readonly string[], named: readonly string[] = []): Project {
  const all: Services = { ...project.services, ...project.disabled };
  const wanted = (name: string, service: ServiceConfig): boolean => {
    const own = service.profiles ?? [];
    return own.length === 0 || profiles.includes('*') || named.includes(name) || own.some((profile) => profiles.includes(profile));
  };
  return split(project, all, (name, service) => wanted(name, service));
}

/** The project with these services and those that they depend on; with none named, all. not-found for a service that is none. Pure. */
export function selectServices(project: Project, names: readonly string[], options: { readonly dependencies?: boolean } = {}): Project {
  if (names.length === 0) return project;
  const chosen = new Set<string>();
  const add = (name: string): void => {
    if (chosen.has(name)) return;
    chosen.add(name);
    if (options.dependencies === false) return;
    for (const [other, { required }] of Object.entries(project.services[name]?.depends_on ?? {}))
      if (required !== false || Object.hasOwn(project.services, other)) add(other);
  };
  for (const name of names) {
    if (!Object.hasOwn(project.services, name)) throw noSuchService(name, project);
    add(name);
  }
  return split(project, { ...project.services, ...project.disabled }, (name) => chosen.has(name));
}

export function noSuchService(name: string, { services }: Project): OrlopError {
  return new OrlopError('not-found', 'COMPOSE_NO_SERVICE', `no such service: ${name}`, {
    hint: `the services are ${Object.keys(services).join(', ')}`,
  });
}

function split(project: Project, all: Services, fits: (name: string, service: ServiceConfig) => boolean): Project {
  const part = (wanted: boolean): Services =>
    Object.fromEntries(Object.entries(all).filter(([name, service]) => fits(name, service) === wanted));
  return { ...project, services: part(true), disabled: part(false) };
}

/** The project without networks, volumes, secrets and configs that no service uses. Pure. */
export function dropUnused(project: Project): Project {
  const services = Object.values(project.services);
  const keep = <T>(values: Readonly<Record<string, T>>, used: readonly (string | undefined)[]): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(values).filter(([key]) => used.includes(key)));
  const sources = (lists: readonly (readonly { readonly source?: string }[] | undefined)[]): (string | undefined)[] =>
    lists.flatMap((list) => (list ?? []).map(({ source }) => source));
  return {
    ...project,
    networks: keep(
      project.networks,
      services.flatMap(({ networks }) => Object.keys(networks ?? {})),
    ),
    volumes: keep(project.volumes, sources(services.map(({ volumes }) => volumes?.filter(({ type }) => type === 'volume')))),
    secrets: keep(project.secrets, [
      ...sources(services.map(({ secrets }) => secrets)),
      ...sources(services.map(({ build }) => build?.secrets)),
    ]),
    configs: keep(project.configs, sources(services.map(({ configs }) => configs))),
    models: keep(
      project.models,
      services.flatMap(({ models }) => Object.keys(models ?? {})),
    ),
  };
}
