import type { Endpoint } from '#network';
import type { ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { saveRecord, type EngineContext } from '../context.ts';
import { publishNetworkEvent } from './events.ts';
import { joinedId } from '../spec/namespaces.ts';
import type { NetworkPlace } from './mode.ts';

/** Gives a container its places, one after the other; on failure all are given back. */
export async function reservePlaces(context: EngineContext, record: ContainerRecord, places: readonly NetworkPlace[]): Promise<void> {
  await using undo = new AsyncDisposableStack();
  if (places.length > 0) undo.defer(() => context.networks.release(record.id));
  for (const place of places) await reservePlace(context, record, place);
  undo.move();
}

export async function reservePlace(context: EngineContext, record: ContainerRecord, { network, wishes }: NetworkPlace): Promise<Endpoint> {
  const { isBuiltIn } = context.networks.find(network);
  const names = isBuiltIn ? [] : namesOf(record, wishes.aliases ?? []);
  return context.networks.reserve(record.id, network, { ...wishes, names, ...(isWithoutIpv6(record) ? { ipv6: false } : {}) });
}

/** Its kernel is told to have no IPv6 address on any link. Pure. */
export function isWithoutIpv6({ request }: Pick<ContainerRecord, 'request'>): boolean {
  return request.sysctls?.['net.ipv6.conf.all.disable_ipv6'] === '1';
}

/** What the others in a user network call a container, in Docker's order. */
function namesOf(record: ContainerRecord, aliases: readonly string[]): string[] {
  return [...new Set([record.name, ...aliases, record.id.slice(0, 12), record.hostname])];
}

/** The places to start with. A container that has lost its last one gets that of its mode again, as Docker's. Fails with `not-found` when a network that it waits for is still not there. */
export async function placesForStart(context: EngineContext, container: LiveContainer): Promise<readonly Endpoint[]> {
  const { record } = container;
  for (const place of record.awaited ?? []) {
    await reservePlace(context, record, { ...place, network: context.networks.find(place.network).name });
    forgetAwaited(context, container, place.network);
  }
  const places = context.networks.endpoints(record.id);
  if (places.length > 0 || joinedId(record.network) !== null) return places;
  const wishes = record.request.mac === undefined ? {} : { mac: record.request.mac };
  return [await reservePlace(context, record, { network: record.network, wishes })];
}

/** Gives a place up for as long as there is no network of that name. In the container's queue. */
export async function awaitNetwork(context: EngineContext, container: LiveContainer, { network, wishes }: Endpoint): Promise<void> {
  const { record } = container;
  saveRecord(context, container, { ...record, awaited: [...(record.awaited ?? []), { network, wishes }] });
  await context.networks.release(record.id, network);
}

/** It has a place there by now, or is to have none. */
export function forgetAwaited(context: EngineContext, container: LiveContainer, network: string): void {
  const { awaited, ...others } = container.record;
  const left = awaited?.filter((place) => place.network !== network) ?? [];
  if (left.length !== (awaited?.length ?? 0)) saveRecord(context, container, left.length === 0 ? others : { ...others, awaited: left });
}

/** `host` and `none` have no link to attach. */
export function isWired({ driver }: Endpoint): boolean {
  return driver !== 'host' && driver !== 'none';
}

/** Says of each place that the container has come (`connect`) or gone (`disconnect`). */
export function publishPlaces(context: EngineContext, container: LiveContainer, action: 'connect' | 'disconnect'): void {
  for (const { networkId, network, driver } of context.networks.endpoints(container.record.id)) {
    publishNetworkEvent(context, { id: networkId, name: network, driver }, action, { container: container.record.id });
  }
}
