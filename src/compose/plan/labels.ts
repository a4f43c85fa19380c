import { sortedKeys } from '../shape/index.ts';
import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';

/** Labels by which Compose, and we, know what belongs to a project: either sees the other's. */
export const labels = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  number: 'com.docker.compose.container-number',
  hash: 'com.docker.compose.config-hash',
  oneOff: 'com.docker.compose.oneoff',
  image: 'com.docker.compose.image',
  dependsOn: 'com.docker.compose.depends_on',
  directory: 'com.docker.compose.project.working_dir',
  files: 'com.docker.compose.project.config_files',
  version: 'com.docker.compose.version',
  network: 'com.docker.compose.network',
  volume: 'com.docker.compose.volume',
} as const;

/** The Compose whose behaviour ours is compared with. */
const composeVersion = '2.40.3';

/** Those of a project's networks and volumes. */
export function resourceLabels(project: Project, kind: 'network' | 'volume', key: string, hash: string): Record<string, string> {
  return { [labels.project]: project.name, [labels[kind]]: key, [labels.hash]: hash, [labels.version]: composeVersion };
}

export interface ContainerPlace {
  readonly service: string;
  readonly number: number;
  readonly hash: string;
  readonly imageId: string;
  readonly oneOff?: boolean;
}

/** Those of a container. */
export function containerLabels(project: Project, service: ServiceConfig, place: ContainerPlace): Record<string, string> {
  return {
    ...service.labels,
    [labels.project]: project.name,
    [labels.service]: place.service,
    [labels.number]: String(place.number),
    [labels.hash]: place.hash,
    [labels.oneOff]: place.oneOff === true ? 'True' : 'False',
    [labels.image]: place.imageId,
    [labels.dependsOn]: formatDependsOn(service.depends_on ?? {}),
    [labels.directory]: project.directory,
    [labels.files]: project.files.join(','),
    [labels.version]: composeVersion,
  };
}

/** `database:service_healthy:false`: the service, what it must be, and whether its restart restarts this one. */
function formatDependsOn(dependsOn: NonNullable<ServiceConfig['depends_on']>): string {
  return sortedKeys(dependsOn)
    .map((name) => `${name}:${dependsOn[name]?.condition ?? ''}:${String(dependsOn[name]?.restart === true)}`)
    .join(',');
}
