import { historyOf, type Image, type ImageUser, isUntagged } from '#image';
import { familiarReference, parseReference, type Healthcheck } from '#oci';
import type { HealthCheck } from '#wire';
import { isActive } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import type { Engine, ImageView } from '../model.ts';
import { publishImageEvent } from './events.ts';
import { expandChanges } from './expand-changes.ts';
import { filterImages } from './filter.ts';

/** The engine's view of its images: what they are, and which containers stand on them. */
export function createImageVerbs(context: EngineContext): Engine['images'] {
  const { images } = context;
  return {
    list: ({ filters = {} }) =>
      filterImages(
        images.list().map((image) => viewOf(context, image)),
        filters,
        { momentsOf: (ref) => momentsOf(context, images.resolve(ref)), nowNs: BigInt(Date.now()) * 1_000_000n },
      ),
    inspect: (ref, platform) => viewOf(context, images.resolve(ref, platform)),
    async remove(ref, options) {
      const known = new Map<string, Image>(images.list().map((each) => [each.id, each]));
      const image = images.resolve(ref);
      const { untagged, deleted } = await images.remove(ref, { ...options, users: (user) => usersOf(context, user) });
      for (const name of untagged) publishImageEvent(context, 'untag', image, name);
      for (const id of deleted) publishImageEvent(context, 'delete', known.get(id) ?? { id });
      return { untagged: [...untagged], deleted: [...deleted] };
    },
    async tag(ref, name) {
      publishImageEvent(context, 'tag', images.tag(ref, name), name);
    },
    download: (url, signal) => context.downloads.stream(url, { object: url.pathname, signal }),
    async importRoot(source, { name, ...request }) {
      const image = await images.importRoot(source, {
        ...request,
        expand: expandChanges,
        ...(name === undefined ? {} : { reference: name }),
      });
      publishImageEvent(context, 'import', image, name);
      return image.id;
    },
  };
}

function momentsOf({ store }: EngineContext, { createdNs, target }: Image): [bigint, bigint] {
  const named = store.metadata.images.byManifest(target).map((row) => row.createdNs);
  return [createdNs, named.reduce((first, ns) => (ns < first ? ns : first), named[0] ?? 0n)];
}

/** The image a container is made from, with its layers in place. `ref`: an image itself needs no name. */
export async function resolveImageForUse(context: EngineContext, ref: string | Image): Promise<{ image: Image; view: ImageView }> {
  const image = typeof ref === 'string' ? context.images.resolve(ref) : ref;
  await context.images.unpack(image);
  return { image, view: viewOf(context, image) };
}

function usersOf(context: EngineContext, image: Image): ImageUser[] {
  return context.table
    .all()
    .filter(({ record }) => record.image.id === image.id || record.mounts.some((mount) => mount.image?.id === image.id))
    .map(({ record }) => ({ id: record.id, name: record.name, running: isActive(record.state.status) }));
}

function viewOf(context: EngineContext, image: Image): ImageView {
  const { config } = image.config;
  const names = image.names.filter((name) => !isUntagged(name)).map(parseReference);
  return {
    id: image.id,
    names: names.filter((name) => name.digest === undefined).map(familiarReference),
    digests: [...new Set(names.map(({ domain, path }) => `${familiarReference({ domain, path })}@${image.target}`))],
    createdAtNs: image.createdNs,
    taggedAtNs: image.namedNs,
    sizeBytes: image.sizeBytes,
    kind: image.kind,
    labels: config?.Labels ?? {},
    containers: usersOf(context, image).length,
    parent: image.parent ?? '',
    author: image.config.author ?? '',
    architecture: image.config.architecture,
    os: image.config.os,
    config: {
      entrypoint: config?.Entrypoint ?? [],
      command: config?.Cmd ?? [],
      ...(config?.Cmd?.length === 0 ? { emptyCommand: true } : {}),
      env: config?.Env ?? [],
      workingDirectory: config?.WorkingDir ?? '',
      user: config?.User ?? '',
      exposedPorts: Object.keys(config?.ExposedPorts ?? {}),
      volumes: Object.keys(config?.Volumes ?? {}),
      stopSignal: config?.StopSignal ?? '',
      ...(config?.Shell === undefined ? {} : { shell: config.Shell }),
      ...(config?.OnBuild === undefined ? {} : { onBuild: config.OnBuild }),
      ...(config?.Healthcheck?.Test === undefined ? {} : { healthCheck: healthCheckOf(config.Healthcheck) }),
    },
    diffIds: image.layers.map((layer) => layer.diffId),
    history: historyOf(image)
      .toReversed()
      .map(({ createdNs, createdBy, comment, isEmpty, sizeBytes }) => ({
        createdAtNs: createdNs,
        createdBy,
        comment,
        empty: isEmpty,
        sizeBytes,
      })),
  };
}

function healthCheckOf({
  Test = [],
  Interval = 0,
  Timeout = 0,
  StartPeriod = 0,
  StartInterval = 0,
  Retries = 0,
}: Healthcheck): HealthCheck {
  const values = { intervalNs: Interval, timeoutNs: Timeout, startPeriodNs: StartPeriod, startIntervalNs: StartInterval, retries: Retries };
  return { test: Test, ...Object.fromEntries(Object.entries(values).filter(([, value]) => value > 0)) };
}
