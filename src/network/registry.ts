import { randomBytes } from 'node:crypto';
import { OrlopError } from '#errors';
import { formatSubnet, parseCidr, type Subnet } from './addresses.ts';
import {
  allowLoopback,
  applyDevices,
  buryDevices,
  claimPools,
  firewalled,
  removeDevices,
  subnetsOf,
  type DeviceTools,
  type ReadyDevices,
} from './devices.ts';
import { mostBridges } from './bridges.ts';
import { checkConfigurationUnused } from './configuration.ts';
import type { EndpointTable } from './endpoint-table.ts';
import { newBridgeLink } from './naming.ts';
import { planNetwork } from './network-plan.ts';
import { isOurs, probeChild } from './parents.ts';
import { localSubnet } from './pools.ts';
import { createSerial } from './serial.ts';
import type { Sweeper } from './sweeper.ts';
import { DEFAULT_NETWORK, type NetworkRecord, type NetworkRequest, type NetworkState } from './types.ts';

/** A network whose devices are up, its pools chosen and its firewall in place. */
export interface ReadyNetwork extends ReadyDevices {
  readonly network: NetworkRecord;
}

/** The networks of one engine. Devices are made when they are first needed; whatever changes networks is done one after the other. */
export interface Registry {
  list(): NetworkRecord[];
  find(ref: string): NetworkRecord;
  byId(id: string): NetworkRecord | undefined;
  /** Fails with `failed-precondition`, `resource-exhausted`, `conflict` or `not-found`; devices that were not there before are gone again then. */
  ready(network: NetworkRecord): Promise<ReadyNetwork>;
  /** One more bridge for a network whose bridges are full, unless somebody was quicker. `known`: how many it had. Fails with `resource-exhausted`. */
  grow(network: NetworkRecord, known: number): Promise<void>;
  create(request: NetworkRequest): Promise<{ readonly network: NetworkRecord; readonly warnings: readonly string[] }>;
  remove(ref: string): Promise<NetworkRecord>;
  /** Makes the next `ready` look at the kernel again. */
  forget(): void;
  /** Removes the firewall table and all devices; the records stay. */
  removeDevices(): Promise<void>;
}

export interface RegistryOptions extends DeviceTools {
  readonly state: NetworkState;
  readonly endpoints: EndpointTable;
  readonly sweeper: Sweeper;
}

interface Context extends RegistryOptions {
  /** By name. */
  readonly networks: Map<string, NetworkRecord>;
  /** By id. */
  readonly made: Map<string, Promise<ReadyNetwork>>;
  /** What the firewall's table was last made of. */
  applied: string | null;
}

export function createRegistry(options: RegistryOptions, networks: Map<string, NetworkRecord>): Registry {
  const context: Context = { ...options, networks, made: new Map(), applied: null };
  const serial = createSerial();
  const byId = (id: string): NetworkRecord | undefined => [...networks.values()].find((network) => network.id === id);
  const forget = (): void => {
    context.made.clear();
    context.applied = null;
  };
  return {
    list: () => [...networks.values()],
    find: (ref) => find(networks, ref),
    byId,
    ready({ id, name }) {
      const known = context.made.get(id);
      if (known !== undefined) return known;
      const next = serial(() => makeReady(context, byId(id), name));
      context.made.set(id, next);
      // Whoever comes after a failure tries again.
      next.catch(() => context.made.get(id) === next && context.made.delete(id));
      return next;
    },
    grow: ({ id }, known) => serial(() => grow(context, byId(id), known)),
    create: (request) => serial(() => create(context, request)),
    remove: (ref) => serial(() => remove(context, ref)),
    forget,
    removeDevices() {
      forget();
      return serial(async () => {
        // The table goes first: a device that is still there tells the next engine that there is something to remove.
        await context.firewall.remove();
        for (const network of networks.values()) removeDevices(context, network);
      });
    },
  };
}

function find(networks: ReadonlyMap<string, NetworkRecord>, ref: string): NetworkRecord {
  const all = [...networks.values()];
  // A name may be made of another network's id, which means that network.
  const exact = all.find((network) => network.id === ref) ?? networks.get(ref);
  if (exact !== undefined) return exact;
  const found = /^[0-9a-f]+$/.test(ref) ? all.filter((network) => network.id.startsWith(ref)) : [];
  if (found.length > 1) {
    const words = `network ${ref} is ambiguous (${found.length} matches found based on ID prefix)`;
    throw new OrlopError('invalid-argument', 'NETWORK_AMBIGUOUS', words, { hint: 'write more of the id' });
  }
  if (found[0] !== undefined) return found[0];
  throw notFound(ref, `there are ${[...networks.keys()].join(', ')}`);
}

function notFound(ref: string, hint = 'it has just been removed'): OrlopError {
  return new OrlopError('not-found', 'NETWORK_NOT_FOUND', `network ${ref} not found`, { hint });
}

async function makeReady(context: Context, network: NetworkRecord | undefined, name: string): Promise<ReadyNetwork> {
  if (network === undefined) throw notFound(name);
  const { socket, logger } = context;
  await using undo = new AsyncDisposableStack();
  if (network.links.every((link) => socket.link({ name: link }) === null)) undo.defer(() => removeDevices(context, network));
  const ready = network.pools.length === 0 ? await claimFirst(context, network) : { network, ...(await applyDevices(context, network)) };
  await applyFirewall(context, [...context.networks.values()]);
  await allowLoopback(context, network);
  undo.move();
  logger.debug('network is ready', { network: name, links: network.links, mtu: ready.mtu });
  return ready;
}

