import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '#client';
import { isOrlopError, OrlopError } from '#errors';
import { hashNetwork, hashService, hashVolume } from '../model/print.ts';
import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';
import { containerName, planContainer } from '../plan/container-body.ts';
import { referencedFiles } from '../plan/host-config.ts';
import { resourceLabels } from '../plan/labels.ts';
import type { Act, Step } from '../plan/steps.ts';
import { runHooks, type HookListener } from './hooks.ts';
import { waitFor, watchWhether, type Happenings } from './wait.ts';

/** What steps are carried out with. */
export interface Performing {
  readonly client: Client;
  readonly project: Project;
  readonly imageIds: Readonly<Record<string, string>>;
  /** Seconds before a container that is stopped is killed. */
  readonly stopTimeoutS?: number | undefined;
  readonly onWarning: (text: string) => void;
  readonly happenings: Happenings;
  /** Told each line that a hook says, with the container that it runs in. */
  readonly onHook?: HookListener | undefined;
}

type Undo = (() => Promise<void>) | null;
type ActOf<K extends Act['kind']> = Extract<Act, { readonly kind: K }>;

/** Does one step and tells what undoes it. */
export async function performStep({ act }: Step, performing: Performing, signal: AbortSignal): Promise<Undo> {
  const { client } = performing;
  switch (act.kind) {
    case 'create-network':
      return createNetwork(act.key, performing);
    case 'create-volume':
      return createVolume(act.key, performing);
    case 'create':
      return createContainer(act, performing);
    case 'start':
      return startContainer(act.ref, act.service, performing);
    case 'stop':
      return act.idle === true ? null : stopContainer(act.ref, act.service, performing);
    case 'restart':
      await restartContainer(act.ref, act.service, performing);
      return null;
    case 'remove':
      await client.containers.remove(act.ref, { force: true, volumes: act.volumes });
      return null;
    case 'rename':
      await client.containers.rename(act.ref, act.to);
      return () => client.containers.rename(act.ref, act.from);
    case 'wait':
      await waitForAll(act, performing, signal);
      return null;
    case 'pause':
      await delay(act.duration / 1e6, undefined, { signal });
      return null;
    case 'remove-network':
      await gone(client.networks.remove(act.name));
      return null;
    case 'remove-volume':
      await gone(client.volumes.remove(act.name));
      return null;
    case 'remove-image':
      await gone(client.images.remove(act.name));
      return null;
  }
}

/** What is not there need not be removed. */
async function gone(removal: Promise<unknown>): Promise<void> {
  await removal.catch((error: unknown) => {
    if (!isOrlopError(error, 'not-found')) throw error;
  });
}

async function createNetwork(key: string, { client, project }: Performing): Promise<Undo> {
  const config = project.networks[key] ?? {};
  const { name = key, driver, driver_opts, ipam, internal, attachable, enable_ipv4, enable_ipv6, labels } = config;
  const pools = ipam?.config?.map(({ subnet, gateway, ip_range, aux_addresses }) => ({
    ...(subnet === undefined ? {} : { Subnet: subnet }),
    ...(gateway === undefined ? {} : { Gateway: gateway }),
    ...(ip_range === undefined ? {} : { IPRange: ip_range }),
    ...(aux_addresses === undefined ? {} : { AuxiliaryAddresses: { ...aux_addresses } }),
  }));
  await client.networks.create({
    Name: name,
    ...(driver === undefined ? {} : { Driver: driver }),
    ...(driver_opts === undefined ? {} : { Options: { ...driver_opts } }),
    ...(ipam === undefined
      ? {}
      : {
          IPAM: {
            ...(ipam.driver === undefined ? {} : { Driver: ipam.driver }),
            ...(ipam.options === undefined ? {} : { Options: { ...ipam.options } }),
            ...(pools === undefined ? {} : { Config: pools }),
          },
        }),
    ...(internal === undefined ? {} : { Internal: internal }),
    ...(attachable === undefined ? {} : { Attachable: attachable }),
    ...(enable_ipv4 === undefined ? {} : { EnableIPv4: enable_ipv4 }),
    ...(enable_ipv6 === undefined ? {} : { EnableIPv6: enable_ipv6 }),
    Labels: { ...labels, ...resourceLabels(project, 'network', key, hashNetwork(config)) },
  });
  return () => client.networks.remove(name);
}

