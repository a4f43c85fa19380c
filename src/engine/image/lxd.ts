import type { Image } from '#image';
import type { EngineContext } from '../context.ts';
import type { Engine, Progress } from '../model.ts';

/** Images that were made for LXD and Incus, with events. */
export function createLxdVerbs(context: EngineContext): Engine['lxd'] {
  const publish = (action: string, image: Image, name: string): void =>
    context.events.publish({ type: 'image', action, id: image.id, attributes: { name } });
  return {
    async import(request) {
      const { name, ...rest } = request;
      const image = await context.lxd.import({ ...rest, ...(name === undefined ? {} : { reference: name }) });
      publish('import', image, name ?? image.id);
      return { id: image.id, name: name ?? null };
    },
    fetch: async (source, options) => {
      const { name, image, isNew } = await fetchRemote(context, source, options);
      return { id: image.id, name, isNew };
    },
  };
}

/** Brings in what `images:debian/12` means. */
export async function fetchRemote(
  context: EngineContext,
  source: string,
  options: { readonly progress: (step: Progress) => void; readonly signal: AbortSignal },
): Promise<{ readonly name: string; readonly image: Image; readonly isNew: boolean }> {
  const fetched = await context.lxd.fetch(source, options);
  if (fetched.isNew) context.events.publish({ type: 'image', action: 'pull', id: fetched.name, attributes: { name: fetched.name } });
  return fetched;
}
