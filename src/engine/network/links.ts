import { isOrlopError, OrlopError } from '#errors';
import { DEFAULT_NETWORK, type Endpoint, type LinkedHost } from '#network';
import { isActive, type ContainerRecord, type Link } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import type { ContainerId, CreateRequest } from '../model.ts';
import { joinedId } from '../spec/namespaces.ts';
import { isThere } from './mode.ts';

/** `db`, `db:alias`, and what an inspect shows: `/db:/web/alias`. */
export function parseLink(text: string): { readonly ref: string; readonly alias: string } {
  const [name = '', path, ...rest] = text.split(':');
  const ref = name.replace(/^\//, '');
  const alias = path === undefined || path === '' ? ref : (path.split('/').at(-1) ?? '');
  if (text === '') throw invalid('empty string specified for links');
  if (ref === '' || rest.length > 0 || !/^[\w.-]+$/.test(alias)) throw invalid(`bad format for links: ${text}`);
  return { ref, alias };
}

/** The containers that a request links to, by their ids. Docker's words for what cannot be linked. */
export function resolveLinks({ table }: Pick<EngineContext, 'table'>, { links = [] }: CreateRequest, network: string): Link[] {
  if (links.length === 0) return [];
  const undefinedBehaviour = "can't be used with links. This would result in undefined behavior";
  if (network === 'host') throw invalid(`conflicting options: host type networking ${undefinedBehaviour}`);
  if (network === 'none') throw invalid('conflicting options: links and the network mode');
  return links.flatMap((text) => {
    const { ref, alias } = parseLink(text);
    // In a network of users' own a link is a further name, which waits for its container as that network's places do.
    if (network !== DEFAULT_NETWORK && !isThere(table, ref)) return [];
    let target = findTarget(table, ref);
    for (let id = joinedId(target.record.network); id !== null; id = joinedId(target.record.network)) target = findTarget(table, id);
    if (target.record.network === 'host') throw invalid(`conflicting options: host type networking ${undefinedBehaviour}`);
    return { id: target.record.id, alias };
  });
}

function findTarget(table: EngineContext['table'], ref: string): LiveContainer {
  try {
    return table.find(ref);
  } catch (error) {
    if (!isOrlopError(error)) throw error;
    throw invalid(`could not get container for ${ref}: ${error.message}`);
  }
}

/** A container that is linked to, as the one that links to it knows it at this moment. */
interface Known {
  readonly alias: string;
  readonly target: ContainerRecord;
  readonly place: Endpoint;
}

/** Links of the container itself, then those of its single places. Who is gone, or in no common network, is left out. */
function knownTargets({ table, networks }: EngineContext, record: ContainerRecord, places: readonly Endpoint[]): Known[] {
  const own = (record.links ?? []).flatMap(({ id, alias }) => {
    const target = table.get(id)?.record;
    return places.map((place) => ({ alias, target, place }));
  });
  const placed = places.flatMap((place) =>
    (place.wishes.links ?? []).map((text) => {
      const { ref, alias } = parseLink(text);
      return { alias, target: (table.holderOf(ref) ?? table.all().find(({ record: { id } }) => id === ref))?.record, place };
    }),
  );
  return [...own, ...placed].flatMap(({ alias, target, place }) => {
    const there = target === undefined ? undefined : networks.endpoints(target.id).find(({ networkId }) => networkId === place.networkId);
    return target === undefined || there === undefined ? [] : [{ alias, target, place: there }];
  });
}

/** The names by which a container finds those that it links to: in the default network also their own, as nobody answers for these there. */
export function linkedHosts(context: EngineContext, record: ContainerRecord, places: readonly Endpoint[]): LinkedHost[] {
  return knownTargets(context, record, places).flatMap(({ alias, target, place }) => {
    const others = place.network === DEFAULT_NETWORK ? [target.hostname, target.name] : [];
    const names = [...new Set([alias, ...others])];
    return [place.address, place.address6].filter((address) => address !== undefined).map((address) => ({ names, address }));
  });
}

/** All aliases that a container has for others, whether they are there or not. */
export function linkAliases(record: ContainerRecord, places: readonly Endpoint[]): string[] {
  return [
    ...(record.links ?? []).map(({ alias }) => alias),
    ...places.flatMap(({ wishes }) => (wishes.links ?? []).map((text) => parseLink(text).alias)),
  ];
}

/** What Docker's legacy links say in the environment, about containers in the default network. Fails in its words when one does not run, unless those are to be left out. */
export function linkVariables(context: EngineContext, record: ContainerRecord, stopped: 'refused' | 'left out' = 'refused'): string[] {
  if ((record.links ?? []).length === 0) return [];
  const places = context.networks.endpoints(record.id).filter(({ network }) => network === DEFAULT_NETWORK);
  if (places.length === 0) return [];
  return (record.links ?? []).flatMap(({ id, alias }) => {
    const target = context.table.get(id)?.record;
    if (target === undefined) return [];
    const path = `/${record.name}/${alias}`;
    if (!isActive(target.state.status)) {
      if (stopped === 'left out') return [];
      throw new OrlopError('conflict', 'ENGINE_LINK_TO_STOPPED', `Cannot link to a non running container: /${target.name} AS ${path}`, {
        hint: `start it with: orlop start ${target.name}`,
      });
    }
    const address = context.networks.endpoints(id).find(({ network }) => network === DEFAULT_NETWORK)?.address;
    if (address === undefined && stopped === 'left out') return [];
    if (address === undefined)
      throw new OrlopError('conflict', 'ENGINE_LINK_APART', `container ${id} not attached to default bridge network`);
    return variablesOf({ path, alias, address, ports: target.exposedPorts, env: target.process.env });
  });
}

export interface LinkFacts {
  /** `/web/db` */
  readonly path: string;
  readonly alias: string;
  readonly address: string;
  /** `80/tcp` */
  readonly ports: readonly string[];
  readonly env: readonly string[];
}

/** Docker's names: `DB_PORT`, `DB_PORT_5432_TCP_ADDR`, `DB_ENV_…`. Ports that follow each other also have a first and a last. Pure. */
export function variablesOf({ path, alias, address, ports, env }: LinkFacts): string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_');
  const sorted = ports
    .map((port) => ({ number: Number(port.split('/')[0]), protocol: port.split('/')[1] ?? 'tcp' }))
    .toSorted((one, other) => one.number - other.number || (one.protocol === 'tcp' ? -1 : 1));
  const url = ({ number, protocol }: (typeof sorted)[number]): string => `${protocol}://${address}:${number}`;
  const nameOf = ({ number, protocol }: (typeof sorted)[number]): string => `${prefix}_PORT_${number}_${protocol.toUpperCase()}`;
  const [first] = sorted;
  const ranges = rangesOf(sorted).flatMap(([start, end]) => [
    `${nameOf(start)}_START=${url(start)}`,
    `${nameOf(start)}_ADDR=${address}`,
    `${nameOf(start)}_PROTO=${start.protocol}`,
    `${nameOf(start)}_PORT_START=${start.number}`,
    `${nameOf(start)}_END=${url(end)}`,
    `${nameOf(start)}_PORT_END=${end.number}`,
  ]);
  const each = sorted.flatMap((port) => [
    `${nameOf(port)}=${url(port)}`,
    `${nameOf(port)}_ADDR=${address}`,
    `${nameOf(port)}_PORT=${port.number}`,
    `${nameOf(port)}_PROTO=${port.protocol}`,
  ]);
  const others = env.filter((entry) => /^[^=]+=/.test(entry) && !/^(?:HOME|PATH)=/.test(entry)).map((entry) => `${prefix}_ENV_${entry}`);
  return [
    ...new Set([...(first === undefined ? [] : [`${prefix}_PORT=${url(first)}`]), ...ranges, ...each, `${prefix}_NAME=${path}`, ...others]),
  ];
}

