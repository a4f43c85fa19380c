import { isIP } from 'node:net';
import { OrlopError } from '#errors';
import type { IpvlanMode, MacvlanMode } from './netlink/requests.ts';
import type { NetworkDriver } from './types.ts';

/** What the options of a network say, whatever its driver; what was not said is as Docker has it. */
export interface DriverOptions {
  /** Name of the bridge device. */
  readonly bridge: string | undefined;
  readonly mtu: number | undefined;
  /** Whether containers reach each other other than by published ports. */
  readonly interContainer: boolean;
  /** By family: whether what leaves takes the host's address. */
  readonly masquerade: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** By family: what its own address has to do with what comes and goes. */
  readonly gatewayMode: { readonly ipv4: GatewayMode; readonly ipv6: GatewayMode };
  /** Links of the host by which containers' published ports are reached at the containers' own addresses. */
  readonly trustedLinks: readonly string[];
  /** Whether the bridge has no IPv4 address, because somebody else on it is the gateway. */
  readonly inhibitIpv4: boolean;
  /** Begins the names of containers' interfaces. */
  readonly linkPrefix: string;
  /** Where ports are published unless told otherwise. */
  readonly hostBinding: string | undefined;
  /** The link that macvlan and ipvlan share: of the host, or a VLAN of one (`eth0.50`). */
  readonly parent: string | undefined;
  readonly macvlan: MacvlanMode;
  readonly ipvlan: IpvlanMode;
  /** Options that nothing here knows. They are kept for whoever wrote them. */
  readonly unknown: readonly string[];
}

/**
 * Docker's words: `nat`, its ports are reached at the host's addresses; `nat-unprotected`, at its own as well, published or not; `routed`, published ones at its own addresses
 * alone; `isolated`, the bridge has no address, so that not even the host is reached (docs.docker.com/engine/network/port-publishing, "Gateway modes").
 */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated';

const bridgeSpace = 'com.docker.network.bridge.';
const modes4 = `${bridgeSpace}gateway_mode_ipv4`;
const modes6 = `${bridgeSpace}gateway_mode_ipv6`;
const trusted = `${bridgeSpace}trusted_host_interfaces`;
const gatewayModes: readonly string[] = ['nat', 'nat-unprotected', 'routed', 'isolated'] satisfies GatewayMode[];
const macvlanModes: readonly string[] = ['bridge', 'private', 'vepa', 'passthru'] satisfies MacvlanMode[];
const ipvlanLayers: readonly string[] = ['l2', 'l3', 'l3s'] satisfies IpvlanMode['layer'][];
const ipvlanFlags: readonly string[] = ['bridge', 'private', 'vepa'] satisfies IpvlanMode['flag'][];

const everywhere = ['com.docker.network.driver.mtu', 'com.docker.network.container_iface_prefix'];
const known: Readonly<Record<NetworkDriver, readonly string[]>> = {
  bridge: [
    ...everywhere,
    `${bridgeSpace}name`,
    `${bridgeSpace}enable_icc`,
    `${bridgeSpace}enable_ip_masquerade`,
    `${bridgeSpace}host_binding_ipv4`,
    `${bridgeSpace}inhibit_ipv4`,
    modes4,
    modes6,
    trusted,
  ],
  macvlan: [...everywhere, 'parent', 'macvlan_mode'],
  ipvlan: [...everywhere, 'parent', 'ipvlan_mode', 'ipvlan_flag'],
  host: [],
  none: [],
};

/** Where a driver's own options are: one there that is not known is a mistake, not somebody else's. */
const spaces: Readonly<Record<NetworkDriver, RegExp>> = {
  bridge: /^com\.docker\.network\.(bridge|driver)\./,
  macvlan: /^(macvlan_|com\.docker\.network\.driver\.)/,
  ipvlan: /^(ipvlan_|com\.docker\.network\.driver\.)/,
  host: /^$/,
  none: /^$/,
};

