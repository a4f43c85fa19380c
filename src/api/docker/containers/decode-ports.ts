import { isIP } from 'node:net';
import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { PortProtocol, PortWish } from '#wire';

const protocols: readonly string[] = ['tcp', 'udp', 'sctp'];

/** `HostConfig.PortBindings`: `{"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080-8090"}]}`; no port, or 0, is any free one. */
export function decodePortBindings(bindings: JsonReader): PortWish[] {
  return bindings.keys.flatMap((key) => {
    const ports = parseExposed(key);
    return bindings.objects(key).flatMap((binding) => {
      const hostAddress = binding.text('HostIp').replace(/^\[(.*)\]$/, '$1');
      if (hostAddress !== '' && isIP(hostAddress) === 0) throw invalid(`invalid IP address: ${hostAddress}`);
      const hostPort = parseHostPort(binding.text('HostPort'));
      return ports.map(({ containerPort, protocol }) => ({
        containerPort,
        protocol,
        ...(hostAddress === '' ? {} : { hostAddress }),
        ...(hostPort === null ? {} : { hostPort }),
      }));
    });
  });
}

/** `80`, `80/udp` and `8000-8010/tcp`, as ports of their own: `80/tcp`. */
export function decodeExposedPorts(keys: readonly string[]): string[] {
  return keys.flatMap((key) => parseExposed(key).map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
}

function parseExposed(text: string): { readonly containerPort: number; readonly protocol: PortProtocol }[] {
  const [range = '', given = 'tcp', ...rest] = text.split('/');
  const protocol = (given === '' ? 'tcp' : given).toLowerCase();
  if (rest.length > 0 || !isProtocol(protocol)) throw invalid(`invalid proto: ${[given, ...rest].join('/')}`);
  const ports = parseRange(range);
  if (ports === null || ports.first === 0) throw invalid(`invalid port specification: ${JSON.stringify(range)}`);
  const { first, last } = ports;
  return Array.from({ length: last - first + 1 }, (_, index) => ({ containerPort: first + index, protocol }));
}

function isProtocol(text: string): text is PortProtocol {
  return protocols.includes(text);
}

function parseHostPort(text: string): { readonly first: number; readonly last: number } | null {
  if (text === '' || text === '0') return null;
  const range = parseRange(text);
  if (range === null || range.first === 0) throw invalid(`invalid port specification: ${JSON.stringify(text)}`);
  return range;
}

function parseRange(text: string): { readonly first: number; readonly last: number } | null {
  const parts = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (parts === null) return null;
  const first = Number(parts[1]);
  const last = parts[2] === undefined ? first : Number(parts[2]);
  return last < first || last > 65_535 ? null : { first, last };
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_PORT', message);
}
