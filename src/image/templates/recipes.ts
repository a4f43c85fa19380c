import { OrlopError } from '#errors';
import { busyboxTemplate } from './busybox-recipe.ts';
import { debianRecipes } from './debian.ts';
import { labelled, templateOf } from './recipe.ts';
import { readRecipeFiles } from './recipe-files.ts';
import type { Template, TemplateVariant } from './types.ts';

const ours: readonly Template[] = [...debianRecipes.map(templateOf), busyboxTemplate].map(labelled);

/** A template and those of its variants that a name asks for. */
export interface TemplateChoice {
  readonly template: Template;
  /** Bases before those that stand on them; last the one that was asked for. */
  readonly variants: readonly TemplateVariant[];
}

/** The templates that come with the engine and those in a directory, which is read at each call: whoever adds one need not restart anything. */
export interface Templates {
  list(): readonly Template[];
  /** Recipes of the directory that cannot be used, one sentence each. */
  problems(): readonly OrlopError[];
  /**
   * Reads `debian/trixie` (its default variants) or `debian/trixie/systemd` (that one and what it stands on). Not-found
   * `IMAGE_TEMPLATE_NOT_FOUND` naming what there is.
   */
  find(name: string): TemplateChoice;
  /** Whether a text names a template, as `launch` wants to know before it takes it for an image. */
  isName(name: string): boolean;
}

/** `directory`: where people put recipes; null for none. It need not be there. */
export function createTemplates(directory: string | null = null): Templates {
  const read = () => (directory === null ? { templates: [], problems: [] } : readRecipeFiles(directory, ours));
  const list = (): readonly Template[] => [...ours, ...read().templates.map(labelled)];
  return {
    list,
    problems: () => read().problems,
    find(name) {
      const known = lookUp(ours, name);
      if (known !== null) return known;
      const { templates, problems } = read();
      const added = templates.map(labelled);
      return lookUp(added, name) ?? refuse(name, [...ours, ...added], problems);
    },
    isName: (name) => lookUp(ours, name) !== null || lookUp(list(), name) !== null,
  };
}

function refuse(name: string, templates: readonly Template[], problems: readonly OrlopError[]): never {
  const template = templates.find((candidate) => name.startsWith(`${candidate.name}/`));
  const there =
    template === undefined
      ? templates.map((candidate) => candidate.name)
      : template.variants.map((variant) => `${template.name}/${variant.name}`);
  const broken = problems.map(({ message }) => `; not read: ${message}`).join('');
  throw new OrlopError('not-found', 'IMAGE_TEMPLATE_NOT_FOUND', `there is no template "${name}"`, {
    hint: `choose one of ${there.join(', ')}${broken}`,
  });
}

function lookUp(templates: readonly Template[], name: string): TemplateChoice | null {
  for (const template of templates) {
    if (template.name === name) return { template, variants: template.variants.filter(({ isDefault }) => isDefault) };
    const variant = template.variants.find((candidate) => `${template.name}/${candidate.name}` === name);
    if (variant === undefined) continue;
    const base = template.variants.filter((candidate) => candidate.name === variant.base);
    return { template, variants: [...base, variant] };
  }
  return null;
}

/** The variant that a template means for one kind of container. Failed-precondition `IMAGE_TEMPLATE_KIND` when it has none. */
export function variantOf({ template, variants }: TemplateChoice, kind: TemplateVariant['kind']): TemplateVariant {
  const variant = variants.findLast((candidate) => candidate.kind === kind);
  if (variant !== undefined) return variant;
  throw new OrlopError('failed-precondition', 'IMAGE_TEMPLATE_KIND', `template "${template.name}" has no image for ${kind} containers`);
}

/** What to build of our templates for an image of this familiar name, or for a template's own: for hints. */
export function templateOfImage(reference: string): string | null {
  for (const { name, variants } of ours) {
    const variant = variants.find((candidate) => candidate.reference === reference);
    if (name === reference || variant?.isDefault === true) return name;
    if (variant !== undefined) return `${name}/${variant.name}`;
  }
  return null;
}
