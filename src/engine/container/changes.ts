import { isOrlopError, OrlopError } from '#errors';
import type { ContainerConfig } from '#oci';
import { type Change, fromByteText, type PackOptions } from '#store';
import { S_IFDIR, S_IFMT, S_IFREG } from '#sys';
import { expandChanges } from '../image/expand-changes.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import type { CommitRequest } from '../model.ts';
import { chainOf, isActive, type ContainerRecord } from './record.ts';
import { pauseContainer, unpauseContainer } from './stop.ts';

/** What is mounted in each container. Where an image lacks such a place, starting makes it: that is no change of the container's. */
export const mountPoints: ReadonlySet<string> = new Set([
  '.dockerenv',
  'dev',
  'dev/console',
  'dev/mqueue',
  'dev/pts',
  'dev/shm',
  'etc/hostname',
  'etc/hosts',
  'etc/resolv.conf',
  'proc',
  'sys',
]);

export const leaveOut: NonNullable<PackOptions['leaveOut']> = (path, { mode, size }) =>
  mountPoints.has(path) && ((mode & S_IFMT) === S_IFDIR || ((mode & S_IFMT) === S_IFREG && size === 0));

/** Docker's `diff`: what the container has changed in its image. */
export async function containerChanges(context: EngineContext, ref: string): Promise<{ path: string; kind: Change['kind'] }[]> {
  const { record } = context.table.find(ref);
  const { snapshots } = context.store;
  const chain = chainOf(record);
  // What snapshots have left below the writable layer is the container's doing as well.
  const changes =
    chain === record.image.chain
      ? await snapshots.changes(record.id, chain, { leaveOut })
      : await snapshots.changesBetween({ chain: record.image.chain }, { containerId: record.id, chain }, { leaveOut });
  return changes.map(({ path, kind }) => ({ path: Buffer.from(fromByteText(path)).toString('utf8'), kind }));
}

/** All of the container's root as a tar, without what is mounted in it. A running container goes on meanwhile. */
export async function* exportContainer(context: EngineContext, ref: string): AsyncGenerator<Buffer> {
  const container = context.table.find(ref);
  const { id } = container.record;
  yield* context.store.snapshots.export(id, chainOf(container.record), { live: container.record.state.status === 'running' });
  publishContainerEvent(context, container, 'export');
}

/** Whether it was done. A container that is to be paused, or to go on, may have ended or have been paused by somebody else meanwhile: then there is nothing to do. */
async function unlessItEnded(change: Promise<void>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (isOrlopError(error, 'conflict')) return false;
    throw error;
  }
}

/** The container's changes become a layer, and with its image a new one. A running container is paused meanwhile, unless that is not wanted. */
export async function commitContainer(context: EngineContext, ref: string, request: CommitRequest): Promise<string> {
  const container = context.table.find(ref);
  const { record } = container;
  const { id, image } = record;
  if (record.stays === true)
    throw new OrlopError(
      'failed-precondition',
      'ENGINE_NO_IMAGE',
      `container ${record.name} was a step of a build: it stands on no image`,
      {
        hint: 'export it, and import that',
      },
    );
  await using undo = new AsyncDisposableStack();
  const isRunning = record.state.status === 'running';
  if (isRunning && request.pause !== false) {
    const paused = await unlessItEnded(pauseContainer(context, id, { forWork: true }));
    if (paused) undo.defer(async () => void (await unlessItEnded(unpauseContainer(context, id))));
  }
  const live = isActive(record.state.status) && request.pause === false;
  const { comment, author, name, changes, signal } = request;
  const made = await context.images.commit({
    base: image.manifest,
    layer: changedLayer(context, record, { leaveOut, live }),
    config: { ...configOf(record), ...request.config },
    kind: record.kind,
    createdBy: [...record.process.entrypoint, ...record.process.command].join(' '),
    ...(changes === undefined ? {} : { changes, expand: expandChanges }),
    ...(name === undefined ? {} : { reference: name }),
    ...(comment === undefined ? {} : { comment }),
    ...(author === undefined ? {} : { author }),
    ...(signal === undefined ? {} : { signal }),
  });
  publishContainerEvent(context, container, 'commit', { comment: comment ?? '', imageID: made.id, imageRef: name ?? '' });
  return made.id;
}

/** All that the container has changed in its image. */
function changedLayer({ store }: EngineContext, record: ContainerRecord, options: PackOptions): AsyncIterable<Buffer> {
  const { id, image } = record;
  const chain = chainOf(record);
  if (chain === image.chain) return store.snapshots.commit(id, chain, options);
  return store.snapshots.diff({ chain: image.chain }, { containerId: id, chain }, options);
}

/** What containers of the new image start with: what this one started with. */
export function configOf({
  process,
  labels,
  exposedPorts,
  request,
}: Pick<ContainerRecord, 'process' | 'labels' | 'exposedPorts' | 'request'>): ContainerConfig {
  return {
    User: process.user,
    Env: process.env,
    Entrypoint: process.entrypoint,
    Cmd: process.command,
    WorkingDir: process.workingDirectory,
    Labels: labels,
    ExposedPorts: Object.fromEntries(exposedPorts.map((port) => [port, {}])),
    StopSignal: process.stopSignal,
    // Triggers are for the images that are built on one, and not for those built on these.
    OnBuild: request.onBuild ?? [],
    ...(request.shell === undefined ? {} : { Shell: request.shell }),
    ...(request.volumes === undefined ? {} : { Volumes: Object.fromEntries(request.volumes.map((place) => [place, {}])) }),
  };
}
