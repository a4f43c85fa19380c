import { OrlopError } from '#errors';
import type { Exchange, JsonReader, Route } from '#api/http';
import { encodeFrame, parseDetachKeys, type DockerExec, type ExecRequest, type ExecView } from '#wire';
import { streamType } from '../containers/attach.ts';
import { decodeSize } from '../containers/routes.ts';
import { isProcessFailure, asStartFailure } from '../start-failure.ts';
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

/** A command that cannot be executed is said in the stream, where Docker says it; its exit code is the exec's. */
async function start({ execs }: ExecBackend, exchange: Exchange): Promise<void> {
  const id = idOf(exchange);
  const body = await exchange.readObject();
  const detach = body.flag('Detach');
  const { request } = execs.inspect(id);
  const consoleSize = decodeConsoleSize(body.raw('ConsoleSize'));
  let attached;
  try {
    attached = await execs.start(id, { detach, terminal: request.terminal, ...(consoleSize === undefined ? {} : { consoleSize }) });
  } catch (error) {
    if (detach || !isProcessFailure(error)) throw asStartFailure(error);
    const text = Buffer.from(`${(asStartFailure(error) as OrlopError).message}\r\n`);
    exchange.hijack(streamType(exchange, request.terminal)).end(request.terminal ? text : encodeFrame('stderr', text));
    return;
  }
  if (attached === null) {
    exchange.empty(200);
    return;
  }
  const { stream, terminal, onDetach } = attached;
  const socket = exchange.hijack(streamType(exchange, terminal));
  await pipeProcess(socket, stream, {
    stdin: request.attachStdin,
    closesStdin: true,
    terminal,
    detachKeys: parseDetachKeys(request.detachKeys ?? ''),
    ...(onDetach === undefined ? {} : { onDetach }),
  });
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
