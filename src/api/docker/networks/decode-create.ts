import { OrlopError } from '#errors';
import { compareVersions, type JsonReader } from '#api/http';
import type { AddressPool, NetworkRequest } from '#wire';

/** The first version of the API whose clients may do without IPv4. */
const withoutIpv4Since = '1.47';

/** `POST /networks/create`. What belongs to a swarm, and other address managers, are unimplemented, by name. `CheckDuplicate` is always done. */
export function decodeNetworkCreate(body: JsonReader, apiVersion: string): NetworkRequest {
  const name = body.text('Name');
  if (name.trim() === '') throw new OrlopError('invalid-argument', 'DOCKER_NO_NAME', 'network name cannot be blank');
  refuseSwarm(body);
  const pools = decodePools(body.object('IPAM'));
  const driver = body.text('Driver');
  const labels = body.textMap('Labels') ?? {};
  const options = body.textMap('Options') ?? {};
  const configFrom = body.object('ConfigFrom').text('Network');
  // Here, because a lease becomes a label later.
  if (configFrom !== '' && Object.keys(labels).length > 0) throw labelsOfBoth();
  return {
    name,
    ...(driver === '' || driver === 'default' ? {} : { driver }),
    labels,
    options,
    internal: body.flag('Internal'),
    attachable: body.flag('Attachable'),
    ...(compareVersions(apiVersion, withoutIpv4Since) < 0 ? {} : flagOf('ipv4', body, 'EnableIPv4')),
    ...flagOf('ipv6', body, 'EnableIPv6'),
    ...(pools.length === 0 ? {} : { pools }),
    ...(body.flag('ConfigOnly') ? { configOnly: true } : {}),
    ...(configFrom === '' ? {} : { configFrom }),
  };
}

function refuseSwarm(body: JsonReader): void {
  if (body.flag('Ingress')) throw unsupported('the routing mesh of a swarm', 'Ingress');
  const scope = body.text('Scope');
  if (scope !== '' && scope !== 'local') throw unsupported(`the scope ${scope}`, 'Scope');
}

function decodePools(ipam: JsonReader): Partial<AddressPool>[] {
  const driver = ipam.text('Driver');
  if (driver !== '' && driver !== 'default') throw unsupported(`the address manager ${driver}`, 'IPAM.Driver');
  const [option] = Object.keys(ipam.textMap('Options') ?? {});
  if (option !== undefined) throw unsupported(`the option ${option} of an address manager`, 'IPAM.Options');
  return ipam.objects('Config').map((config) => {
    const auxiliary = config.textMap('AuxiliaryAddresses') ?? config.textMap('AuxAddress') ?? {};
    return {
      ...(config.text('Subnet') === '' ? {} : { subnet: config.text('Subnet') }),
      ...(config.text('IPRange') === '' ? {} : { range: config.text('IPRange') }),
      ...(config.text('Gateway') === '' ? {} : { gateway: config.text('Gateway') }),
      ...(Object.keys(auxiliary).length === 0 ? {} : { auxiliary }),
    };
  });
}

function flagOf<Key extends string>(key: Key, body: JsonReader, field: string): { readonly [Name in Key]?: boolean } {
  const given = body.raw(field) ?? null;
  return given === null ? {} : ({ [key]: body.flag(field) } as { readonly [Name in Key]: boolean });
}

function labelsOfBoth(): OrlopError {
  const words = 'user specified configurations are not supported if the network depends on a configuration network';
  return new OrlopError('permission-denied', 'DOCKER_CONFIG_LABELS', words, { hint: 'give the labels to that network' });
}

function unsupported(words: string, field: string): OrlopError {
  return new OrlopError('unimplemented', 'DOCKER_UNSUPPORTED_FIELD', `${words} (${field}) is not supported`);
}
