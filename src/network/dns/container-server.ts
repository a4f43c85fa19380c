import { isErrno, OrlopError } from '#errors';
import type { NetworkCalls } from '../types.ts';
import { serveDatagrams, serveStreams, type Handler } from './listener.ts';
import { openRedirect } from './redirect.ts';

/** Where every container of a user network finds its name server: programs have this address built in. */
const address = '127.0.0.11';
const addressBytes = Uint8Array.of(127, 0, 0, 11);
const port = 53;
const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;

/**
 * Listens inside a network namespace, on ports that nobody else wants, which look like port 53 from within; where the kernel cannot do that, on port 53 itself.
 * Fails with `failed-precondition` when a server of the container's is there already.
 */
export async function openContainerServer(addon: NetworkCalls, netnsFd: number, handle: Handler): Promise<Disposable> {
  using stack = new DisposableStack();
  const udp = stack.use(serveDatagrams(bind(addon, netnsFd, SOCK_DGRAM, 0), handle));
  const tcp = stack.use(serveStreams(bind(addon, netnsFd, SOCK_STREAM, 0), handle));
  const redirect = await openRedirect(addon, netnsFd, { address: addressBytes, port, to: { udp: udp.port, tcp: tcp.port } });
  if (redirect !== null) {
    stack.use(redirect);
    return stack.move();
  }
  using plain = new DisposableStack();
  plain.use(serveDatagrams(bind(addon, netnsFd, SOCK_DGRAM, port), handle));
  plain.use(serveStreams(bind(addon, netnsFd, SOCK_STREAM, port), handle));
  return plain.move();
}

function bind(addon: NetworkCalls, netnsFd: number, type: number, wanted: number): number {
  try {
    return addon.bindInNamespace(netnsFd, type, address, wanted);
  } catch (cause) {
    if (!isErrno(cause, 'EADDRINUSE')) throw cause;
    throw new OrlopError('failed-precondition', 'NETWORK_NAMES_PORT_TAKEN', `port ${wanted} of ${address} is taken inside the container`, {
      hint: 'let the server in it listen on the address of its network only, or use a kernel with nf_tables',
      cause,
    });
  }
}
