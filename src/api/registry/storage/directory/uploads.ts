import { createHash, randomUUID, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestAlgorithm, digestHex, type Digest, type DigestAlgorithm } from '#oci';
import { refuse } from '../../spec/errors.ts';
import type { RepositoryName } from '../../spec/names.ts';
import type { Leases } from '../leases.ts';
import type { Storage, Upload } from '../types.ts';
import { appendFile } from './append.ts';
import { linkKey } from './blobs.ts';
import { hasErrno, makeDirectory, orNull, readJsonFile, syncDirectory, writeFileWhole, writeMark } from './files.ts';
import type { Layout } from './layout.ts';

export interface UploadStorage extends Pick<Storage, 'beginUpload' | 'findUpload'> {
  /** Uploads that a request is working on right now: not for the collector. */
  isBusy(id: string): boolean;
}

/** What is known of an upload beyond its files: nothing of it needs to outlive the process. */
interface LiveUpload {
  readonly id: string;
  readonly name: RepositoryName;
  size: number;
  /** Of all that has arrived; null when it was not seen by this process and has to be read again. */
  hash: { readonly algorithm: DigestAlgorithm; state: Hash } | null;
  busy: boolean;
}

const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function createUploadStorage(layout: Layout, leases: Leases): UploadStorage {
  const live = new Map<string, LiveUpload>();
  const show = (one: LiveUpload): Upload => openUpload(layout, leases, one, () => live.delete(one.id));
  return {
    isBusy: (id) => live.get(id)?.busy === true,
    async beginUpload(name, algorithm) {
      const id = randomUUID();
      const folder = join(layout.uploads, id);
      await mkdir(folder, { mode: 0o750 });
      await (await open(join(folder, 'data'), 'wx', 0o640)).close();
      await writeFileWhole(layout.staging, join(folder, 'info'), JSON.stringify({ repository: name }));
      const one: LiveUpload = { id, name, size: 0, hash: { algorithm, state: createHash(algorithm) }, busy: false };
      live.set(id, one);
      return show(one);
    },
    async findUpload(name, id) {
      if (!idPattern.test(id)) return null;
      const known = live.get(id);
      if (known !== undefined) return known.name === name ? show(known) : null;
      const folder = join(layout.uploads, id);
      const info = (await readJsonFile(join(folder, 'info'))) as { repository?: unknown } | null;
      const data = await orNull(stat(join(folder, 'data')));
      if (info?.repository !== name || data === null) return null;
      const one: LiveUpload = live.get(id) ?? { id, name, size: data.size, hash: null, busy: false };
      live.set(id, one);
      return show(one);
    },
  };
}

function openUpload(layout: Layout, leases: Leases, one: LiveUpload, forget: () => void): Upload {
  const folder = join(layout.uploads, one.id);
  const data = join(folder, 'data');
  const alone = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (one.busy) throw refuse('BLOB_UPLOAD_INVALID', `upload ${one.id} is being written by another request`, { status: 409 });
    one.busy = true;
    try {
      return await work();
    } finally {
      one.busy = false;
    }
  };
  const discard = async (): Promise<void> => {
    forget();
    await rm(folder, { recursive: true, force: true });
  };
  const finish = async (digest: Digest): Promise<void> => {
    await truncateFile(data, one.size);
    if ((await digestOfUpload(one, data, digestAlgorithm(digest))) !== digestHex(digest)) {
      await discard();
      throw refuse('DIGEST_INVALID', `the content does not have the digest ${digest}`, { hint: 'upload it again' });
    }
    using _content = leases.hold(digest);
    using _link = leases.hold(linkKey(one.name, digest));
    await moveToBlobs(layout, data, digest);
    await writeMark(layout.blobLink(one.name, digest));
    await discard();
  };
  return {
    id: one.id,
    get size() {
      return one.size;
    },
    append: (source, options = {}) => alone(() => appendTo(one, data, source, options.exactBytes)),
    commit: (digest) => alone(() => finish(digest)),
    cancel: () => alone(discard),
  };
}

async function appendTo(one: LiveUpload, data: string, source: AsyncIterable<Uint8Array>, exactBytes: number | undefined): Promise<void> {
  const [size, hash] = [one.size, one.hash?.state.copy()];
  const restore = async (): Promise<void> => {
    one.size = size;
    if (one.hash !== null && hash !== undefined) one.hash.state = hash;
    await truncateFile(data, size);
  };
  try {
    await appendFile(data, source, {
      start: size,
      maxBytes: exactBytes,
      written: (chunk) => {
        one.hash?.state.update(chunk);
        one.size += chunk.length;
      },
    });
  } catch (error) {
    if (exactBytes !== undefined) await restore();
    throw hasErrno(error, 'ENOENT') ? refuse('BLOB_UPLOAD_UNKNOWN', `upload ${one.id} has been given up`) : error;
  }
  if (exactBytes === undefined || one.size === size + exactBytes) return;
  const brought = one.size - size;
  await restore();
  throw refuse('SIZE_INVALID', `the request brought ${brought} bytes where it had promised ${exactBytes}`);
}

/** A write that failed half-way may have left more in the file than counts. */
async function truncateFile(path: string, size: number): Promise<void> {
  await using handle = await open(path, 'r+');
  await handle.truncate(size);
}

async function digestOfUpload(one: LiveUpload, data: string, algorithm: DigestAlgorithm): Promise<string> {
  if (one.hash?.algorithm === algorithm) return one.hash.state.copy().digest('hex');
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(data, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Content that is there already is replaced by its equal, which heals it should it be damaged. */
async function moveToBlobs(layout: Layout, data: string, digest: Digest): Promise<void> {
  {
    await using handle = await open(data, 'r');
    await handle.datasync();
  }
  const target = layout.blob(digest);
  await makeDirectory(dirname(target));
  await rename(data, target);
  await syncDirectory(dirname(target));
}
