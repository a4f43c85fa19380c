import { isOrlopError, OrlopError } from '#errors';
import { type Descriptor, formatPlatform, type ImageConfig, type Index, type Platform, rankPlatform, selectManifest } from '#oci';
import type { Store } from '#store';
import { type ImageContent, readImage } from './read.ts';
import type { Image } from './types.ts';

/** True when the machine's own choice from an index is this manifest too: then a name may point to the index itself. */
export function isOwnChoice(index: Index, chosen: Descriptor, own: Platform): boolean {
  try {
    return selectManifest(index, own).digest === chosen.digest;
  } catch (error) {
    if (isOrlopError(error, 'not-found')) return false;
    throw error;
  }
}

/**
 * Refuses an image that cannot be meant: one for another system than Linux with unimplemented `IMAGE_NOT_LINUX`, one for another platform than was asked for with
 * not-found `IMAGE_WRONG_PLATFORM`. Without `wanted` any processor's is taken, as Docker does.
 */
export function checkPlatform(config: ImageConfig, wanted: Platform | undefined, shown: string): void {
  const { os, architecture, variant } = config;
  const own: Platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  if (os !== 'linux' && os !== '') {
    throw new OrlopError(
      'unimplemented',
      'IMAGE_NOT_LINUX',
      `image ${shown} is for ${formatPlatform(own)}: this engine runs Linux images only`,
    );
  }
  if (wanted !== undefined && rankPlatform(wanted, own) === 0) {
    const message = `image with reference ${shown} was found but its platform (${formatPlatform(own)}) does not match the specified platform (${formatPlatform(wanted)})`;
    throw new OrlopError('not-found', 'IMAGE_WRONG_PLATFORM', message);
  }
}

/** Another platform's image of the index that an image was chosen from. Not-found when the index has none, or when it is not here. */
export function readForPlatform(store: Store, { target }: Image, wanted: Platform, shown: string): ImageContent {
  try {
    const content = readImage(store, target, wanted);
    checkPlatform(content.config, wanted, shown);
    return content;
  } catch (cause) {
    if (!isOrlopError(cause, 'data-loss')) throw cause;
    throw new OrlopError('not-found', 'IMAGE_PLATFORM_NOT_HERE', `image ${shown} is not here for ${formatPlatform(wanted)}`, {
      hint: `fetch it with: orlop pull --platform ${formatPlatform(wanted)} ${shown}`,
      cause,
    });
  }
}
