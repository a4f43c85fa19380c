import { isOrlopError, OrlopError, toOrlopError } from '#errors';
import { compareVersions, type Exchange, type Query, type Route } from '#api/http';
import {
  bindToLease,
  killedHeader,
  leaseHeader,
  type DockerContainerSummary,
  type DockerCreated,
  type DockerTop,
  type StopRequest,
} from '#wire';
import { asStartFailure } from '../start-failure.ts';
import { attachByWebSocket, attachContainer } from './attach.ts';
import type { ContainerBackend } from './backend.ts';
import { decodeCreate } from './decode-create.ts';
import { sendLogs } from './logs.ts';
import { withShortIds } from './network-settings.ts';
import { warnOfIgnored } from './refused-fields.ts';
import { sendStats } from './stats.ts';
import { updateContainer } from './update.ts';
import { inspectionOf, summaryOf } from './view.ts';
import { waitForContainer } from './wait.ts';

/** `/containers/…`; what a link calls a container holds a slash. */
export function containerRoutes(backend: ContainerBackend, storageDriver: string): Route[] {
  const { containers } = backend;
  return [
    { method: 'POST', path: '/containers/create', handle: (exchange) => create(backend, exchange) },
    { method: 'GET', path: '/containers/json', handle: (exchange) => list(backend, exchange) },
    {
      method: 'GET',
      path: '/containers/{id...}/json',
      handle: (exchange) => inspect(backend, exchange, storageDriver),
    },
    { method: 'GET', path: '/containers/{id...}/logs', handle: (exchange) => sendLogs(backend, exchange) },
    { method: 'GET', path: '/containers/{id...}/stats', handle: (exchange) => sendStats(backend, exchange) },
    { method: 'GET', path: '/containers/{id...}/top', handle: (exchange) => top(backend, exchange) },
    { method: 'POST', path: '/containers/{id...}/start', handle: (exchange) => start(backend, exchange) },
    { method: 'POST', path: '/containers/{id...}/stop', handle: (exchange) => stop(backend, exchange) },
    { method: 'POST', path: '/containers/{id...}/restart', handle: (exchange) => restart(backend, exchange) },
    { method: 'POST', path: '/containers/{id...}/kill', handle: (exchange) => kill(backend, exchange) },
    { method: 'POST', path: '/containers/{id...}/pause', handle: (exchange) => done(exchange, containers.pause(idOf(exchange))) },
    { method: 'POST', path: '/containers/{id...}/unpause', handle: (exchange) => done(exchange, containers.unpause(idOf(exchange))) },
    { method: 'POST', path: '/containers/{id...}/rename', handle: (exchange) => rename(backend, exchange) },
    { method: 'POST', path: '/containers/{id...}/update', handle: (exchange) => updateContainer(backend, exchange) },
    { method: 'POST', path: '/containers/{id...}/resize', handle: (exchange) => resize(backend, exchange) },
    { method: 'POST', path: '/containers/{id...}/wait', handle: (exchange) => waitForContainer(backend, exchange) },
    { method: 'POST', path: '/containers/{id...}/attach', hijacks: true, handle: (exchange) => attachContainer(backend, exchange) },
    { method: 'GET', path: '/containers/{id...}/attach/ws', hijacks: true, handle: (exchange) => attachByWebSocket(backend, exchange) },
    { method: 'DELETE', path: '/containers/', handle: refuseNoName },
    { method: 'DELETE', path: '/containers/{id...}', handle: (exchange) => remove(backend, exchange) },
  ];
}

