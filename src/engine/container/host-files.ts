import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { isIP } from 'node:net';
import { OrlopError } from '#errors';
import {
  DEFAULT_NETWORK,
  formatHosts,
  planResolvConf,
  readHostResolvConf,
  replaceLinkedHosts,
  replaceOwnHosts,
  type Endpoint,
  type LinkedHost,
  type OwnHost,
  type ResolvConfPlan,
} from '#network';
import { isWithoutIpv6 } from '../network/places.ts';
import type { ContainerFiles } from './files.ts';
import type { ContainerRecord } from './record.ts';

/** That 127.0.0.11 has to be served for a container, and whom it asks about others: its own servers (`--dns`), or the host's when there are none. */
export interface NameService {
  readonly servers?: readonly string[];
}

/**
 * Writes the files that are bound over the container's /etc/hosts, /etc/hostname and /etc/resolv.conf; a machine has its own. `endpoints`: all its places, in the order of
 * attachment. null: the container's resolver needs nobody at 127.0.0.11. Fails with `invalid-argument` when an extra host wants a gateway that there is not.
 */
export async function writeHostFiles(
  files: ContainerFiles,
  record: ContainerRecord,
  endpoints: readonly Endpoint[],
  linked: readonly LinkedHost[] = [],
): Promise<NameService | null> {
  if (record.kind === 'system') return serviceOf(record, endpoints, true);
  const gateways = gatewaysOf(record, endpoints);
  const extra = (record.request.extraHosts ?? []).flatMap((entry) => parseExtraHost(entry, gateways));
  const plan = await resolvConfOf(record, endpoints);
  // Small files, read and written at once: each trip through the thread pool would take longer.
  writeFileSync(files.hostname, `${record.hostname}\n`, { mode: 0o644 });
  writeFileSync(files.hosts, formatHosts({ ...ownHost(record, endpoints), extra, linked, ipv6: !isWithoutIpv6(record) }), { mode: 0o644 });
  writeFileSync(files.resolvConf, plan.isKept ? sealed(plan.text) : plan.text, { mode: 0o644 });
  return serviceOf(record, endpoints, plan.needsServer);
}

/**
 * Brings the files of a running container up to date after it was connected or disconnected: in place, as they are bound into it. Its own lines in /etc/hosts are
 * replaced and what else was written there stays; /etc/resolv.conf is left alone once the container has changed it. Answers as `writeHostFiles`.
 */
export async function updateHostFiles(
  files: ContainerFiles,
  record: ContainerRecord,
  endpoints: readonly Endpoint[],
  { aliases, linked }: { readonly aliases: readonly string[]; readonly linked: readonly LinkedHost[] } = { aliases: [], linked: [] },
): Promise<NameService | null> {
  if (record.kind === 'system') return serviceOf(record, endpoints, true);
  const plan = await resolvConfOf(record, endpoints);
  const hosts = readFileSync(files.hosts, 'utf8');
  rewrite(files.hosts, hosts, replaceLinkedHosts(replaceOwnHosts(hosts, ownHost(record, endpoints)), aliases, linked));
  const resolvConf = readFileSync(files.resolvConf, 'utf8');
  if (plan.isKept && isSealed(resolvConf)) rewrite(files.resolvConf, resolvConf, sealed(plan.text));
  return serviceOf(record, endpoints, plan.needsServer);
}

/**
 * What a machine finds as its /etc/resolv.conf at its first boot: 127.0.0.11 in whatever network it is, as the file is its own from then on, while networks and the
 * host's servers change. systemd-resolved takes the servers of such a file, too.
 */
export async function machineResolvConf(record: ContainerRecord): Promise<string> {
  return (await resolvConfOf(record, [])).text;
}

function serviceOf(record: ContainerRecord, endpoints: readonly Endpoint[], isNeeded: boolean): NameService | null {
  const isConnected = endpoints.some(({ driver }) => driver !== 'host' && driver !== 'none');
  if (!isNeeded || !isConnected) return null;
  const servers = record.request.dns ?? [];
  return servers.length === 0 ? {} : { servers };
}

