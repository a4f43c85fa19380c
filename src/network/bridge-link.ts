import { OrlopError } from '#errors';
import type { Address } from './addresses.ts';
import { macOf } from './ipam.ts';
import type { Link, LinkAddress } from './netlink/replies.ts';
import { addAddress, addBridge, deleteAddress, setLink, type Request } from './netlink/requests.ts';
import type { RouteSocket } from './netlink/socket.ts';

/** The bridge device as it has to be. */
export interface WantedBridge {
  readonly link: string;
  readonly mtu: number;
  readonly gateway: Address;
  readonly prefixLength: number;
}

/** What still has to change on a bridge that exists. Pure; empty when it is as wanted. */
export function planBridge(link: Link, addresses: readonly LinkAddress[], wanted: WantedBridge): Request[] {
  const isWanted = ({ address, prefixLength }: LinkAddress): boolean =>
    address.value === wanted.gateway.value && prefixLength === wanted.prefixLength;
  const present = addresses.filter(({ index, address }) => index === link.index && address.family === 4);
  const requests = present
    .filter((entry) => !isWanted(entry))
    .map(({ address, prefixLength }) => deleteAddress(link.index, address, prefixLength));
  if (!present.some(isWanted)) requests.push(addAddress(link.index, wanted.gateway, wanted.prefixLength));
  if (link.mtu !== wanted.mtu) requests.push(setLink({ index: link.index }, { mtu: wanted.mtu }));
  if (!link.up) requests.push(setLink({ index: link.index }, { up: true }));
  return requests;
}

/**
 * Makes the bridge, or changes one that is there already: what a killed engine left half-made is taken up where it stopped. Returns the
 * device's index. Fails with `conflict` when the name belongs to something that is no bridge.
 */
export function applyBridge(socket: RouteSocket, wanted: WantedBridge): number {
  if (socket.link({ name: wanted.link }) === null) {
    socket.change(addBridge({ name: wanted.link, mtu: wanted.mtu, mac: macOf(wanted.gateway) }));
  }
  const link = socket.link({ name: wanted.link });
  if (link?.kind !== 'bridge') {
    throw new OrlopError('conflict', 'NETWORK_LINK_FOREIGN', `link ${wanted.link} exists and is not a bridge`, {
      hint: `remove it with: ip link delete ${wanted.link}`,
    });
  }
  socket.change(...planBridge(link, socket.addresses(), wanted));
  return link.index;
}
