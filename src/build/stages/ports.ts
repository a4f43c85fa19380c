import type { Warn } from '../check/rules.ts';
import { mistake } from '../dockerfile/errors.ts';
import type { Lines } from '../model.ts';

/**
 * `[ip:][hostPort:]port[-port][/protocol]` as `port/protocol`, one for each port of a range. Addresses and host ports are taken and mean
 * nothing, as in BuildKit, which warns of them. Fails with invalid-argument.
 */
export function parseExposedPorts(text: string, warn: Warn, lines: Lines): string[] {
  const parts = text.split(':');
  const [rawContainer = '', host = ''] = [parts.pop(), parts.pop()];
  const ip = parts.join(':');
  const slash = rawContainer.indexOf('/');
  const container = slash < 0 ? rawContainer : rawContainer.slice(0, slash);
  const protocol = slash < 0 ? '' : rawContainer.slice(slash + 1);
  if (container === '') throw mistake(`no port specified: ${text}<empty>`);
  const lower = protocol === '' ? 'tcp' : protocol.toLowerCase();
  if (!['tcp', 'udp', 'sctp'].includes(lower)) throw mistake(`invalid proto: ${lower}`, 'it is tcp, udp or sctp');
  if (protocol !== protocol.toLowerCase()) {
    warn('ExposeProtoCasing', `Defined protocol '${text}' in EXPOSE instruction should be lowercase`, lines);
  }
  if (ip !== '' || host !== '') {
    warn('ExposeInvalidFormat', `EXPOSE instruction should not define an IP address or host-port mapping, found '${text}'`, lines);
  }
  if (ip !== '' && !isAddress(ip)) throw mistake(`invalid IP address: ${ip}`);
  const [first, last] = parseRange(container) ?? refuse(`invalid containerPort: ${container}`);
  if (host !== '') {
    const [hostFirst, hostLast] = parseRange(host) ?? refuse(`invalid hostPort: ${host}`);
    if (last - first !== hostLast - hostFirst && first !== last) {
      throw mistake(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
    }
  }
  return Array.from({ length: last - first + 1 }, (_none, index) => `${first + index}/${lower}`);
}

function refuse(message: string): never {
  throw mistake(message);
}

function parseRange(text: string): [first: number, last: number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first <= last && last <= 65535 ? [first, last] : undefined;
}

/** Roughly: what is not an address does not get as far as meaning anything. */
function isAddress(text: string): boolean {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (bare.includes(':')) return /^[0-9A-Fa-f:.]{2,45}$/.test(bare);
  const bytes = bare.split('.');
  return bytes.length === 4 && bytes.every((byte) => /^(?:0|[1-9]\d{0,2})$/.test(byte) && Number(byte) <= 255);
}
