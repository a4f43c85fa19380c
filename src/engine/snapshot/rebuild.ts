import { OrlopError } from '#errors';
import { firstBootFiles } from '#image';
import type { RebuildRequest } from '#wire';
import { resolveProcess } from '../container/effective.ts';
import { machineResolvConf } from '../container/host-files.ts';
import { chainOf, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { resolveHealthCheck } from '../health/rules.ts';
import { resolveImageForUse } from '../image/images.ts';
import { initOf, stopSignalOf } from '../system/init.ts';
import { prepareFirstBoot } from '../system/prepare.ts';
import { collectLeftLayers } from './collect.ts';
import { keepPaths } from './keep-paths.ts';
import { changeOf } from './root.ts';
import { requireLasting } from './take.ts';
import { whileStopped } from './while-stopped.ts';

/**
 * Puts a container on another image: its root is that image's, but for the paths that are kept; what was asked for at its creation, its name, its places in networks, its mounts and its snapshots stay.
 * All or nothing. conflict when it runs, unless it is to be stopped and started again; not-found for an image that is not here, or a path that is not in it.
 */
export async function rebuildContainer(
  context: EngineContext,
  ref: string,
  { image, keep = [], restart = false }: RebuildRequest,
): Promise<void> {
  const container = context.table.find(ref);
  requireLasting(container);
  // Before anything is stopped for it.
  context.images.resolve(image);
  await whileStopped(context, container, restart ? null : isRunning(container, image), () => rebuildEnded(context, container, image, keep));
  collectLeftLayers(context);
}

function isRunning({ record: { name } }: LiveContainer, image: string): OrlopError {
  return new OrlopError('conflict', 'ENGINE_CONTAINER_RUNNING', `container ${name} is running: its root cannot be exchanged`, {
    hint: `stop it, or let it be stopped and started again with: orlop rebuild --restart ${name} ${image}`,
  });
}

async function rebuildEnded(context: EngineContext, container: LiveContainer, wanted: string, keep: readonly string[]): Promise<void> {
  const { record } = container;
  const { image, view } = await resolveImageForUse(context, wanted);
  using lease = context.store.leases.create();
  lease.hold({ image: image.target });
  const init = record.kind === 'system' ? await initOf(context, image) : null;
  const rebuilt = await onImage(context, record, {
    wanted,
    init,
    content: { id: image.id, manifest: image.target, chain: image.chain },
    view,
  });
  const { lower } = context.store.snapshots.view(image.chain);
  const old = await context.store.snapshots.locate(record.id, chainOf(record));
  const prepare = async (upper: string): Promise<void> => {
    if (record.kind === 'system') {
      const files = firstBootFiles(rebuilt.labels, rebuilt.name);
      const resolvConf = await machineResolvConf(rebuilt);
      prepareFirstBoot(context.dataRoot, { lower, upper }, { init, hostname: rebuilt.hostname, resolvConf, files });
    }
    await keepPaths(context, { paths: keep, from: old, to: { lower, upper }, container: record.name });
  };
  const change = changeOf(
    context,
    container,
    () => rebuilt,
    () => undefined,
  );
  await context.store.snapshots.reset(record.id, image.chain, { ...change, prepare });
  container.record = rebuilt;
  publishContainerEvent(context, container, 'rebuild');
}

/** What was asked for at its creation, on top of what the new image says. */
async function onImage(
  context: EngineContext,
  record: ContainerRecord,
  {
    wanted,
    init,
    content,
    view,
  }: {
    readonly wanted: string;
    readonly init: Awaited<ReturnType<typeof initOf>>;
    readonly content: Omit<ContainerRecord['image'], 'name'>;
    readonly view: Awaited<ReturnType<typeof resolveImageForUse>>['view'];
  },
): Promise<ContainerRecord> {
  const { chain: _chain, ...rest } = record;
  const { stopSignal, ...others } = record.request;
  // A machine that said nothing got its old init's signal.
  const before = record.kind === 'system' ? await initOf(context, { init: null, chain: record.image.chain }) : null;
  const own = stopSignal !== undefined && (record.kind !== 'system' || stopSignal !== stopSignalOf(before)) ? { stopSignal } : {};
  const needed = record.kind === 'system' && view.config.stopSignal === '' ? { stopSignal: stopSignalOf(init) } : {};
  const request = { ...others, ...needed, ...own, image: wanted };
  return {
    ...rest,
    request,
    image: { name: wanted, ...content },
    process: resolveProcess(view, request),
    healthCheck: resolveHealthCheck(view.config, request.healthCheck),
    labels: { ...view.labels, ...request.labels, ...(record.kind === 'system' ? { 'orlop.kind': 'system' } : {}) },
    exposedPorts: [...new Set([...view.config.exposedPorts, ...(request.exposedPorts ?? [])])],
  };
}
