import type {
  ContainerView,
  DockerContainer,
  DockerEndpoint,
  DockerEndpointIpam,
  DockerPort,
  DockerPortMap,
  EndpointView,
  EndpointWishes,
  PortWish,
} from '#wire';

/** Docker's names for a container's places in networks. */
export function endpointsOf(view: ContainerView): Record<string, DockerEndpoint> {
  return Object.fromEntries(
    view.endpoints.map((endpoint) => [endpoint.network, endpointOf(isRunning(view) ? endpoint : plainOf(endpoint))]),
  );
}

/** Addresses are shown while there is somebody to answer there. */
function plainOf({ network, networkId, names, wishes }: EndpointView): EndpointView {
  return { id: '', network, networkId, names, wishes };
}

function endpointOf(endpoint: EndpointView): DockerEndpoint {
  const { wishes } = endpoint;
  return {
    IPAMConfig: ipamOf(wishes),
    Links: wishes.links === undefined ? null : [...wishes.links],
    Aliases: listOf(wishes.aliases),
    MacAddress: endpoint.mac ?? '',
    DriverOpts: wishes.driverOptions === undefined ? null : { ...wishes.driverOptions },
    GwPriority: wishes.priority ?? 0,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.id,
    Gateway: endpoint.gateway ?? '',
    IPAddress: endpoint.address ?? '',
    IPPrefixLen: endpoint.prefixLength ?? 0,
    IPv6Gateway: endpoint.gateway6 ?? '',
    GlobalIPv6Address: endpoint.address6 ?? '',
    GlobalIPv6PrefixLen: endpoint.prefixLength6 ?? 0,
    DNSNames: listOf(endpoint.names),
  };
}

function ipamOf({ address, address6, linkLocal }: EndpointWishes): DockerEndpointIpam | null {
  if (address === undefined && address6 === undefined && linkLocal === undefined) return null;
  return {
    ...(address === undefined ? {} : { IPv4Address: address }),
    ...(address6 === undefined ? {} : { IPv6Address: address6 }),
    ...(linkLocal === undefined ? {} : { LinkLocalIPs: [...linkLocal] }),
  };
}

export function networkSettingsOf(view: ContainerView): DockerContainer['NetworkSettings'] {
  const running = isRunning(view);
  // The fields beside `Networks` are of the default network alone.
  const first = running ? view.endpoints.find(({ network }) => network === 'bridge') : undefined;
  return {
    Bridge: '',
    SandboxID: running ? view.id : '',
    SandboxKey: running ? `/proc/${view.pid}/ns/net` : '',
    Ports: running ? portMapOf(view) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
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

/** Before version 1.45 of the API, the short id was among the aliases. */
export function withShortIds(inspection: DockerContainer): DockerContainer {
  const { NetworkSettings: settings, Id: id } = inspection;
  const networks = Object.entries(settings.Networks).map(([name, endpoint]): [string, DockerEndpoint] => {
    if (endpoint.DNSNames === null) return [name, endpoint];
    return [name, { ...endpoint, Aliases: [...(endpoint.Aliases ?? []), id.slice(0, 12)] }];
  });
  return { ...inspection, NetworkSettings: { ...settings, Networks: Object.fromEntries(networks) } };
}

/** Exposed ports, and where those that are published are found on the host. */
function portMapOf({ exposedPorts, publishedPorts }: ContainerView): DockerPortMap {
  const map: DockerPortMap = Object.fromEntries(exposedPorts.map((port) => [port, null]));
  for (const port of publishedPorts) {
    const key = `${port.containerPort}/${port.protocol}`;
    map[key] = [...(map[key] ?? []), { HostIp: port.hostAddress, HostPort: port.hostPort === 0 ? '' : String(port.hostPort) }];
  }
  return map;
}

/** The same as a list has it. */
export function portsOf(view: ContainerView): DockerPort[] {
  if (!isRunning(view)) return [];
  return Object.entries(portMapOf(view)).flatMap(([key, bindings]): DockerPort[] => {
    const [number = '', type = ''] = key.split('/');
    const port = { PrivatePort: Number(number), Type: type };
    return bindings === null
      ? [port]
      : bindings.map(({ HostIp, HostPort }) => ({
          IP: HostIp,
          PrivatePort: port.PrivatePort,
          ...(HostPort === '' ? {} : { PublicPort: Number(HostPort) }),
          Type: type,
        }));
  });
}

/** `HostConfig.PortBindings`: what was asked for. */
export function portBindingsOf(ports: readonly PortWish[]): DockerPortMap {
  const map: DockerPortMap = {};
  for (const { containerPort, protocol, hostAddress, hostPort } of ports) {
    const key = `${containerPort}/${protocol}`;
    map[key] = [...(map[key] ?? []), { HostIp: hostAddress ?? '', HostPort: hostPort === undefined ? '' : rangeText(hostPort) }];
  }
  return map;
}

function rangeText({ first, last }: NonNullable<PortWish['hostPort']>): string {
  return first === last ? String(first) : `${first}-${last}`;
}

function isRunning({ status }: ContainerView): boolean {
  return status === 'running' || status === 'paused';
}

function listOf(items: readonly string[] | undefined): string[] | null {
  return items === undefined || items.length === 0 ? null : [...items];
}
