import { type EngineContext } from '../context.ts';
import { familiarReference, parseReference } from '#oci';
import type { Engine } from '../model.ts';

/** Moving images between engines as archives. */
export function createArchiveVerbs(context: EngineContext): Pick<Engine['archives'], 'save' | 'load'> {
  const { images, events } = context;
  return {
    save: (references, options) => images.save(references, options),
    async load(source, options) {
      const loaded = await images.load(source, options);
      return loaded.map(({ image, names }) => {
        const familiar = names.map((name) => familiarReference(parseReference(name)));
        events.publish({ type: 'image', action: 'load', id: image.id, attributes: { name: familiar[0] ?? image.id } });
        return { id: image.id, names: familiar };
      });
    },
  };
}
