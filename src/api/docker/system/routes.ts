import type { Exchange, Route } from '#api/http';
import { parseTime, toSeconds, type DockerEvent, type EngineEvent } from '#wire';
import type { SystemBackend } from './backend.ts';
import { infoOf, versionOf } from './info-view.ts';

/** `/_ping`, `/version`, `/info`, `/events` */
export function systemRoutes(backend: SystemBackend): Route[] {
  return [
    { method: 'GET', path: '/_ping', handle: ping },
    { method: 'HEAD', path: '/_ping', handle: ping },
    { method: 'GET', path: '/version', handle: (exchange) => exchange.json(200, versionOf(backend.info())) },
    {
      method: 'GET',
      path: '/info',
      handle: (exchange) => exchange.json(200, infoOf(backend.info(), new Date().toISOString(), exchange.apiVersion)),
    },
    // Browsers ask what is allowed; as Docker's engine, this one has nothing to say.
    { method: 'OPTIONS', path: '/', handle: (exchange) => exchange.empty(200) },
    { method: 'OPTIONS', path: '/{path...}', handle: (exchange) => exchange.empty(200) },
    { method: 'GET', path: '/events', handle: (exchange) => sendEvents(backend, exchange) },
  ];
}

/** Whether a swarm is there is said as well: never one. */
function ping(exchange: Exchange): void {
  exchange.text(200, 'OK', {
    'Builder-Version': '2',
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    Swarm: 'inactive',
  });
}

async function sendEvents(backend: SystemBackend, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const since = query.text('since');
  const until = query.text('until');
  const options = {
    filters: query.filters(),
    ...(since === '' || since === '0' ? {} : { sinceNs: parseTime(since) }),
    ...(until === '' || until === '0' ? {} : { untilNs: parseTime(until) }),
  };
  const events = backend.events(options, signal);
  const out = exchange.stream(200, 'application/json');
  for await (const event of events) {
    if (signal.aborted) return;
    await out.write(`${formatEvent(event)}\n`);
  }
}

/** `timeNano` is past what a JavaScript number holds exactly, so its digits are put into the text. */
export function formatEvent(event: EngineEvent): string {
  const shown: Omit<DockerEvent, 'timeNano'> = {
    ...(event.type === 'container' || event.type === 'image' ? { status: event.action, id: event.id } : {}),
    ...(event.type === 'container' && event.attributes['image'] !== undefined ? { from: event.attributes['image'] } : {}),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.id, Attributes: { ...event.attributes } },
    scope: 'local',
    time: toSeconds(event.timeNs),
  };
  return `${JSON.stringify(shown).slice(0, -1)},"timeNano":${event.timeNs}}`;
}
