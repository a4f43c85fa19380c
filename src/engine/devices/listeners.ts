import { lstatSync, rmSync } from 'node:fs';
import { isErrno, isOrlopError } from '#errors';
import { AT_FDCWD, openNamespace, type Addon } from '#sys';
import type { ProxyDevice } from '#wire';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { giveSocket, orTaken } from '../files/guest-socket.ts';
import { openVerbs } from '../files/hold.ts';
import type { RootVerbs } from '../files/root-verbs.ts';
import { openRunningRoot } from '../files/root.ts';
import type { ProxyPlace } from './proxy.ts';

type Borrow = (descriptor: number) => number;

const socketStream = 1;
const socketDatagram = 2;

/** The sockets that a proxy listens on, on its side, in order. conflict when one is taken. */
export async function openListeners(
  context: EngineContext,
  container: LiveContainer,
  { place, proxy, borrow }: { readonly place: ProxyPlace; readonly proxy: ProxyDevice; readonly borrow: Borrow },
): Promise<number[]> {
  const { addon } = context;
  const { listen, bind } = proxy;
  if (listen.protocol === 'unix') {
    if (bind === 'host') return [listenOnHost(addon, listen.path, proxy, borrow)];
    return [borrow(await inside(context, container, place, (verbs) => verbs.bindSocket(listen.path, proxy)))];
  }
  const namespace = bind === 'host' ? -1 : borrow(openNamespace(place.pid, 'net'));
  const type = listen.protocol === 'tcp' ? socketStream : socketDatagram;
  return listen.ports.map((port) =>
    borrow(orTaken(`${listen.protocol}:${listen.address}:${port}`, () => addon.bindInNamespace(namespace, type, listen.address, port))),
  );
}

/** Takes away the socket that a carrier which has ended listened on. `place`: null when the container does not run. */
export async function clearListener(
  context: EngineContext,
  container: LiveContainer,
  place: ProxyPlace | null,
  { listen, bind }: ProxyDevice,
): Promise<void> {
  if (listen.protocol !== 'unix') return;
  if (bind === 'host') return clearOnHost(context.addon, listen.path);
  if (place === null) return;
  try {
    await inside(context, container, place, (verbs) => verbs.removeSocket(listen.path));
  } catch (error) {
    // It has ended, or is in a file system that does not answer: nobody serves what is left there.
    if (!isErrno(error, 'ENOENT', 'ESRCH') && !isOrlopError(error, 'deadline-exceeded')) throw error;
    context.logger.warn('a socket of a proxy is left', { container: container.record.name, path: listen.path, error });
  }
}

function listenOnHost(addon: Addon, path: string, proxy: ProxyDevice, borrow: Borrow): number {
  const socket = borrow(orTaken(path, () => addon.bindStream(path)));
  giveSocket(addon, AT_FDCWD, path, proxy, 0);
  return socket;
}

async function inside<Result>(
  context: EngineContext,
  container: LiveContainer,
  { pid, range }: ProxyPlace,
  work: (verbs: RootVerbs) => Promise<Result>,
): Promise<Result> {
  const { addon } = context;
  const { record } = container;
  // A start writes its pid down when all of it has come about.
  const descriptor = openRunningRoot(addon, { state: { ...record.state, pid } });
  try {
    const root = { descriptor, first: range?.first ?? 0, count: range?.count ?? 2 ** 32 - 1, [Symbol.dispose]: () => undefined };
    using verbs = openVerbs(context, container, { root, ref: record.name, runs: true, pid });
    return await work(verbs);
  } finally {
    addon.close(descriptor);
  }
}

/** Only a socket, and only one that nobody serves. */
function clearOnHost(addon: Addon, path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  try {
    addon.close(addon.connectUnix(path));
  } catch (error) {
    if (isErrno(error, 'ECONNREFUSED')) rmSync(path, { force: true });
  }
}
