import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { EndpointWishes } from '#wire';

/** Docker's EndpointSettings, as far as they are wishes; what an inspect shows besides (addresses that were given, ids) asks for nothing. */
export function decodeEndpoint(settings: JsonReader, name: string): EndpointWishes {
  if ((settings.texts('Links') ?? []).length > 0) {
    throw new OrlopError('unimplemented', 'DOCKER_UNSUPPORTED_FIELD', `links (${name}.Links) are not supported`, {
      hint: 'containers of a user network find each other by name; give the other one an alias',
    });
  }
  const ipam = settings.object('IPAMConfig');
  const priority = settings.integer('GwPriority');
  const aliases = settings.texts('Aliases') ?? [];
  const linkLocal = ipam.texts('LinkLocalIPs') ?? [];
  const driverOptions = settings.textMap('DriverOpts') ?? {};
  return {
    ...textOf('address', ipam.text('IPv4Address')),
    ...textOf('address6', ipam.text('IPv6Address')),
    ...textOf('mac', settings.text('MacAddress')),
    ...(aliases.length === 0 ? {} : { aliases }),
    ...(linkLocal.length === 0 ? {} : { linkLocal }),
    ...(priority === 0 ? {} : { priority }),
    ...(Object.keys(driverOptions).length === 0 ? {} : { driverOptions }),
  };
}

function textOf<Key extends string>(key: Key, value: string): { readonly [Name in Key]?: string } {
  return value === '' ? {} : ({ [key]: value } as { readonly [Name in Key]: string });
}
