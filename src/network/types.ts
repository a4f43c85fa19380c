import type { Logger } from '#log';

/** The network every container joins unless it says otherwise. */
export const DEFAULT_NETWORK = 'bridge';

interface NetworkIdentity {
  /** 64 hexadecimal digits, derived from the engine's prefix and the name: the same after every restart. */
  readonly id: string;
  readonly name: string;
}

/** The host's own interfaces: a container of this network has no namespace of its own. */
export interface HostNetwork extends NetworkIdentity {
  readonly driver: 'host';
}

/** A namespace with nothing but its loopback. */
export interface NoneNetwork extends NetworkIdentity {
  readonly driver: 'none';
}

/** One Linux bridge with one IPv4 subnet and outgoing NAT. */
export interface BridgeNetwork extends NetworkIdentity {
  readonly driver: 'bridge';
  /** Name of the bridge device. */
  readonly link: string;
  /** `172.17.0.0/16`, absent until the first endpoint needs it; then it never changes. */
  readonly subnet?: string;
  /** The bridge's own address, present when the subnet is. */
  readonly gateway?: string;
}

/** A network as it is listed and stored: JSON-safe. */
export type NetworkRecord = BridgeNetwork | HostNetwork | NoneNetwork;

interface EndpointIdentity {
  /** 64 random hexadecimal digits. */
  readonly id: string;
  readonly containerId: string;
  /** Name of the network. */
  readonly network: string;
}

/** A container's place on a bridge. */
export interface BridgeEndpoint extends EndpointIdentity {
  readonly driver: 'bridge';
  /** The bridge device. */
  readonly bridge: string;
  /** The host's end of the pair, a port of the bridge. */
  readonly hostLink: string;
  /** The container's end, `eth0`. */
  readonly containerLink: string;
  /** `172.17.0.2`. */
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** `02:4f:ac:11:00:02`. */
  readonly mac: string;
}

/** A container in the host's network, or in none: nothing to attach, no address. */
export interface PlainEndpoint extends EndpointIdentity {
  readonly driver: 'host' | 'none';
}

/** A container's place in a network, kept until it is released: JSON-safe. */
export type Endpoint = BridgeEndpoint | PlainEndpoint;

/** What a caller may ask of an endpoint. */
export interface EndpointWishes {
  /** An IPv4 address inside the network's subnet. */
  readonly address?: string;
  /** A unicast hardware address, `02:…`. */
  readonly mac?: string;
}

type Awaitable<T> = T | Promise<T>;

/**
 * Where networks and endpoints are remembered. The store implements it; records are JSON-safe and opaque to it.
 * A save replaces the record with the same key (a network's name; an endpoint's container and network) and is durable when it returns.
 */
export interface NetworkState {
  loadNetworks(): Awaitable<readonly NetworkRecord[]>;
  saveNetwork(network: NetworkRecord): Awaitable<void>;
  loadEndpoints(): Awaitable<readonly Endpoint[]>;
  saveEndpoint(endpoint: Endpoint): Awaitable<void>;
  /** Removing what is not there is no error. */
  removeEndpoint(containerId: string, network: string): Awaitable<void>;
}

/** The networks of one engine. Disposing closes the room's sockets and leaves links, table and endpoints to the running containers. */
export interface Networks extends AsyncDisposable {
  /** The default bridge, `host` and `none`. */
  list(): NetworkRecord[];
  /** The endpoints of one container, or of all. */
  endpoints(containerId?: string): Endpoint[];
  /**
   * Gives a container its place in a network: an address and a hardware address, stored, and kept until `release`. The first endpoint of a
   * bridge makes the device and the firewall table. Asking again gives the same endpoint.
   * Fails with `not-found` (no such network), `invalid-argument` (a wish that cannot be), `conflict` (address taken, or other wishes than the
   * endpoint has), `resource-exhausted` (no address or no subnet left), `failed-precondition` (no nft, or forwarding cannot be switched on).
   */
  reserve(containerId: string, network: string, wanted?: EndpointWishes): Promise<Endpoint>;
  /**
   * Wires a namespace to the endpoint's network: the pair, with its name, hardware address, address and default route, all up. Does nothing
   * for `host` and `none`. Leaves nothing behind when it fails. The loopback is the runtime's. The descriptor stays the caller's.
   * Fails with `resource-exhausted` when the bridge has no port left (1,023).
   */
  attach(endpoint: Endpoint, netnsFd: number): Promise<void>;
  /** The kernel settings (`net.ipv6.conf.eth0.disable_ipv6`) that the runtime makes inside an attached namespace before the container's process runs. */
  sysctls(endpoint: Endpoint): Readonly<Record<string, string>>;
  /**
   * Cuts the pair off from the bridge, at once, and sees to it that it disappears: with its namespace, or soon after. Does nothing when it is
   * gone already. The address stays reserved.
   */
  detach(endpoint: Endpoint): Promise<void>;
  /** Detaches and forgets all of a container's endpoints; their addresses are free again. Idempotent. */
  release(containerId: string): Promise<void>;
  /**
   * Puts right what a killed engine left: drops endpoints and links of containers that no longer exist, makes missing bridges and the firewall
   * table again, and puts links that lost their bridge back into it. `containerIds`: all containers that exist, running or not.
   */
  reconcile(containerIds: Iterable<string>): Promise<void>;
  /** Removes every link, table and endpoint of this engine; only the choice of subnets is kept. */
  removeAll(): Promise<void>;
}

/** What this room needs of the addon: raw netlink sockets in any network namespace (netlink(7)), and files without a name. */
export interface NetworkCalls {
  /** A netlink socket made inside the network namespace `netns` (-1: ours). */
  netlinkOpen(protocol: number, netns: number): number;
  netlinkSend(socket: number, message: Uint8Array): void;
  /** The next datagram, or null when none waits. */
  netlinkReceive(socket: number): Uint8Array | null;
  memfd(name: string, data: Uint8Array): number;
  close(descriptor: number): void;
}

export interface NetworksOptions {
  readonly addon: NetworkCalls;
  /** Begins the name of every link and table of this engine, derived from its root: at most 9 letters and digits, `orl3fa2b1`. */
  readonly prefix: string;
  readonly state: NetworkState;
  readonly logger: Logger;
}
