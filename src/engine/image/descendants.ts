import { isOrlopError } from '#errors';
import type { Image, Images } from '#image';

/** Ids of an image and of those that were built on it: their layers and their history begin with its own. Empty when there is no such image. */
export function descendantsOf(images: Pick<Images, 'list' | 'resolve'>, ref: string): Set<string> {
  const ancestor = tryResolve(images, ref);
  if (ancestor === null) return new Set();
  return new Set([ancestor.id, ...images.list().flatMap((image) => (isBuiltOn(image, ancestor) ? [image.id] : []))]);
}

function tryResolve(images: Pick<Images, 'resolve'>, ref: string): Image | null {
  try {
    return images.resolve(ref);
  } catch (error) {
    if (isOrlopError(error)) return null;
    throw error;
  }
}

/** With the same layers it is the longer history that tells which was first. */
function isBuiltOn(image: Image, ancestor: Image): boolean {
  const [layers, below] = [image.layers, ancestor.layers];
  const [history, past] = [image.config.history ?? [], ancestor.config.history ?? []];
  if (below.length > layers.length || past.length > history.length) return false;
  if (below.length === layers.length && past.length === history.length) return false;
  return (
    below.every(({ diffId }, index) => layers[index]?.diffId === diffId) &&
    past.every(({ created, created_by: made }, index) => history[index]?.created === created && history[index]?.created_by === made)
  );
}
