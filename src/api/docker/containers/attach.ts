import type { Exchange } from '#api/http';
import { frameHeader, multiplexedStreamType, parseDetachKeys, rawStreamType } from '#wire';
import { compareVersions } from '#api/http';
import { pipeProcess } from '../stream-pipe.ts';
import type { AttachedStream, ContainerBackend } from './backend.ts';

/** `POST /containers/{id}/attach`: takes the connection over and carries the process's streams; `logs=1` sends what it has said before. */
export async function attachContainer(backend: ContainerBackend, exchange: Exchange): Promise<void> {
  const { query, parameters } = exchange;
  const ref = parameters['id'] ?? '';
  const view = backend.containers.inspect(ref);
  const terminal = view.request.terminal === true;
  const detachKeys = parseDetachKeys(query.text('detachKeys'));
  const wanted = { stdin: query.flag('stdin'), stdout: query.flag('stdout'), stderr: query.flag('stderr') };
  const live = query.flag('stream') ? await backend.containers.attach(view.id, wanted) : null;
  const socket = exchange.hijack(streamType(exchange, terminal));
  try {
    if (query.flag('logs')) await replayLogs(backend, view.id, wanted, terminal, socket, exchange.signal);
    if (live === null) {
      socket.end();
      return;
    }
    await pipeProcess(socket, live.stream, { stdin: wanted.stdin, closesStdin: view.request.stdinOnce === true, terminal, detachKeys });
  } finally {
    live?.stream.destroy();
  }
}

/** Docker names framed streams as such from 1.42 on. */
export function streamType(exchange: Exchange, terminal: boolean): string {
  return terminal || compareVersions(exchange.apiVersion, '1.42') < 0 ? rawStreamType : multiplexedStreamType;
}

async function replayLogs(
  backend: ContainerBackend,
  id: string,
  wanted: { stdout: boolean; stderr: boolean },
  terminal: boolean,
  out: AttachedStream['stream'],
  signal: AbortSignal,
): Promise<void> {
  for await (const { stream, data } of backend.containers.logs(id, { ...wanted, follow: false }, signal)) {
    if (out.destroyed) return;
    if (!terminal) out.write(frameHeader(stream, data.length));
    if (!out.write(data)) await new Promise<void>((resolve) => out.once('drain', resolve).once('close', resolve));
  }
}
