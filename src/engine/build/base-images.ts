import { isOrlopError } from '#errors';
import type { BaseImage, BuildImages, Root, RootLayer } from '#build';
import { type Image, packLayer, type Transfers } from '#image';
import { type Descriptor, familiarReference, formatPlatform, type Platform, platformOfNodeArch } from '#oci';
import type { Lease } from '#store';
import type { EngineContext } from '../context.ts';
import type { StepBook } from './step-cache.ts';

export interface BaseImageOptions {
  readonly lease: Lease;
  readonly steps: StepBook;
  /** Asks registries also for what is here. */
  readonly pull: boolean;
  /** The reference that a named context stands for. */
  readonly referenceOf: (name: string) => string;
  readonly credentials: NonNullable<Parameters<Transfers['pull']>[1]>['credentials'];
  readonly signal: AbortSignal;
}

export interface BuildImagePorts extends BuildImages {
  /** The blobs of a root's layers; those that are missing are made. */
  pack(root: Root): Promise<Descriptor[]>;
}

/** Base images from the store or a registry, and blobs for the layers of the result. */
export function createBaseImages(context: EngineContext, options: BaseImageOptions): BuildImagePorts {
  const { lease, signal } = options;
  const packing = new Map<string, Promise<Descriptor>>();
  // One after the other: steps that still run need the processor too.
  let last: Promise<unknown> = Promise.resolve();
  const pack = (layer: RootLayer): Promise<Descriptor> => {
    if (layer.descriptor !== null) return Promise.resolve(layer.descriptor);
    const known = packing.get(layer.chainId);
    if (known !== undefined) return known;
    const packed = last.then(() => packOne(context, options, layer));
    packed.catch(() => undefined);
    last = packed.catch(() => undefined);
    packing.set(layer.chainId, packed);
    return packed;
  };
  return {
    async base(source, platform, of) {
      const reference = source.kind === 'image' ? source.reference : options.referenceOf(source.name);
      const image = await findOrPull(context, options, { reference, platform, progress: of.progress });
      lease.hold({ image: image.target });
      await context.images.unpack(image, signal);
      return baseOf(image);
    },
    foresee(root) {
      for (const layer of root.layers) void pack(layer);
    },
    pack: (root) => Promise.all(root.layers.map(pack)),
  };
}

function baseOf(image: Image): BaseImage {
  const layers = image.layers.map(({ diffId, chainId, descriptor }) => ({ diffId, chainId, descriptor, key: null }));
  return { root: { chain: image.chain, layers }, config: image.config, id: image.id, history: image.config.history ?? [] };
}

async function packOne({ store }: EngineContext, { lease, steps, signal }: BaseImageOptions, layer: RootLayer): Promise<Descriptor> {
  const descriptor = await packLayer(store, lease, layer, signal);
  if (layer.key !== null) steps.setBlob(layer.key, descriptor);
  return descriptor;
}

interface Wanted {
  readonly reference: string;
  readonly platform: Platform;
  readonly progress: Parameters<BuildImages['base']>[2]['progress'];
}

async function findOrPull(context: EngineContext, { pull, credentials, signal }: BaseImageOptions, wanted: Wanted): Promise<Image> {
  const { images, transfers } = context;
  // The machine's own platform is what a name means by itself; any processor's image is taken then, as Docker does.
  const own = formatPlatform(platformOfNodeArch(process.arch)) === formatPlatform(wanted.platform);
  const platform = own ? undefined : formatPlatform(wanted.platform);
  const isId = /^(?:sha256:)?[0-9a-f]{12,64}$/.test(wanted.reference);
  if (!pull || isId) {
    try {
      return images.resolve(wanted.reference, platform);
    } catch (error) {
      if (!isOrlopError(error, 'not-found') || isId) throw error;
    }
  }
  const { reference } = await transfers.pull(wanted.reference, {
    ...(credentials === undefined ? {} : { credentials }),
    ...(platform === undefined ? {} : { platform }),
    progress: wanted.progress,
    signal,
  });
  context.events.publish({
    type: 'image',
    action: 'pull',
    id: familiarReference(reference),
    attributes: { name: familiarReference(reference) },
  });
  return images.resolve(wanted.reference, platform);
}
