import { createHash } from 'node:crypto';
import type { ContainerView, DockerContainer, DockerEndpoint } from '#wire';

/** Docker's name for the place a container has in its one network. */
export function endpointsOf(view: ContainerView): Record<string, DockerEndpoint> {
  const { address } = view;
  return {
    [view.networkMode]: {
      IPAMConfig: null,
      Links: null,
      Aliases: null,
      MacAddress: address?.mac ?? '',
      DriverOpts: null,
      GwPriority: 0,
      NetworkID: networkId(view.networkMode),
      EndpointID: address?.endpointId ?? '',
      Gateway: address?.gateway ?? '',
      IPAddress: address?.ip ?? '',
      IPPrefixLen: address?.prefixLength ?? 0,
      IPv6Gateway: '',
      GlobalIPv6Address: '',
      GlobalIPv6PrefixLen: 0,
      DNSNames: null,
    },
  };
}

export function networkSettingsOf(view: ContainerView): DockerContainer['NetworkSettings'] {
  const { address } = view;
  const running = view.status === 'running' || view.status === 'paused';
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: running ? `/proc/${view.pid}/ns/net` : '',
    Ports: running ? Object.fromEntries(view.exposedPorts.map((port) => [port, null])) : {},
    EndpointID: address?.endpointId ?? '',
    Gateway: address?.gateway ?? '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: address?.ip ?? '',
    IPPrefixLen: address?.prefixLength ?? 0,
    IPv6Gateway: '',
    MacAddress: address?.mac ?? '',
    Networks: endpointsOf(view),
  };
}

/** The three networks that always exist have no row of their own; their ids follow from their names. */
export function networkId(name: string): string {
  return createHash('sha256').update(`orlop network ${name}`).digest('hex');
}
