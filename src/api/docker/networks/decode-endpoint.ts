import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { EndpointWishes } from '#wire';

/** Docker's EndpointSettings, as far as they are wishes; what an inspect shows besides (addresses that were given, ids) asks for nothing. */
export function decodeEndpoint(settings: JsonReader, name: string): EndpointWishes {
  const links = settings.texts('Links') ?? [];
  const wrong = links.find((link) => !/^[^:]+(?::[^:]*)?$/.test(link));
  if (wrong !== undefined)
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_LINK', `bad format for links: ${wrong}`, {
      hint: `write ${name}.Links as NAME:ALIAS`,
    });
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
    ...(links.length === 0 ? {} : { links }),
    ...(linkLocal.length === 0 ? {} : { linkLocal }),
    ...(priority === 0 ? {} : { priority }),
    ...(Object.keys(driverOptions).length === 0 ? {} : { driverOptions }),
  };
}

function textOf<Key extends string>(key: Key, value: string): { readonly [Name in Key]?: string } {
  return value === '' ? {} : ({ [key]: value } as { readonly [Name in Key]: string });
}
