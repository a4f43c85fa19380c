import { isOrlopError, OrlopError } from '#errors';
import { compareVersions, type Exchange, type Route } from '#api/http';
import { bindToLease, leaseHeader, type DockerNetworkCreated } from '#wire';
import { decodePruneFilter } from '../prune-filter.ts';
import type { NetworkBackend } from './backend.ts';
import { decodeNetworkCreate } from './decode-create.ts';
import { decodeEndpoint } from './decode-endpoint.ts';
import { networkOf } from './view.ts';

/** `/networks/…` */
export function networkRoutes({ networks }: NetworkBackend): Route[] {
  return [
    { method: 'GET', path: '/networks', handle: (exchange) => list(networks, exchange) },
    { method: 'GET', path: '/networks/', handle: (exchange) => list(networks, exchange) },
    { method: 'GET', path: '/networks/{id}', handle: (exchange) => inspect(networks, exchange) },
    { method: 'POST', path: '/networks/create', handle: (exchange) => create(networks, exchange) },
    { method: 'POST', path: '/networks/prune', handle: (exchange) => prune(networks, exchange) },
    { method: 'POST', path: '/networks/{id}/connect', handle: (exchange) => connect(networks, exchange) },
    { method: 'POST', path: '/networks/{id}/disconnect', handle: (exchange) => disconnect(networks, exchange) },
    { method: 'DELETE', path: '/networks/{id}', handle: (exchange) => remove(networks, exchange) },
  ];
}

type Networks = NetworkBackend['networks'];

function refOf(exchange: Exchange): string {
  return exchange.parameters['id'] ?? '';
}

function list(networks: Networks, exchange: Exchange): void {
  const found = networks.list(exchange.query.filters());
  const containers = compareVersions(exchange.apiVersion, '1.28') < 0;
  exchange.json(
    200,
    found.map((view) => networkOf(view, { containers })),
  );
}

/** `verbose` adds what only a swarm has. */
function inspect(networks: Networks, exchange: Exchange): void {
  const ref = refOf(exchange);
  const scope = exchange.query.text('scope');
  if (scope !== '' && scope !== 'local') throw new OrlopError('not-found', 'DOCKER_NO_NETWORK', `network ${ref} not found`);
  exchange.json(200, networkOf(networks.inspect(ref), { containers: true }));
}

async function create(networks: Networks, exchange: Exchange): Promise<void> {
  const request = bindToLease(
    decodeNetworkCreate(await exchange.readObject({ required: true }), exchange.apiVersion),
    exchange.headers[leaseHeader],
  );
  const { id, warnings } = await networks.create(request);
  exchange.json(201, { Id: id, Warning: warnings.join('\n') } satisfies DockerNetworkCreated);
}

async function connect(networks: Networks, exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  const wishes = decodeEndpoint(body.object('EndpointConfig'), 'EndpointConfig');
  await asForbidden(networks.connect(refOf(exchange), containerOf(body.text('Container')), wishes));
  exchange.empty(200);
}

async function disconnect(networks: Networks, exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  await networks.disconnect(refOf(exchange), containerOf(body.text('Container')), { force: body.flag('Force') });
  exchange.empty(200);
}

function containerOf(ref: string): string {
  if (ref !== '') return ref.replace(/^\//, '');
  throw new OrlopError('invalid-argument', 'DOCKER_NO_NAME', 'no container is named', { hint: 'name one in the field Container' });
}

async function remove(networks: Networks, exchange: Exchange): Promise<void> {
  await asForbidden(networks.remove(refOf(exchange)));
  exchange.empty(204);
}

async function prune(networks: Networks, exchange: Exchange): Promise<void> {
  const { filter } = decodePruneFilter(exchange, []);
  const removed = await networks.prune(filter);
  exchange.json(200, { NetworksDeleted: removed.length === 0 ? null : removed });
}

/** Of networks, Docker forbids (403) what it calls a conflict elsewhere, and programs look at the number. */
async function asForbidden(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isOrlopError(error, 'conflict')) throw error;
    throw new OrlopError('permission-denied', error.code, error.message, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
