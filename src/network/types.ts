import type { Logger } from '#log';
import type { NameServers } from './dns/types.ts';
import type { Finding } from './firewall/inspection.ts';
import type { Ports } from './ports/types.ts';

/** The network every container joins unless it says otherwise. */
export const DEFAULT_NETWORK = 'bridge';

/** `host`: the host's own interfaces, the container has no namespace of its own · `none`: nothing but a loopback. */
export type NetworkDriver = 'bridge' | 'macvlan' | 'ipvlan' | 'host' | 'none';

/** One subnet of a network. */
export interface AddressPool {
  /** `172.18.0.0/16`. */
  readonly subnet: string;
  /** `172.18.0.1`: where containers send what leaves the subnet; on a bridge, the bridge's own address. */
  readonly gateway?: string;
  /** `172.18.5.0/24`: the part of the subnet that containers get addresses from unless they ask for others. */
  readonly range?: string;
  /** Addresses that are kept for others, by name: `{ router: '172.18.1.5' }`. */
  readonly auxiliary?: Readonly<Record<string, string>>;
}

/** A network as it is listed and stored: JSON-safe. */
export interface NetworkRecord {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: NetworkDriver;
  readonly createdAtMs: number;
  /** `bridge`, `host` and `none`, which nobody made and nobody removes. */
  readonly isBuiltIn: boolean;
  /** It only keeps what other networks are made from: no driver, no devices, no places. What its subnets are is in `unusedPools`. */
  readonly configOnly?: true;
  /** Name of the network that it was made from. */
  readonly configFrom?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The driver's options as they were given: `com.docker.network.bridge.name`, `parent`, … */
  readonly options: Readonly<Record<string, string>>;
  /** Whether only containers of the network reach each other. */
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Chosen at creation; of the default bridge when the first endpoint needs it. Then they never change. */
  readonly pools: readonly AddressPool[];
  /** Subnets that were asked for of a family that is not enabled: shown, and addresses in them may be wished for, but nobody gets one. */
  readonly unusedPools?: readonly AddressPool[];
  /** Devices of the host: the bridge, then further bridges of the same network; or the parent that macvlan and ipvlan hang on. */
  readonly links: readonly string[];
  /** Of the containers' links; absent: that of the host's way out. */
  readonly mtu?: number;
  /** Of the default bridge: the /48 that the engine's IPv6 subnets are from, `fd12:3456:789a::/48`, once there is one. */
  readonly localSubnet?: string;
}

/** What a network is to be. What is absent is chosen. */
export interface NetworkRequest {
  readonly name: string;
  /** Default `bridge`. */
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  /** Default true. */
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
  readonly pools?: readonly Partial<AddressPool>[];
  /** It is to be a configuration for others. */
  readonly configOnly?: boolean;
  /** Name of the configuration that it is made from; then options, subnets and families come from there. */
  readonly configFrom?: string;
}

/** What a caller may ask of an endpoint. */
export interface EndpointWishes {
  /** An IPv4 address inside one of the network's subnets. */
  readonly address?: string;
  readonly address6?: string;
  /** false: no IPv6 address but a wished one, whatever the network has. */
  readonly ipv6?: false;
  /** A unicast hardware address, `02:…`. */
  readonly mac?: string;
  /** Further names of the container in this network. */
  readonly aliases?: readonly string[];
  readonly linkLocal?: readonly string[];
  /** The default route goes through the network with the highest; default 0. */
  readonly priority?: number;
  readonly driverOptions?: Readonly<Record<string, string>>;
  /** Name of the interface inside. */
  readonly link?: string;
  /** Containers of this network that it knows by further names, `NAME[:ALIAS]`: kept for who writes its files. */
  readonly links?: readonly string[];
}

/** A container's place in a network, kept until it is released: JSON-safe. `host` and `none` give nothing but a place. */
export interface Endpoint {
  /** 64 random hexadecimal digits. */
  readonly id: string;
  readonly containerId: string;
  /** Name of the network. */
  readonly network: string;
  readonly networkId: string;
  readonly driver: NetworkDriver;
  /** The container's interface: `eth0`, `eth1`, … */
  readonly link?: string;
  /** The host's end of the pair, a port of the bridge. */
  readonly hostLink?: string;
  /** The bridge device whose port it is. */
  readonly bridge?: string;
  /** `172.17.0.2`. */
  readonly address?: string;
  readonly prefixLength?: number;
  readonly gateway?: string;
  readonly address6?: string;
  readonly prefixLength6?: number;
  readonly gateway6?: string;
  /** `02:4f:ac:11:00:02`. */
  readonly mac?: string;
  /** What the container is called in this network. */
  readonly names: readonly string[];
  readonly wishes: EndpointWishes;
}

type Awaitable<T> = T | Promise<T>;

/**
 * Where networks and endpoints are remembered. The store implements it; records are JSON-safe and opaque to it.
 * A save replaces the record with the same key (a network's name; an endpoint's container and network) and survives the end of the process when it returns.
 */
export interface NetworkState {
  loadNetworks(): Awaitable<readonly NetworkRecord[]>;
  saveNetwork(network: NetworkRecord): Awaitable<void>;
  /** Removing what is not there is no error. */
  removeNetwork(network: NetworkRecord): Awaitable<void>;
  loadEndpoints(): Awaitable<readonly Endpoint[]>;
  saveEndpoint(endpoint: Endpoint): Awaitable<void>;
  /** Removing what is not there is no error. */
  removeEndpoint(containerId: string, network: string): Awaitable<void>;
}

/** Of each link of a container, bits per second, as the container sees it; absent: as fast as it goes. */
export interface LinkRates {
  readonly ingressBits?: number;
  readonly egressBits?: number;
}

