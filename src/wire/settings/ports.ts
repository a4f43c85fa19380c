import type { PortProtocol, PortWish } from '../networks.ts';
import { badValue } from './values.ts';

const protocols: readonly PortProtocol[] = ['tcp', 'udp', 'sctp'];

/** Published ports from `8080:80,127.0.0.1:5353:53/udp,443`, in Docker's short form; a range outside is a choice. Order is kept. */
export function parsePorts(text: string): PortWish[] {
  return text.trim() === '' ? [] : text.split(',').map((part) => parsePort(part.trim(), text));
}

/** The inverse; undefined for no ports. */
export function formatPorts(ports: readonly PortWish[]): string | undefined {
  return ports.length === 0 ? undefined : ports.map(formatPort).join(',');
}

function parsePort(part: string, whole: string): PortWish {
  const [, hostAddress, outside, inside = '', protocol = 'tcp'] =
    /^(?:(?:(\d+(?:\.\d+){3}|\[[0-9a-f:.]+\]):)?(\d{1,5}(?:-\d{1,5})?)?:)?(\d{1,5})(?:\/(\w+))?$/i.exec(part) ?? [];
  const containerPort = portOf(inside);
  const [first, last] = outside === undefined ? [] : outside.split('-').map(portOf);
  const known = protocols.find((one) => one === protocol.toLowerCase());
  const ends = [first, last ?? first].filter((end) => end !== undefined);
  if (containerPort === null || known === undefined || ends.includes(null) || (ends.length === 2 && Number(ends[1]) < Number(ends[0])))
    throw badValue('ports', whole, 'ports such as 8080:80,127.0.0.1:53:53/udp');
  return {
    containerPort,
    protocol: known,
    ...(hostAddress === undefined ? {} : { hostAddress: hostAddress.replace(/^\[(.*)\]$/, '$1') }),
    ...(first == null ? {} : { hostPort: { first, last: last ?? first } }),
  };
}

function portOf(text: string): number | null {
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? port : null;
}

function formatPort({ containerPort, protocol, hostAddress, hostPort }: PortWish): string {
  const address = hostAddress === undefined ? '' : `${hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress}:`;
  const outside =
    hostPort === undefined ? '' : hostPort.first === hostPort.last ? String(hostPort.first) : `${hostPort.first}-${hostPort.last}`;
  const host = address === '' && outside === '' ? '' : `${address}${outside}:`;
  return `${host}${containerPort}${protocol === 'tcp' ? '' : `/${protocol}`}`;
}
