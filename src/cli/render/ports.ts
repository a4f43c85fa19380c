import type { DockerPort } from '#wire';

/** Ports that follow each other, with the same address and protocol, and the same number on both sides. */
interface PortGroup {
  readonly address: string;
  readonly type: string;
  readonly first: number;
  readonly last: number;
}

/** The ports of a container as Docker's list shows them: `0.0.0.0:8000-8002->8000-8002/tcp, 0.0.0.0:8080->80/tcp, 443/tcp`. */
export function formatPorts(ports: readonly DockerPort[]): string {
  const groups = new Map<string, PortGroup>();
  const complete: string[] = [];
  const moved: string[] = [];
  for (const { IP: address = '', PrivatePort: inside, PublicPort: outside = 0, Type: type } of ports.toSorted(byPort)) {
    if (address !== '' && outside !== inside) {
      moved.push(`${joinHostPort(address, String(outside))}->${inside}/${type}`);
      continue;
    }
    const key = `${address}/${type}`;
    const group = groups.get(key);
    if (group !== undefined && inside === group.last + 1) groups.set(key, { ...group, last: inside });
    else {
      if (group !== undefined) complete.push(formatGroup(group));
      groups.set(key, { address, type, first: inside, last: inside });
    }
  }
  return [...complete, ...groups.values().map(formatGroup), ...moved].join(', ');
}

export function joinHostPort(address: string, port: string): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function formatGroup({ address, type, first, last }: PortGroup): string {
  const range = first === last ? String(first) : `${first}-${last}`;
  return address === '' ? `${range}/${type}` : `${joinHostPort(address, range)}->${range}/${type}`;
}

function byPort(a: DockerPort, b: DockerPort): number {
  const text = (one = '', other = ''): number => (one < other ? -1 : one > other ? 1 : 0);
  return a.PrivatePort - b.PrivatePort || text(a.IP, b.IP) || (a.PublicPort ?? 0) - (b.PublicPort ?? 0) || text(a.Type, b.Type);
}
