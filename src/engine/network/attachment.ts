import type { Endpoint } from '#network';
import { openNamespace } from '#sys';
import { updateHostFiles, writeHostFiles, type NameService } from '../container/host-files.ts';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { networkOwner } from './joining.ts';
import { linkAliases, linkedHosts, linkersOf } from './links.ts';
import { joinedId } from '../spec/namespaces.ts';
import { isWired } from './places.ts';
import { shapeNewLinks } from './rates.ts';
import { gatewayOf } from './gateway.ts';
import { closePorts, openPorts } from './ports.ts';
import { carriedPorts } from './relays.ts';

/** Wires a namespace to all the places of its container, then lets its ports lead there. `openNetwork` gives a descriptor that is closed here. */
export async function attachPlaces(
  context: EngineContext,
  container: LiveContainer,
  places: readonly Endpoint[],
  openNetwork: () => number,
): Promise<void> {
  const wired = places.filter(isWired);
  if (wired.length === 0) return;
  const namespace = openNetwork();
  try {
    for (const place of wired) await context.networks.attach(place, namespace);
    shapeNewLinks(context, container.record);
    // What listens for it leads there until its servers do (on-demand).
    if (container.record.ports.length > 0 && container.record.door === undefined) await openPorts(context, container);
  } finally {
    context.addon.close(namespace);
  }
}

/** Gives back all that a run has of the network; its places stay reserved. */
export async function detachPlaces(context: EngineContext, container: LiveContainer): Promise<void> {
  const { id, ports } = container.record;
  context.networks.names.stop(id);
  if (ports.length > 0) await closePorts(context, container);
  for (const place of context.networks.endpoints(id)) await context.networks.detach(place);
}

/** Writes what a container finds about hosts and names in its /etc, for a start. `filesOwner`: whose files these are; `service`: what is to be served then. */
export async function prepareNames(
  context: EngineContext,
  { record, files }: LiveContainer,
  places: readonly Endpoint[],
): Promise<{ readonly filesOwner: ContainerRecord; readonly service: NameService | null }> {
  const owner = networkOwner(context, record);
  if (owner === null)
    return { filesOwner: record, service: await writeHostFiles(files, record, places, linkedHosts(context, record, places)) };
  if (owner.record.kind === 'app') return { filesOwner: owner.record, service: null };
  // A machine keeps its files to itself; its name server answers in the network that both have.
  await writeHostFiles(files, record, context.networks.endpoints(owner.record.id));
  return { filesOwner: record, service: null };
}

/** Answers the container's questions for names at 127.0.0.11, in the place of a server that it has already. */
export async function serveNames(
  context: EngineContext,
  record: ContainerRecord,
  service: NameService,
  openNetwork: () => number,
): Promise<void> {
  const { id } = record;
  const linked = linkedHosts(context, record, context.networks.endpoints(id));
  const namespace = openNetwork();
  try {
    await context.networks.names.serve(id, namespace, { ...service, linked, isInternal: () => isOnlyInternal(context, id) });
  } finally {
    context.addon.close(namespace);
  }
}

function isOnlyInternal({ networks }: EngineContext, id: string): boolean {
  return networks.endpoints(id).every((place) => networks.find(place.networkId).internal);
}

/** Brings a running container's files and name server in line with the places that it has now. `gone`: what it called others until now. */
export async function refreshNames(context: EngineContext, container: LiveContainer, gone: readonly string[] = []): Promise<void> {
  const { record, files } = container;
  const places = context.networks.endpoints(record.id);
  if (joinedId(record.network) !== null) return;
  const aliases = [...linkAliases(record, places), ...gone];
  const service = await updateHostFiles(files, record, places, { aliases, linked: linkedHosts(context, record, places) });
  if (service === null) context.networks.names.stop(record.id);
  else await serveNames(context, record, service, () => openNamespace(record.state.pid, 'net'));
}

/** Tells the running containers that link to this one where it is now, or that it is gone. What fails is logged: theirs is not this one's change. */
export async function refreshLinkers(context: EngineContext, record: Pick<ContainerRecord, 'id' | 'name'>): Promise<void> {
  for (const linker of linkersOf(context, record)) {
    try {
      await context.queues.run(linker.record.id, async () => {
        if (isActive(linker.record.state.status)) await refreshNames(context, linker);
      });
    } catch (error) {
      context.logger.warn('a container was not told of a change of one that it links to', { container: linker.record.name, error });
    }
  }
}

/** Takes up the ports that an earlier engine published for a running container. */
export async function resumePorts(context: EngineContext, container: LiveContainer): Promise<void> {
  const { id, ports } = container.record;
  if (ports.length === 0) return;
  // What somebody serves for it is not ours to hold.
  const gateway = gatewayOf(context, context.networks.endpoints(id));
  const served = container.record.door === undefined ? carriedPorts(context, container, gateway) : ports;
  context.networks.ports.claim(id, served);
  context.networks.ports.hold(
    id,
    ports.filter((port) => !served.includes(port)),
  );
  await openPorts(context, container);
}
