import { isOrlopError, OrlopError } from '#errors';
import type { Logger } from '#log';
import {
  type Digest,
  formatReference,
  parsePlatform,
  parseReference,
  type Platform,
  platformOfNodeArch,
  withDefaultTag,
  familiarReference,
} from '#oci';
import type { Store } from '#store';
import { findImage, type Found } from './find.ts';
import { commitImage } from './commit.ts';
import { loadArchive } from './load.ts';
import { saveImages, type SavedImage } from './save.ts';
import { isUntagged } from './untagged.ts';
import { importRoot } from './import.ts';
import { readForPlatform } from './platform.ts';
import { type ImageContent, readImage } from './read.ts';
import { removeImages, removeNames } from './remove.ts';
import type { Image, Images, RemovedImage } from './types.ts';
import { unpackImage } from './unpack.ts';
import { nameImages } from './write.ts';

export interface ImagesOptions {
  /** Which manifest of an index is meant. The machine's own without it. */
  readonly platform?: Platform;
  readonly logger?: Logger;
}

/** The images of a store; see `Images`. Keeps manifests and configs in memory, never names. */
export function createImages(store: Store, options: ImagesOptions = {}): Images {
  const platform = options.platform ?? platformOfNodeArch(process.arch);
  const cache = new Map<Digest, ImageContent>();
  const contentOf = (target: Digest): ImageContent => {
    const known = cache.get(target);
    if (known !== undefined) return known;
    const content = readImage(store, target, platform);
    cache.set(target, content);
    return content;
  };
  const imageOf = (target: Digest): Image => withNames(store, contentOf(target));
  const find = (reference: string, wanted?: string): Found<Image> => {
    const found = findImage(reference, store.metadata.images.list(), imageOf);
    if (wanted === undefined) return found;
    return { ...found, image: withNames(store, readForPlatform(store, found.image, parsePlatform(wanted), reference)) };
  };

  const forgotten = (removed: RemovedImage): RemovedImage => {
    for (const target of cache.keys()) if (store.metadata.images.byManifest(target).length === 0) cache.delete(target);
    return removed;
  };

  return {
    list() {
      const targets = new Set(store.metadata.images.list().map(({ manifest }) => manifest));
      return [...targets].flatMap((target) => {
        try {
          return [imageOf(target)];
        } catch (error) {
          if (!isOrlopError(error)) throw error;
          options.logger?.warn('an image cannot be read', { target, error });
          return [];
        }
      });
    },
    resolve: (reference, wanted) => find(reference, wanted).image,
    importRoot: async (source, request) => imageOf(await importRoot(store, source, request, platform)),
    tag(reference, name) {
      const { image } = find(reference);
      nameImages(store, [{ name: formatTag(name), target: image.target, kind: image.kind }]);
      return imageOf(image.target);
    },
    remove: async (reference, how) => forgotten(await removeNames(store, find(reference), how)),
    removeAll: async (gone) => forgotten(await removeImages(store, gone)),
    commit: async (request) => imageOf(await commitImage(store, request, platform)),
    save: (references, { platform: wanted, signal } = {}) =>
      saveImages(
        store,
        references.flatMap((reference) => tagsOf(store, reference).map((name) => savedImageOf(find(name, wanted)))),
        signal,
      ),
    saveAs: (target, names, signal) => saveImages(store, [{ image: imageOf(target), names: names.map(formatTag) }], signal),
    saveUnnamed: (targets, signal) =>
      saveImages(
        store,
        targets.map((target) => ({ image: imageOf(target), names: [] })),
        signal,
      ),
    async load(source, how) {
      const loaded = await loadArchive(store, source, platform, how);
      return loaded.map(({ target, names }) => ({ image: imageOf(target), names }));
    },
    unpack: (image, signal) => unpackImage(store, image, signal),
  };
}

function withNames(store: Store, content: ImageContent): Image {
  const rows = store.metadata.images.byManifest(content.target);
  const names = rows.map(({ name }) => name).toSorted();
  const namedNs = rows.reduce((last, { createdNs }) => (createdNs > last ? createdNs : last), 0n);
  const layerBytes = content.layers.map(({ chainId }) => store.layers.get(chainId)?.size ?? 0);
  return { ...content, names, namedNs, layerBytes, sizeBytes: layerBytes.reduce((sum, bytes) => sum + bytes, 0) };
}

/** A name without tag means all tags that there are, as in `docker save`. */
function tagsOf(store: Store, text: string): string[] {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(text)) return [text];
  const { domain, path, tag, digest } = parseReference(text);
  if (tag !== undefined || digest !== undefined) return [text];
  const names = store.metadata.images.list().map(({ name }) => name);
  const tagged = names.filter((name) => name.startsWith(`${domain}/${path}:`));
  return tagged.length === 0 ? [text] : tagged;
}

/** Saved under the name that it was asked for by; by its id, under none: as `docker save` does. */
function savedImageOf({ image, name }: Found<Image>): SavedImage {
  return { image, names: name === null || isUntagged(name) ? [] : [name] };
}

/** A new name has no digest: it would promise a content that the next tag may change. */
function formatTag(name: string): string {
  const reference = withDefaultTag(parseReference(name));
  if (reference.digest !== undefined) throw badTag('refusing to create a tag with a digest reference');
  if (familiarReference(reference).startsWith('sha256:'))
    throw badTag('refusing to create an ambiguous tag using digest algorithm as name');
  return formatReference(reference);
}

function badTag(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'IMAGE_BAD_TAG', message, { hint: 'give a name and a tag' });
}
