import { withNamedMounts } from '../devices/named.ts';
import { imageLabels } from '#image';
import { type CopyRequest, type CopyResult, type CreateRequest, type EndpointWishes, leaseLabel } from '#wire';
import { hostnameOf, makeContainer, nameInUse } from '../container/create.ts';
import { createContainerId, createName, parseContainerName } from '../container/names.ts';
import { initialState, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { nowNs, publishContainerEvent, type EngineContext } from '../context.ts';
import { resolveLinks } from '../network/links.ts';
import { knownPlaces, planNetworks } from '../network/mode.ts';
import { initOf } from '../system/init.ts';
import { planMountsOf, withMounts } from '../volume/make-mounts.ts';
import type { SnapshotSettings } from './record.ts';
import { fixSource } from './source.ts';

/**
 * Makes another container with the root and the settings that one has, or had at a snapshot. It shares all layers. What tells the two apart is new: id, name, addresses, and of a machine hostname and machine-id;
 * volumes that have a name are mounted in both, those without one begin anew. conflict when the name is taken, before anything is done.
 */
export async function copyContainer(context: EngineContext, ref: string, wish: CopyRequest): Promise<CopyResult> {
  const source = context.table.find(ref);
  const isTaken = (name: string): boolean => context.table.holderOf(name) !== undefined;
  const name = wish.name === undefined || wish.name === '' ? createName(isTaken) : parseContainerName(wish.name);
  const holder = context.table.holderOf(name);
  if (holder !== undefined) throw nameInUse(name, holder.record.id);
  using lease = context.store.leases.create();
  const { chain, settings } = await fixSource(context, source, lease, wish.snapshot);
  const init =
    settings.kind === 'system'
      ? await initOf(context, { init: settings.labels[imageLabels.init] ?? null, chain: settings.image.chain })
      : null;
  const request = requestOfCopy(context, source, settings, { ...wish, name });
  const networks = planNetworks(
    request,
    knownPlaces(context.networks, (other) => context.table.find(other).record.id),
  );
  const id = createContainerId();
  const { [leaseLabel]: _lease, ...labels } = settings.labels;
  const links = resolveLinks(context, request, networks.mode);
  const bare: ContainerRecord = {
    ...settings,
    id,
    name,
    createdAtNs: nowNs(),
    request,
    chain,
    labels,
    hostname: hostnameOf(request, networks.mode, name, id, context),
    network: networks.mode,
    ...(links.length === 0 ? {} : { links }),
    mounts: [],
    ports: [],
    state: initialState,
    run: null,
  };
  // The image's own volumes are among the request's since the source was made.
  const noVolumes = { config: { volumes: [] } };
  const mounted = withMounts(bare, await planMountsOf(context, request, noVolumes), noVolumes);
  const record = withNamedMounts(mounted, (volume) => context.volumes.pathOf(volume));
  await context.queues.run(id, () => makeContainer(context, record, { init, networks, copyOf: source.record.hostname }));
  publishContainerEvent(context, source, 'copy', { copy: id, copyName: name });
  return { id, name, warnings: [...networks.warnings, ...warningsOf(record)] };
}

/** What the copy is asked to be: all that its source is, but for what there can be only one of. */
function requestOfCopy(
  context: EngineContext,
  { record }: LiveContainer,
  { request, kind }: SnapshotSettings,
  { name, ephemeral }: CopyRequest & { readonly name: string },
): CreateRequest {
  const { name: _name, mac: _mac, idFile: _idFile, autoRemove: _autoRemove, endpoints: _endpoints, labels = {}, ...rest } = request;
  const { hostname: _hostname, ...nameless } = rest;
  const { restartPolicy: _policy, ...once } = kind === 'system' ? nameless : rest;
  const { [leaseLabel]: _lease, ...kept } = labels;
  const endpoints = placesOf(context, record);
  return {
    ...(ephemeral === true ? { ...once, autoRemove: true } : kind === 'system' ? nameless : rest),
    name,
    labels: kept,
    ...(record.request.network === undefined ? {} : { network: record.request.network }),
    ...(Object.keys(endpoints).length === 0 ? {} : { endpoints }),
  };
}

/** The networks of users that the source is in, with the wishes that two can have. */
function placesOf({ networks }: EngineContext, { id }: ContainerRecord): Record<string, EndpointWishes> {
  const wired = networks.endpoints(id).filter(({ network }) => !networks.find(network).isBuiltIn);
  return Object.fromEntries(
    wired.map(({ network, wishes }) => {
      const { address: _v4, address6: _v6, mac: _mac, linkLocal: _linkLocal, ...shared } = wishes;
      return [network, shared];
    }),
  );
}

function warningsOf({ name, request, mounts }: ContainerRecord): string[] {
  const fixed = (request.ports ?? []).filter(({ hostPort }) => hostPort !== undefined && hostPort.first === hostPort.last);
  return [
    ...(fixed.length === 0
      ? []
      : [
          `${name} publishes the same ports of this host as its source (${fixed.map(({ hostPort }) => hostPort?.first).join(', ')}): only one of the two can run`,
        ]),
    ...(mounts.some(({ isAnonymous }) => isAnonymous === true)
      ? [`${name} has new volumes where its source's have no name: what is in those is not copied`]
      : []),
  ];
}
