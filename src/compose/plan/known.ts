import type { Project } from '../model/project.ts';
import type { Dependency, ServiceConfig } from '../model/service.ts';
import { labels } from './labels.ts';

type Labels = Readonly<Record<string, string>>;

/** What carries a project's labels. */
export interface Labelled {
  readonly containers: readonly Labels[];
  /** By name. */
  readonly networks: Readonly<Record<string, Labels>>;
  readonly volumes: Readonly<Record<string, Labels>>;
}

/** The project as far as the labels of what is there tell it, for who has no file of it: services and what they depend on, networks, volumes. Pure. */
export function projectOfLabels(name: string, { containers, networks, volumes }: Labelled): Project {
  const own = containers.filter((container) => container[labels.project] === name);
  const services: Record<string, ServiceConfig> = {};
  for (const container of own) {
    const service = container[labels.service];
    if (service !== undefined) services[service] ??= { depends_on: parseDependsOn(container[labels.dependsOn] ?? '') };
  }
  // Who depends on a service of which nothing is there depends on nothing.
  const known = Object.fromEntries(
    Object.entries(services).map(([service, { depends_on = {} }]) => [
      service,
      { depends_on: Object.fromEntries(Object.entries(depends_on).filter(([other]) => Object.hasOwn(services, other))) },
    ]),
  );
  const resources = (found: Labelled['networks'], label: string): Record<string, { readonly name: string }> =>
    Object.fromEntries(
      Object.entries(found).flatMap(([resource, given]) =>
        given[labels.project] === name ? [[given[label] ?? resource, { name: resource }]] : [],
      ),
    );
  const none = {};
  return {
    name,
    directory: own[0]?.[labels.directory] ?? '/',
    files: [],
    environment: none,
    services: known,
    disabled: none,
    networks: resources(networks, labels.network),
    volumes: resources(volumes, labels.volume),
    secrets: none,
    configs: none,
    models: none,
    extensions: none,
  };
}

/** The inverse of what stands in the label: `database:service_healthy:false,cache:service_started:true`. */
function parseDependsOn(text: string): Record<string, Dependency> {
  const entries = text.split(',').filter((entry) => entry !== '');
  return Object.fromEntries(
    entries.map((entry) => {
      const [service = '', condition, restart] = entry.split(':');
      const known = (['service_healthy', 'service_completed_successfully'] as const).find((one) => one === condition);
      return [service, { condition: known ?? 'service_started', restart: restart === 'true', required: true }];
    }),
  );
}
