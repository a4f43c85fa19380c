import { join } from 'node:path';
import { OrlopError } from '#errors';
import { firstBootFiles, type Image } from '#image';
import { supportsLimit, type ScarceLimit } from '#runtime';
import { parseSignal } from '#sys';
import { nowNs, publishContainerEvent, saveRecord, type EngineContext } from '../context.ts';
import type { ContainerId, CreateRequest, ImageView } from '../model.ts';
import { mergeLogConfig } from '../logs/config.ts';
import { checkLog } from '../logs/container-log.ts';
import { knownPlaces, planNetworks, withPlaces, type NetworkPlan } from '../network/mode.ts';
import { resolveLinks } from '../network/links.ts';
import { reservePlaces } from '../network/places.ts';
import { isOnDemand, tryKeepDoor } from '../on-demand/door.ts';
import { resolveImageForUse } from '../image/images.ts';
import type { InitSystem } from '#system';
import { asMachine, initOf, stopSignalOf } from '../system/init.ts';
import { prepareFirstBoot } from '../system/prepare.ts';
import { checkNamespaces, joinedId } from '../spec/namespaces.ts';
import { checkSecurity } from '../spec/check-security.ts';
import { boundSwap, planLimits, type LimitPlan } from '../spec/plan-limits.ts';
import { makeMounts, planMountsOf, withMounts } from '../volume/make-mounts.ts';
import { placesOfDevices } from '../devices/exchange.ts';
import { withAskedSettings } from '../settings/change.ts';
import { resolveHealthCheck } from '../health/rules.ts';
import { createLive } from './live.ts';
import { resolveProcess } from './effective.ts';
import { diskSizeOf } from './disk-limit.ts';
import { checkHostLimits, readHostResources } from './host-limits.ts';
import { machineResolvConf, parseExtraHost } from './host-files.ts';
import { cgroupPathOf } from './cgroup-path.ts';
import { findNamed } from './named.ts';
import { createContainerId, createName, parseContainerName } from './names.ts';
import { chainOf, endingSignal, formatRecord, initialState, withConsole, type ContainerRecord, type Link } from './record.ts';

/**
 * Makes a container that can be started: its row, its place in a network, its writable layer. Undone whole when a step fails; the row comes
 * first and says that it is being made, so that the next engine takes away what a kill between two steps leaves.
 */
export async function createContainer(
  context: EngineContext,
  wanted: CreateRequest,
  from?: CreatedFrom,
): Promise<{ id: ContainerId; warnings: string[] }> {
  const { image, view } = await resolveImageForUse(context, from?.image ?? wanted.image);
  const request = await asMachine(context, wanted, image);
  const init = request.kind === 'system' ? await initOf(context, image) : null;
  const limits = planNewLimits(context, request);
  const asked = withLimits(
    request.kind === 'system' && view.config.stopSignal === '' ? { stopSignal: stopSignalOf(init), ...request } : request,
    limits,
  );
  const known = knownPlaces(context.networks, (ref) => context.table.find(ref).record.id, { mayCome: request.kind === 'app' });
  const networks = planNetworks(request, known);
  const mounts = await planMountsOf(context, request, view);
  const bare = planRecord(context, withJoinedIds(context, asked), view, { manifest: image.target, chain: image.chain }, networks);
  const { record: planned, warnings } = withAskedSettings(context, { record: withMounts(bare, mounts, view), settings: request.settings });
  const record = standOn(planned, from);
  checkLog(record);
  // In the container's own queue from the first moment that others can see it: a start waits until it is whole.
  await context.queues.run(record.id, () =>
    makeContainer(context, record, {
      init,
      networks: withPlaces(networks, placesOfDevices(record)),
      ...(from === undefined ? {} : { copyOf: record.hostname, complete: from.complete }),
    }),
  );
  return { id: record.id, warnings: [...new Set([...networks.warnings, ...limits.warnings, ...warnings, ...strangeKind(request, image)])] };
}

