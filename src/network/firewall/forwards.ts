import { formatAddress, type Address } from '../addresses.ts';
import type { PortProtocol } from '../ports/types.ts';

/** One entry of the port maps: what comes for this port of the host goes to that of a container. */
export interface Forward {
  readonly protocol: PortProtocol;
  /** null: every address of the host. */
  readonly hostAddress: Address | null;
  readonly hostPort: number;
  readonly target: Address;
  readonly targetPort: number;
}

/** `everywhere4` when it is meant for every address, else `ports4`; or 6. */
export function mapOf(forward: Forward): string {
  return `${forward.hostAddress === null ? 'everywhere' : 'ports'}${forward.target.family}`;
}

/** The port maps with these entries, in the language of nft(8). Pure. */
export function formatForwards(forwards: Iterable<Forward>): string {
  const all = [...forwards];
  const declare = (name: string, type: string): string => {
    const entries = all.filter((forward) => mapOf(forward) === name).map(formatForward);
    return `  map ${name} { type ${type}; ${entries.length === 0 ? '' : `elements = { ${entries.join(', ')} }; `}}\n`;
  };
  return [
    declare('ports4', 'ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service'),
    declare('ports6', 'ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service'),
    declare('everywhere4', 'inet_proto . inet_service : ipv4_addr . inet_service'),
    declare('everywhere6', 'inet_proto . inet_service : ipv6_addr . inet_service'),
  ].join('');
}

function formatForward({ protocol, hostAddress, hostPort, target, targetPort }: Forward): string {
  const host = hostAddress === null ? '' : `${formatAddress(hostAddress)} . `;
  return `${host}${protocol} . ${hostPort} : ${formatAddress(target)} . ${targetPort}`;
}
