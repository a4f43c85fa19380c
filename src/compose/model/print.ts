import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { inOrder, sortedKeys, type Form, type Shape } from '../shape/index.ts';
import { mapValues } from './normalize.ts';
import type { Project } from './project.ts';
import { config, model, network, secret, volume, type NetworkConfig, type VolumeConfig } from './resources.ts';
import { service, type ServiceConfig } from './service.ts';

/** The project as `config` shows it. Pure. */
export function printProject(project: Project, form: Form): Record<string, unknown> {
  const named = <T>(values: Readonly<Record<string, T>>, shape: Shape<T>): Record<string, unknown> =>
    Object.fromEntries(sortedKeys(values).map((key) => [key, shape.print(values[key] as T, form)]));
  const sections: readonly (readonly [string, Record<string, unknown>])[] = [
    ['networks', named(project.networks, network)],
    ['volumes', named(project.volumes, volume)],
    ['secrets', named(project.secrets, secret)],
    ['configs', named(project.configs, config)],
    ['models', named(project.models, model)],
  ];
  const printed = {
    name: project.name,
    // Labels of files are among the labels by now.
    services: named(
      mapValues(project.services, ({ label_file: _files, ...rest }) => rest),
      service,
    ),
    ...Object.fromEntries(sections.filter(([, values]) => Object.keys(values).length > 0)),
    ...(inOrder(project.extensions) as object),
  };
  // Go's encoder sorts.
  return form === 'yaml' ? printed : Object.fromEntries(Object.entries(printed).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What Compose labels containers with, to tell whether they still are as wanted: SHA-256 over the service without what changes nothing in a container. Pure. */
export function hashService(value: ServiceConfig): string {
  const { build: _build, pull_policy: _policy, scale: _scale, depends_on: _dependencies, profiles: _profiles, deploy, ...rest } = value;
  const { replicas: _replicas, ...deployed } = deploy ?? {};
  return digest(service.print({ ...rest, ...(deploy === undefined ? {} : { deploy: deployed }) }, 'json'));
}

function digest(printed: unknown): string {
  return createHash('sha256').update(goJson(printed)).digest('hex');
}

/** JSON as Go's encoder writes it: what HTML would take for markup is escaped. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A value as YAML, lists and texts as Compose writes them. Pure. */
export function formatYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, version: '1.1' });
}

/** The image of a service: that which it names, or what its build is called. Pure. */
export function imageOf(project: Pick<Project, 'name' | 'services' | 'separator'>, name: string): string {
  return project.services[name]?.image ?? `${project.name}${project.separator ?? '-'}${name}`;
}

/** The same of a network. Pure. */
export function hashNetwork(value: NetworkConfig): string {
  return digest(network.print(value, 'json'));
}

/** The same of a volume. Pure. */
export function hashVolume(value: VolumeConfig): string {
  return digest(volume.print({ ...value, driver: value.driver ?? 'local' }, 'json'));
}
