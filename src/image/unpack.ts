import { OrlopError } from '#errors';
import { familiarReference, parseReference, shortDigest } from '#oci';
import type { ChainId, Store } from '#store';
import type { Image } from './types.ts';

/** Unpacks the layers that are missing, base first. Data-loss `IMAGE_DAMAGED` when the blob of one is gone too. */
export async function unpackImage(store: Store, image: Image, signal?: AbortSignal): Promise<void> {
  if (image.chain === null || store.layers.get(image.chain) !== null) return;
  using lease = store.leases.create();
  lease.hold({ image: image.target });
  let parent: ChainId | null = null;
  for (const { chainId, diffId, descriptor } of image.layers) {
    if (store.layers.get(chainId) === null) {
      if (!(await store.content.has(descriptor.digest))) throw lost(image, descriptor.digest);
      await store.layers.apply(lease, { blob: descriptor.digest }, { parent, diffId, ...(signal === undefined ? {} : { signal }) });
    }
    parent = chainId;
  }
}

function lost(image: Image, digest: string): OrlopError {
  const shown = image.names[0] === undefined ? shortDigest(image.id) : familiarReference(parseReference(image.names[0]));
  return new OrlopError('data-loss', 'IMAGE_DAMAGED', `image "${shown}" has lost its layer ${digest}`, {
    hint: 'remove the image and make or fetch it again',
  });
}
