import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';
import type { ObservedContainer } from '../plan/observed.ts';

/** A project `p` of these services, and of nothing else unless `more` says so. */
export function projectOf(services: Readonly<Record<string, ServiceConfig>>, more: Partial<Project> = {}): Project {
  const none = {};
  return {
    name: 'p',
    directory: '/p',
    files: ['/p/c.yaml'],
    environment: none,
    services,
    disabled: none,
    networks: none,
    volumes: none,
    secrets: none,
    configs: none,
    models: none,
    extensions: none,
    ...more,
  };
}

/** A running container of project `p`. */
export function containerOf(service: string, number = 1, more: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: `${service}${number}`.padEnd(12, '0'),
    name: `p-${service}-${number}`,
    service,
    number,
    hash: '',
    imageId: 'i',
    oneOff: false,
    state: 'running',
    networks: [],
    volumes: [],
    anonymous: {},
    ...more,
  };
}
