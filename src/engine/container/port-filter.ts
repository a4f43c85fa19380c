import { OrlopError } from '#errors';
import type { ContainerView } from '../model.ts';

/** `publish=8080`, `publish=8000-8010/udp`: containers with one of these ports of the host. */
export function publishesPort(values: readonly string[]): (view: ContainerView) => boolean {
  const ranges = values.map((value) => parseRange('publish', value));
  return ({ publishedPorts }) =>
    publishedPorts.some(({ hostPort, protocol }) => ranges.some((range) => isWithin(range, hostPort, protocol)));
}

/** `expose=80/tcp`: containers with one of these ports of their own, published or not. */
export function exposesPort(values: readonly string[]): (view: ContainerView) => boolean {
  const ranges = values.map((value) => parseRange('expose', value));
  return ({ exposedPorts, publishedPorts }) => {
    const own = [...exposedPorts, ...publishedPorts.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`)];
    return own.some((port) => {
      const [number = '', protocol = 'tcp'] = port.split('/');
      return ranges.some((range) => isWithin(range, Number(number), protocol));
    });
  };
}

interface PortRange {
  readonly first: number;
  readonly last: number;
  readonly protocol: string;
}

function isWithin({ first, last, protocol }: PortRange, port: number, of: string): boolean {
  return protocol === of && first <= port && port <= last;
}

function parseRange(filter: string, text: string): PortRange {
  const parts = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(text);
  const first = Number(parts?.[1]);
  const last = Number(parts?.[2] ?? parts?.[1]);
  if (parts === null || last < first || last > 65_535) {
    throw new OrlopError('invalid-argument', 'ENGINE_FILTER_INVALID', `invalid filter '${filter}=${text}'`, {
      hint: 'write a port, or a range, and a protocol if it is not tcp: 8000-8010/udp',
    });
  }
  return { first, last, protocol: parts[3] ?? 'tcp' };
}
