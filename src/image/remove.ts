import { OrlopError } from '#errors';
import { type Digest, familiarReference, parseReference, shortDigest } from '#oci';
import type { Store } from '#store';
import type { Found } from './find.ts';
import type { Image, RemovedImage, RemoveImageOptions } from './types.ts';
import { isUntagged, untaggedName } from './untagged.ts';

/** See `Images.remove`. */
export async function removeNames(store: Store, found: Found<Image>, options: RemoveImageOptions): Promise<RemovedImage> {
  const { image, name } = found;
  const names = planRemoval(found, options);
  const users = options.users(image);
  const isKept = name !== null && users.some(({ running }) => running);
  const { metadata } = store;
  metadata.transaction(() => {
    const former = name === null ? null : metadata.images.get(name);
    for (const gone of names) metadata.images.remove(gone);
    if (isKept && former !== null && names.length === image.names.length)
      metadata.images.put({ ...former, name: untaggedName(former.manifest) });
  });
  const untagged = names.filter((gone) => !isUntagged(gone)).map(familiar);
  if (isKept || names.length < image.names.length) return { untagged, deleted: [], freedBytes: 0 };
  const garbage = await store.collectGarbage();
  // To its stopped containers the image is left, and to nobody else.
  const isGone = users.length > 0 || !(await store.content.has(image.target));
  return { untagged, deleted: isGone ? [image.id, ...garbage.layers] : [], freedBytes: garbage.freedBytes };
}

/** See `Images.removeAll`. */
export async function removeImages(store: Store, images: readonly Image[]): Promise<RemovedImage> {
  const names = images.flatMap((image) => image.names);
  store.metadata.transaction(() => {
    for (const name of names) store.metadata.images.remove(name);
  });
  const garbage = await store.collectGarbage();
  const deleted: Digest[] = [];
  for (const { id, target } of images) if (!(await store.content.has(target))) deleted.push(id);
  return {
    untagged: names.filter((name) => !isUntagged(name)).map(familiar),
    deleted: [...deleted, ...garbage.layers],
    freedBytes: garbage.freedBytes,
  };
}

/** Which names go. The last one of an image that runs goes by force alone, and the image stays without a name. Pure. */
export function planRemoval({ image, name }: Found<Image>, { force, users }: RemoveImageOptions): readonly string[] {
  const going = name === null ? image.names : withDigests(name, image.names);
  if (going.length < image.names.length) return going;
  const shown = name === null ? shortDigest(image.id) : familiar(name);
  if (name === null && force !== true && !isOneName(image.names)) {
    throw new OrlopError(
      'conflict',
      'IMAGE_HAS_NAMES',
      `conflict: unable to delete ${shown} (must be forced) - image is referenced in multiple repositories`,
      {
        hint: `it is called ${image.names.map(familiar).join(', ')}: remove it by name, or all of them with --force`,
      },
    );
  }
  const holder = users(image).find(({ running }) => running) ?? users(image)[0];
  if (holder !== undefined && ((holder.running && name === null) || force !== true)) {
    const id = holder.id.slice(0, 12);
    const forcing = holder.running ? 'cannot be forced' : 'must be forced';
    const words =
      name === null
        ? `conflict: unable to delete ${shown} (${forcing}) - image is being used by ${holder.running ? 'running' : 'stopped'} container ${id}`
        : `conflict: unable to remove repository reference "${shown}" (must force) - container ${id} is using its referenced image ${shortDigest(image.id)}`;
    throw new OrlopError('conflict', 'IMAGE_IN_USE', words, {
      hint: holder.running ? `stop and remove it first: orlop rm -f ${holder.name}` : `remove it first: orlop rm ${holder.name}`,
    });
  }
  return going;
}

/** A repository's last tag takes the digests by which the image was pulled from there with it. */
function withDigests(name: string, names: readonly string[]): readonly string[] {
  const repository = repositoryOf(name);
  const siblings = names.filter((other) => other !== name && repositoryOf(other) === repository);
  if (parseReference(name).tag === undefined || siblings.some((other) => parseReference(other).tag !== undefined)) return [name];
  return [name, ...siblings];
}

/** Whether a tag, if any, and digests of its repository are all that there is. */
function isOneName(names: readonly string[]): boolean {
  const tags = names.filter((name) => parseReference(name).tag !== undefined);
  return tags.length <= 1 && new Set(names.map(repositoryOf)).size <= 1;
}

function repositoryOf(name: string): string {
  const { domain, path } = parseReference(name);
  return `${domain}/${path}`;
}

function familiar(name: string): string {
  return familiarReference(parseReference(name));
}
