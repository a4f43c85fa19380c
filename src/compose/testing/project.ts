import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';

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
