import { OrlopError } from '#errors';
import type { Exchange, Route } from '#api/http';
import { bindToLease, leaseHeader } from '#wire';
import type { VolumeBackend } from './backend.ts';
import { volumeOf } from './view.ts';

/** `/volumes…` */
export function volumeRoutes({ volumes }: VolumeBackend): Route[] {
  return [
    { method: 'GET', path: '/volumes', handle: (exchange) => list(volumes, exchange) },
    { method: 'POST', path: '/volumes/create', handle: (exchange) => create(volumes, exchange) },
    { method: 'POST', path: '/volumes/prune', handle: (exchange) => prune(volumes, exchange) },
    { method: 'GET', path: '/volumes/{name}', handle: (exchange) => exchange.json(200, volumeOf(volumes.inspect(nameOf(exchange)))) },
    { method: 'DELETE', path: '/volumes/{name}', handle: (exchange) => remove(volumes, exchange) },
  ];
}

type Volumes = VolumeBackend['volumes'];

function nameOf(exchange: Exchange): string {
  return exchange.parameters['name'] ?? '';
}

function list(volumes: Volumes, exchange: Exchange): void {
  exchange.json(200, { Volumes: volumes.list(exchange.query.filters()).map(volumeOf), Warnings: null });
}

async function create(volumes: Volumes, exchange: Exchange): Promise<void> {
  const body = await exchange.readObject({ required: true });
  const [name, driver] = [body.text('Name'), body.text('Driver')];
  if ((body.raw('ClusterVolumeSpec') ?? null) !== null)
    throw new OrlopError('unimplemented', 'DOCKER_UNSUPPORTED_FIELD', 'cluster volumes (ClusterVolumeSpec) are not supported');
  const request = {
    ...(name === '' ? {} : { name }),
    ...(driver === '' ? {} : { driver }),
    labels: body.textMap('Labels') ?? {},
    options: body.textMap('DriverOpts') ?? {},
  };
  exchange.json(201, volumeOf(await volumes.create(bindToLease(request, exchange.headers[leaseHeader]))));
}

async function remove(volumes: Volumes, exchange: Exchange): Promise<void> {
  await volumes.remove(nameOf(exchange), { force: exchange.query.flag('force') });
  exchange.empty(204);
}

/** Since v1.42 those with a name only stay unless `all` is asked for; before, they went. */
async function prune(volumes: Volumes, exchange: Exchange): Promise<void> {
  const { label = [], 'label!': notLabels = [], all = [], ...others } = exchange.query.filters();
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw new OrlopError('invalid-argument', 'DOCKER_BAD_FILTER', `invalid filter '${unknown}'`);
  const bad = all.find((value) => !['0', '1', 'false', 'true'].includes(value));
  if (bad !== undefined) throw new OrlopError('invalid-argument', 'DOCKER_BAD_FILTER', `invalid filter 'all=${bad}'`);
  const isOld = exchange.apiVersion.startsWith('1.') && Number(exchange.apiVersion.slice(2)) < 42;
  const named = isOld || all.some((value) => value === '1' || value === 'true');
  const { removed, freedBytes } = await volumes.prune({ labels: label, notLabels, named });
  exchange.json(200, { VolumesDeleted: removed, SpaceReclaimed: freedBytes });
}
