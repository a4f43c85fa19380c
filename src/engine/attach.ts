import type { Socket } from 'node:net';
import { attachMonitor, attachMonitorExactly, createAttachment } from '#sys';
import { removeWhole } from './container/remove.ts';
import { requireRunning } from './container/stop.ts';
import type { LiveContainer, WaitingClient } from './container/table.ts';
import type { EngineContext } from './context.ts';
import { nowNs, publishContainerEvent } from './context.ts';
import type { AttachedStream, AttachRequest } from './model.ts';

/** Joins a running container's streams, or waits with a created one for its start and misses nothing. */
export async function attachContainer(context: EngineContext, ref: string, request: AttachRequest): Promise<AttachedStream> {
  const container = context.table.find(ref);
  const terminal = container.record.request.terminal === true;
  const onDetach = (): void => publishContainerEvent(context, container, 'detach');
  const wanted = { ...request, stdin: request.stdin && container.record.request.openStdin === true };
  if (container.record.state.status === 'created' || container.record.state.status === 'exited') {
    const sinceNs = nowNs();
    const stream = waitForStart(context, container, wanted);
    publishContainerEvent(context, container, 'attach');
    return { stream, terminal, sinceNs, onDetach };
  }
  requireRunning(container, ref);
  const { monitor } = container.files;
  const joined: Pick<AttachedStream, 'stream' | 'sinceNs'> =
    request.exact === true
      ? await attachExactly(context, monitor, wanted)
      : { stream: await attachMonitor(monitor, wanted, context.addon) };
  publishContainerEvent(context, container, 'attach');
  return { ...joined, terminal, onDetach };
}

async function attachExactly(
  { addon }: EngineContext,
  monitor: string,
  wanted: AttachRequest,
): Promise<{ stream: Socket; sinceNs: bigint }> {
  const { socket, sinceNs } = await attachMonitorExactly(monitor, wanted, addon);
  return { stream: socket, sinceNs };
}

function waitForStart(context: EngineContext, container: LiveContainer, wanted: AttachRequest): Socket {
  const { socket: stream, descriptor } = createAttachment(context.addon);
  const client: WaitingClient = { socket: descriptor, ...wanted };
  container.waitingClients.push(client);
  stream.on('close', () => {
    const at = container.waitingClients.indexOf(client);
    if (at < 0) return;
    container.waitingClients.splice(at, 1);
    context.addon.close(descriptor);
    void context.queues.run(container.record.id, () => removeUnwanted(context, container));
  });
  return stream;
}

/** A container that is to be removed at its end, whose client joined it for its start and has gone before: nobody is there any more to start it. */
async function removeUnwanted(context: EngineContext, container: LiveContainer): Promise<void> {
  const { id, name, request, state } = container.record;
  if (request.autoRemove !== true || state.status !== 'created' || container.waitingClients.length > 0) return;
  if (context.table.get(id) !== container) return;
  try {
    await removeWhole(context, container);
  } catch (error) {
    context.logger.error('a container that nobody starts any more could not be removed', { container: name, error });
  }
}
