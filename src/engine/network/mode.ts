import { isOrlopError, OrlopError } from '#errors';
import type { NetworkRecord, Networks } from '#network';
import type { CreateRequest, EndpointWishes, NetworkMode } from '../model.ts';
import { joinedId } from '../spec/namespaces.ts';

/** Where a container is to be: what its mode is called from now on, and its places in networks, the mode's first. */
export interface NetworkPlan {
  readonly mode: NetworkMode;
  readonly places: readonly NetworkPlace[];
  /** Places in networks that are not there yet: a start seeks them. */
  readonly awaited: readonly NetworkPlace[];
  readonly warnings: readonly string[];
}

export interface NetworkPlace {
  /** The network's name. */
  readonly network: string;
  readonly wishes: EndpointWishes;
}

/** What a request's names are looked up in. */
export interface KnownPlaces extends Pick<Networks, 'find'> {
  /** Whether the network may come later, and there is none of this name. */
  isAwaited(ref: string): boolean;
  /** The id of the container with this name, id or start of one. */
  containerId(ref: string): string;
}

/** The networks and containers that there are; `mayCome`: networks that are missing are waited for. That one is missing is no `not-found`: of a creation, clients take that for a missing image and pull it. */
export function knownPlaces(networks: Pick<Networks, 'find'>, containerId: (ref: string) => string, { mayCome = false } = {}): KnownPlaces {
  const needed = <Found>(find: () => Found): Found => {
    try {
      return find();
    } catch (error) {
      if (!isOrlopError(error, 'not-found')) throw error;
      throw new OrlopError('failed-precondition', error.code, error.message, {
        cause: error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
  };
  return {
    find: (ref) => needed(() => networks.find(ref)),
    containerId: (ref) => needed(() => containerId(ref)),
    isAwaited: (ref) => mayCome && !isThere(networks, ref),
  };
}

/** Whether one of these, networks or containers, has this name or id. */
export function isThere(known: { find(ref: string): unknown }, ref: string): boolean {
  try {
    known.find(ref);
    return true;
  } catch (error) {
    if (isOrlopError(error, 'not-found')) return false;
    throw error;
  }
}

/**
 * Which networks a request means, by their names. A container that shares another's network has no places. Fails with
 * Docker's words for what cannot be combined.
 */
export function planNetworks(request: CreateRequest, known: KnownPlaces): NetworkPlan {
  const asked = request.network ?? 'bridge';
  const mode = asked === 'default' || asked === '' ? 'bridge' : asked;
  if (mode === 'container' || mode === 'container:') throw invalid('invalid network mode: invalid container format container:<name|id>');
  const wanted = Object.entries(request.endpoints ?? {}).map(([name, wishes]) => ({ name: name === 'default' ? 'bridge' : name, wishes }));
  const other = joinedId(mode);
  if (other !== null) {
    if (request.name !== undefined && request.name === other) throw invalid('cannot join own network');
    checkJoining(request, macOf(request, mode), wanted.length > 0);
    return { mode: `container:${known.containerId(other)}`, places: [], awaited: [], warnings: [] };
  }
  if (mode === 'host' && macOf(request, mode) !== undefined) throw macRefused();
  const { main, places, awaited } = placesOf(mode, wanted, known);
  const first = places.has(main) || awaited.has(main) ? main : ([...places.keys(), ...awaited.keys()][0] ?? main);
  const home = awaited.has(first) ? awaited : places;
  home.set(first, withAddressOfContainer(home.get(first) ?? {}, request.mac));
  const list = (some: ReadonlyMap<string, EndpointWishes>): NetworkPlace[] =>
    Array.from(some, ([network, wishes]) => ({ network, wishes }));
  const networks = [...places.keys()].map((name) => known.find(name));
  return {
    mode: main,
    places: list(places),
    awaited: list(awaited),
    warnings: publishes(request) && awaited.size === 0 ? warningsOf(first, networks) : [],
  };
}

/** By name of network, the mode's first: where a container is to be, and where once there is such a network. */
function placesOf(
  mode: NetworkMode,
  wanted: readonly { readonly name: string; readonly wishes: EndpointWishes }[],
  known: KnownPlaces,
): { readonly main: string; readonly places: Map<string, EndpointWishes>; readonly awaited: Map<string, EndpointWishes> } {
  const found = known.isAwaited(mode) ? null : known.find(mode);
  const main = found?.name ?? mode;
  const closed = isClosed(main);
  // As Docker's: who names networks and none that users made as the mode is in those that are named.
  const isMain = wanted.length === 0 || found?.isBuiltIn !== true || closed;
  const places = new Map<string, EndpointWishes>(isMain && found !== null ? [[main, {}]] : []);
  const awaited = new Map<string, EndpointWishes>(found === null ? [[main, {}]] : []);
  const named = wanted.map(({ name, wishes }) => ({ wishes, network: known.isAwaited(name) ? null : known.find(name), name }));
  if (named.some(({ network }) => network?.name === main)) places.set(main, {});
  for (const { name, wishes, network } of named) {
    if (closed !== isClosed(network?.name ?? name) || (closed && network?.name !== main)) throw mixedModes();
    if (network === null) awaited.set(name, { ...awaited.get(name), ...wishes });
    else {
      checkWishes(network, wishes);
      places.set(network.name, { ...places.get(network.name), ...wishes });
    }
  }
  return { main, places, awaited };
}

/** The plan with further places; one in a network that it is in anyway adds its wishes. Pure. */
export function withPlaces(plan: NetworkPlan, further: readonly NetworkPlace[]): NetworkPlan {
  const places = new Map(plan.places.map(({ network, wishes }) => [network, wishes]));
  for (const { network, wishes } of further) places.set(network, { ...places.get(network), ...wishes });
  return { ...plan, places: [...places].map(([network, wishes]) => ({ network, wishes })) };
}

/** What becomes of ports that nothing can lead to. */
function warningsOf(mode: NetworkMode, networks: readonly NetworkRecord[]): string[] {
  if (isClosed(mode)) return [`Published ports are discarded when using ${mode} network mode`];
  const isWayIn = networks.some(({ driver, internal }) => driver === 'bridge' && !internal);
  return isWayIn ? [] : ['Published ports are discarded while the container is in no bridge network that leads out'];
}

/** A container in one of these is in no other network. */
export function isClosed(network: string): boolean {
  return network === 'host' || network === 'none';
}

export function publishes({ ports, publishAll }: CreateRequest): boolean {
  return (ports ?? []).length > 0 || publishAll === true;
}

/** What only networks that users made can give: the default ones have neither names nor chosen addresses. */
export function checkWishes(network: { readonly isBuiltIn: boolean }, { address, address6, aliases }: EndpointWishes): void {
  if (!network.isBuiltIn) return;
  if (address !== undefined || address6 !== undefined)
    throw invalid('user specified IP address is supported on user defined networks only');
  if ((aliases ?? []).length > 0) throw invalid('network-scoped alias is supported only for containers in user defined networks');
}

/** Today's clients say --mac-address of the place that it is for, where there will be none, too. */
function macOf({ mac, endpoints }: CreateRequest, mode: NetworkMode): string | undefined {
  return mac ?? endpoints?.[mode]?.mac;
}

/** Docker's words for each: programs show them, and people search for them. */
function checkJoining(request: CreateRequest, mac: string | undefined, hasEndpoints: boolean): void {
  const given = (items: readonly unknown[] | undefined): boolean => (items ?? []).length > 0;
  if (request.kind === 'system') throw invalid('a system container has a network of its own');
  if ((request.hostname ?? '') !== '') throw invalid('conflicting options: hostname and the network mode');
  if (given(request.links))
    throw invalid("conflicting options: container type network can't be used with links. This would result in undefined behavior");
  if (given(request.dns)) throw invalid('conflicting options: dns and the network mode');
  if (given(request.extraHosts)) throw invalid('conflicting options: custom host-to-IP mapping and the network mode');
  if (mac !== undefined) throw macRefused();
  if (publishes(request)) throw invalid('conflicting options: port publishing and the container type network mode');
  if (given(request.exposedPorts)) throw invalid('conflicting options: port exposing and the container type network mode');
  if (hasEndpoints) throw mixedModes();
}

function withAddressOfContainer(wishes: EndpointWishes, mac: string | undefined): EndpointWishes {
  if (mac === undefined || mac === wishes.mac) return wishes;
  if (wishes.mac === undefined) return { ...wishes, mac };
  throw invalid('the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty');
}

function macRefused(): OrlopError {
  return invalid('conflicting options: mac-address and the network mode');
}

function mixedModes(): OrlopError {
  return invalid('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_NETWORK_CONFLICT', message);
}
