import { formatReference, parsePlatform, parseReference, type Platform, withDefaultTag } from '#oci';
import type { Digest } from '#oci';
import type { Store } from '#store';
import { addLayer } from './add-layer.ts';
import { parseChanges } from './changes.ts';
import { imageLabels, type ImportRootRequest } from './types.ts';
import { untaggedName } from './untagged.ts';
import { nameImages, writeImage } from './write.ts';

/** See `Images.importRoot`; returns the manifest's digest. An image without a name is kept, as one that is committed so. */
export async function importRoot(
  store: Store,
  source: AsyncIterable<Uint8Array>,
  request: ImportRootRequest,
  platform: Platform,
): Promise<Digest> {
  const { changes = [], expand } = request;
  const wanted = request.platform === undefined ? platform : parsePlatform(request.platform);
  const config = parseChanges(changes, expand === undefined ? {} : { expand });
  const reference = request.reference === undefined ? undefined : withDefaultTag(parseReference(request.reference));
  const kind = request.kind ?? 'app';
  const created = request.created ?? new Date().toISOString();
  using lease = store.leases.create();
  const layer = await addLayer(store, lease, source, { below: [], ...(request.signal === undefined ? {} : { signal: request.signal }) });
  const labels = { ...config.Labels, ...(kind === 'system' ? { [imageLabels.kind]: kind } : {}) };
  const target = await writeImage(store, lease, {
    layers: [layer],
    config: Object.keys(labels).length === 0 ? config : { ...config, Labels: labels },
    history: [{ created, comment: request.message ?? 'imported' }],
    created,
    platform: wanted,
  });
  nameImages(store, [{ name: reference === undefined ? untaggedName(target) : formatReference(reference), target, kind }]);
  return target;
}
