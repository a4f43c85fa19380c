import { type EngineContext } from '../context.ts';
import { familiarReference, parseReference } from '#oci';
import type { Engine } from '../model.ts';
import { imagesCalled, publishImageEvent } from './events.ts';

/** Moving images between engines as archives. */
export function createArchiveVerbs(context: EngineContext): Pick<Engine['archives'], 'save' | 'load'> {
  const { images } = context;
  return {
    save(references, options) {
      const archive = images.save(references, options);
      return tellAfter(archive, context, references);
    },
    async load(source, options) {
      const loaded = await images.load(source, options);
      return loaded.map(({ image, names }) => {
        const familiar = names.map((name) => familiarReference(parseReference(name)));
        publishImageEvent(context, 'load', image, familiar[0]);
        return { id: image.id, names: familiar };
      });
    },
  };
}

/** The archive; that it was taken is told once it is whole. */
async function* tellAfter(
  archive: AsyncIterable<Uint8Array>,
  context: EngineContext,
  references: readonly string[],
): AsyncGenerator<Uint8Array> {
  const saved = references.flatMap((name) => imagesCalled(context, name));
  yield* archive;
  for (const image of saved) publishImageEvent(context, 'save', image);
}