/** A container with processes. */
export interface RunningContainer {
  readonly containerId: string;
  /** Path of its network namespace: `/proc/4711/ns/net`. */
  readonly netns: string;
}

/** The networks of one engine. Disposing closes the room's sockets and leaves links, table and endpoints to the running containers. */
export interface Networks extends AsyncDisposable {
  /** Ports of the host that lead to containers. */
  readonly ports: Ports;
  /** Answers what containers are called in networks that users made. */
  readonly names: NameServers;
  /** The default bridge, `host`, `none`, and those that users made. */
  list(): NetworkRecord[];
  /** By name, id, or the beginning of an id that is no other's. Fails with `not-found` or `invalid-argument` (several begin so). */
  find(ref: string): NetworkRecord;
  /**
   * Makes a network, device and firewall included. Fails with `conflict` (the name, a subnet or the bridge's name is in use), `invalid-argument`,
   * `not-found` (no such driver, no such parent), `resource-exhausted` (no subnet left) or `failed-precondition` (the host lacks something).
   */
  create(request: NetworkRequest): Promise<{ readonly network: NetworkRecord; readonly warnings: readonly string[] }>;
  /** Fails with `not-found`, `permission-denied` (built in) or `conflict` (a container has a place in it). Returns what it was. */
  remove(ref: string): Promise<NetworkRecord>;
  /** What other tables and settings of the host do, or may do, to containers' conversations. Looks, and changes nothing. */
  inspectFirewall(): Promise<Finding[]>;
  /** The endpoints of one container, or of all. */
  endpoints(containerId?: string): Endpoint[];
  /** Whether a running container has the endpoint's link. */
  isAttached(endpoint: Endpoint): boolean;
  /**
   * Gives a container its place in a network: addresses and a hardware address, stored, and kept until `release`. The first endpoint of a
   * bridge makes the device and the firewall table. Asking again gives the same endpoint. `names`: what the container is called there.
   * Fails with `not-found` (no such network), `invalid-argument` (a wish that cannot be), `conflict` (address taken, or other wishes than the
   * endpoint has), `resource-exhausted` (no address or no subnet left), `failed-precondition` (no nft, or forwarding cannot be switched on).
   */
  reserve(containerId: string, network: string, wanted?: EndpointWishes & { readonly names?: readonly string[] }): Promise<Endpoint>;
  /** Puts a new name in the place of an old one in a container's endpoints. */
  rename(containerId: string, from: string, to: string): Promise<void>;
  /**
   * Wires a namespace to the endpoint's network: the link, with its name, hardware address, addresses and routes, all up. Does nothing
   * for `host` and `none`. Leaves nothing behind when it fails. The loopback is the runtime's. The descriptor stays the caller's.
   */
  attach(endpoint: Endpoint, netnsFd: number): Promise<void>;
  /**
   * Cuts the link off from its network, at once, and sees to it that it disappears: with its namespace, or soon after. Does nothing when it is
   * gone already. The addresses stay reserved. With the namespace of a container that goes on, the link is taken out of it and the default route chosen anew.
   */
  detach(endpoint: Endpoint, netnsFd?: number): Promise<void>;
  /**
   * Holds the links of a running container to these rates, and to no others. Rates are kept nowhere: a link that comes later is held once this is called again. Fails with
   * `failed-precondition` where a link or the kernel cannot be held.
   */
  shape(containerId: string, rates: LinkRates): void;
  /** Detaches and forgets a container's endpoints, or the one in this network; their addresses are free again. Idempotent. */
  release(containerId: string, network?: string): Promise<void>;
  /**
   * Puts right what a killed engine left: drops endpoints and links of containers that no longer exist, makes missing bridges and the firewall
   * table again, puts links that lost their bridge back into it, and wires running containers to networks that they have a place in and no link yet.
   * `containerIds`: all containers that exist, running or not.
   */
  reconcile(containerIds: Iterable<string>, running?: Iterable<RunningContainer>): Promise<void>;
  /** Removes every link, table and endpoint of this engine; the records of networks are kept. */
  removeAll(): Promise<void>;
}

/** What this room needs of the addon: netlink sockets (netlink(7)) and others in any network namespace, and files without a name. */
export interface NetworkCalls {
  /** A netlink socket made inside the network namespace `netns` (-1: ours). */
  netlinkOpen(protocol: number, netns: number): number;
  netlinkSend(socket: number, message: Uint8Array): void;
  /** The next datagram, or null when none waits. */
  netlinkReceive(socket: number): Uint8Array | null;
  /** A bound socket (SOCK_DGRAM or a listening SOCK_STREAM) inside the network namespace `netns`. */
  bindInNamespace(netns: number, type: number, address: string, port: number): number;
  /** A socket that keeps others from serving a port of ours and serves nothing itself. `protocol`: as the kernel numbers them. */
  holdPort(protocol: number, address: string, port: number): number;
  serveHeldPort(descriptor: number): void;
  /** Writes a setting of the network namespace `netns`: a file below /proc/sys/net. */
  setInNamespace(netns: number, path: string, value: Uint8Array): void;
  /** Both, the setting first. */
  netlinkOpenSetting(protocol: number, netns: number, path: string, value: Uint8Array): number;
  memfd(name: string, data: Uint8Array): number;
  close(descriptor: number): void;
}

export interface NetworksOptions {
  readonly addon: NetworkCalls;
  /** Begins the name of every link and table of this engine, derived from its root: at most 9 letters and digits, `orl3fa2b1`. */
  readonly prefix: string;
  readonly state: NetworkState;
  readonly logger: Logger;
  /** Where ports are published that name no address; default `0.0.0.0` and `::`. */
  readonly publishAddresses?: readonly string[];
  /** How many containers share a bridge before their network goes on with a further one; default 1,000. */
  readonly portLimit?: number;
}