/** An init wants what app containers do not have. */
function strangeKind({ kind, image: name, command, entrypoint }: CreateRequest, image: Image): string[] {
  if (kind !== 'app' || image.kind !== 'system' || (command ?? []).length > 0 || (entrypoint ?? []).length > 0) return [];
  return [`${name} is an image of a machine, whose init may not come up in an app container: orlop launch ${name} makes a machine of it`];
}

/** A root that was another container's, on top of the image. */
export interface CreatedFrom extends Required<Pick<Making, 'complete'>> {
  readonly image: Image;
  readonly chain: ContainerRecord['image']['chain'];
  /** What clients are shown of the image. */
  readonly imageName: string;
}

function standOn(record: ContainerRecord, from: CreatedFrom | undefined): ContainerRecord {
  if (from === undefined) return record;
  const { chain, imageName } = from;
  return { ...record, chain, image: { ...record.image, name: imageName }, request: { ...record.request, image: imageName } };
}

/** As far as this host has them. */
function planNewLimits({ cgroups }: EngineContext, { kind, limits }: CreateRequest): LimitPlan {
  const supports = (limit: ScarceLimit): boolean => supportsLimit(cgroups, limit);
  const bounded = kind === 'app' ? boundSwap(limits, supports) : { limits, warnings: [] };
  const planned = planLimits(bounded.limits, supports);
  return { limits: planned.limits, warnings: [...bounded.warnings, ...planned.warnings] };
}

function withLimits(request: CreateRequest, { limits }: LimitPlan): CreateRequest {
  const { limits: asked, ...rest } = request;
  return asked === limits ? request : { ...rest, ...(limits === undefined ? {} : { limits }) };
}

/** What a container is made with beside its record. */
export interface Making {
  /** Of a machine. */
  readonly init: InitSystem | null;
  readonly networks: NetworkPlan;
  /** The name of the machine that its root was, which is now one of its own. */
  readonly copyOf?: string;
  /** What else is to become true with it, in the transaction that writes down the record that this answers. */
  readonly complete?: (record: ContainerRecord) => ContainerRecord;
}

/** Inside the container's queue. Undone whole when a step fails. */
export async function makeContainer(
  context: EngineContext,
  record: ContainerRecord,
  { init, networks, copyOf, complete }: Making,
): Promise<void> {
  await using undo = new AsyncDisposableStack();
  reserveName(context, record);
  undo.defer(() => void context.store.metadata.containers.remove(record.id));
  const container = createLive(context.dataRoot, record);
  context.table.add(container);
  undo.defer(() => context.table.drop(record.id));
  const snapshot = await context.store.snapshots.prepare(record.id, chainOf(record), { sizeBytes: diskSizeOf(record.request) });
  undo.defer(async () => void (await context.store.snapshots.remove(record.id)));
  if (record.kind === 'system') {
    await using disk = await context.store.snapshots.openDisk(snapshot);
    const upper = disk === null ? snapshot.upper : join(disk.path, snapshot.upper);
    prepareFirstBoot(
      context.dataRoot,
      { ...snapshot, upper },
      {
        init,
        hostname: record.hostname,
        resolvConf: await machineResolvConf(record),
        files: firstBootFiles(record.labels, record.name),
        ...(copyOf === undefined ? {} : { copyOf }),
      },
    );
  }
  await reservePlaces(context, record, networks.places);
  await makeMounts(context, container, snapshot, undo);
  // What goes at its end does so with this engine too, as long as it was not started: it needs no second row.
  if (complete !== undefined) context.store.metadata.transaction(() => saveRecord(context, container, complete(container.record)));
  else if (record.request.autoRemove !== true) saveRecord(context, container, container.record);
  undo.move();
  if (isOnDemand(container.record)) await tryKeepDoor(context, container);
  publishContainerEvent(context, container, 'create');
}

