import type { CreateRequest, EndpointWishes } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { parsePairs } from './pairs.ts';
import { isAddress, parseExpose, parsePublish } from './ports.ts';

export type NetworkOptions = Pick<
  CreateRequest,
  'network' | 'endpoints' | 'mac' | 'ports' | 'publishAll' | 'exposedPorts' | 'dns' | 'dnsSearch' | 'dnsOptions'
>;

interface Attachment {
  readonly network: string;
  readonly wishes: EndpointWishes;
}

/** The flags about networks, ports and name servers as part of a request; only what was given is in it. */
export function readNetworkOptions(args: Arguments): NetworkOptions {
  const attachments = readAttachments(args);
  const { ports, exposed } = parsePublish(args.list('publish'));
  const wrongServer = args.list('dns').find((text) => !isAddress(text));
  if (wrongServer !== undefined)
    throw usageError(
      `invalid argument ${JSON.stringify(wrongServer)} for "--dns" flag: IP address is not correctly formatted: ${wrongServer}`,
    );
  const exposedPorts = [...new Set([...exposed, ...parseExpose(args.list('expose'))])];
  const endpoints = Object.fromEntries(
    attachments
      .filter(({ wishes }) => attachments.length > 1 || Object.keys(wishes).length > 0)
      .map(({ network, wishes }) => [network, wishes]),
  );
  return {
    ...(attachments[0] === undefined ? {} : { network: attachments[0].network }),
    ...(Object.keys(endpoints).length === 0 ? {} : { endpoints }),
    ...listOf('ports', ports),
    ...(args.has('publish-all') ? { publishAll: args.flag('publish-all') } : {}),
    ...listOf('exposedPorts', exposedPorts),
    ...listOf('dns', args.list('dns')),
    ...listOf('dnsSearch', args.list('dns-search')),
    ...listOf('dnsOptions', args.list('dns-option')),
  };
}

/** Every `--network`, and on the first of them what the flags without a network's name ask for. */
function readAttachments(args: Arguments): Attachment[] {
  const given = args.list('network').map(parseAttachment);
  const { network = 'bridge', wishes = {} } = given[0] ?? {};
  const flags = readWishes(args);
  for (const [name, words] of Object.entries(conflicts)) {
    if (name in flags && name in wishes) throw usageError(`conflicting options: cannot specify both ${words}`);
  }
  const asked = Object.keys(flags).length > 0 || given.length > 0;
  const attachments = asked ? [{ network, wishes: { ...wishes, ...flags } }, ...given.slice(1)] : [];
  checkTogether(attachments.map((attachment) => attachment.network));
  return attachments;
}

/** The wishes of `--ip` and its like, for the one network that they are about. */
export function readWishes(args: Arguments): EndpointWishes {
  const address = args.text('ip');
  const address6 = args.text('ip6');
  const mac = args.text('mac-address');
  if (mac !== undefined && !/^[\da-f]{2,4}(?:[:.-][\da-f]{2,4}){2,}$/i.test(mac)) throw usageError(`${mac} is not a valid mac address`);
  const priority = args.integer('gw-priority');
  const driverOptions = args.has('driver-opt') ? parsePairs('driver-opt', args.list('driver-opt')) : undefined;
  return {
    ...(address === undefined ? {} : { address }),
    ...(address6 === undefined ? {} : { address6 }),
    ...(mac === undefined ? {} : { mac }),
    ...listOf('aliases', [...args.list('network-alias'), ...args.list('alias')]),
    ...listOf('linkLocal', args.list('link-local-ip')),
    ...(priority === undefined ? {} : { priority }),
    ...(driverOptions === undefined ? {} : { driverOptions }),
  };
}

const conflicts = {
  aliases: '--network-alias and per-network alias',
  address: '--ip and per-network IPv4 address',
  address6: '--ip6 and per-network IPv6 address',
  mac: '--mac-address and per-network MAC address',
  linkLocal: '--link-local-ip and per-network link-local IP addresses',
} as const;

/** `mine`, or `name=mine,alias=db,alias=database,ip=10.1.0.9,ip6=…,mac-address=…,link-local-ip=…,gw-priority=1,driver-opt=a=b`. */
function parseAttachment(text: string): Attachment {
  if (!text.includes('=') || text.startsWith('container:')) return { network: text === 'default' ? 'bridge' : text, wishes: {} };
  const fields = text.split(',').map((part): readonly [name: string, value: string] => {
    const at = part.indexOf('=');
    if (at < 0) throw usageError(`invalid field ${part}`);
    return [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()];
  });
  const all = (name: string): string[] => fields.filter(([field]) => field === name).map(([, value]) => value);
  const last = (name: string): string | undefined => all(name).at(-1);
  const unknown = fields.find(([name]) => !knownFields.has(name));
  if (unknown !== undefined) throw usageError(`invalid field ${unknown[0]}`);
  const network = last('name') ?? '';
  if (network === '') throw usageError('network name/id is not specified');
  const [address, address6, mac] = [last('ip'), last('ip6'), last('mac-address')];
  return {
    network,
    wishes: {
      ...(address === undefined ? {} : { address }),
      ...(address6 === undefined ? {} : { address6 }),
      ...(mac === undefined ? {} : { mac }),
      ...listOf('aliases', all('alias')),
      ...listOf('linkLocal', all('link-local-ip')),
      ...priorityOf(last('gw-priority')),
      ...(all('driver-opt').length === 0 ? {} : { driverOptions: parsePairs('network', all('driver-opt')) }),
    },
  };
}

const knownFields: ReadonlySet<string> = new Set([
  'name',
  'alias',
  'ip',
  'ip6',
  'mac-address',
  'link-local-ip',
  'gw-priority',
  'driver-opt',
]);

function priorityOf(text: string | undefined): Pick<EndpointWishes, 'priority'> {
  if (text === undefined) return {};
  if (!/^-?\d{1,9}$/.test(text)) throw usageError(`invalid gw-priority: ${JSON.stringify(text)}`);
  return { priority: Number(text) };
}

function checkTogether(networks: readonly string[]): void {
  const twice = networks.find((network, index) => networks.indexOf(network) !== index);
  if (twice !== undefined) throw usageError(`conflicting options: network ${JSON.stringify(twice)} is specified multiple times`);
  const isAlone = (network: string): boolean => network === 'host' || network === 'none' || network.startsWith('container:');
  if (networks.length > 1 && networks.some(isAlone))
    throw usageError('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
}

function listOf<Key extends string, Item>(key: Key, items: readonly Item[]): { readonly [Name in Key]?: readonly Item[] } {
  return items.length === 0 ? {} : ({ [key]: items } as { readonly [Name in Key]: readonly Item[] });
}
