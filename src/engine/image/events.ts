import { isOrlopError } from '#errors';
import type { Image } from '#image';
import { familiarReference, parseReference } from '#oci';
import type { EngineContext } from '../context.ts';

/** What is told of an image; of one that is gone its id alone. */
type Told = { readonly id: string; readonly config?: { readonly config?: Image['config']['config'] } };

/** Tells what happened to an image, with its labels, by which clients filter. `name`: what it was called, or is called from now on; absent: its id. */
export function publishImageEvent({ events }: Pick<EngineContext, 'events'>, action: string, image: Told, name: string = image.id): void {
  const labels = image.config?.config?.Labels ?? {};
  events.publish({ type: 'image', action, id: image.id, attributes: { ...labels, name: familiarOf(name) } });
}

/** The images that a name means: one, or of a repository without tag all. */
export function imagesCalled({ images }: Pick<EngineContext, 'images'>, name: string): Image[] {
  try {
    return [images.resolve(name)];
  } catch (error) {
    if (!isOrlopError(error, 'not-found')) throw error;
    return images.list().filter(({ names }) => names.some((candidate) => familiarOf(candidate).startsWith(`${name}:`)));
  }
}

function familiarOf(name: string): string {
  return /^(?:sha256:)?[0-9a-f]{12,64}$/.test(name) ? name : familiarReference(parseReference(name));
}
