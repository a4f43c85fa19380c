import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import type { Digest } from '#oci';
import { type Addon, AT_FDCWD, O_DIRECTORY, O_RDONLY } from '#sys';
import { decompress } from '../compression.ts';
import { createRunningHash } from '../content/hash.ts';
import { layerTree } from '../layout.ts';
import { createTarReader } from '../tar/reader.ts';
import { createRatioMeter, defaultLimits, type UnpackLimits } from './limits.ts';
import { openTreeDirectory } from './lower-lookup.ts';
import { createUnpacker, type Unpacked } from './unpack.ts';

/** One layer to unpack into `<directory>/fs`; `<directory>` is new and empty. Plain data: it crosses threads. */
export interface UnpackJob {
  readonly directory: string;
  /** Absolute paths of the trees below, top first. */
  readonly lower: readonly string[];
  readonly diffId: Digest | null;
  /** The source is known to be what `diffId` says. */
  readonly isVerified?: boolean;
  /** It is not brought to disk. */
  readonly isLazy?: boolean;
  readonly limits?: UnpackLimits;
}

export interface UnpackResult extends Unpacked {
  readonly diffId: Digest;
}

/** Does the job, synchronously but for reading and inflating. `checkpoint` is called before each chunk and may throw. */
export async function runUnpackJob(
  addon: Addon,
  job: UnpackJob,
  source: AsyncIterable<Uint8Array>,
  checkpoint: () => void,
): Promise<UnpackResult> {
  using closing = new DisposableStack();
  const opened = (descriptor: number): number => closing.adopt(descriptor, (open) => addon.close(open));
  const tree = join(job.directory, layerTree);
  const trash = join(job.directory, 'trash');
  mkdirSync(tree, { mode: 0o755 });
  mkdirSync(trash, { mode: 0o700 });
  const lower = job.lower.map((path) => opened(openTreeDirectory(addon, path)));
  const unpacker = createUnpacker({
    addon,
    root: opened(openTreeDirectory(addon, tree)),
    trash: opened(openTreeDirectory(addon, trash)),
    lower,
    ...(job.limits === undefined ? {} : { limits: job.limits }),
  });
  closing.defer(() => unpacker.close());

  const reader = createTarReader(unpacker);
  const known = job.isVerified === true ? job.diffId : null;
  const hash = known === null ? createRunningHash('sha256') : { update: () => undefined, finish: () => known };
  const ratio = createRatioMeter(job.limits ?? defaultLimits);
  for await (const chunk of decompress(ratio.packed(source))) {
    checkpoint();
    ratio.unpacked(chunk.length);
    hash.update(chunk);
    reader.write(chunk);
  }
  checkpoint();
  reader.end();
  const unpacked = unpacker.finish();
  const diffId = hash.finish();
  if (job.diffId !== null && job.diffId !== diffId) throw corrupt(job.diffId, diffId);
  // On disk before it gets its name: a layer that is there is whole.
  if (job.isLazy !== true) addon.syncfs(opened(addon.openat2(AT_FDCWD, job.directory, O_RDONLY | O_DIRECTORY, 0, 0)));
  return { ...unpacked, diffId };
}

function corrupt(wanted: Digest, found: Digest): OrlopError {
  return new OrlopError('data-loss', 'STORE_LAYER_CORRUPT', `layer ${wanted} is damaged: its content's digest is ${found}`, {
    hint: 'get the image again',
  });
}