/** Runs of three ports and more of one protocol, as Docker counts them. */
function rangesOf<Port extends { readonly number: number; readonly protocol: string }>(ports: readonly Port[]): (readonly [Port, Port])[] {
  const ranges: (readonly [Port, Port])[] = [];
  for (let at = 0; at < ports.length; at++) {
    let end = at;
    while (ports[end + 1]?.number === (ports[end]?.number ?? 0) + 1 && ports[end + 1]?.protocol === ports[at]?.protocol) end++;
    const [start, last] = [ports[at], ports[end]];
    if (end > at + 1 && start !== undefined && last !== undefined) ranges.push([start, last]);
    at = end;
  }
  return ranges;
}

/** `/db:/web/alias`, in the order of names, as an inspect shows them; what is gone is not shown. */
export function linksShown({ table }: Pick<EngineContext, 'table'>, record: ContainerRecord): string[] {
  return (record.links ?? [])
    .flatMap(({ id, alias }) => {
      const target = table.get(id)?.record;
      return target === undefined ? [] : [`/${target.name}:/${record.name}/${alias}`];
    })
    .toSorted();
}

/** What those that link to them call containers, `/web/alias`, by id. */
export function linkNames({ table }: Pick<EngineContext, 'table'>): ReadonlyMap<ContainerId, readonly string[]> {
  const names = new Map<ContainerId, string[]>();
  for (const { record } of table.all())
    for (const { id, alias } of record.links ?? []) names.set(id, [...(names.get(id) ?? []), `/${record.name}/${alias}`].sort());
  return names;
}

/** The running containers that link to this one, now or by its name. */
export function linkersOf({ table, networks }: EngineContext, { id, name }: Pick<ContainerRecord, 'id' | 'name'>): LiveContainer[] {
  const refs = new Set<string>([id, name]);
  return table.all().filter(({ record }) => {
    if (!isActive(record.state.status) || record.id === id) return false;
    if ((record.links ?? []).some((link) => link.id === id)) return true;
    return networks.endpoints(record.id).some(({ wishes }) => (wishes.links ?? []).some((text) => refs.has(parseLink(text).ref)));
  });
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_BAD_LINK', message);
}
