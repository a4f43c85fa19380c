import {
  type ContainerConfig,
  createManifest,
  type Digest,
  formatImageConfig,
  formatManifest,
  type HistoryEntry,
  mediaTypes,
  type Platform,
} from '#oci';
import type { Lease, Store } from '#store';
import { parentAnnotation, type ImageKind, type ImageLayer } from './types.ts';
import { dropUntagged, isUntagged, untaggedName } from './untagged.ts';

export interface NewImage {
  /** Base first. */
  readonly layers: readonly ImageLayer[];
  readonly config: ContainerConfig;
  readonly history: readonly HistoryEntry[];
  /** ISO 8601. */
  readonly created: string;
  readonly platform: Platform;
  readonly author?: string;
  /** What its build's steps made (`moby.buildkit.cache.v0`). */
  readonly inlineCache?: string;
  /** Id of the image that it was made from. */
  readonly parent?: Digest;
}

/** Writes config and manifest; the lease holds the whole image from then on, until it has a name. Returns the manifest's digest. */
export async function writeImage(store: Store, lease: Lease, image: NewImage): Promise<Digest> {
  const { platform } = image;
  const config = formatImageConfig({
    created: image.created,
    ...(image.author === undefined ? {} : { author: image.author }),
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    config: image.config,
    rootfs: { type: 'layers', diff_ids: image.layers.map(({ diffId }) => diffId) },
    history: image.history,
    ...(image.inlineCache === undefined ? {} : { 'moby.buildkit.cache.v0': Buffer.from(image.inlineCache).toString('base64') }),
  });
  const blob = await store.content.ingest(lease, config);
  const descriptor = { mediaType: mediaTypes.ociConfig, digest: blob.digest, size: blob.size };
  const manifest = formatManifest(
    createManifest(
      descriptor,
      image.layers.map((layer) => layer.descriptor),
      image.parent === undefined ? undefined : { [parentAnnotation]: image.parent },
    ),
  );
  const { digest } = await store.content.ingest(lease, manifest);
  lease.hold({ image: digest });
  return digest;
}

/** Points names to manifests, all of them or none. An image that loses its last name by it stays, without one, until it is removed. */
export function nameImages(
  store: Store,
  names: readonly { readonly name: string; readonly target: Digest; readonly kind: ImageKind }[],
): void {
  const createdNs = BigInt(Date.now()) * 1_000_000n;
  store.metadata.transaction(() => {
    for (const { name, target, kind } of names) {
      keepWithoutName(store, name, target);
      store.metadata.images.put({ name, manifest: target, kind, createdNs, labels: {} });
      if (!isUntagged(name)) dropUntagged(store, target);
    }
  });
}

/** The image that a name is taken from. */
function keepWithoutName({ metadata }: Store, name: string, target: Digest): void {
  const former = metadata.images.get(name);
  if (former === null || former.manifest === target || metadata.images.byManifest(former.manifest).length > 1) return;
  metadata.images.put({ ...former, name: untaggedName(former.manifest) });
}
