import type { NewLayer } from '#build';
import { addLayer } from '#image';
import { type AdoptOptions, byteTextOf, type ChainId, type Lease, type PackOptions } from '#store';
import { S_IFDIR, S_IFMT, S_IFREG } from '#sys';
import type { EngineContext } from '../context.ts';

/** What was written to a snapshot of a step, as a layer that the lease holds; null: nothing. What is left of the snapshot can only be removed. */
export async function takeLayer(
  { store }: EngineContext,
  lease: Lease,
  { id, chain }: { readonly id: string; readonly chain: ChainId | null },
  options: AdoptOptions,
): Promise<NewLayer | null> {
  if (store.snapshots.driver === 'overlay') return store.snapshots.adopt(lease, id, chain, options);
  // A whole copy has no directory that only holds what changed: the difference is packed at once.
  const below = chain === null ? [] : store.layers.ancestry(chain).toReversed();
  const tar = store.snapshots.commit(id, chain, { leaveOut: leavingOut(options.stubs ?? []) });
  const none = { mediaType: '', digest: '' as NewLayer['diffId'], size: 0 };
  const { signal } = options;
  return addLayer(store, lease, tar, {
    below: below.map(({ diffId, chainId }) => ({ diffId, chainId, descriptor: none })),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What is in no layer below, and only a mount needed. */
function leavingOut(stubs: readonly string[]): NonNullable<PackOptions['leaveOut']> {
  const places = new Set(stubs.map((place) => byteTextOf(Buffer.from(place.replace(/^\/+/, '')))));
  return (path, { mode, size }) => places.has(path) && ((mode & S_IFMT) === S_IFDIR || ((mode & S_IFMT) === S_IFREG && size === 0));
}
