import type { DockerCreateBody, DockerEndpointWishes, DockerHostConfig, DockerPortMap, EndpointWishes, PortWish } from '#wire';
import type { NetworkOptions } from './networks.ts';

/** The parts of a create request about networks that are not the host's. */
export function networkBodyOf({ endpoints, exposedPorts }: NetworkOptions): Pick<DockerCreateBody, 'ExposedPorts' | 'NetworkingConfig'> {
  return {
    ...(exposedPorts === undefined ? {} : { ExposedPorts: Object.fromEntries(exposedPorts.map((port) => [port, {}])) }),
    ...(endpoints === undefined
      ? {}
      : {
          NetworkingConfig: {
            EndpointsConfig: Object.fromEntries(Object.entries(endpoints).map(([name, wishes]) => [name, endpointBodyOf(wishes)])),
          },
        }),
  };
}

type HostPart = 'NetworkMode' | 'PortBindings' | 'PublishAllPorts' | 'Dns' | 'DnsSearch' | 'DnsOptions';

/** Their part of HostConfig; undefined asks for nothing. */
export function networkHostConfigOf(options: NetworkOptions): { readonly [Key in HostPart]: DockerHostConfig[Key] | undefined } {
  const { network, ports, publishAll, dns, dnsSearch, dnsOptions } = options;
  return {
    NetworkMode: network,
    PortBindings: ports === undefined ? undefined : bindingsOf(ports),
    PublishAllPorts: publishAll,
    Dns: dns === undefined ? undefined : [...dns],
    DnsSearch: dnsSearch === undefined ? undefined : [...dnsSearch],
    DnsOptions: dnsOptions === undefined ? undefined : [...dnsOptions],
  };
}

/** What is asked of a place in a network, in Docker's fields. */
export function endpointBodyOf({
  address,
  address6,
  linkLocal,
  aliases,
  links,
  mac,
  priority,
  driverOptions,
}: EndpointWishes): DockerEndpointWishes {
  const ipam = {
    ...(address === undefined ? {} : { IPv4Address: address }),
    ...(address6 === undefined ? {} : { IPv6Address: address6 }),
    ...(linkLocal === undefined ? {} : { LinkLocalIPs: [...linkLocal] }),
  };
  return {
    ...(Object.keys(ipam).length === 0 ? {} : { IPAMConfig: ipam }),
    ...(aliases === undefined ? {} : { Aliases: [...aliases] }),
    ...(links === undefined ? {} : { Links: [...links] }),
    ...(mac === undefined ? {} : { MacAddress: mac }),
    ...(priority === undefined ? {} : { GwPriority: priority }),
    ...(driverOptions === undefined ? {} : { DriverOpts: { ...driverOptions } }),
  };
}

function bindingsOf(ports: readonly PortWish[]): DockerPortMap {
  const map: DockerPortMap = {};
  for (const { containerPort, protocol, hostAddress = '', hostPort } of ports) {
    const key = `${containerPort}/${protocol}`;
    const HostPort =
      hostPort === undefined ? '' : hostPort.first === hostPort.last ? String(hostPort.first) : `${hostPort.first}-${hostPort.last}`;
    map[key] = [...(map[key] ?? []), { HostIp: hostAddress, HostPort }];
  }
  return map;
}
