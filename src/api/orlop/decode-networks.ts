import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { EndpointWishes, PortProtocol, PortWish } from '#wire';

/** Places in networks by the networks' names, in our own JSON: strict, as all of it. */
export function decodeEndpoints(body: JsonReader): Record<string, EndpointWishes> {
  return Object.fromEntries(body.keys.map((network) => [network, decodeWishes(body.object(network))]));
}

const wishDecoders: Readonly<Record<keyof EndpointWishes, (body: JsonReader, key: string) => unknown>> = {
  address: (body, key) => body.text(key),
  address6: (body, key) => body.text(key),
  mac: (body, key) => body.text(key),
  aliases: (body, key) => body.texts(key) ?? [],
  linkLocal: (body, key) => body.texts(key) ?? [],
  priority: (body, key) => body.integer(key),
  driverOptions: (body, key) => body.textMap(key) ?? {},
  links: (body, key) => body.texts(key) ?? [],
  link: (body, key) => body.text(key),
};

function decodeWishes(body: JsonReader): EndpointWishes {
  return Object.fromEntries(
    body.keys.map((key) => {
      const decode = Object.hasOwn(wishDecoders, key) ? wishDecoders[key as keyof EndpointWishes] : undefined;
      if (decode === undefined) throw new OrlopError('invalid-argument', 'ORLOP_UNKNOWN_FIELD', `unknown field ${JSON.stringify(key)}`);
      return [key, decode(body, key)];
    }),
  );
}

/** One port that is asked for, in our own JSON. */
export function decodePortWish(body: JsonReader): PortWish {
  const range = body.object('hostPort');
  const hostAddress = body.text('hostAddress');
  return {
    containerPort: portOf(body, 'containerPort'),
    protocol: protocolOf(body),
    ...(hostAddress === '' ? {} : { hostAddress }),
    ...(range.keys.length === 0 ? {} : { hostPort: { first: portOf(range, 'first'), last: portOf(range, 'last') } }),
  };
}

export function portOf(body: JsonReader, key: string): number {
  const port = body.integer(key);
  if (port >= 1 && port <= 65_535) return port;
  throw new OrlopError('invalid-argument', 'ORLOP_BAD_FIELD', `${key} must be a port, 1 to 65535`);
}

export function protocolOf(body: JsonReader): PortProtocol {
  const protocol = body.text('protocol');
  if (protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp') return protocol;
  throw new OrlopError('invalid-argument', 'ORLOP_BAD_FIELD', 'protocol must be one of tcp, udp, sctp');
}
