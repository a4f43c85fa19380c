import { isOrlopError } from '#errors';
import type { Template, TemplateOverrides } from '#image';
import type { EngineContext } from '../context.ts';
import type { Engine, Progress, TemplateView } from '../model.ts';

/** Recipes that make base images: listed with what is built already, built on demand. */
export function createTemplateVerbs(context: EngineContext): Engine['templates'] {
  return {
    list: () => context.recipes.list().map((template) => templateView(context, template)),
    problems: () => context.recipes.problems().map(({ message }) => message),
    build: (name, options) => buildTemplate(context, name, options),
  };
}

export function isBuilt(context: EngineContext, reference: string): boolean {
  try {
    context.images.resolve(reference);
    return true;
  } catch (error) {
    if (isOrlopError(error, 'not-found')) return false;
    throw error;
  }
}

/** Builds what is missing of a template's variants, or all of them anew; returns the images' names. */
export async function buildTemplate(
  context: EngineContext,
  name: string,
  { rebuild = false, ...options }: TemplateOverrides & { rebuild?: boolean; progress: (step: Progress) => void; signal: AbortSignal },
): Promise<string[]> {
  const references = context.recipes.find(name).variants.map((variant) => variant.reference);
  if (!rebuild && references.every((reference) => isBuilt(context, reference))) {
    for (const reference of references) options.progress({ id: reference, status: 'Built already' });
    return references;
  }
  await context.templates.build({ template: name, ...options });
  return references;
}

function templateView(context: EngineContext, template: Template): TemplateView {
  return {
    name: template.name,
    description: template.description,
    variants: template.variants.map((variant) => ({
      name: variant.name,
      kind: variant.kind,
      image: variant.reference,
      built: isBuilt(context, variant.reference),
    })),
  };
}
