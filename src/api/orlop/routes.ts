import { OrlopError } from '#errors';
import type { Exchange, Route } from '#api/http';
import { bindToLease, leaseHeader } from '#wire';
import type { DoctorBody, InfoBody, LaunchResult, PingBody, TemplateBuildResult, TemplatesBody } from '#wire';
import type { OrlopBackend } from './backend.ts';
import { decodeLaunch } from './decode-launch.ts';
import { streamProgress } from './progress-stream.ts';

/** `/orlop/v1/…` */
export function orlopRoutes(backend: OrlopBackend): Route[] {
  return [
    { method: 'GET', path: '/orlop/v1/ping', handle: (exchange) => ping(backend, exchange) },
    { method: 'GET', path: '/orlop/v1/info', handle: (exchange) => exchange.json(200, backend.info() satisfies InfoBody) },
    { method: 'GET', path: '/orlop/v1/doctor', handle: (exchange) => doctor(backend, exchange) },
    { method: 'GET', path: '/orlop/v1/templates', handle: (exchange) => templates(backend, exchange) },
    { method: 'POST', path: '/orlop/v1/templates/build', handle: (exchange) => build(backend, exchange) },
    { method: 'POST', path: '/orlop/v1/launch', handle: (exchange) => launch(backend, exchange) },
  ];
}

function ping(backend: OrlopBackend, exchange: Exchange): void {
  const { version, buildId } = backend.info();
  exchange.json(200, { version, buildId } satisfies PingBody);
}

async function doctor(backend: OrlopBackend, exchange: Exchange): Promise<void> {
  exchange.json(200, { findings: await backend.doctor() } satisfies DoctorBody);
}

function templates(backend: OrlopBackend, exchange: Exchange): void {
  exchange.json(200, { templates: backend.templates.list(), problems: backend.templates.problems() } satisfies TemplatesBody);
}

async function build(backend: OrlopBackend, exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  const name = body.text('name');
  const rebuild = body.flag('rebuild');
  const mirror = body.text('mirror');
  const overrides = {
    ...(mirror === '' ? {} : { mirror }),
    ...(body.flag('staleMirror') ? { staleMirror: true } : {}),
    ...(body.raw('sourceDateEpoch') === undefined ? {} : { sourceDateEpoch: body.integer('sourceDateEpoch') }),
  };
  if (name === '')
    throw new OrlopError('invalid-argument', 'ORLOP_NO_TEMPLATE', 'no template named', { hint: 'see them with orlop template list' });
  await streamProgress<TemplateBuildResult>(exchange, async (progress) => ({
    images: await backend.templates.build(name, { rebuild, ...overrides, progress, signal: exchange.signal }),
  }));
}

async function launch(backend: OrlopBackend, exchange: Exchange): Promise<void> {
  const { source, request: bare } = decodeLaunch(await exchange.readObject());
  const request = bindToLease(bare, exchange.headers[leaseHeader]);
  await streamProgress<LaunchResult>(exchange, (progress) => backend.launch(source, request, { progress, signal: exchange.signal }));
}
