import { readFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import type { Logger } from '#log';
import { formatAddress, parseAddress, type Address } from '../addresses.ts';
import { createConntrack, type Served } from '../firewall/conntrack.ts';
import type { Firewall } from '../firewall/firewall.ts';
import type { Forward } from '../firewall/forwards.ts';
import { reflectPort } from '../netlink/requests.ts';
import type { RouteSocket } from '../netlink/socket.ts';
import type { Endpoint, NetworkCalls } from '../types.ts';
import { choosePorts } from './choice.ts';
import { createFreePorts } from './free-ports.ts';
import type { LoopbackPort } from './loopback-port.ts';
import { openLoopbackRelays } from './loopback.ts';
import { openHostPorts, type HostPort } from './sockets.ts';
import type { Ports, PublishedPort } from './types.ts';

export interface PortsOptions {
  readonly addon: NetworkCalls;
  readonly firewall: Firewall;
  /** The endpoints of a container. */
  readonly endpoints: (containerId: string) => readonly Endpoint[];
  /** What the endpoint's network says of publishing; default: nothing. */
  readonly rulesOf?: (endpoint: Endpoint) => PublishingRules;
  readonly socket: Pick<RouteSocket, 'addresses' | 'change' | 'link'>;
  /** Where to publish what names no address; default everywhere. */
  readonly publishAddresses?: readonly string[];
  readonly logger: Logger;
  /** Default: as the kernel says. */
  readonly filtersBridges?: () => boolean;
  /** Whether the host has IPv6. Default: as the kernel says. */
  readonly hasIpv6?: () => boolean;
}

/** What a network says of the ports of its containers. */
export interface PublishingRules {
  /** Where to publish what names no address. */
  readonly binding?: string | undefined;
  /** By family: whether ports are reached at the containers' own addresses and not at the host's. */
  readonly isRouted?: Readonly<Record<4 | 6, boolean>>;
  /** Whether they are reached there as well. */
  readonly isTrusting?: boolean;
}

/** What leads to a container. */
interface Opened {
  readonly endpoint: Endpoint;
  readonly ports: readonly PublishedPort[];
}

/** Disposing gives the host's ports up and leaves what leads to running containers. Fails with `invalid-argument` on a publish address that is none. */
export function openPorts(options: PortsOptions): Ports & Disposable {
  const {
    addon,
    firewall,
    socket,
    logger,
    filtersBridges = readBridgeFilter,
    hasIpv6 = readLoopback6,
    rulesOf = (): PublishingRules => ({}),
  } = options;
  const hostPorts = openHostPorts(addon);
  const freePorts = createFreePorts();
  const relays = openLoopbackRelays(logger);
  const conntrack = createConntrack(addon, () => socket.addresses().map(({ address }) => address));
  const defaults = (options.publishAddresses ?? ['0.0.0.0', '::']).map(parsePublishAddress);
  const insist = (containerId: string, wanted: ReadonlyMap<string, HostPort>): void => {
    const own = keyed(hostPorts.of(containerId));
    for (const [key, hostPort] of wanted) {
      if (own.has(key) || hostPorts.insist(containerId, hostPort)) continue;
      logger.warn('a published port is in use by another program', { container: containerId, port: key });
    }
  };
  const forget = (changed: readonly Forward[]): void => {
    try {
      conntrack.forget(changed);
    } catch (error) {
      logger.warn('clients of UDP that go on sending may reach an old container for minutes', { error });
    }
  };
  const opened = new Map<string, Opened>();
  /** Whether the engine carries all that comes to ::1: once the kernel could not, it is not tried again. */
  let carries = false;
  const carry = (containerId: string, { endpoint, ports }: Opened): void =>
    relays.set(
      containerId,
      ports
        .filter((port) => !isCarried(port, ports, endpoint))
        .flatMap((port) => planRelay(port, endpoint, carries, (held) => hostPorts.lend(containerId, held)) ?? []),
    );
  const carryAll = async (): Promise<void> => {
    await firewall.leaveLoopback6();
    carries = true;
    for (const [containerId, what] of opened) carry(containerId, what);
  };
  return {
    async reserve(containerId, wishes) {
      if (wishes.length === 0) return [];
      const endpoints = options.endpoints(containerId);
      const bindings = endpoints.flatMap((endpoint) => parseAddress(rulesOf(endpoint).binding ?? '') ?? []);
      const isRouted = (family: 4 | 6): boolean => {
        const own = endpoints.filter((endpoint) => addressOf(endpoint, family) !== undefined);
        return own.length > 0 && own.every((endpoint) => rulesOf(endpoint).isRouted?.[family] === true);
      };
      const places = { endpoints, isRouted, hasIpv6: hasIpv6(), defaults: bindings.length > 0 ? bindings : defaults };
      return choosePorts({ hostPorts, freePorts, ...places }, containerId, wishes);
    },
    hold: (containerId, ports) => insist(containerId, keyed(hostPortsOf(ports))),
    async open(containerId, endpoint, ports) {
      const wanted = keyed(hostPortsOf(ports));
      insist(containerId, wanted);
      const forwards = ports.flatMap((port) => planForwards(port, endpoint, rulesOf(endpoint).isTrusting === true));
      forget(await firewall.forward(containerId, forwards));
      opened.set(containerId, { endpoint, ports });
      carry(containerId, { endpoint, ports });
      const translated = forwards.filter(({ hostPort }) => hostPort !== 0);
      if (!carries && translated.some(({ target }) => target.family === 6) && filtersBridges()) await carryAll();
      if (translated.length > 0 && filtersBridges()) reflect(socket, endpoint);
      const surplus = [...keyed(hostPorts.of(containerId))].filter(([key]) => !wanted.has(key));
      hostPorts.release(
        containerId,
        surplus.map(([, hostPort]) => hostPort),
      );
    },
    lend: (containerId, port) => hostPorts.lend(containerId, hostPortOf(port)),
    claim(containerId, ports) {
      for (const port of hostPortsOf(ports)) hostPorts.claim(containerId, port);
    },
    async pause(containerId) {
      relays.set(containerId, []);
      forget(await firewall.forward(containerId, []));
    },
    conversations(containerIds) {
      const served = containerIds.flatMap((containerId) => {
        const known = opened.get(containerId);
        return known === undefined ? [] : known.ports.flatMap((port) => servedBy(containerId, planForward(port, known.endpoint)));
      });
      return conntrack.conversations(served);
    },
    async close(containerId) {
      opened.delete(containerId);
      relays.set(containerId, []);
      forget(await firewall.forward(containerId, []));
      hostPorts.release(containerId, hostPorts.of(containerId));
    },
    [Symbol.dispose]() {
      relays[Symbol.dispose]();
      hostPorts[Symbol.dispose]();
    },
  };
}

function parsePublishAddress(text: string): Address {
  const address = parseAddress(text);
  if (address !== null) return address;
  throw new OrlopError(
    'invalid-argument',
    'NETWORK_PUBLISH_ADDRESS_BAD',
    `ports cannot be published on '${text}': it is not an IP address`,
    {
      hint: 'write it like 127.0.0.1 or ::1',
    },
  );
}

function keyed(hostPorts: readonly HostPort[]): Map<string, HostPort> {
  return new Map(hostPorts.map((hostPort) => [`${formatAddress(hostPort.address)} ${hostPort.port}/${hostPort.protocol}`, hostPort]));
}

/** Those of the host: a routed port is none. */
function hostPortsOf(ports: readonly PublishedPort[]): HostPort[] {
  return ports.filter(({ hostPort }) => hostPort !== 0).map(hostPortOf);
}

function hostPortOf({ hostAddress, hostPort, protocol }: PublishedPort): HostPort {
  const address = parseAddress(hostAddress);
  if (address === null) throw new OrlopError('data-loss', 'NETWORK_PORT_BAD', `a published port has the address '${hostAddress}'`);
  return { protocol, address, port: hostPort };
}

function servedBy(containerId: string, forward: Forward | null): Served[] {
  return forward === null ? [] : [{ containerId, protocol: forward.protocol, address: forward.target, port: forward.targetPort }];
}

/** With `isTrusting` the port is let in at the container's own address, too. */
function planForwards(published: PublishedPort, endpoint: Endpoint, isTrusting: boolean): Forward[] {
  const forward = planForward(published, endpoint);
  if (forward === null) return [];
  return isTrusting && forward.hostPort !== 0 ? [forward, { ...forward, hostAddress: null, hostPort: 0 }] : [forward];
}

/** null when the endpoint has no address of the host address's family. */
function planForward(published: PublishedPort, endpoint: Endpoint): Forward | null {
  const { address, port, protocol } = hostPortOf(published);
  const target = parseAddress(addressOf(endpoint, address.family) ?? '');
  if (target === null) return null;
  return {
    protocol,
    hostAddress: address.value === 0n || port === 0 ? null : address,
    hostPort: port,
    target,
    targetPort: published.containerPort,
  };
}

function addressOf(endpoint: Endpoint, family: 4 | 6): string | undefined {
  return family === 4 ? endpoint.address : endpoint.address6;
}

/** Whether somebody else carries what comes to ::1 for it: it is published there as well, for a container that has no IPv6 address. */
function isCarried({ protocol, hostPort }: PublishedPort, ports: readonly PublishedPort[], { address6 }: Endpoint): boolean {
  const isLoopback = ({ hostAddress }: PublishedPort): boolean => hostAddress === '::' || hostAddress === '::1';
  return address6 === undefined && ports.some((port) => port.protocol === protocol && port.hostPort === hostPort && isLoopback(port));
}

/**
 * What is published on every address of IPv4 is to be found at ::1, too; with an IPv6 address of its own the container is published there as well, and the kernel leads there
 * unless the engine carries.
 */
function planRelay(
  published: PublishedPort,
  endpoint: Endpoint,
  carries: boolean,
  lend: (held: HostPort) => number | null,
): LoopbackPort | null {
  const { protocol, hostAddress, hostPort, containerPort } = published;
  if (protocol === 'sctp' || hostPort === 0) return null;
  const to = { protocol, hostPort, targetPort: containerPort };
  const { address, address6 } = endpoint;
  if (address6 === undefined) return hostAddress === '0.0.0.0' && address !== undefined ? { ...to, target: address } : null;
  const isMeant = carries && (hostAddress === '::' || hostAddress === '::1');
  return isMeant ? { ...to, target: address6, borrow: () => lend(hostPortOf(published)) } : null;
}

/**
 * Whether the kernel shows bridged packets to the firewall (br_netfilter). Then what a container sends to its own published port is turned round within the bridge,
 * which sends nothing back to where it came from unless it is told to; else it goes through the host like everything else.
 */
function readBridgeFilter(): boolean {
  return ['iptables', 'ip6tables'].some((name) => {
    try {
      return readFileSync(`/proc/sys/net/bridge/bridge-nf-call-${name}`, 'utf8').startsWith('1');
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'EACCES')) return false;
      throw error;
    }
  });
}

/** if_inet6(5) has ::1 where IPv6 is on. */
function readLoopback6(): boolean {
  try {
    return readFileSync('/proc/net/if_inet6', 'utf8').includes(`${'0'.repeat(31)}1 `);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return false;
    throw error;
  }
}

function reflect(socket: PortsOptions['socket'], endpoint: Endpoint): void {
  const port = endpoint.hostLink === undefined ? null : socket.link({ name: endpoint.hostLink });
  if (port !== null && port.master !== 0) socket.change(reflectPort(port.index));
}
