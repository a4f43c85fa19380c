import type { PortProtocol, PortSelection, PortWish } from '#wire';
import { usageError, wrongWords } from '../arguments/usage-error.ts';

/** What `-p` asks for, and which ports it exposes by that. */
export interface Publishing {
  readonly ports: readonly PortWish[];
  /** `80/tcp`. */
  readonly exposed: readonly string[];
}

interface PortRange {
  readonly first: number;
  readonly last: number;
}

const any: PortRange = { first: 0, last: 0 };

/**
 * `-p` in all of Docker's forms: `80`, `8080:80`, `127.0.0.1:8080:80`, `127.0.0.1::80`, `[::1]:80:80`, `8000-8010:8000-8010`, `8000-8010:80`, each with `/udp`;
 * and `published=8080,target=80,protocol=udp`.
 */
export function parsePublish(entries: readonly string[]): Publishing {
  const ports = entries.flatMap((entry) => parseEntry(entry.includes('=') ? plainForm(entry) : entry));
  return { ports, exposed: [...new Set(ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`))] };
}

function parseEntry(entry: string): PortWish[] {
  const { spec, protocol } = splitProtocol(entry);
  const parts = spec.split(':');
  const container = parts.at(-1) ?? '';
  const host = parts.length > 1 ? (parts.at(-2) ?? '') : '';
  const hostAddress = parseAddress(parts.slice(0, -2).join(':'));
  if (container === '') throw usageError(`no port specified: ${entry}<empty>`);
  const inside = parseRange(container) ?? fail(`invalid containerPort: ${container}`);
  const outside = host === '' ? any : (parseRange(host) ?? fail(`invalid hostPort: ${host}`));
  const count = inside.last - inside.first;
  // One port inside and several outside: any one of those.
  const isChoice = count === 0 && outside.last > outside.first;
  if (host !== '' && !isChoice && outside.last - outside.first !== count)
    throw usageError(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
  return Array.from({ length: count + 1 }, (_, index) => {
    const first = outside.first + index;
    const hostPort = isChoice ? outside : { first, last: first };
    return {
      containerPort: inside.first + index,
      protocol,
      ...(hostAddress === '' ? {} : { hostAddress }),
      ...(outside.first === 0 ? {} : { hostPort }),
    };
  });
}

/** `--expose`: `80`, `80/udp`, `8000-8010`. */
export function parseExpose(entries: readonly string[]): string[] {
  return entries.flatMap((entry) => {
    if (entry.includes(':')) throw usageError(`invalid port format for --expose: ${entry}`);
    const { spec, protocol } = splitProtocol(entry);
    const { first, last } = parseRange(spec) ?? fail(`invalid range format for --expose: ${entry}`);
    return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
  });
}

/** What `--publish-rm` takes away: `8080`, `8080/udp`, `127.0.0.1:8080`, by their place on the host. */
export function parsePublished(entries: readonly string[]): PortSelection[] {
  return entries.map((entry) => {
    const { spec, protocol } = splitProtocol(entry);
    const colon = spec.lastIndexOf(':');
    const hostAddress = parseAddress(colon < 0 ? '' : spec.slice(0, colon));
    const port = parseRange(spec.slice(colon + 1));
    if (port === null || port.first !== port.last)
      throw usageError(
        `invalid argument ${JSON.stringify(entry)} for "--publish-rm" flag: write [address:]port[/protocol], as it is on the host`,
      );
    return { hostPort: port.first, protocol, ...(hostAddress === '' ? {} : { hostAddress }) };
  });
}

/** `80` and `80/udp`, as `port` takes them. */
export function parsePrivatePort(text: string): string {
  const [spec = '', protocol = 'tcp'] = text.split(/\/(.*)/s);
  const port = parseRange(spec);
  if (port === null || port.first !== port.last) throw wrongWords(`invalid port (${spec}): write port[/protocol]`);
  return `${port.first}/${protocol}`;
}

function splitProtocol(entry: string): { readonly spec: string; readonly protocol: PortProtocol } {
  const slash = entry.indexOf('/');
  const protocol = (slash < 0 ? 'tcp' : entry.slice(slash + 1)).toLowerCase();
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') throw usageError(`invalid proto: ${protocol}`);
  return { spec: slash < 0 ? entry : entry.slice(0, slash), protocol };
}

/** What can be an address; the engine knows for certain. */
const addressPattern = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%\w+)?)$/;

export function isAddress(text: string): boolean {
  return addressPattern.test(text);
}

function parseAddress(text: string): string {
  const address = text.replace(/^\[(.*)\]$/, '$1');
  if (address !== '' && !isAddress(address)) throw usageError(`invalid IP address: ${text}`);
  return address;
}

/** null: it is none. */
function parseRange(text: string): PortRange | null {
  const parts = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (parts === null) return null;
  const first = Number(parts[1]);
  const last = Number(parts[2] ?? parts[1]);
  return first === 0 || last < first || last > 65_535 ? null : { first, last };
}

function plainForm(entry: string): string {
  const fields: Record<string, string> = {};
  for (const part of entry.split(',')) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0));
    if (!['published', 'target', 'protocol'].includes(name))
      throw usageError(`invalid publish opts format (should be name=value but got '${part}')`);
    fields[name] = part.slice(at + 1);
  }
  const { published = '', target = '', protocol = 'tcp' } = fields;
  return `${published === '' ? '' : `${published}:`}${target}/${protocol}`;
}

function fail(message: string): never {
  throw usageError(message);
}
