/** JSON of networks in the Docker Engine API (v1.51). Source: Docker Engine API reference. */
export interface DockerIpamConfig {
  Subnet?: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

export interface DockerIpam {
  Driver: string;
  Options: Record<string, string> | null;
  Config: DockerIpamConfig[];
}

export interface DockerNetwork {
  Name: string;
  Id: string;
  Created: string;
  Scope: string;
  Driver: string;
  EnableIPv4: boolean;
  EnableIPv6: boolean;
  IPAM: DockerIpam;
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigFrom: { Network: string };
  ConfigOnly: boolean;
  Containers: Record<string, { Name: string; EndpointID: string; MacAddress: string; IPv4Address: string; IPv6Address: string }>;
  Options: Record<string, string>;
  Labels: Record<string, string>;
}

/** Body of `POST /networks/create`, as ours sends it. */
export interface DockerNetworkCreate {
  Name: string;
  Driver?: string;
  Scope?: string;
  Internal?: boolean;
  Attachable?: boolean;
  EnableIPv4?: boolean;
  EnableIPv6?: boolean;
  IPAM?: { Driver?: string; Options?: Record<string, string>; Config?: DockerIpamConfig[] };
  Options?: Record<string, string>;
  Labels?: Record<string, string>;
  ConfigOnly?: boolean;
  ConfigFrom?: { Network: string };
}

export interface DockerNetworkCreated {
  Id: string;
  Warning: string;
}

/** What is asked of a place in a network; empty fields ask for nothing. */
export interface DockerEndpointWishes {
  IPAMConfig?: DockerEndpointIpam | null;
  Aliases?: string[] | null;
  /** `CONTAINER:ALIAS` */
  Links?: string[] | null;
  MacAddress?: string;
  DriverOpts?: Record<string, string> | null;
  GwPriority?: number;
}

export interface DockerEndpointIpam {
  IPv4Address?: string;
  IPv6Address?: string;
  LinkLocalIPs?: string[];
}

export interface DockerPortBinding {
  HostIp: string;
  HostPort: string;
}

/** `80/tcp` → where it is on the host; null: nowhere. */
export type DockerPortMap = Record<string, DockerPortBinding[] | null>;

export interface DockerPort {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}
