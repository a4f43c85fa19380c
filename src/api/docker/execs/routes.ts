import { OrlopError, toOrlopError } from '#errors';
import { endConnection, type Exchange, type JsonReader, type Route } from '#api/http';
import { encodeFrame, parseDetachKeys, type DockerExec, type ExecRequest, type ExecView } from '#wire';
import { streamType } from '../containers/attach.ts';
import { decodeSize } from '../containers/routes.ts';
import { pauseAfterHead } from '../head-pause.ts';
import { asStartFailure } from '../start-failure.ts';
import { pipeProcess } from '../stream-pipe.ts';
import type { ExecBackend } from './backend.ts';

/** `/containers/{id}/exec` and `/exec/…` */
export function execRoutes(backend: ExecBackend): Route[] {
  const { execs } = backend;
  return [
    { method: 'POST', path: '/containers/{id}/exec', handle: (exchange) => create(backend, exchange) },
    { method: 'POST', path: '/exec/{id}/start', hijacks: true, handle: (exchange) => start(backend, exchange) },
    { method: 'POST', path: '/exec/{id}/resize', handle: (exchange) => resize(backend, exchange) },
    { method: 'GET', path: '/exec/{id}/json', handle: (exchange) => exchange.json(200, inspectionOf(execs.inspect(idOf(exchange)))) },
  ];
}

function idOf(exchange: Exchange): string {
  return exchange.parameters['id'] ?? '';
}

async function create({ execs }: ExecBackend, exchange: Exchange): Promise<void> {
  const request = decodeExec(await exchange.readObject({ required: true }));
  exchange.json(201, { Id: execs.create(idOf(exchange).replace(/^\//, ''), request) });
}

export function decodeExec(body: JsonReader): ExecRequest {
  const command = body.words('Cmd') ?? [];
  if (command.length === 0) throw new OrlopError('invalid-argument', 'DOCKER_NO_COMMAND', 'No exec command specified');
  const detachKeys = body.text('DetachKeys');
  parseDetachKeys(detachKeys, 'escape');
  const consoleSize = decodeConsoleSize(body.raw('ConsoleSize'));
  return {
    command,
    terminal: body.flag('Tty'),
    attachStdin: body.flag('AttachStdin'),
    attachStdout: body.flag('AttachStdout'),
    attachStderr: body.flag('AttachStderr'),
    privileged: body.flag('Privileged'),
    env: body.texts('Env') ?? [],
    ...(body.text('User') === '' ? {} : { user: body.text('User') }),
    ...(body.text('WorkingDir') === '' ? {} : { workingDirectory: body.text('WorkingDir') }),
    ...(detachKeys === '' ? {} : { detachKeys }),
    ...(consoleSize === undefined ? {} : { consoleSize }),
  };
}

function decodeConsoleSize(value: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [rows, columns] = value as unknown[];
  return Number.isInteger(rows) && Number.isInteger(columns) && rows !== 0 && columns !== 0
    ? [rows as number, columns as number]
    : undefined;
}

/**
 * The head of the answer goes out before the process starts, as Docker's does: clients that read the connection themselves would lose what comes along with it. So
 * why a process cannot be started is said in the stream. Whether the stream is framed is the start's to say, whatever terminal the process has.
 */
async function start(backend: ExecBackend, exchange: Exchange): Promise<void> {
  const { execs } = backend;
  const id = idOf(exchange);
  const body = await exchange.readObject();
  const { request } = execs.check(id);
  const consoleSize = decodeConsoleSize(body.raw('ConsoleSize'));
  const options = { terminal: request.terminal, ...(consoleSize === undefined ? {} : { consoleSize }) };
  if (body.flag('Detach')) {
    await startDetached(backend, id, options);
    exchange.empty(200);
    return;
  }
  const raw = body.flag('Tty');
  const socket = exchange.hijack(streamType(exchange, raw));
  try {
    await pauseAfterHead(exchange);
    const attached = await execs.start(id, { ...options, detach: false });
    if (attached === null) throw new OrlopError('internal', 'DOCKER_EXEC_DETACHED', 'an attached exec has no stream');
    await pipeProcess(socket, attached.stream, {
      stdin: request.attachStdin,
      closesStdin: true,
      terminal: attached.terminal,
      detachKeys: parseDetachKeys(request.detachKeys ?? ''),
      unframed: raw,
      framed: !raw,
      ...(attached.onDetach === undefined ? {} : { onDetach: attached.onDetach }),
    });
  } catch (error) {
    const text = Buffer.from(`${toOrlopError(asStartFailure(error)).message}\r\n`);
    socket.write(raw ? text : encodeFrame('stderr', text));
    endConnection(socket);
  }
}

async function startDetached({ execs }: ExecBackend, id: string, options: { terminal: boolean }): Promise<void> {
  try {
    await execs.start(id, { ...options, detach: true });
  } catch (error) {
    throw asStartFailure(error);
  }
}

async function resize({ execs }: ExecBackend, exchange: Exchange): Promise<void> {
  const { rows, columns } = decodeSize(exchange.query);
  await execs.resize(idOf(exchange), rows, columns);
  exchange.empty(200);
}

function inspectionOf(view: ExecView): DockerExec {
  const { request } = view;
  const [entrypoint = '', ...words] = request.command;
  return {
    ID: view.id,
    Running: view.running,
    ExitCode: view.exitCode,
    ProcessConfig: {
      tty: request.terminal,
      entrypoint,
      arguments: words,
      privileged: request.privileged ?? false,
      ...(request.user === undefined ? {} : { user: request.user }),
    },
    OpenStdin: request.attachStdin,
    OpenStderr: request.attachStderr,
    OpenStdout: request.attachStdout,
    CanRemove: false,
    ContainerID: view.containerId,
    DetachKeys: request.detachKeys === undefined ? '' : Buffer.from(parseDetachKeys(request.detachKeys)).toString('base64'),
    Pid: view.pid,
  };
}