async function createVolume(key: string, { client, project }: Performing): Promise<Undo> {
  const config = project.volumes[key] ?? {};
  const { name = key, driver, driver_opts, labels } = config;
  await client.volumes.create({
    Name: name,
    ...(driver === undefined ? {} : { Driver: driver }),
    ...(driver_opts === undefined ? {} : { DriverOpts: { ...driver_opts } }),
    Labels: { ...labels, ...resourceLabels(project, 'volume', key, hashVolume(config)) },
  });
  return () => client.volumes.remove(name);
}

async function createContainer(act: ActOf<'create'>, { client, project, imageIds }: Performing): Promise<Undo> {
  const { service, number, name, inherited } = act;
  const config = project.services[service] ?? {};
  const containers = Object.fromEntries(Object.keys(project.services).map((other) => [other, containerName(project, other, 1)]));
  const body = planContainer(project, service, {
    service,
    number,
    hash: hashService(config),
    imageId: imageIds[service] ?? '',
    inherited,
    containers,
  });
  const { Id } = await client.containers.create(body, name, config.platform);
  try {
    await writeFiles(Id, config, { client, project });
  } catch (error) {
    await client.containers.remove(Id, { force: true });
    throw error;
  }
  return () => client.containers.remove(Id, { force: true });
}

/** Configs and secrets that are no files here. */
export async function writeFiles(
  id: string,
  service: ServiceConfig,
  { client, project }: Pick<Performing, 'client' | 'project'>,
): Promise<void> {
  for (const { target, definition, uid, gid, mode } of referencedFiles(project, service)) {
    if (definition.file !== undefined) continue;
    const {
      environment: variable,
      content = variable === undefined ? undefined : project.environment[variable],
      name = target,
    } = definition;
    if (content === undefined)
      throw new OrlopError(
        'not-found',
        'COMPOSE_NO_VARIABLE',
        `environment variable ${JSON.stringify(variable ?? '')} required by ${name} is not set`,
      );
    const bytes = Buffer.from(content);
    await client.files.writeContent(id, target, pieces(bytes), {
      parents: true,
      mode: mode ?? 0o444,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function startContainer(ref: string, service: string, { client, project, onHook }: Performing): Promise<Undo> {
  await client.containers.start(ref);
  await runHooks(client, { ref, service, onHook }, project.services[service]?.post_start ?? []);
  return async () => void (await client.containers.stop(ref));
}

async function restartContainer(ref: string, service: string, { client, project, stopTimeoutS, onHook }: Performing): Promise<void> {
  const { pre_stop: before = [], post_start: after = [] } = project.services[service] ?? {};
  const { State } = await client.containers.inspect(ref);
  if (State.Running) await runHooks(client, { ref, service, onHook }, before);
  await client.containers.restart(ref, { timeoutS: stopTimeoutS });
  await runHooks(client, { ref, service, onHook }, after);
}

async function stopContainer(ref: string, service: string, { client, project, stopTimeoutS, onHook }: Performing): Promise<Undo> {
  // A hook that fails does not keep the container from being stopped; then it is told.
  const [hooks] = await Promise.allSettled([runHooks(client, { ref, service, onHook }, project.services[service]?.pre_stop ?? [])]);
  await client.containers.stop(ref, { timeoutS: stopTimeoutS });
  if (hooks.status === 'rejected') throw hooks.reason;
  return async () => void (await client.containers.start(ref));
}

async function waitForAll(
  { service, refs, condition, required, monitor = 0 }: ActOf<'wait'>,
  { client, onWarning, happenings }: Performing,
  signal: AbortSignal,
): Promise<void> {
  const waiting = { client, happenings, signal };
  try {
    await Promise.all(refs.map((ref) => waitFor(ref, condition, waiting)));
    if (monitor > 0) await Promise.all(refs.map((ref) => watchWhether(ref, monitor / 1e6, waiting)));
  } catch (error) {
    if (!isOrlopError(error, 'failed-precondition') || condition === 'ready') throw error;
    if (required)
      throw new OrlopError('failed-precondition', error.code, `dependency failed to start: ${error.message}`, {
        cause: error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    onWarning(`optional dependency ${JSON.stringify(service)} failed to start: ${error.message}`);
  }
}
