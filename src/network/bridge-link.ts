import { writeFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import type { Address } from './addresses.ts';
import type { Link, LinkAddress } from './netlink/replies.ts';
import { addAddress, addBridge, deleteAddress, setLink, type Request } from './netlink/requests.ts';
import type { RouteSocket } from './netlink/socket.ts';

/** A bridge device as it has to be. */
export interface WantedBridge {
  readonly link: string;
  readonly mtu: number;
  readonly mac: Uint8Array;
  readonly group: number;
  /** Its own, of both families. */
  readonly addresses: readonly Place[];
  readonly ipv6: boolean;
  /** A further bridge of a network, whose addresses the first has. */
  readonly isFurther: boolean;
}

interface Place {
  readonly address: Address;
  readonly prefixLength: number;
}

/** What still has to change on a bridge that exists. Pure; empty when it is as wanted. */
export function planBridge(link: Link, addresses: readonly LinkAddress[], wanted: WantedBridge): Request[] {
  const present = addresses.filter(({ index, address }) => index === link.index && !isLinkLocal(address));
  const isIn = (places: readonly Place[], { address, prefixLength }: Place): boolean =>
    places.some(
      (other) => other.address.family === address.family && other.address.value === address.value && other.prefixLength === prefixLength,
    );
  const requests = present
    .filter((place) => !isIn(wanted.addresses, place))
    .map(({ address, prefixLength }) => deleteAddress(link.index, address, prefixLength));
  for (const place of wanted.addresses) {
    if (isIn(present, place)) continue;
    requests.push(addAddress(link.index, place.address, place.prefixLength, wanted.isFurther ? 'link' : 'universe'));
  }
  if (link.mtu !== wanted.mtu) requests.push(setLink({ index: link.index }, { mtu: wanted.mtu }));
  if (link.group !== wanted.group) requests.push(setLink({ index: link.index }, { group: wanted.group }));
  if (!link.up) requests.push(setLink({ index: link.index }, { up: true }));
  return requests;
}

/**
 * Makes the bridge, or changes one that is there already: what a killed engine left half-made is taken up where it stopped. Returns the
 * device's index. Fails with `conflict` when the name belongs to something that is no bridge.
 */
export function applyBridge(socket: RouteSocket, wanted: WantedBridge): number {
  if (socket.link({ name: wanted.link }) === null) socket.change(addBridge({ ...wanted, name: wanted.link }));
  const link = socket.link({ name: wanted.link });
  if (link?.kind !== 'bridge') {
    throw new OrlopError('conflict', 'NETWORK_LINK_FOREIGN', `link ${wanted.link} exists and is not a bridge`, {
      hint: `remove it with: ip link delete ${wanted.link}`,
    });
  }
  setIpv6(link, wanted.ipv6);
  if (wanted.isFurther) passOn(link.name);
  socket.change(...planBridge(link, socket.addresses(), wanted));
  return link.index;
}

/**
 * A bridge with an IPv6 subnet has IPv6, any other has none; none believes router advertisements, which any container could send. A setting that
 * is missing or cannot be written (a kernel without IPv6, a read-only /proc/sys) is left: adding an address says whether it matters.
 */
function setIpv6(link: Link, on: boolean): void {
  if (link.ipv6 === null) return;
  if (link.ipv6.disabled === on) writeSetting(`ipv6/conf/${link.name}/disable_ipv6`, on ? '0' : '1');
  if (on && link.ipv6.acceptsAdvertisements) writeSetting(`ipv6/conf/${link.name}/accept_ra`, '0');
}

/**
 * Where the kernel shows bridged packets to the firewall (br_netfilter), what containers of a further bridge send to published ports comes in there, though the route back
 * is the first bridge's (ip-sysctl, `rp_filter`); and only the first answers to its addresses (`arp_ignore`).
 */
function passOn(link: string): void {
  writeSetting(`ipv4/conf/${link}/rp_filter`, '2');
  writeSetting(`ipv4/conf/${link}/arp_ignore`, '1');
}

function writeSetting(setting: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/net/${setting}`, value);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EROFS', 'EACCES', 'EPERM')) throw error;
  }
}

/** fe80::/10, which the kernel gives a link by itself. */
function isLinkLocal({ family, value }: Address): boolean {
  return family === 6 && value >> 118n === 0x3fan;
}