/** The default bridge gets its subnet when it is first needed. */
async function claimFirst(context: Context, draft: NetworkRecord): Promise<ReadyNetwork> {
  const { pools, ready } = await claimPools(context, { request: draft, draft, taken: otherSubnets(context), local: localOf(draft) });
  const network = { ...draft, pools };
  await save(context, network);
  return { network, ...ready };
}

async function create(context: Context, asked: NetworkRequest): ReturnType<Registry['create']> {
  const { socket, prefix, networks } = context;
  const { draft, request, warnings } = planNetwork(asked, { prefix, networks: [...networks.values()], nowMs: Date.now() });
  if (draft.configOnly === true) {
    await save(context, draft);
    return { network: draft, warnings };
  }
  await using undo = new AsyncDisposableStack();
  const [link] = draft.links;
  const found = link === undefined ? null : socket.link({ name: link });
  if (draft.driver === 'bridge' && found !== null && !isOurs(found, prefix)) throw foreignLink(found.name);
  if (found === null) undo.defer(() => removeDevices(context, draft));
  const local = request.ipv6 === true ? await engineSubnet(context) : localSubnet(new Uint8Array(5));
  const plan = await claimPools(context, { request: { ...request, name: draft.name }, draft, taken: otherSubnets(context), local });
  const network = { ...draft, pools: plan.pools, ...(plan.unused.length === 0 ? {} : { unusedPools: plan.unused }) };
  for (const [name, index] of draft.driver === 'bridge' ? [] : plan.ready.indexes) {
    probeChild(socket, network, index, newBridgeLink(prefix, new Set([name])));
  }
  await applyFirewall(context, [...networks.values(), network]);
  undo.defer(() => applyFirewall(context, [...networks.values()]));
  await allowLoopback(context, network);
  await save(context, network);
  undo.move();
  context.made.set(network.id, Promise.resolve({ network, ...plan.ready }));
  return { network, warnings: [...warnings, ...plan.warnings] };
}

async function remove(context: Context, ref: string): Promise<NetworkRecord> {
  const { networks, endpoints, state } = context;
  const network = find(networks, ref);
  if (network.isBuiltIn) {
    throw new OrlopError('permission-denied', 'NETWORK_PREDEFINED', `${network.name} is a pre-defined network and cannot be removed`);
  }
  checkConfigurationUnused(network, networks.values());
  const members = endpoints.ofNetwork(network.id);
  if (members.length > 0) {
    const names = members.map((member) => member.names[0] ?? member.containerId.slice(0, 12)).join(', ');
    const words = `error while removing network: network ${network.name} has active endpoints (${names})`;
    throw new OrlopError('conflict', 'NETWORK_IN_USE', words, { hint: 'disconnect or remove these containers first' });
  }
  // From here on nobody gets a place in it. A kill leaves a record without devices, which can be used and removed again.
  networks.delete(network.name);
  context.made.delete(network.id);
  try {
    buryDevices(context, network);
    if (network.driver === 'bridge') await applyFirewall(context, [...networks.values()]);
    await state.removeNetwork(network);
  } catch (error) {
    networks.set(network.name, network);
    throw error;
  }
  return network;
}

async function grow(context: Context, network: NetworkRecord | undefined, known: number): Promise<void> {
  if (network === undefined || network.links.length !== known) return;
  const { networks, prefix, logger, made } = context;
  if (known >= mostBridges) {
    throw new OrlopError('resource-exhausted', 'NETWORK_BRIDGES_FULL', `network ${network.name} has ${known} bridges, and all are full`, {
      hint: 'remove containers, or make another network',
    });
  }
  const link = newBridgeLink(prefix, new Set([...networks.values()].flatMap((other) => other.links)));
  const grown = { ...network, links: [...network.links, link] };
  // The record first: a device that no record names is a leftover.
  await save(context, grown);
  made.delete(network.id);
  logger.info('the bridges of a network are full: it goes on with a further one', { network: network.name, link });
}

/** The table is made anew only when it was never looked at, or may not be what it was: that costs a run of nft. */
async function applyFirewall(context: Context, networks: readonly NetworkRecord[]): Promise<void> {
  const plan = firewalled(networks);
  const text = JSON.stringify(plan.map((network) => ({ ...network, subnets: network.subnets.map(formatSubnet) })));
  if (text === context.applied) return;
  if (plan.length === 0 && context.applied === null) return;
  if (context.applied === null) await context.firewall.apply(plan);
  else await context.firewall.change(plan);
  context.applied = text;
}

async function save(context: Context, network: NetworkRecord): Promise<void> {
  await context.state.saveNetwork(network);
  context.networks.set(network.name, network);
}

function otherSubnets({ networks }: Context): Subnet[] {
  return [...networks.values()].flatMap(subnetsOf);
}

/** The /48 of this engine's networks with IPv6: chosen by chance when the first needs it. */
async function engineSubnet(context: Context): Promise<Subnet> {
  const bridge = context.networks.get(DEFAULT_NETWORK);
  const kept = parseCidr(bridge?.localSubnet ?? '')?.subnet;
  if (kept !== undefined || bridge === undefined) return kept ?? localSubnet(randomBytes(5));
  const chosen = localSubnet(randomBytes(5));
  await save(context, { ...bridge, localSubnet: formatSubnet(chosen) });
  return chosen;
}

function localOf(network: NetworkRecord): Subnet {
  return parseCidr(network.localSubnet ?? '')?.subnet ?? localSubnet(new Uint8Array(5));
}

function foreignLink(name: string): OrlopError {
  return new OrlopError('conflict', 'NETWORK_LINK_FOREIGN', `link ${name} exists and is not ours`, {
    hint: 'choose another name for the bridge, or none',
  });
}
