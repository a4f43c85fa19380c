import { closeSync, openSync } from 'node:fs';
import { ErrnoError, isErrno, OrlopError } from '#errors';
import type { Linux } from '#oci';
import { type Addon, type KeptAddress, type LinkSocket, type NetworkLink, openLinkSocket } from '#sys';
import { rejectField } from '../plan/refuse.ts';
import type { NamespaceRequest } from './types.ts';

export interface NetDeviceMove {
  /** Name on the host. */
  readonly from: string;
  /** Name in the container; may end in `%d`, then the kernel numbers it. */
  readonly to: string;
}

/** linux.netDevices by name, checked. The container needs a network namespace that is not the host's, among the namespaces it has made or joined. */
export function planNetDevices(netDevices: Linux['netDevices'], namespaces: readonly NamespaceRequest[]): NetDeviceMove[] {
  const entries = Object.entries(netDevices ?? {});
  if (entries.length > 0 && !namespaces.some(({ name }) => name === 'net'))
    throw rejectField('linux.netDevices', 'needs an own network namespace', 'add {"type": "network"} to linux.namespaces');
  const moves = entries.map(([from, { name = '' }]): NetDeviceMove => {
    const at = `linux.netDevices[${JSON.stringify(from)}]`;
    if (!isLinkName(from)) throw rejectField(at, 'is no name of a network device');
    if (name !== '' && !isLinkName(name.replace(/%d$/, '0')))
      throw rejectField(`${at}.name`, `${JSON.stringify(name)} is no name of a network device`);
    return { from, to: name === '' ? from : name };
  });
  const named = moves.map(({ to }) => to).filter((to) => !to.endsWith('%d'));
  const twice = named.find((to, index) => named.indexOf(to) !== index);
  if (twice !== undefined) throw rejectField('linux.netDevices', `gives the name ${JSON.stringify(twice)} twice`);
  return moves;
}

/** dev_valid_name() of the kernel: IFNAMSIZ is 16 with the NUL. A percent sign would be a template. */
function isLinkName(name: string): boolean {
  return /^[^\s/:%\0]+$/.test(name) && Buffer.byteLength(name) <= 15 && name !== '.' && name !== '..';
}

/**
 * Moves the devices into the namespace (runtime-spec config-linux, "Network Devices"): each keeps its permanent global addresses, may get another name, and is up
 * afterwards. What comes back takes them home again, for when the container cannot be made; without that they belong to the namespace. On failure all are at
 * home. Disposing only lets go of the namespaces.
 */
export function moveNetDevices(addon: Addon, moves: readonly NetDeviceMove[], openNetwork: () => number): Disposable & { restore(): void } {
  using stack = new DisposableStack();
  if (moves.length === 0) return { restore() {}, [Symbol.dispose]() {} };
  const own = (descriptor: number): number => {
    stack.defer(() => closeSync(descriptor));
    return descriptor;
  };
  const [home, away] = [own(openSync('/proc/thread-self/ns/net', 'r')), own(openNetwork())];
  const [here, there] = [stack.use(openLinkSocket(addon, home)), stack.use(openLinkSocket(addon, away))];
  const done: { readonly was: Carried; readonly link: NetworkLink }[] = [];
  const restore = (): void => {
    for (const { was, link } of done.splice(0).reverse())
      settle(here, { ...was, link: carry(there, here, { link, to: home, name: was.link.name }) });
  };
  try {
    for (const move of moves) {
      const was = inspect(here, there, move);
      const link = carryOrStay(here, there, { link: was.link, to: away, name: move.to }, was);
      done.push({ was, link });
      settle(there, { ...was, link, up: true });
    }
  } catch (error) {
    restore();
    throw error instanceof ErrnoError ? explain(error) : error;
  }
  const held = stack.move();
  return { restore, [Symbol.dispose]: () => held.dispose() };
}

/** A link with what it must have wherever it is. */
interface Carried {
  readonly link: NetworkLink;
  readonly addresses: readonly KeptAddress[];
  readonly up: boolean;
}

function inspect(here: LinkSocket, there: LinkSocket, { from, to }: NetDeviceMove): Carried {
  const link = here.find(from);
  if (link === null) throw new OrlopError('not-found', 'RUNTIME_NET_DEVICE_MISSING', `network device ${from} does not exist on the host`);
  if (!to.endsWith('%d') && there.find(to) !== null) {
    throw new OrlopError('already-exists', 'RUNTIME_NET_DEVICE_EXISTS', `the container's network namespace has a device ${to} already`, {
      hint: `give another name, or a template like "eth%d", in linux.netDevices["${from}"].name`,
    });
  }
  return { link, addresses: here.permanentAddresses(link), up: link.up };
}

interface Way {
  readonly link: NetworkLink;
  /** Descriptor of the namespace it goes to. */
  readonly to: number;
  readonly name: string;
}

/** Gives the link as it is over there. */
function carry(from: LinkSocket, into: LinkSocket, { link, to, name }: Way): NetworkLink {
  const known = new Set(into.list().map(({ index }) => index));
  from.setUp(link, false);
  from.move(link, to, name);
  const arrived = into.list().find((one) => (name.endsWith('%d') ? !known.has(one.index) : one.name === name));
  if (arrived !== undefined) return arrived;
  throw new OrlopError('internal', 'RUNTIME_NET_DEVICE_LOST', `network device ${link.name} is not where it went`);
}

/** A link that does not go is as it was. */
function carryOrStay(from: LinkSocket, into: LinkSocket, way: Way, was: Carried): NetworkLink {
  try {
    return carry(from, into, way);
  } catch (error) {
    if (from.find(was.link.name) !== null) settle(from, was);
    throw error;
  }
}

function settle(socket: LinkSocket, { link, addresses, up }: Carried): void {
  for (const address of addresses) {
    try {
      socket.addAddress(link, address);
    } catch (error) {
      // An IPv4 address outlives its link's being down.
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
  if (up) socket.setUp(link, true);
}

function explain(error: ErrnoError): OrlopError {
  const kind = isErrno(error, 'EPERM', 'EACCES') ? 'permission-denied' : 'failed-precondition';
  return new OrlopError(kind, 'RUNTIME_NET_DEVICE', `network device ${error.path} cannot be moved into the container: ${error.errno}`, {
    ...(isErrno(error, 'EINVAL', 'EOPNOTSUPP') ? { hint: 'devices like lo and bridges belong to their namespace for good' } : {}),
    cause: error,
  });
}
