import { createHash } from 'node:crypto';
import type { ContainerView, DockerContainer, DockerEndpoint, EndpointView } from '#wire';

/** Docker's names for a container's places in networks. */
export function endpointsOf(view: ContainerView): Record<string, DockerEndpoint> {
  const shown = view.endpoints.map((endpoint): [string, DockerEndpoint] => [endpoint.network, endpointOf(endpoint)]);
  return shown.length > 0 ? Object.fromEntries(shown) : { [view.networkMode]: endpointOf(emptyEndpoint(view.networkMode)) };
}

function endpointOf(endpoint: EndpointView): DockerEndpoint {
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: null,
    MacAddress: endpoint.mac ?? '',
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.id,
    Gateway: endpoint.gateway ?? '',
    IPAddress: endpoint.address ?? '',
    IPPrefixLen: endpoint.prefixLength ?? 0,
    IPv6Gateway: endpoint.gateway6 ?? '',
    GlobalIPv6Address: endpoint.address6 ?? '',
    GlobalIPv6PrefixLen: endpoint.prefixLength6 ?? 0,
    DNSNames: null,
  };
}

/** `none` and `host` have nothing to hold there. */
function emptyEndpoint(network: string): EndpointView {
  return { id: '', network, networkId: networkId(network), names: [], wishes: {} };
}

export function networkSettingsOf(view: ContainerView): DockerContainer['NetworkSettings'] {
  const [first] = view.endpoints;
  const running = view.status === 'running' || view.status === 'paused';
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: running ? `/proc/${view.pid}/ns/net` : '',
    Ports: running ? Object.fromEntries(view.exposedPorts.map((port) => [port, null])) : {},
    EndpointID: first?.id ?? '',
    Gateway: first?.gateway ?? '',
    GlobalIPv6Address: first?.address6 ?? '',
    GlobalIPv6PrefixLen: first?.prefixLength6 ?? 0,
    IPAddress: first?.address ?? '',
    IPPrefixLen: first?.prefixLength ?? 0,
    IPv6Gateway: first?.gateway6 ?? '',
    MacAddress: first?.mac ?? '',
    Networks: endpointsOf(view),
  };
}

/** The three networks that always exist have no row of their own; their ids follow from their names. */
export function networkId(name: string): string {
  return createHash('sha256').update(`orlop network ${name}`).digest('hex');
}
