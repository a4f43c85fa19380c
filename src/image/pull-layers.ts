import type { Descriptor, Digest } from '#oci';
import { shortDigest } from '#oci';
import type { Repository } from '#registry';
import { type ChainId, chainIdOf, type Lease, type Store } from '#store';
import { createShared, type Shared } from './templates/joined.ts';
import type { Progress } from './types.ts';

/** Downloads under way: whoever needs the same blob of the same registry waits for the same one. Events are bytes so far. */
export interface BlobDownloads {
  run(blob: Descriptor, repository: Repository, caller: Parameters<Shared<string, number, void>['run']>[1]): Promise<void>;
}

export function createBlobDownloads(store: Store): BlobDownloads {
  // Kept as long as anyone waits: a download that all have left is begun anew by whoever came meanwhile.
  const sources = new Map<string, { readonly blob: Descriptor; readonly repository: Repository; waiting: number }>();
  const shared = createShared<string, number, void>(async (key, emit, signal) => {
    const source = sources.get(key);
    if (source === undefined) throw new Error(`nothing is known of the download ${key}`);
    const { blob, repository } = source;
    using lease = store.leases.create();
    const bytes = count(repository.fetchBlob(blob, { signal, verify: false }), emit);
    await store.content.ingest(lease, bytes, { digest: blob.digest, size: blob.size, signal });
  });
  return {
    async run(blob, repository, caller) {
      const key = `${repository.name.domain} ${blob.digest}`;
      const source = sources.get(key) ?? { blob, repository, waiting: 0 };
      sources.set(key, source);
      source.waiting += 1;
      try {
        await shared.run(key, caller);
      } finally {
        source.waiting -= 1;
        if (source.waiting === 0) sources.delete(key);
      }
    },
  };
}

async function* count(source: AsyncIterable<Buffer>, report: (bytes: number) => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    yield chunk;
    report(bytes);
  }
}

export interface FetchLayers {
  readonly store: Store;
  readonly downloads: BlobDownloads;
  readonly lease: Lease;
  readonly repository: Repository;
  /** Base first. */
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

const parallelDownloads = 3;

/** Downloads what is missing, three layers at a time, and unpacks each as soon as it and those below it are here. The first failure ends all. */
export async function fetchLayers(work: FetchLayers): Promise<void> {
  const { layers, lease, progress } = work;
  for (const { digest } of layers) lease.hold({ blob: digest });
  for (const { digest } of layers) progress?.({ id: shortDigest(digest), status: 'Pulling fs layer' });
  const stop = new AbortController();
  const signal = work.signal === undefined ? stop.signal : AbortSignal.any([work.signal, stop.signal]);
  const arrivals = layers.map(() => Promise.withResolvers<boolean>());
  // Whoever unpacks waits for them one after the other; a failure behind the one that is waited for is no unhandled one.
  for (const { promise } of arrivals) promise.catch(() => undefined);
  let next = 0;
  const download = async (): Promise<void> => {
    for (let at = next++; at < layers.length; at = next++) {
      arrivals[at]?.resolve(await downloadLayer(work, layers[at] as Descriptor, signal));
    }
  };
  const jobs = [...Array.from({ length: parallelDownloads }, download), unpackLayers(work, arrivals, signal)];
  const guarded = jobs.map((job) =>
    job.catch((error: unknown) => {
      stop.abort(error);
      for (const arrival of arrivals) arrival.reject(error);
      throw error;
    }),
  );
  const outcomes = await Promise.allSettled(guarded);
  const failed = outcomes.some(({ status }) => status === 'rejected');
  if (failed) throw (stop.signal.reason ?? work.signal?.reason) as Error;
}

/** True when it had to be downloaded. */
async function downloadLayer(
  { store, downloads, repository, progress }: FetchLayers,
  layer: Descriptor,
  signal: AbortSignal,
): Promise<boolean> {
  const id = shortDigest(layer.digest);
  if (await store.content.has(layer.digest)) return false;
  const report = everySoOften(layer.size, (current) => progress?.({ id, status: 'Downloading', current, total: layer.size }));
  await downloads.run(layer, repository, { onEvent: report, signal });
  progress?.({ id, status: 'Download complete' });
  return true;
}

async function unpackLayers(
  work: FetchLayers,
  arrivals: readonly { readonly promise: Promise<boolean> }[],
  signal: AbortSignal,
): Promise<void> {
  const { store, lease, layers, diffIds, progress } = work;
  let parent: ChainId | null = null;
  for (const [at, { digest, size }] of layers.entries()) {
    const fetched = await arrivals[at]?.promise;
    const diffId = diffIds[at] as Digest;
    const chain = chainIdOf(diffIds.slice(0, at + 1)) as ChainId;
    lease.hold({ layer: chain });
    const id = shortDigest(digest);
    const isHere = store.layers.get(chain) !== null;
    if (!isHere) {
      const onProgress = everySoOften(size, (current) => progress?.({ id, status: 'Extracting', current, total: size }));
      await store.layers.apply(lease, { blob: digest }, { parent, diffId, signal, onProgress });
    }
    progress?.({ id, status: isHere && fetched !== true ? 'Already exists' : 'Pull complete' });
    parent = chain;
  }
}

/** Not each chunk is news: a percent is, half a megabyte at least. */
export function everySoOften(total: number, report: (bytes: number) => void): (bytes: number) => void {
  const step = Math.max(512 * 1024, total / 100);
  let reported = 0;
  return (bytes) => {
    if (bytes - reported < step && bytes < total) return;
    reported = bytes;
    report(bytes);
  };
}
