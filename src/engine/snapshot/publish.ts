import { OrlopError } from '#errors';
import type { PublishRequest } from '#wire';
import { configOf } from '../container/changes.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { pushedLayers } from './root.ts';
import { fixSource } from './source.ts';

/**
 * Makes an image of a container, or of one of its snapshots: the image that it stands on, with a layer for each snapshot that it was made on top of. The layers are packed for registries; on this
 * disk they are shared, not copied. Answers the image's id.
 */
export async function publishContainer(
  context: EngineContext,
  ref: string,
  request: PublishRequest,
  signal?: AbortSignal,
): Promise<string> {
  const container = context.table.find(ref);
  const { snapshot, name, comment, author, changes } = request;
  using lease = context.store.leases.create();
  const { settings, chain } = await fixSource(context, container, lease, snapshot);
  const left = pushedLayers(context, { ...settings, chain }).map(({ chainId }) => chainId);
  const base = settings.image.manifest;
  if (settings.image.chain !== null && !standsOn(context, chain, settings.image.chain))
    throw new OrlopError(
      'failed-precondition',
      'ENGINE_NOT_ON_IMAGE',
      `container ${container.record.name} does not stand on its image any more`,
      {
        hint: 'make the image of its whole root: orlop export CONTAINER | orlop import - NAME',
      },
    );
  const made = await context.images.commit({
    base,
    layer: left.toReversed(),
    config: configOf(settings),
    kind: settings.kind,
    createdBy: `orlop publish ${container.record.name}${snapshot === undefined ? '' : `/${snapshot}`}`,
    ...(changes === undefined ? {} : { changes }),
    ...(name === undefined ? {} : { reference: name }),
    ...(comment === undefined ? {} : { comment }),
    ...(author === undefined ? {} : { author }),
    ...(signal === undefined ? {} : { signal }),
  });
  publishContainerEvent(context, container, 'commit', { comment: comment ?? '', imageID: made.id, imageRef: name ?? '' });
  return made.id;
}

function standsOn({ store }: EngineContext, chain: Parameters<typeof store.layers.ancestry>[0] | null, image: string): boolean {
  return chain !== null && store.layers.ancestry(chain).some(({ chainId }) => chainId === image);
}