function idOf(exchange: Exchange): string {
  return (exchange.parameters['id'] ?? '').replace(/^\//, '');
}

async function done(exchange: Exchange, work: Promise<void>): Promise<void> {
  await work;
  exchange.empty(204);
}

async function create(backend: ContainerBackend, exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  const request = decodeCreate(body, exchange.query.text('name'), exchange.apiVersion);
  checkPlatform(backend, request.image, exchange.query.text('platform'));
  const { id, warnings } = await backend.containers.create(bindToLease(request, exchange.headers[leaseHeader]));
  exchange.json(201, { Id: id, Warnings: [...warnings, ...warnOfIgnored(body.object('HostConfig'))] } satisfies DockerCreated);
}

function refuseNoName(): never {
  throw new OrlopError('invalid-argument', 'DOCKER_NO_NAME', 'invalid name or ID supplied: ""');
}

/** Only this machine's processors run: there is no emulation to promise. not-found in Docker's words when the image is for another platform than was asked for. */
function checkPlatform({ images }: ContainerBackend, image: string, asked: string): void {
  if (asked === '') return;
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const platform = asked === 'linux' ? `linux/${architecture}` : asked.includes('/') ? asked : `linux/${asked}`;
  if (image !== '') images.inspect(image, platform);
  if (platform === `linux/${architecture}` || platform.startsWith(`linux/${architecture}/`)) return;
  throw new OrlopError(
    'unimplemented',
    'DOCKER_UNSUPPORTED_PLATFORM',
    `platform ${asked} is not supported: this engine runs linux/${architecture}`,
  );
}

async function list({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const limit = exchange.query.integer('limit') ?? 0;
  const views = containers.list({
    all: exchange.query.flag('all'),
    filters: exchange.query.filters(),
    ...(limit > 0 ? { limit } : {}),
  });
  const nowNs = BigInt(Date.now()) * 1_000_000n;
  const summaries = views.map((view) => summaryOf(view, nowNs, exchange.apiVersion));
  if (!exchange.query.flag('size')) return exchange.json(200, summaries);
  const sized: DockerContainerSummary[] = [];
  for (const summary of summaries) sized.push({ ...summary, ...(await sizesOf(containers, summary.Id)) });
  exchange.json(200, sized);
}

/** Nothing of a container that has been removed meanwhile. */
async function sizesOf(containers: ContainerBackend['containers'], id: string): Promise<{ SizeRw?: number; SizeRootFs?: number }> {
  try {
    const { contentBytes, rootBytes } = await containers.size(id);
    return { SizeRw: contentBytes, SizeRootFs: rootBytes };
  } catch (error) {
    if (isOrlopError(error, 'not-found')) return {};
    throw error;
  }
}

async function inspect({ containers }: ContainerBackend, exchange: Exchange, storageDriver: string): Promise<void> {
  const plain = inspectionOf(containers.inspect(idOf(exchange)), storageDriver);
  const inspection = exchange.query.flag('size') ? { ...plain, ...(await sizesOf(containers, plain.Id)) } : plain;
  exchange.json(200, compareVersions(exchange.apiVersion, '1.45') < 0 ? withShortIds(inspection) : inspection);
}

async function top({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const { titles, processes } = await containers.top(idOf(exchange), exchange.query.text('ps_args') || '-ef');
  exchange.json(200, { Titles: titles, Processes: processes } satisfies DockerTop);
}

async function start({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  try {
    exchange.empty((await containers.start(idOf(exchange))) ? 204 : 304);
  } catch (error) {
    throw asStartFailure(error);
  }
}

async function stop({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const { options, headers } = stopOptions(exchange.query);
  exchange.empty((await containers.stop(idOf(exchange), options)) ? 204 : 304, headers);
}

async function restart({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const { options, headers } = stopOptions(exchange.query);
  await containers.restart(idOf(exchange), options);
  exchange.empty(204, headers);
}

/** The headers tell, once it is over, whether it had to be killed: only Orlop's clients look. */
function stopOptions(query: Query): { options: StopRequest; headers: Readonly<Record<string, string>> } {
  const timeoutS = query.integer('t');
  const signal = query.text('signal');
  const headers: Record<string, string> = {};
  const onKilled = (seconds: number): void => void (headers[killedHeader] = String(seconds));
  return { options: { ...(timeoutS === undefined ? {} : { timeoutS }), ...(signal === '' ? {} : { signal }), onKilled }, headers };
}

async function kill({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const id = idOf(exchange);
  try {
    await containers.kill(id, exchange.query.text('signal') || 'KILL');
  } catch (cause) {
    const { kind, code, message, hint } = toOrlopError(cause);
    throw new OrlopError(kind, code, `cannot kill container: ${id}: ${message}`, { cause, ...(hint === undefined ? {} : { hint }) });
  }
  exchange.empty(204);
}

async function rename({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const name = exchange.query.text('name').replace(/^\//, '');
  if (name === '') throw new OrlopError('invalid-argument', 'DOCKER_NO_NAME', 'Neither old nor new names may be empty');
  await containers.rename(idOf(exchange), name);
  exchange.empty(204);
}

async function resize({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const { rows, columns } = decodeSize(exchange.query);
  await containers.resize(idOf(exchange), rows, columns);
  exchange.empty(200);
}

/** `h` and `w` of a terminal. */
export function decodeSize(query: Query): { rows: number; columns: number } {
  const rows = query.integer('h');
  const columns = query.integer('w');
  if (rows === undefined || columns === undefined || Math.min(rows, columns) < 0 || Math.max(rows, columns) > 65535) {
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_SIZE', 'a terminal size needs h and w from 0 to 65535');
  }
  return { rows, columns };
}

async function remove({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  if (query.flag('link')) await containers.removeLink(idOf(exchange));
  else await containers.remove(idOf(exchange), { force: query.flag('force'), volumes: query.flag('v') });
  exchange.empty(204);
}
