import { randomBytes } from 'node:crypto';
import type { Client } from '#client';
import type { DockerCreateBody } from '#wire';
import { hashService } from '../model/print.ts';
import { parseMount } from '../model/mounts.ts';
import { parsePorts } from '../model/ports.ts';
import type { Project } from '../model/project.ts';
import { noSuchService } from '../model/select.ts';
import type { ServiceConfig } from '../model/service.ts';
import { containerName, planContainer } from '../plan/container-body.ts';
import { writeFiles } from './perform.ts';

/** What a container that is run once has otherwise than its service. */
export interface OneOffWishes {
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly user?: string | undefined;
  readonly workingDirectory?: string | undefined;
  readonly name?: string | undefined;
  /** Beside those of the service. */
  readonly capabilities?: { readonly added: readonly string[]; readonly dropped: readonly string[] };
  /** In the short form. */
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  /** Publishes what the service publishes, too. */
  readonly servicePorts?: boolean;
  /** Is found under the service's name. */
  readonly usesAliases?: boolean;
  readonly terminal: boolean;
  readonly interactive: boolean;
  readonly removed: boolean;
}

/** The service as a container that is run once is made of it. Pure. */
export function oneOffService(service: ServiceConfig, wishes: OneOffWishes): ServiceConfig {
  const { ports = [], container_name: _name, healthcheck: _check, restart: _restart, ...rest } = service;
  const { added = [], dropped = [] } = wishes.capabilities ?? {};
  const published = [...(wishes.servicePorts === true ? ports : []), ...(wishes.ports ?? []).flatMap(parsePorts)];
  return {
    ...rest,
    ...(published.length === 0 ? {} : { ports: published }),
    ...(wishes.command === undefined || wishes.command.length === 0 ? {} : { command: wishes.command }),
    ...(wishes.entrypoint === undefined ? {} : { entrypoint: wishes.entrypoint, ...(wishes.command?.length ? {} : { command: null }) }),
    environment: { ...service.environment, ...wishes.environment },
    labels: { ...service.labels, ...wishes.labels },
    ...(wishes.user === undefined ? {} : { user: wishes.user }),
    ...(wishes.workingDirectory === undefined ? {} : { working_dir: wishes.workingDirectory }),
    ...(added.length === 0 ? {} : { cap_add: [...(service.cap_add ?? []), ...added] }),
    ...(dropped.length === 0 ? {} : { cap_drop: [...(service.cap_drop ?? []), ...dropped] }),
    volumes: [...(service.volumes ?? []), ...(wishes.volumes ?? []).map(parseMount)],
    tty: wishes.terminal,
    stdin_open: wishes.interactive,
  };
}

/** Makes a container that is run once; resolves with its id. not-found for a service that is none. */
export async function createOneOff(client: Client, project: Project, name: string, imageId: string, wishes: OneOffWishes): Promise<string> {
  const own = project.services[name];
  if (own === undefined) throw noSuchService(name, project);
  const service = oneOffService(own, wishes);
  const changed: Project = { ...project, services: { ...project.services, [name]: service } };
  const containers = Object.fromEntries(Object.keys(project.services).map((other) => [other, containerName(project, other, 1)]));
  const body = planContainer(changed, name, {
    service: name,
    number: 1,
    hash: hashService(own),
    imageId,
    oneOff: wishes.usesAliases !== true,
    containers,
  });
  const create: DockerCreateBody = {
    ...body,
    Labels: { ...body.Labels, 'com.docker.compose.oneoff': 'True' },
    ...(wishes.interactive ? { AttachStdin: true, StdinOnce: true } : {}),
    HostConfig: {
      ...body.HostConfig,
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      ...(wishes.removed ? { AutoRemove: true } : {}),
    },
  };
  const { Id } = await client.containers.create(
    create,
    wishes.name ?? [project.name, name, 'run', randomBytes(6).toString('hex')].join(project.separator ?? '-'),
    service.platform,
  );
  try {
    await writeFiles(Id, service, { client, project });
  } catch (error) {
    await client.containers.remove(Id, { force: true });
    throw error;
  }
  return Id;
}