function planRecord(
  context: EngineContext,
  request: CreateRequest,
  image: ImageView,
  content: Pick<ContainerRecord['image'], 'manifest' | 'chain'>,
  { mode, awaited }: NetworkPlan,
): ContainerRecord {
  const id = createContainerId();
  const isTaken = (name: string): boolean => context.table.holderOf(name) !== undefined;
  const name = request.name === undefined || request.name === '' ? createName(isTaken) : parseContainerName(request.name);
  const process = resolveProcess(image, request);
  parseSignal(endingSignal(process));
  for (const entry of request.extraHosts ?? []) parseExtraHost(entry, ['0.0.0.0']);
  checkIsolation(request);
  checkSecurity(request);
  checkHostLimits(request.limits ?? {}, readHostResources(context.cgroups));
  diskSizeOf(request);
  checkNamespaces(request, mode);
  cgroupPathOf(context, { id, request });
  return {
    id,
    name,
    kind: request.kind,
    createdAtNs: nowNs(),
    request: withConsole(request.kind, { ...withoutSettings(request), name, logging: mergeLogConfig(request.logging, context.logging) }),
    image: { name: request.image, id: image.id, ...content },
    process,
    hostname: hostnameOf(request, mode, name, id, context),
    healthCheck: resolveHealthCheck(image.config, request.healthCheck),
    labels: { ...image.labels, ...request.labels, ...(request.kind === 'system' ? { 'orlop.kind': 'system' } : {}) },
    exposedPorts: [...new Set([...image.config.exposedPorts, ...(request.exposedPorts ?? [])])],
    network: mode,
    ...(awaited.length === 0 ? {} : { awaited }),
    ...linksOf(resolveLinks(context, request, mode)),
    mounts: [],
    ports: [],
    state: initialState,
    run: null,
  };
}

/** They get to their places once the record is whole: `withAskedSettings`. */
function withoutSettings(request: CreateRequest): CreateRequest {
  const { settings: _, ...others } = request;
  return others;
}

function linksOf(links: readonly Link[]): Pick<ContainerRecord, 'links'> {
  return links.length === 0 ? {} : { links };
}

function checkIsolation(request: CreateRequest): void {
  if (request.kind !== 'system' || request.userNamespace !== 'host' || request.privileged === true) return;
  throw new OrlopError(
    'invalid-argument',
    'ENGINE_USERNS_SYSTEM',
    "a system container has user ids of its own: its root has every capability, which must not be the host's",
    {
      hint: 'leave out --userns host, or add --privileged',
    },
  );
}

/** Other containers by their ids, so that new names of theirs change nothing. */
function withJoinedIds(context: EngineContext, request: CreateRequest): CreateRequest {
  const idOf = (mode: string | undefined): string | undefined => {
    const other = joinedId(mode);
    return other === null ? mode : `container:${findNamed(context, other).record.id}`;
  };
  const [pidNamespace, ipcNamespace] = [idOf(request.pidNamespace), idOf(request.ipcNamespace)];
  return {
    ...request,
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
    ...(ipcNamespace === undefined ? {} : { ipcNamespace }),
  };
}

export function hostnameOf(request: CreateRequest, network: string, name: string, id: string, context: EngineContext): string {
  if (request.hostname !== undefined && request.hostname !== '') return request.hostname;
  if (network === 'host' || request.utsNamespace === 'host') return context.hostname;
  const other = joinedId(network);
  if (other !== null) return context.table.find(other).record.hostname;
  return request.kind === 'system' ? name.replaceAll('_', '-') : id.slice(0, 12);
}

function reserveName(context: EngineContext, record: ContainerRecord): void {
  const holder = context.table.holderOf(record.name);
  if (holder !== undefined) throw nameInUse(record.name, holder.record.id);
  context.store.metadata.containers.insert({
    id: record.id,
    name: record.name,
    kind: record.kind,
    createdNs: record.createdAtNs,
    image: record.image.manifest,
    chain: chainOf(record),
    record: formatRecord({ ...record, making: true }),
  });
}

/** Docker's words for it, which clients look for. */
export function nameInUse(name: string, holder: string): OrlopError {
  return new OrlopError(
    'conflict',
    'ENGINE_NAME_IN_USE',
    `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}
