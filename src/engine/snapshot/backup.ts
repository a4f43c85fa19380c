import { OrlopError, toOrlopError } from '#errors';
import { type Image, nameImages, untaggedName } from '#image';
import type { ChainId } from '#store';
import { leaseLabel } from '#wire';
import { configOf } from '../container/changes.ts';
import { createContainer } from '../container/create.ts';
import { chainOf } from '../container/record.ts';
import { removeContainer } from '../container/remove.ts';
import { publishContainerEvent, saveRecord, type EngineContext } from '../context.ts';
import { createSnapshotId } from './ids.ts';
import { collectLeftLayers } from './collect.ts';
import { snapshotsOf } from './find.ts';
import { pushedLayers } from './root.ts';
import { rowOf, type SnapshotRecord, type SnapshotSettings } from './record.ts';
import type { SnapshotPolicy } from './schedule.ts';
import { fixSource } from './source.ts';

/** In the config of each image of a backup: what the image is of. JSON of a `BackupPart`. */
const backupLabel = 'orlop.backup';

/** A container or one of its snapshots, with all that is not in an image. */
type BackupPart =
  | {
      readonly version: 1;
      readonly is: 'container';
      readonly name: string;
      readonly settings: SnapshotSettings;
      readonly snapshotHead?: string;
      readonly snapshots?: SnapshotPolicy;
    }
  | { readonly version: 1; readonly is: 'snapshot'; readonly snapshot: SnapshotRecord };

/**
 * A container with its settings and its snapshots as one archive: an OCI layout of images that share their layers, one of the container, one of each snapshot, and those that they stand on. A running container
 * is kept as it is at one moment. What is in volumes is no part of it.
 */
export async function* backupContainer(context: EngineContext, ref: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const container = context.table.find(ref);
  const { record } = container;
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
  await using undo = new AsyncDisposableStack();
  const ids = new Set<string>();
  for (const manifest of new Set(parts.map((one) => one.settings.image.manifest))) {
    if (context.store.metadata.images.byManifest(manifest).length === 0) {
      nameImages(context.store, [{ name: untaggedName(manifest), target: manifest, kind: settings.kind }]);
      undo.defer(() => removeUnnamed(context, manifest));
    }
    const image = context.images.list().find(({ target }) => target === manifest);
    if (image !== undefined) ids.add(image.id);
  }
  for (const { part, settings: of } of parts) {
    const image = await imageOf(context, part, of, signal);
    undo.defer(() => removeUnnamed(context, image.target));
    ids.add(image.id);
  }
  yield* context.images.save([...ids], { signal });
  publishContainerEvent(context, container, 'backup');
}

function imageOf(context: EngineContext, part: BackupPart, settings: SnapshotSettings, signal: AbortSignal): Promise<Image> {
  const config = configOf(settings);
  return context.images.commit({
    base: settings.image.manifest,
    layer: pushedLayers(context, settings)
      .map(({ chainId }) => chainId)
      .toReversed(),
    config: { ...config, Labels: { ...config.Labels, [backupLabel]: JSON.stringify(part) } },
    kind: settings.kind,
    createdBy: 'orlop backup create',
    signal,
  });
}

/** The images of a backup are there only while it is written or read. */
async function removeUnnamed({ store, images }: EngineContext, target: Image['target']): Promise<void> {
  const name = untaggedName(target);
  const isOnly = store.metadata.images.byManifest(target).every((row) => row.name === name);
  if (isOnly) await images.remove(name, { force: true, users: () => [] }).catch(() => void store.metadata.images.remove(name));
}

/** Makes a container of a backup, with its snapshots; answers its id and name. Undone whole when a step fails. invalid-argument for what is no backup. */
export async function restoreBackup(
  context: EngineContext,
  source: AsyncIterable<Uint8Array>,
  { name, signal }: { readonly name?: string; readonly signal: AbortSignal },
): Promise<{ id: string; name: string }> {
  await using undo = new AsyncDisposableStack();
  const before = new Set(context.images.list().map(({ target }) => target));
  const loaded = (await context.images.load(source, { signal })).map(({ image }) => image);
  for (const { target } of loaded) if (!before.has(target)) undo.defer(() => removeUnnamed(context, target));
  undo.defer(() => collectLeftLayers(context));
  const parts = loaded.flatMap((image) => {
    const text = image.config.config?.Labels?.[backupLabel];
    return text === undefined ? [] : [{ image, part: parsePart(text) }];
  });
  const whole = parts.find(({ part }) => part.is === 'container');
  if (whole?.part.is !== 'container') throw noBackup('no image of it is that of a container');
  const { settings, snapshotHead: head, snapshots: policy, name: wasNamed } = whole.part;
  const baseOf = (of: SnapshotSettings): SnapshotSettings['image'] => {
    const base = loaded.find(({ id }) => id === of.image.id);
    if (base === undefined) throw noBackup(`the image ${of.image.name} that it stands on is not in it`);
    return { name: of.image.name, id: base.id, manifest: base.target, chain: base.chain };
  };
  const base = baseOf(settings);
  const { labels: { [leaseLabel]: _lease, ...labels } = {}, ...request } = settings.request;
  const { id } = await createContainer(
    context,
    // What profiles gave it is its own from now on: another engine has others.
    { ...request, profiles: [], labels, name: name ?? wasNamed, image: base.id },
    { chain: whole.image.chain, imageName: base.name },
  );
  try {
    const container = context.table.find(id);
    await context.queues.run(id, async () => {
      const ids = new Map(parts.flatMap(({ part }) => (part.is === 'snapshot' ? [[part.snapshot.id, createSnapshotId()] as const] : [])));
      const newId = (old: string | null | undefined): string | null => (old == null ? null : (ids.get(old) ?? null));
      context.store.metadata.transaction(() => {
        for (const { part, image } of parts) {
          if (part.is !== 'snapshot') continue;
          const { snapshot } = part;
          const fixed = { ...snapshot.settings, image: baseOf(snapshot.settings), chain: image.chain };
          context.store.metadata.snapshots.put(
            rowOf({ ...snapshot, id: newId(snapshot.id) ?? '', containerId: id, parent: newId(snapshot.parent), settings: fixed }),
          );
        }
        const snapshotHead = newId(head);
        saveRecord(context, container, {
          ...container.record,
          ...(snapshotHead === null ? {} : { snapshotHead }),
          ...(policy === undefined ? {} : { snapshots: policy }),
        });
      });
      requireOn(context, chainOf(container.record));
    });
    return { id, name: container.record.name };
  } catch (error) {
    await removeContainer(context, id, { force: true });
    throw error;
  }
}

function requireOn({ store }: EngineContext, chain: ChainId | null): void {
  if (chain !== null) store.layers.ancestry(chain);
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