/** Reads the options of a network. Fails with `invalid-argument` on a value that cannot be, `unimplemented` on an option or value that is not supported. Pure. */
export function parseDriverOptions(driver: NetworkDriver, options: Readonly<Record<string, string>>): DriverOptions {
  const unknown = Object.keys(options).filter((name) => !known[driver].includes(name));
  const mistaken = unknown.find((name) => spaces[driver].test(name));
  if (mistaken !== undefined) throw unsupported(mistaken, `the driver ${driver} knows ${known[driver].join(', ')}`);
  const prefix = options['com.docker.network.container_iface_prefix'];
  const gatewayMode = { ipv4: gatewayModeOf(options, modes4), ipv6: gatewayModeOf(options, modes6) };
  const masquerade = switchOf(options, `${bridgeSpace}enable_ip_masquerade`);
  return {
    bridge: linkName(options, `${bridgeSpace}name`),
    mtu: mtuOf(options['com.docker.network.driver.mtu']),
    interContainer: switchOf(options, `${bridgeSpace}enable_icc`),
    masquerade: { ipv4: masquerade && gatewayMode.ipv4 !== 'routed', ipv6: masquerade && gatewayMode.ipv6 !== 'routed' },
    gatewayMode,
    trustedLinks: linkNames(options, trusted),
    inhibitIpv4: switchOf(options, `${bridgeSpace}inhibit_ipv4`, false),
    linkPrefix: prefix === undefined || prefix === '' ? 'eth' : checkLinkPrefix(prefix),
    hostBinding: bindingOf(options[`${bridgeSpace}host_binding_ipv4`]),
    parent: linkName(options, 'parent'),
    macvlan: oneOf(options, 'macvlan_mode', macvlanModes) as MacvlanMode,
    ipvlan: {
      layer: oneOf(options, 'ipvlan_mode', ipvlanLayers) as IpvlanMode['layer'],
      flag: oneOf(options, 'ipvlan_flag', ipvlanFlags) as IpvlanMode['flag'],
    },
    unknown,
  };
}

function gatewayModeOf(options: Readonly<Record<string, string>>, name: string): GatewayMode {
  return oneOf(options, name, gatewayModes) as GatewayMode;
}

/** As Go's strconv.ParseBool, which Docker uses. */
function switchOf(options: Readonly<Record<string, string>>, name: string, usual = true): boolean {
  const value = options[name] ?? '';
  if (value === '') return usual;
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw invalid(name, value, 'write true or false');
}

function mtuOf(value: string | undefined): number | undefined {
  if (value === undefined || value === '' || value === '0') return undefined;
  const mtu = Number(value);
  // The least that IPv4 works with, and the most that a bridge takes (RFC 791, <linux/if_ether.h>).
  if (!/^\d+$/.test(value) || mtu < 68 || mtu > 65_535)
    throw invalid('com.docker.network.driver.mtu', value, 'write a number from 68 to 65535');
  return mtu;
}

function bindingOf(value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  if (isIP(value) === 0) throw invalid(`${bridgeSpace}host_binding_ipv4`, value, 'write an address of the host');
  return value;
}

function linkName(options: Readonly<Record<string, string>>, name: string): string | undefined {
  const value = options[name];
  if (value === undefined || value === '') return undefined;
  if (!isLinkName(value)) throw invalid(name, value, 'the name of a link has at most 15 characters and neither / nor a space');
  return value;
}

/** Several, with a colon between them. */
function linkNames(options: Readonly<Record<string, string>>, name: string): string[] {
  const names = (options[name] ?? '').split(':').filter((one) => one !== '');
  return names.map((one) => linkName({ [name]: one }, name) ?? one);
}

/** Whether the kernel takes it for a link (dev_valid_name()) and the firewall for a name. Pure. */
export function isLinkName(name: string): boolean {
  return /^[^\s/:"\\*]{1,15}$/.test(name) && name !== '.' && name !== '..';
}

function checkLinkPrefix(prefix: string): string {
  if (isLinkName(`${prefix}999`)) return prefix;
  throw invalid('com.docker.network.container_iface_prefix', prefix, 'use at most 12 letters and digits');
}

/** The first is what holds when nothing was said. */
function oneOf(options: Readonly<Record<string, string>>, name: string, values: readonly string[]): string | undefined {
  const value = options[name];
  if (value === undefined || value === '') return values[0];
  if (values.includes(value)) return value;
  throw invalid(name, value, `choose one of ${values.join(', ')}`);
}

function invalid(name: string, value: string, hint: string): OrlopError {
  return new OrlopError('invalid-argument', 'NETWORK_OPTION_BAD', `network option ${name} cannot be '${value}'`, { hint });
}

function unsupported(option: string, hint: string): OrlopError {
  return new OrlopError('unimplemented', 'NETWORK_OPTION_UNSUPPORTED', `network option ${option} is not supported`, { hint });
}
