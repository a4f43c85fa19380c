import type { Endpoint } from '#network';
import { updateHostFiles } from '../container/host-files.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { joinedId } from './mode.ts';
import { isWired } from './places.ts';
import { closePorts, openPorts } from './ports.ts';

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
    if (container.record.ports.length > 0) await openPorts(context, container);
  } finally {
    context.addon.close(namespace);
  }
}

/** Gives back all that a run has of the network; its places stay reserved. */
export async function detachPlaces(context: EngineContext, container: LiveContainer): Promise<void> {
  const { id, ports } = container.record;
  if (ports.length > 0) await closePorts(context, container);
  for (const place of context.networks.endpoints(id)) await context.networks.detach(place);
}

/** Brings a running container's files in line with the places that it has now. */
export async function refreshNames(context: EngineContext, container: LiveContainer): Promise<void> {
  const { record, files } = container;
  const places = context.networks.endpoints(record.id);
  if (joinedId(record.network) !== null) return;
  await updateHostFiles(files, record, places);
}

/** Takes up what an earlier engine did for a running container: links and table go on by themselves. */
export async function resumePlaces(context: EngineContext, container: LiveContainer): Promise<void> {
  const { id, ports } = container.record;
  if (ports.length > 0) {
    context.networks.ports.hold(id, ports);
    await openPorts(context, container);
  }
  await refreshNames(context, container);
}
