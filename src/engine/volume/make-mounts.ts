import { existsSync } from 'node:fs';
import { isOrlopError } from '#errors';
import type { Snapshot } from '#store';
import { createVolumeName } from '#volume';
import { findNamed } from '../container/named.ts';
import type { ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import type { CreateRequest, ImageView } from '../model.ts';
import { anonymousLabel } from './anonymous.ts';
import { publishVolumeEvent } from './events.ts';
import { fillVolumes } from './fill-volumes.ts';
import { leaseImages, resolveMountImages } from './image-mounts.ts';
import { parseVolumesFrom, planContainerMounts } from './plan-mounts.ts';
import type { ResolvedMount } from './resolved-mount.ts';
import { bindSourceMissing } from './source-mounts.ts';

/** Of an image: the places that get volumes. */
type ImageVolumes = { readonly config: Pick<ImageView['config'], 'volumes'> };

/** What a new container is to mount. Looks at other containers and at images; nothing is made. */
export async function planMountsOf(context: EngineContext, request: CreateRequest, image: ImageVolumes): Promise<ResolvedMount[]> {
  const { mounts: wishes = [], volumesFrom = [], volumeDriver } = request;
  return planContainerMounts({
    wishes,
    inherited: volumesFrom.flatMap((text) => inheritedFrom(context, text)),
    volumes: volumePlacesOf(request, image),
    tmpfs: Object.keys(request.tmpfs ?? {}),
    images: await resolveMountImages(context, wishes),
    ...(volumeDriver === undefined ? {} : { volumeDriver }),
    createName: createVolumeName,
    pathOf: (name) => context.volumes.pathOf(name),
  });
}

/** The record with its mounts, and with the image's volumes among those that clients are shown. */
export function withMounts(record: ContainerRecord, mounts: readonly ResolvedMount[], image: ImageVolumes): ContainerRecord {
  const volumes = volumePlacesOf(record.request, image);
  return { ...record, mounts, request: volumes.length === 0 ? record.request : { ...record.request, volumes } };
}

function volumePlacesOf(request: CreateRequest, image: ImageVolumes): string[] {
  return [...new Set([...(request.volumes ?? []), ...image.config.volumes])];
}

/** A tmpfs is a container's own, and stays so. */
function inheritedFrom(context: EngineContext, text: string): ResolvedMount[] {
  const { ref, readOnly } = parseVolumesFrom(text);
  const { mounts } = findNamed(context, ref).record;
  return mounts
    .filter(({ type }) => type !== 'tmpfs')
    .map((mount) => ({ ...mount, inherited: true, readOnly: mount.readOnly || readOnly }));
}

/**
 * Makes the volumes that a new container names and are not there, and fills empty ones. The container's record is in the database already: what a kill leaves of this goes
 * with its removal. New volumes go again when `undo` is disposed of.
 */
export async function makeMounts(
  context: EngineContext,
  container: LiveContainer,
  snapshot: Snapshot,
  undo: AsyncDisposableStack,
): Promise<void> {
  const { record } = container;
  for (const { type, source, createSource, inherited } of record.mounts) {
    if (type === 'bind' && createSource !== true && inherited !== true && !existsSync(source)) throw bindSourceMissing(source);
  }
  undo.defer(holdMountedImages(context, container));
  await using acquired = new AsyncDisposableStack();
  const volumes = record.mounts.filter(({ type }) => type === 'volume');
  for (const mount of volumes) {
    await makeVolume(context, record, mount, undo);
    acquired.defer(async () => void (await context.volumes.release(mount.source, record.id)));
  }
  const toFill = volumes.filter(({ inherited, noCopy }) => inherited !== true && noCopy !== true);
  await fillVolumes(context, toFill, snapshot);
}

/** The content of images that a container mounts stays as long as the container. Returns what lets go of it early. */
export function holdMountedImages(context: EngineContext, container: LiveContainer): () => void {
  const lease = leaseImages(context, container.record);
  if (lease === null) return () => undefined;
  const letGo = (): void => lease[Symbol.dispose]();
  container.onRemove.add(letGo);
  return letGo;
}

async function makeVolume(
  context: EngineContext,
  record: ContainerRecord,
  mount: ResolvedMount,
  undo: AsyncDisposableStack,
): Promise<void> {
  const { volumes } = context;
  const { source: name, isAnonymous = false, driver, labels, driverOptions } = mount;
  // One that another container has: it exists, or its loss is to be said.
  if (mount.inherited === true) return void (await volumes.acquire(name, record.id));
  const { isNew } = await volumes.create(
    {
      name,
      isAnonymous,
      ...(driver === undefined ? {} : { driver }),
      labels: { ...labels, ...(isAnonymous ? { [anonymousLabel]: '' } : {}) },
      options: driverOptions ?? {},
    },
    record.id,
  );
  if (!isNew) return;
  undo.defer(() => removeAgain(context, name));
  publishVolumeEvent(context, name, 'create', { driver: driver ?? 'local' });
}

async function removeAgain({ volumes }: EngineContext, name: string): Promise<void> {
  try {
    await volumes.remove(name);
  } catch (error) {
    // Somebody else uses it by now, or has removed it.
    if (!isOrlopError(error, 'conflict') && !isOrlopError(error, 'not-found')) throw error;
  }
}
