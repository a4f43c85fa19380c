import type { DockerIpamConfig, DockerNetworkCreate } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { wrongWords } from '../arguments/usage-error.ts';
import { parsePairs } from './pairs.ts';
import { contains, parseSubnet, type Subnet } from './subnets.ts';

/** The body of a request for a new network. */
export function planNetworkCreate(args: Arguments): DockerNetworkCreate {
  const config = poolsOf(args);
  const driver = args.text('driver');
  const manager = {
    Driver: args.text('ipam-driver') ?? 'default',
    ...(config.length === 0 ? {} : { Config: config }),
    ...(args.has('ipam-opt') ? { Options: parsePairs('ipam-opt', args.list('ipam-opt')) } : {}),
  };
  const isManaged = config.length > 0 || args.has('ipam-driver') || args.has('ipam-opt');
  const configFrom = args.text('config-from');
  return {
    Name: args.positionals[0] ?? '',
    ...(driver === undefined ? {} : { Driver: driver }),
    ...flagOf(args, 'internal', 'Internal'),
    ...flagOf(args, 'attachable', 'Attachable'),
    ...flagOf(args, 'ipv4', 'EnableIPv4'),
    ...flagOf(args, 'ipv6', 'EnableIPv6'),
    ...(isManaged ? { IPAM: manager } : {}),
    ...(args.has('scope') ? { Scope: args.text('scope') ?? '' } : {}),
    ...flagOf(args, 'config-only', 'ConfigOnly'),
    ...(configFrom === undefined ? {} : { ConfigFrom: { Network: configFrom } }),
    Options: parsePairs('opt', args.list('opt'), { bare: true }),
    Labels: parsePairs('label', args.list('label'), { bare: true }),
  };
}

/** Gateways, ranges and kept addresses belong to the subnet that they lie in, in whatever order they are given. */
function poolsOf(args: Arguments): DockerIpamConfig[] {
  const pools = args.list('subnet').map((text) => ({ subnet: parseSubnet(text), config: { Subnet: text } as DockerIpamConfig }));
  for (const [index, { subnet, config }] of pools.entries()) {
    const other = pools.slice(0, index).find((pool) => contains(pool.subnet, subnet) || contains(subnet, pool.subnet));
    if (other !== undefined)
      throw wrongWords(`multiple overlapping subnet configuration is not supported: ${config.Subnet} and ${other.config.Subnet}`);
  }
  const given = ['ip-range', 'gateway', 'aux-address'].some((flag) => args.has(flag));
  if (pools.length === 0 && given)
    throw wrongWords('invalid subnet: every ip-range, gateway or aux-address must have a corresponding subnet');
  const poolOf = (flag: string, address: Subnet, text: string): DockerIpamConfig => {
    const found = pools.find(({ subnet }) => contains(subnet, address));
    if (found === undefined) throw wrongWords(`no matching subnet for ${flag} ${text}`);
    return found.config;
  };
  for (const range of args.list('ip-range')) setOnce(poolOf('range', parseSubnet(range), range), 'IPRange', range);
  for (const gateway of args.list('gateway')) setOnce(poolOf('gateway', parseSubnet(gateway), gateway), 'Gateway', gateway);
  for (const [name, address] of Object.entries(parsePairs('aux-address', args.list('aux-address')))) {
    const config = poolOf('aux-address', parseSubnet(address), address);
    config.AuxiliaryAddresses = { ...config.AuxiliaryAddresses, [name]: address };
  }
  return pools.map(({ config }) => config);
}

function setOnce(config: DockerIpamConfig, field: 'IPRange' | 'Gateway', text: string): void {
  if (config[field] !== undefined) {
    throw wrongWords(
      `cannot configure multiple ${field === 'IPRange' ? 'ranges' : 'gateways'} (${text}, ${config[field]}) on the same subnet (${config.Subnet})`,
    );
  }
  config[field] = text;
}

function flagOf<Field extends string>(args: Arguments, flag: string, field: Field): { readonly [Name in Field]?: boolean } {
  return args.has(flag) ? ({ [field]: args.flag(flag) } as { readonly [Name in Field]: boolean }) : {};
}