/** `isKept`: it is ours to change later. */
async function resolvConfOf(
  record: ContainerRecord,
  endpoints: readonly Endpoint[],
): Promise<ResolvConfPlan & { readonly isKept: boolean }> {
  const { dns, dnsSearch, dnsOptions } = record.request;
  const isHost = record.network === 'host';
  const isNamed =
    record.kind === 'system' ||
    endpoints.some(({ driver, network }) => network !== DEFAULT_NETWORK && driver !== 'host' && driver !== 'none');
  const host = await readHostResolvConf(isHost, async (path) => readFileSync(path, 'utf8'));
  const wishes = {
    ipv6: endpoints.some(({ address6 }) => address6 !== undefined),
    ...(isAsked(dns) ? { servers: dns } : {}),
    ...(isAsked(dnsSearch) ? { search: dnsSearch } : {}),
    ...(isAsked(dnsOptions) ? { options: dnsOptions } : {}),
  };
  return { ...planResolvConf(host, isHost ? 'host' : isNamed ? 'named' : 'bridge', wishes), isKept: !isHost };
}

function isAsked(list: readonly string[] | undefined): list is readonly string[] {
  return list !== undefined && list.length > 0;
}

/** Ends with a mark by which it is known later whether anybody has changed it. */
function sealed(text: string): string {
  return `${text}# Kept up to date as long as nobody changes it (${createHash('sha256').update(text).digest('hex').slice(0, 12)}).\n`;
}

function isSealed(text: string): boolean {
  const own = text.slice(0, text.lastIndexOf('#'));
  return text === sealed(own);
}

/** A reader sees the old text or the new one, or a mixture, but never an empty file. */
function rewrite(path: string, before: string, after: string): void {
  if (before === after) return;
  const descriptor = openSync(path, 'r+');
  try {
    const bytes = Buffer.from(after);
    writeSync(descriptor, bytes);
    ftruncateSync(descriptor, bytes.length);
  } finally {
    closeSync(descriptor);
  }
}

function ownHost(record: ContainerRecord, endpoints: readonly Endpoint[]): OwnHost {
  const { domainname } = record.request;
  const hostname = domainname === undefined || domainname === '' ? record.hostname : `${record.hostname}.${domainname}`;
  return {
    hostname,
    addresses: endpoints.flatMap(({ address, address6 }) => [address, address6]).filter((address) => address !== undefined),
  };
}

/** What `host-gateway` means: the host, as the container reaches it, over the network that has its default route; in the host's network, the host itself. */
function gatewaysOf(record: ContainerRecord, endpoints: readonly Endpoint[]): string[] {
  if (record.network === 'host') return ['127.0.0.1'];
  const priority = (endpoint: Endpoint): number => endpoint.wishes.priority ?? 0;
  const order = endpoints.toSorted((a, b) => priority(b) - priority(a) || (a.network < b.network ? -1 : 1));
  const first = (pick: (endpoint: Endpoint) => string | undefined): string | undefined =>
    order.map(pick).find((gateway) => gateway !== undefined);
  return [first(({ gateway }) => gateway), first(({ gateway6 }) => gateway6)].filter((gateway) => gateway !== undefined);
}

/** `name:address` or `name=address`; the address `host-gateway` stands for each of `gateways`. */
export function parseExtraHost(entry: string, gateways: readonly string[]): (readonly [name: string, address: string])[] {
  const at = entry.search(/[:=]/);
  const name = entry.slice(0, at);
  const address = entry.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  const isGateway = address === 'host-gateway';
  if (at <= 0 || address === '') throw extraHostInvalid(`bad format for add-host: "${entry}"`, 'write NAME:ADDRESS');
  if (!isGateway && isIP(address) === 0) throw extraHostInvalid(`invalid IP address in add-host: "${address}"`, 'write NAME:ADDRESS');
  if (isGateway && gateways.length === 0) {
    throw extraHostInvalid(
      `add-host ${name}: host-gateway needs a network with a way to the host`,
      'connect it to a bridge network that is not internal',
    );
  }
  return isGateway ? gateways.map((gateway) => [name, gateway] as const) : [[name, address]];
}

function extraHostInvalid(message: string, hint: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_EXTRA_HOST_INVALID', message, { hint });
}
