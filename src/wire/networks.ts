/**
 * What edges and engine say to each other about networks, places in them, and published ports. JSON-safe. The network room's own types have the same
 * shapes; texts are as in Docker: subnets `172.18.0.0/16`, addresses without a prefix.
 */

/** `bridge`, `none`, `host`, `container:NAME|ID`, or a network's name or id. `default` is `bridge`. */
export type NetworkMode = string;

/** What a container may ask of its place in a network. */
export interface EndpointWishes {
  readonly address?: string;
  readonly address6?: string;
  /** A unicast hardware address, `02:…`. */
  readonly mac?: string;
  /** Further names for the container in this network. */
  readonly aliases?: readonly string[];
  readonly linkLocal?: readonly string[];
  /** Of several networks, the one with the highest number has the default route. */
  readonly priority?: number;
  readonly driverOptions?: Readonly<Record<string, string>>;
  /** Containers of this network that it knows by further names: `NAME[:ALIAS]`. */
  readonly links?: readonly string[];
  /** The interface's name inside. */
  readonly link?: string;
}

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** A port that is asked for on the host. */
export interface PortWish {
  readonly containerPort: number;
  readonly protocol: PortProtocol;
  /** Absent: every address of the host. */
  readonly hostAddress?: string;
  /** The first free one of these; absent: any free one. */
  readonly hostPort?: { readonly first: number; readonly last: number };
}

/** A port that leads to a container while it runs. */
export interface PublishedPort {
  readonly containerPort: number;
  readonly protocol: PortProtocol;
  readonly hostAddress: string;
  readonly hostPort: number;
}

/** A container's place in a network. What is absent has not been given: `none` and `host` have no addresses. */
export interface EndpointView {
  readonly id: string;
  readonly network: string;
  readonly networkId: string;
  readonly address?: string;
  readonly prefixLength?: number;
  readonly gateway?: string;
  readonly address6?: string;
  readonly prefixLength6?: number;
  readonly gateway6?: string;
  readonly mac?: string;
  /** What the container is called in this network. */
  readonly names: readonly string[];
  readonly wishes: EndpointWishes;
}

/** One subnet of a network. */
export interface AddressPool {
  readonly subnet: string;
  readonly gateway?: string;
  /** The part of the subnet that addresses are given from. */
  readonly range?: string;
  /** Addresses that are kept for others, by name. */
  readonly auxiliary?: Readonly<Record<string, string>>;
}

/** What a network is to be; what is absent is chosen. */
export interface NetworkRequest {
  readonly name: string;
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
  readonly pools?: readonly Partial<AddressPool>[];
  /** It only keeps what other networks are made from. */
  readonly configOnly?: boolean;
  /** Name of the network, of those, that it is made from. */
  readonly configFrom?: string;
}

/** A running container's place in a network, seen from the network. */
export interface NetworkMember extends Pick<EndpointView, 'id' | 'address' | 'prefixLength' | 'address6' | 'prefixLength6' | 'mac'> {
  readonly containerId: string;
  readonly containerName: string;
}

export interface NetworkView {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly createdAtMs: number;
  /** `bridge`, `host` and `none`. */
  readonly isBuiltIn: boolean;
  /** It only keeps what other networks are made from. */
  readonly configOnly?: true;
  /** Name of the network that it was made from. */
  readonly configFrom?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly pools: readonly AddressPool[];
  /** Of a family that is not enabled. */
  readonly unusedPools?: readonly AddressPool[];
  /** The bridge device first. */
  readonly links: readonly string[];
  readonly members: readonly NetworkMember[];
}

/** Docker's filters of networks, by name. */
export type NetworkFilters = Readonly<Record<string, readonly string[]>>;

/** Which published ports of a container come and go. */
export interface PortChange {
  readonly add: readonly PortWish[];
  readonly remove: readonly PortSelection[];
}

/** Ports by what they are on the host. */
export interface PortSelection {
  readonly hostPort: number;
  readonly protocol: PortProtocol;
  /** Absent: on whatever address. */
  readonly hostAddress?: string;
}
