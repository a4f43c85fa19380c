import type { Duplex } from 'node:stream';
import { OrlopError, toOrlopError } from '#errors';
import { compareVersions, endConnection, formatErrorAnswer, type Exchange } from '#api/http';
import { frameHeader, multiplexedStreamType, parseDetachKeys, rawStreamType, type ContainerView } from '#wire';
import { pauseAfterHead } from '../head-pause.ts';
import { pipeProcess } from '../stream-pipe.ts';
import type { AttachedStream, ContainerBackend, LogRecord } from './backend.ts';

/** `POST /containers/{id}/attach`: takes the connection over and carries the process's streams; `logs=1` sends what it has said before. */
export async function attachContainer(backend: ContainerBackend, exchange: Exchange): Promise<void> {
  await skipBody(exchange);
  const begun = await begin(backend, exchange);
  if (begun === null) return;
  const { wish } = begun;
  await using joined = begun.joined;
  const socket = exchange.hijack(streamType(exchange, wish.terminal));
  await pauseAfterHead(exchange);
  await carry(socket, joined, wish, { framed: !wish.terminal });
}

/** null: it cannot be, which the client has been told as Docker tells it, in plain words and not in JSON. Our own clients, which say so, get both. */
async function begin(backend: ContainerBackend, exchange: Exchange): Promise<{ wish: Wish; joined: Joined } | null> {
  parseDetachKeys(exchange.query.text('detachKeys'));
  try {
    const wish = readWish(backend, exchange);
    return { wish, joined: await join(backend, wish, exchange.signal) };
  } catch (error) {
    if (exchange.headers.accept?.includes('application/json') === true) throw error;
    const { status, body } = formatErrorAnswer(toOrlopError(error));
    exchange.text(status, `${body.message}\r\n`, { 'Content-Type': rawStreamType, Connection: 'close' });
    return null;
  }
}

/** Some clients send their parameters once more as a body, which is no input of the process. Without a length what follows is input. */
async function skipBody({ body, headers }: Exchange): Promise<void> {
  if (Number(headers['content-length'] ?? 0) === 0) return;
  let left = maximumSkippedBytes;
  for await (const chunk of body) {
    left -= chunk.length;
    if (left < 0) throw new OrlopError('invalid-argument', 'DOCKER_BODY_TOO_LONG', 'the body of an attach request is too long');
  }
}

const maximumSkippedBytes = 64 * 1024;

/** `GET /containers/{id}/attach/ws`: the same over a WebSocket, with all output as it comes; in binary messages from 1.28 on. */
export async function attachByWebSocket(backend: ContainerBackend, exchange: Exchange): Promise<void> {
  const wish = readWish(backend, exchange);
  const wished = exchange.webSocket();
  await using joined = await join(backend, wish, exchange.signal);
  const client = wished.open(compareVersions(exchange.apiVersion, '1.28') < 0 ? 'text' : 'binary');
  client.on('error', () => undefined);
  await carry(client, joined, wish, { framed: false });
}

/** Docker names framed streams as such from 1.42 on. */
export function streamType(exchange: Exchange, terminal: boolean): string {
  return terminal || compareVersions(exchange.apiVersion, '1.42') < 0 ? rawStreamType : multiplexedStreamType;
}

interface Wish {
  readonly view: ContainerView;
  readonly terminal: boolean;
  readonly detachKeys: readonly number[];
  readonly stream: boolean;
  readonly logs: boolean;
  readonly wanted: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
}

function readWish(backend: ContainerBackend, { query, parameters }: Exchange): Wish {
  const view = backend.containers.inspect((parameters['id'] ?? '').replace(/^\//, ''));
  return {
    view,
    terminal: view.request.terminal === true,
    detachKeys: parseDetachKeys(query.text('detachKeys')),
    stream: query.flag('stream'),
    logs: query.flag('logs'),
    wanted: { stdin: query.flag('stdin'), stdout: query.flag('stdout'), stderr: query.flag('stderr') },
  };
}

/** What the process says from now on, and what it has said before; null for what was not asked for. */
interface Joined extends AsyncDisposable {
  readonly live: AttachedStream | null;
  readonly past: AsyncIterable<LogRecord> | null;
}

/** Fails while the client can still be told. */
async function join(backend: ContainerBackend, { view, stream, logs, wanted }: Wish, signal: AbortSignal): Promise<Joined> {
  const { stdout, stderr } = wanted;
  const pastUntil = (untilNs?: bigint): AsyncIterable<LogRecord> =>
    backend.containers.logs(view.id, { stdout, stderr, follow: false, ...(untilNs === undefined ? {} : { untilNs }) }, signal);
  // A log that cannot be read is refused before anything is joined.
  const past = logs ? pastUntil() : null;
  const live = stream ? await backend.containers.attach(view.id, { ...wanted, exact: logs }) : null;
  return {
    live,
    past: past === null || live?.sinceNs === undefined ? past : pastUntil(live.sinceNs),
    [Symbol.asyncDispose]: async () => void live?.stream.destroy(),
  };
}

async function carry(client: Duplex, { live, past }: Joined, wish: Wish, { framed }: { framed: boolean }): Promise<void> {
  if (past !== null) await replay(past, client, framed);
  if (live === null) return endConnection(client);
  await pipeProcess(client, live.stream, {
    stdin: wish.wanted.stdin,
    closesStdin: wish.view.request.stdinOnce === true,
    terminal: wish.terminal,
    detachKeys: wish.detachKeys,
    unframed: !framed,
    ...(live.onDetach === undefined ? {} : { onDetach: live.onDetach }),
  });
}

async function replay(past: AsyncIterable<LogRecord>, client: Duplex, framed: boolean): Promise<void> {
  for await (const { stream, data } of past) {
    if (client.destroyed) return;
    if (framed) client.write(frameHeader(stream, data.length));
    if (!client.write(data)) await new Promise<void>((resolve) => client.once('drain', resolve).once('close', resolve));
  }
}
