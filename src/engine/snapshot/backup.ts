import { OrlopError, toOrlopError } from '#errors';
import type { Image } from '#image';
import type { Digest } from '#oci';
import type { Lease } from '#store';
import { leaseLabel } from '#wire';
import { configOf } from '../container/changes.ts';
import { createContainer } from '../container/create.ts';
import type { ContainerRecord } from '../container/record.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { createSnapshotId } from './ids.ts';
import { collectLeftLayers } from './collect.ts';
import { snapshotsOf } from './find.ts';
import { pushedLayers } from './root.ts';
import { rowOf, type SnapshotRecord, type SnapshotSettings } from './record.ts';
import type { SnapshotPolicy } from './schedule.ts';
import { fixSource } from './source.ts';

/** In the config of each image of a backup: what the image is of. JSON of a `BackupPart`. */
const backupLabel = 'orlop.backup';

/** A container, with all of it that is not in an image. */
interface ContainerPart {
  readonly version: 1;
  readonly is: 'container';
  readonly name: string;
  readonly settings: SnapshotSettings;
  readonly snapshotHead?: string;
  readonly snapshots?: SnapshotPolicy;
}

/** The same, or one of its snapshots. */
type BackupPart = ContainerPart | { readonly version: 1; readonly is: 'snapshot'; readonly snapshot: SnapshotRecord };

/**
 * A container with its settings and its snapshots as one archive: an OCI layout of images that share their layers, one of the container, one of each snapshot, and those that they stand on. A running container
 * is kept as it is at one moment. What is in volumes is no part of it.
 */
export async function* backupContainer(context: EngineContext, ref: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const container = context.table.find(ref);
  const { record } = container;
  // What was packed for it alone, also when nobody has read it to its end.
  using undo = new DisposableStack();
  undo.defer(() => collectLeftLayers(context));
  using lease = context.store.leases.create();
  const { settings, chain } = await fixSource(context, container, lease, undefined);
  const { name, snapshotHead, snapshots } = container.record;
  const policy = { ...(snapshotHead === undefined ? {} : { snapshotHead }), ...(snapshots === undefined ? {} : { snapshots }) };
  const parts: { readonly part: BackupPart; readonly settings: SnapshotSettings }[] = [
    { part: { version: 1, is: 'container', name, settings, ...policy }, settings: { ...settings, chain } },
    ...snapshotsOf(context, record).map((snapshot) => ({
      part: { version: 1, is: 'snapshot', snapshot } as const,
      settings: snapshot.settings,
    })),
  ];
  const targets = new Set<Digest>();
  for (const { settings: of } of parts) {
    lease.hold({ image: of.image.manifest });
    targets.add(of.image.manifest);
  }
  for (const { part, settings: of } of parts) targets.add((await imageOf(context, part, of, lease, signal)).target);
  yield* context.images.saveUnnamed([...targets], signal);
  publishContainerEvent(context, container, 'backup');
}

/** There as long as the lease: an engine that dies leaves nothing that anybody could see. */
function imageOf(context: EngineContext, part: BackupPart, settings: SnapshotSettings, lease: Lease, signal: AbortSignal): Promise<Image> {
  const config = configOf(settings);
  return context.images.commit({
    base: settings.image.manifest,
    layer: pushedLayers(context, settings)
      .map(({ chainId }) => chainId)
      .toReversed(),
    config: { ...config, Labels: { ...config.Labels, [backupLabel]: JSON.stringify(part) } },
    kind: settings.kind,
    createdBy: 'orlop backup create',
    lease,
    signal,
  });
}

/** Makes a container of a backup, with its snapshots; answers its id and name. All or nothing. invalid-argument for what is no backup. */
export async function restoreBackup(
  context: EngineContext,
  source: AsyncIterable<Uint8Array>,
  { name, signal }: { readonly name?: string; readonly signal: AbortSignal },
): Promise<{ id: string; name: string }> {
  await using undo = new AsyncDisposableStack();
  undo.defer(() => collectLeftLayers(context));
  using lease = context.store.leases.create();
  const loaded = (await context.images.load(source, { signal, lease })).map(({ image }) => image);
  const parts = loaded.flatMap((image) => {
    const text = image.config.config?.Labels?.[backupLabel];
    return text === undefined ? [] : [{ image, part: parsePart(text) }];
  });
  const whole = parts.find(({ part }) => part.is === 'container');
  if (whole?.part.is !== 'container') throw noBackup('no image of it is that of a container');
  const { part } = whole;
  const baseOf = ({ image }: SnapshotSettings): Image => {
    const base = loaded.find(({ id }) => id === image.id);
    if (base === undefined) throw noBackup(`the image ${image.name} that it stands on is not in it`);
    return base;
  };
  const base = baseOf(part.settings);
  const { labels: { [leaseLabel]: _lease, ...labels } = {}, ...request } = part.settings.request;
  const wanted = name ?? part.name;
  const { id } = await createContainer(
    context,
    // What profiles gave it is its own from now on: another engine has others.
    { ...request, profiles: [], labels, name: wanted, image: base.id },
    {
      image: base,
      chain: whole.image.chain,
      imageName: part.settings.image.name,
      complete: (record) => withSnapshots(context, record, part, parts, baseOf),
    },
  );
  return { id, name: wanted };
}

/** Writes the snapshots of a backup down as those of a new container, and answers its record with them. Inside a transaction. */
function withSnapshots(
  { store }: EngineContext,
  record: ContainerRecord,
  { snapshotHead: head, snapshots: policy }: ContainerPart,
  parts: readonly { readonly part: BackupPart; readonly image: Image }[],
  baseOf: (settings: SnapshotSettings) => Image,
): ContainerRecord {
  const ids = new Map(parts.flatMap(({ part }) => (part.is === 'snapshot' ? [[part.snapshot.id, createSnapshotId()] as const] : [])));
  const newId = (old: string | null | undefined): string | null => (old == null ? null : (ids.get(old) ?? null));
  for (const { part, image } of parts) {
    if (part.is !== 'snapshot') continue;
    const { snapshot } = part;
    const { id, target, chain } = baseOf(snapshot.settings);
    const base = { name: snapshot.settings.image.name, id, manifest: target, chain };
    const settings = { ...snapshot.settings, image: base, chain: image.chain };
    const row = { ...snapshot, id: newId(snapshot.id) ?? '', containerId: record.id, parent: newId(snapshot.parent), settings };
    store.metadata.snapshots.put(rowOf(row));
  }
  const snapshotHead = newId(head);
  return { ...record, ...(snapshotHead === null ? {} : { snapshotHead }), ...(policy === undefined ? {} : { snapshots: policy }) };
}

function parsePart(text: string): BackupPart {
  try {
    const part = JSON.parse(text) as BackupPart;
    if (part.version !== 1) throw new TypeError(`its version is ${String((part as { version?: unknown }).version)}, not 1`);
    const { request, image, kind } = part.is === 'container' ? part.settings : part.snapshot.settings;
    if (typeof request.image !== 'string' || typeof image.id !== 'string' || !['app', 'system'].includes(kind))
      throw new TypeError('its settings are none');
    return part;
  } catch (cause) {
    throw noBackup(toOrlopError(cause).message);
  }
}

function noBackup(why: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_NO_BACKUP', `this is no backup of a container: ${why}`, {
    hint: 'make one with: orlop backup create CONTAINER -o FILE',
  });
}
