import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { AddressPool, NetworkRequest } from '#wire';

/** `POST /networks/create`. What belongs to a swarm, and other address managers, are unimplemented, by name. `CheckDuplicate` is always done. */
export function decodeNetworkCreate(body: JsonReader): NetworkRequest {
  const name = body.text('Name');
  if (name.trim() === '') throw new OrlopError('invalid-argument', 'DOCKER_NO_NAME', 'network name cannot be blank');
  refuseSwarm(body);
  const pools = decodePools(body.object('IPAM'));
  const driver = body.text('Driver');
  const labels = body.textMap('Labels') ?? {};
  const options = body.textMap('Options') ?? {};
  return {
    name,
    ...(driver === '' || driver === 'default' ? {} : { driver }),
    labels,
    options,
    internal: body.flag('Internal'),
    attachable: body.flag('Attachable'),
    ...flagOf('ipv4', body, 'EnableIPv4'),
    ...flagOf('ipv6', body, 'EnableIPv6'),
    ...(pools.length === 0 ? {} : { pools }),
  };
}

function refuseSwarm(body: JsonReader): void {
  for (const [field, words] of [
    ['Ingress', 'the routing mesh of a swarm'],
    ['ConfigOnly', 'networks that are only a configuration'],
  ] as const) {
    if (body.flag(field)) throw unsupported(words, field);
  }
  if (body.object('ConfigFrom').text('Network') !== '') throw unsupported("another network's configuration", 'ConfigFrom');
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

function unsupported(words: string, field: string): OrlopError {
  const verb = words.startsWith('networks ') ? 'are' : 'is';
  return new OrlopError('unimplemented', 'DOCKER_UNSUPPORTED_FIELD', `${words} (${field}) ${verb} not supported`);
}
