import { formatTime, zeroTime, type DockerIpamConfig, type DockerNetwork, type NetworkMember, type NetworkView } from '#wire';

/** A network as Docker shows it; lists leave its containers out since API 1.28. */
export function networkOf(view: NetworkView, { containers }: { readonly containers: boolean }): DockerNetwork {
  const isDefault = view.isBuiltIn && view.driver === 'bridge';
  return {
    Name: view.name,
    Id: view.id,
    Created: view.createdAtMs === 0 ? zeroTime : formatTime(BigInt(view.createdAtMs) * 1_000_000n),
    Scope: 'local',
    // Docker's name of the driver that does nothing.
    Driver: view.driver === 'none' ? 'null' : view.driver,
    EnableIPv4: view.ipv4,
    EnableIPv6: view.ipv6,
    // Options of an address manager are refused, so there are none; clients compare that with what they asked for.
    IPAM: { Driver: 'default', Options: null, Config: [...view.pools, ...(view.unusedPools ?? [])].map(poolOf) },
    Internal: view.internal,
    Attachable: view.attachable,
    Ingress: false,
    ConfigFrom: { Network: view.configFrom ?? '' },
    ConfigOnly: view.configOnly === true,
    Containers: containers ? Object.fromEntries(view.members.map((member) => [member.containerId, memberOf(member)])) : {},
    Options: isDefault ? { ...defaultBridgeOptions, 'com.docker.network.bridge.name': view.links[0] ?? '' } : { ...view.options },
    Labels: { ...view.labels },
  };
}

/** What Docker shows of its own default bridge, by which programs know it. */
const defaultBridgeOptions = {
  'com.docker.network.bridge.default_bridge': 'true',
  'com.docker.network.bridge.enable_icc': 'true',
  'com.docker.network.bridge.enable_ip_masquerade': 'true',
  'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
};

function poolOf({ subnet, range, gateway, auxiliary }: NetworkView['pools'][number]): DockerIpamConfig {
  return {
    Subnet: subnet,
    ...(range === undefined ? {} : { IPRange: range }),
    ...(gateway === undefined ? {} : { Gateway: gateway }),
    ...(auxiliary === undefined ? {} : { AuxiliaryAddresses: { ...auxiliary } }),
  };
}

function memberOf(member: NetworkMember): DockerNetwork['Containers'][string] {
  return {
    Name: member.containerName,
    EndpointID: member.id,
    MacAddress: member.mac ?? '',
    IPv4Address: withPrefix(member.address, member.prefixLength),
    IPv6Address: withPrefix(member.address6, member.prefixLength6),
  };
}

function withPrefix(address: string | undefined, prefixLength: number | undefined): string {
  return address === undefined ? '' : `${address}/${prefixLength ?? 0}`;
}
