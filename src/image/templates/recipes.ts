import { OrlopError } from '#errors';
import { imageLabels } from '../types.ts';
import { debianTemplates } from './debian.ts';
import { busyboxTemplate } from './busybox-recipe.ts';
import type { Template, TemplateVariant } from './types.ts';

const templates: readonly Template[] = [...debianTemplates, busyboxTemplate].map(labelled);

export function listTemplates(): readonly Template[] {
  return templates;
}

/** A template and those of its variants that a name asks for. */
export interface TemplateChoice {
  readonly template: Template;
  /** The app variant first: it is always among them. */
  readonly variants: readonly TemplateVariant[];
}

/**
 * Reads `debian/trixie` (its default variants) or `debian/trixie/systemd` (that one and what it stands on). Not-found
 * `IMAGE_TEMPLATE_NOT_FOUND` naming what there is.
 */
export function findTemplate(name: string): TemplateChoice {
  const choice = lookUp(name);
  if (choice !== null) return choice;
  const template = templates.find((candidate) => name.startsWith(`${candidate.name}/`));
  const there =
    template === undefined
      ? templates.map((candidate) => candidate.name)
      : template.variants.map((variant) => `${template.name}/${variant.name}`);
  throw new OrlopError('not-found', 'IMAGE_TEMPLATE_NOT_FOUND', `there is no template "${name}"`, {
    hint: `choose one of ${there.join(', ')}`,
  });
}

/** Whether a text names a template, as `launch` wants to know before it takes it for an image. */
export function isTemplateName(name: string): boolean {
  return lookUp(name) !== null;
}

function lookUp(name: string): TemplateChoice | null {
  for (const template of templates) {
    const [base] = template.variants;
    if (base === undefined) continue;
    if (template.name === name) return { template, variants: template.variants.filter(({ isDefault }) => isDefault) };
    const variant = template.variants.find((candidate) => `${template.name}/${candidate.name}` === name);
    if (variant !== undefined) return { template, variants: variant === base ? [base] : [base, variant] };
  }
  return null;
}

/** The variant that a template means for one kind of container. Failed-precondition `IMAGE_TEMPLATE_KIND` when it has none. */
export function variantOf({ template, variants }: TemplateChoice, kind: TemplateVariant['kind']): TemplateVariant {
  const variant = variants.findLast((candidate) => candidate.kind === kind);
  if (variant !== undefined) return variant;
  throw new OrlopError('failed-precondition', 'IMAGE_TEMPLATE_KIND', `template "${template.name}" has no image for ${kind} containers`);
}

/** The template that makes an image of this familiar name, or that has this name itself: for hints. */
export function templateOfImage(reference: string): Template | null {
  const matches = ({ name, variants }: Template): boolean =>
    name === reference || variants.some((variant) => variant.reference === reference);
  return templates.find(matches) ?? null;
}

/** What the engine reads off an image: its kind, its init, where it comes from. */
function labelled(template: Template): Template {
  const variants = template.variants.map((variant) => ({
    ...variant,
    config: {
      ...variant.config,
      Labels: {
        [imageLabels.template]: template.name,
        [imageLabels.variant]: variant.name,
        ...(variant.kind === 'system' ? { [imageLabels.kind]: variant.kind } : {}),
        ...(variant.init === null ? {} : { [imageLabels.init]: variant.init }),
        ...(variant.masked.length === 0 ? {} : { [imageLabels.masked]: variant.masked.join(' ') }),
        ...variant.config.Labels,
      },
    },
  }));
  return { ...template, variants };
}
