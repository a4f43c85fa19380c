import { Socket } from 'node:net';
import { attachMonitor } from '#sys';
import { requireRunning } from './container/stop.ts';
import type { LiveContainer, WaitingClient } from './container/table.ts';
import type { EngineContext } from './context.ts';
import { publishContainerEvent } from './context.ts';
import type { AttachedStream, AttachRequest } from './model.ts';

/** Joins a running container's streams, or waits with a created one for its start and misses nothing. */
export async function attachContainer(context: EngineContext, ref: string, request: AttachRequest): Promise<AttachedStream> {
  const container = context.table.find(ref);
  const terminal = container.record.request.terminal === true;
  const wanted = { ...request, stdin: request.stdin && container.record.request.openStdin === true };
  if (container.record.state.status === 'created' || container.record.state.status === 'exited') {
    return { stream: waitForStart(context, container, wanted), terminal };
  }
  requireRunning(container, 'attach to');
  const stream = await attachMonitor(container.files.monitor, wanted);
  publishContainerEvent(context, container, 'attach');
  return { stream, terminal };
}

function waitForStart(context: EngineContext, container: LiveContainer, wanted: AttachRequest): Socket {
  const { stream, socket } = createClientPair(context);
  const client: WaitingClient = { socket, ...wanted };
  container.waitingClients.push(client);
  stream.on('close', () => {
    const at = container.waitingClients.indexOf(client);
    if (at < 0) return;
    container.waitingClients.splice(at, 1);
    context.addon.close(socket);
  });
  return stream;
}

/** Our end as a stream, and the descriptor that goes to the monitor; the caller closes it. */
export function createClientPair(context: EngineContext): { stream: Socket; socket: number } {
  const [ours, theirs] = context.addon.socketPair();
  return { stream: new Socket({ fd: ours, allowHalfOpen: true, readable: true, writable: true }), socket: theirs };
}
