import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { isErrno, OrlopError } from '#errors';
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  formatDigest,
  formatIndex,
  type Index,
  mediaTypes,
  parseIndex,
} from '#oci';
import { toErrnoError, writeFileAtomic } from '#sys';

/** A directory on this machine as an OCI image layout (image-spec image-layout): read, or added to. */
export interface LayoutDirectory {
  /** Not-found when there is none of this tag. */
  manifest(tag: string): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer }>;
  /** Unverified. */
  read(blob: Descriptor): AsyncIterable<Buffer>;
  has(blob: Descriptor): Promise<boolean>;
  /** A blob by its content, or the file that has it. */
  add(blob: Descriptor, source: Uint8Array | { readonly file: string }): Promise<void>;
  /** Gives a manifest its tag; the last thing that is done. */
  tag(manifest: Descriptor, tag: string): Promise<void>;
}

const tagAnnotation = 'org.opencontainers.image.ref.name';
const longestText = 32 * 1024 * 1024;

/** Fails with invalid-argument `BUILD_BAD_CACHE` for a path that depends on where the engine stands. */
export function openLayoutDirectory(path: string): LayoutDirectory {
  if (!isAbsolute(path))
    throw new OrlopError(
      'invalid-argument',
      'BUILD_BAD_CACHE',
      `the build cache's directory ${JSON.stringify(path)} is not an absolute path`,
    );
  const fileOf = ({ digest }: Descriptor): string => join(path, 'blobs', digestAlgorithm(digest), digestHex(digest));
  const readIndex = async (): Promise<Index | null> => {
    try {
      return parseIndex(await readSmall(join(path, 'index.json')), mediaTypes.ociIndex);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return null;
      throw error;
    }
  };
  return {
    async manifest(tag) {
      const all = (await readIndex())?.manifests ?? [];
      const descriptor = all.find(({ annotations }) => annotations?.[tagAnnotation] === tag) ?? (all.length === 1 ? all[0] : undefined);
      if (descriptor === undefined)
        throw new OrlopError('not-found', 'BUILD_NO_CACHE', `there is no build cache ${JSON.stringify(tag)} in ${path}`);
      const bytes = await readSmall(fileOf(descriptor));
      if (digestOf(bytes, digestAlgorithm(descriptor.digest)) !== descriptor.digest)
        throw new OrlopError(
          'data-loss',
          'BUILD_BAD_CACHE',
          `the build cache in ${path} is damaged: its manifest is not what its index says`,
        );
      return { descriptor, bytes };
    },
    read: (blob) => createReadStream(fileOf(blob), { highWaterMark: 512 * 1024 }) as AsyncIterable<Buffer>,
    async has(blob) {
      try {
        return (await stat(fileOf(blob))).size === blob.size;
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
        throw error;
      }
    },
    async add(blob, source) {
      const target = fileOf(blob);
      await makeDirectories(dirname(target));
      if (source instanceof Uint8Array) return writeFileAtomic(target, source, { mode: 0o644 });
      const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
      try {
        await copyFile(source.file, temporary);
        await rename(temporary, target);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    async tag(manifest, tag) {
      const others = ((await readIndex())?.manifests ?? []).filter(({ annotations }) => annotations?.[tagAnnotation] !== tag);
      const manifests = [...others, { ...manifest, annotations: { [tagAnnotation]: tag } }];
      await writeFileAtomic(join(path, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }), { mode: 0o644 });
      await writeFileAtomic(join(path, 'index.json'), formatIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }), {
        mode: 0o644,
      });
    },
  };
}

/** Part by part: mkdir(2) of Node's own with `recursive` never ends where the kernel takes no directories (/proc). */
async function makeDirectories(path: string): Promise<void> {
  const parts = path.split('/');
  for (let count = 2; count <= parts.length; count++) {
    try {
      await mkdir(parts.slice(0, count).join('/'));
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw toErrnoError(error);
    }
  }
}

/** Of a whole blob. */
export function digestOf(bytes: Uint8Array, algorithm: ReturnType<typeof digestAlgorithm> = 'sha256'): Digest {
  return formatDigest(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}

async function readSmall(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > longestText) throw new OrlopError('data-loss', 'BUILD_BAD_CACHE', `${path} is too long to be part of a build cache`);
  return readFile(path);
}
