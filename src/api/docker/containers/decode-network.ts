import { isIP } from 'node:net';
import { OrlopError } from '#errors';
import { compareVersions, type JsonReader } from '#api/http';
import type { CreateRequest, EndpointWishes } from '#wire';
import { decodeEndpoint } from '../networks/decode-endpoint.ts';
import { decodeExposedPorts, decodePortBindings } from './decode-ports.ts';

type NetworkPart = Pick<
  CreateRequest,
  'network' | 'endpoints' | 'links' | 'mac' | 'ports' | 'publishAll' | 'exposedPorts' | 'dns' | 'dnsSearch' | 'dnsOptions' | 'extraHosts'
>;

/** The first version of the API whose clients may ask for several networks at once. */
const severalSince = '1.44';

/** What a create request says about networks, ports and names: Config, HostConfig and NetworkingConfig. Empty fields ask for nothing. */
export function decodeNetworkPart(config: JsonReader, host: JsonReader, apiVersion: string): NetworkPart {
  const network = config.flag('NetworkDisabled') ? 'none' : plainMode(host.text('NetworkMode'));
  const endpoints = config.flag('NetworkDisabled') ? {} : decodeEndpoints(config, network, apiVersion);
  const ports = decodePortBindings(host.object('PortBindings'));
  const exposedPorts = decodeExposedPorts(config.object('ExposedPorts').keys);
  const dns = host.texts('Dns') ?? [];
  for (const server of dns)
    if (isIP(server) === 0) throw new OrlopError('invalid-argument', 'DOCKER_BAD_DNS', `${server} is not an ip address`);
  return {
    network,
    ...(Object.keys(endpoints).length === 0 ? {} : { endpoints }),
    ...(config.text('MacAddress') === '' ? {} : { mac: config.text('MacAddress') }),
    ...(host.flag('PublishAllPorts') ? { publishAll: true } : {}),
    ...listOf('links', host.texts('Links') ?? []),
    ...listOf('ports', ports),
    ...listOf('exposedPorts', exposedPorts),
    ...listOf('dns', dns),
    ...listOf('dnsSearch', host.texts('DnsSearch') ?? []),
    ...listOf('dnsOptions', host.texts('DnsOptions') ?? []),
    ...listOf('extraHosts', host.texts('ExtraHosts') ?? []),
  };
}

function plainMode(mode: string): string {
  if (mode === 'container:') {
    const words = 'invalid network mode: invalid container format container:<name|id>';
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_NETWORK_MODE', words);
  }
  return mode === '' || mode === 'default' ? 'bridge' : mode;
}

function decodeEndpoints(config: JsonReader, network: string, apiVersion: string): Record<string, EndpointWishes> {
  const settings = config.object('NetworkingConfig').object('EndpointsConfig');
  const names = settings.keys;
  if (names.length > 1 && compareVersions(apiVersion, severalSince) < 0) {
    const words = `Container cannot be created with multiple network endpoints: ${names.join(', ')}`;
    throw new OrlopError('invalid-argument', 'DOCKER_SEVERAL_NETWORKS', words, { hint: `use version ${severalSince} of the API` });
  }
  const decoded = names.map((name): [string, EndpointWishes] => [plainMode(name), decodeEndpoint(settings.object(name), name)]);
  // Clients name the network of the mode again, without asking anything of it.
  const [only] = decoded;
  return decoded.length === 1 && only?.[0] === network && Object.keys(only[1]).length === 0 ? {} : Object.fromEntries(decoded);
}

function listOf<Key extends string, Item>(key: Key, items: readonly Item[]): { readonly [Name in Key]?: readonly Item[] } {
  return items.length === 0 ? {} : ({ [key]: items } as { readonly [Name in Key]: readonly Item[] });
}
