import { OrlopError } from '#errors';
import { parseAddress, type Address } from './addresses.ts';
import type { Link } from './netlink/replies.ts';
import { addAddress, deleteDefaultRoute, setDefaultRoute, setLink, type Request } from './netlink/requests.ts';
import { openRouteSocket, type RouteSocket } from './netlink/socket.ts';
import type { Endpoint, NetworkCalls } from './types.ts';
import { parseWishes, type LinkSetting } from './wishes.ts';

/** An endpoint with a link of its own inside the container. */
export type LinkedEndpoint = Endpoint & Required<Pick<Endpoint, 'link'>>;

export function isLinked(endpoint: Endpoint): endpoint is LinkedEndpoint {
  return endpoint.link !== undefined;
}

/** A place that may have a container's default route. */
export interface Exit {
  readonly endpoint: LinkedEndpoint;
  /** ipvlan above layer 2: everything goes out of the link, without a gateway. */
  readonly isRoutedByLink: boolean;
  readonly internal: boolean;
}

/** Where a container's default routes go, by family. */
export type DefaultRoutes = Readonly<Record<4 | 6, Exit | undefined>>;

/** The place with the highest priority that leads out has the default route, of several the first by name; each family for itself. Pure. */
export function chooseDefaultRoutes(exits: readonly Exit[]): DefaultRoutes {
  const sorted = exits.toSorted(
    (a, b) => (b.endpoint.wishes.priority ?? 0) - (a.endpoint.wishes.priority ?? 0) || (a.endpoint.network < b.endpoint.network ? -1 : 1),
  );
  return { 4: sorted.find((exit) => leadsOut(exit, 4)), 6: sorted.find((exit) => leadsOut(exit, 6)) };
}

function leadsOut({ endpoint, isRoutedByLink, internal }: Exit, family: 4 | 6): boolean {
  const has = family === 4 ? endpoint.gateway : endpoint.gateway6;
  const address = family === 4 ? endpoint.address : endpoint.address6;
  return !internal && (has !== undefined || (isRoutedByLink && address !== undefined));
}

/** What a link inside a container is given. */
export interface InsidePlace {
  readonly netnsFd: number;
  readonly endpoint: LinkedEndpoint;
  readonly exits: readonly Exit[];
  /** Whether the kernel has IPv6. */
  readonly ipv6: boolean;
}

/**
 * Gives a link inside a container its addresses and settings, takes it up, and sets the container's default routes. One datagram for a link of IPv4.
 * Fails with `internal` when the link is gone.
 */
export function configureInside(addon: NetworkCalls, { netnsFd, endpoint, exits, ipv6 }: InsidePlace): void {
  const disabling = { path: `/proc/sys/net/ipv6/conf/${endpoint.link}/disable_ipv6`, value: '1' };
  using inside = openRouteSocket(addon, netnsFd, ipv6 && !hasIpv6(endpoint) ? disabling : undefined);
  const link = inside.link({ name: endpoint.link });
  if (link === null) {
    const words = `link ${endpoint.link} of container ${endpoint.containerId} disappeared`;
    throw new OrlopError('internal', 'NETWORK_LINK_LOST', words);
  }
  const wishes = parseWishes(endpoint.wishes);
  for (const { name, value } of planSettings(link, endpoint, wishes.settings)) {
    addon.setInNamespace(netnsFd, `/proc/sys/${name}`, Buffer.from(value));
  }
  const addresses = [
    ...(endpoint.address === undefined ? [] : [addAddress(link.index, addressOf(endpoint.address), endpoint.prefixLength ?? 32)]),
    ...(endpoint.address6 === undefined ? [] : [addAddress(link.index, addressOf(endpoint.address6), endpoint.prefixLength6 ?? 128)]),
    ...wishes.linkLocal.map((address) => addAddress(link.index, address, address.family === 4 ? 16 : 64)),
  ];
  inside.change(setLink({ index: link.index }, { up: true }), ...addresses, ...planRoutes(inside, exits, link));
}

/** Sets the default routes anew after a place was taken out of a container. */
export function rerouteInside(addon: NetworkCalls, netnsFd: number, exits: readonly Exit[]): void {
  using inside = openRouteSocket(addon, netnsFd);
  inside.change(...planRoutes(inside, exits));
}

/** IPv6 is off on a link without an address of the family: it would only let neighbours fake router advertisements. */
function hasIpv6({ address6, wishes }: LinkedEndpoint): boolean {
  return address6 !== undefined || (wishes.linkLocal ?? []).some((text) => text.includes(':'));
}

/** No link of ours believes router advertisements. Pure. */
function planSettings(link: Link, endpoint: LinkedEndpoint, wished: readonly LinkSetting[]): LinkSetting[] {
  const settings: LinkSetting[] = [];
  const six = `net/ipv6/conf/${link.name}`;
  if (hasIpv6(endpoint) && link.ipv6?.disabled === true) settings.push({ name: `${six}/disable_ipv6`, value: '0' });
  if (hasIpv6(endpoint) && link.ipv6?.acceptsAdvertisements === true) settings.push({ name: `${six}/accept_ra`, value: '0' });
  for (const { name, value } of wished) {
    // A link's name may have dots, which are no steps of the path.
    settings.push({ name: name.replaceAll('.', '/').replace('/IFNAME/', `/${link.name}/`), value });
  }
  return settings;
}

/** Of a container's only place only its own routes are set: there is nothing to take back. */
function planRoutes(inside: RouteSocket, exits: readonly Exit[], added?: Link): Request[] {
  const routes = chooseDefaultRoutes(exits);
  const isOnly = added !== undefined && exits.length === 1;
  const indexes = new Map((isOnly ? [added] : inside.links()).map((link) => [link.name, link.index]));
  return ([4, 6] as const).flatMap((family) => {
    const exit = routes[family];
    const index = indexes.get(exit?.endpoint.link ?? '');
    if (exit === undefined || index === undefined) return isOnly ? [] : staleRoutes(inside, family, [...indexes.values()]);
    const gateway = family === 4 ? exit.endpoint.gateway : exit.endpoint.gateway6;
    return [setDefaultRoute(index, gateway === undefined ? family : addressOf(gateway))];
  });
}

function staleRoutes(inside: RouteSocket, family: 4 | 6, links: readonly number[]): Request[] {
  const isDefault = (route: ReturnType<RouteSocket['routes']>[number]): boolean =>
    route.table === mainTable && route.destination.family === family && route.destination.prefixLength === 0 && links.includes(route.index);
  return inside
    .routes()
    .filter((route) => isDefault(route))
    .map((route) => deleteDefaultRoute(route.index, family));
}

const mainTable = 254;

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === null) throw new OrlopError('data-loss', 'NETWORK_ENDPOINT_BAD', `a stored endpoint has the address '${text}'`);
  return address;
}
