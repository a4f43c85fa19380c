import type { ComposeFile } from './file.ts';
import type { Dependency, ServiceConfig } from './service.ts';

type Named<T> = Readonly<Record<string, T>>;

/**
 * The model with what it says between the lines: the default network, names of what has none, Dockerfiles, services that others depend on by links,
 * namespaces and volumes. Pure. Source: compose-spec 05-services, 06-networks.
 */
export function normalize(file: ComposeFile, project: string): ComposeFile {
  const services = mapValues(file.services ?? {}, (service) => normalizeService(service));
  const usesDefault = Object.values(services).some(({ networks }) => networks !== undefined && Object.hasOwn(networks, 'default'));
  const networks = { ...(usesDefault ? { default: {} } : {}), ...file.networks };
  return {
    ...file,
    services,
    networks: withNames(networks, project),
    volumes: withNames(file.volumes ?? {}, project),
    secrets: withNames(file.secrets ?? {}, project),
    configs: withNames(file.configs ?? {}, project),
  };
}

export function mapValues<T, R>(values: Named<T>, change: (value: T, key: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value, key)]));
}

function withNames<T extends { readonly name?: string; readonly external?: boolean }>(
  values: Named<T>,
  project: string,
): Record<string, T> {
  return mapValues(values, (value, key) => ({ ...value, name: value.name ?? (value.external === true ? key : `${project}_${key}`) }));
}

function normalizeService(service: ServiceConfig): ServiceConfig {
  const { build, network_mode, networks, provider } = service;
  const dependsOn = { ...impliedDependencies(service), ...service.depends_on };
  const onDefault = network_mode === undefined && provider === undefined && Object.keys(networks ?? {}).length === 0;
  return {
    ...service,
    ...(Object.keys(dependsOn).length === 0 ? {} : { depends_on: dependsOn }),
    ...(onDefault ? { networks: { default: null } } : {}),
    ...(service.pull_policy === 'if_not_present' ? { pull_policy: 'missing' } : {}),
    ...(build === undefined
      ? {}
      : {
          build: {
            ...build,
            ...(build.dockerfile === undefined && build.dockerfile_inline === undefined ? { dockerfile: 'Dockerfile' } : {}),
          },
        }),
  };
}

function impliedDependencies(service: ServiceConfig): Record<string, Dependency> {
  const { links = [], volumes_from: volumesFrom = [] } = service;
  const implied: Record<string, Dependency> = {};
  const add = (name: string, restart: boolean): void => {
    implied[name] ??= { condition: 'service_started', ...(restart ? { restart } : {}), required: true };
  };
  for (const link of links) add(link.split(':')[0] ?? '', true);
  for (const namespace of [service.network_mode, service.ipc, service.pid, service.uts, service.cgroup])
    if (namespace?.startsWith('service:') === true) add(namespace.slice('service:'.length), true);
  for (const from of volumesFrom) if (!from.startsWith('container:')) add(from.split(':')[0] ?? '', false);
  return implied;
}
