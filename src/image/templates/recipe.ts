import { OrlopError } from '#errors';
import { type ContainerConfig, type Healthcheck, familiarReference, parseReference } from '#oci';
import { imageLabels } from '../types.ts';
import { initPresets, type PresetInit } from './inits.ts';
import type { DebianSource, Template, TemplateVariant } from './types.ts';

/** A template as it is written down, ours and those that people add: what is not said follows from the rest. */
export interface Recipe extends Omit<DebianSource, 'type'> {
  /** `debian/trixie`. */
  readonly name: string;
  readonly description?: string;
  readonly variants: readonly RecipeVariant[];
}

export interface RecipeVariant {
  /** `app`, `systemd`, … */
  readonly name: string;
  /** What boots it: then it is for system containers, with what such a root needs. */
  readonly init?: PresetInit;
  /** The variant that it adds a layer to, and whose packages, paths and commands it has as well; a root of its own without it. */
  readonly base?: string;
  /** Made when no variant is named; the first always is. */
  readonly default?: boolean;
  /** Made from the names without it: `debian/trixie` and `systemd` are `debian:trixie-systemd`. */
  readonly image?: string;
  readonly packages?: readonly string[];
  readonly leftOut?: readonly string[];
  readonly kept?: readonly string[];
  readonly commands?: readonly string[];
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly stopSignal?: string;
  /** Asked again and again whether it is well (Docker's health checks). */
  readonly healthCheck?: RecipeHealthCheck;
}

export interface RecipeHealthCheck {
  /** For the root's own shell. */
  readonly command: string;
  /** Between two questions, and how long one may take. */
  readonly intervalS?: number;
  readonly timeoutS?: number;
  /** For so long after the start it is asked more often, and no wrong answer counts. */
  readonly startPeriodS?: number;
  readonly startIntervalS?: number;
  /** So many wrong answers in a row make it unwell. */
  readonly retries?: number;
}

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Fills in what a recipe does not say. Invalid-argument `IMAGE_BAD_RECIPE` for variants that do not fit together. */
export function templateOf(recipe: Recipe): Template {
  const { name, description = `made from ${recipe.suite}`, suite, mirror, staleMirror } = recipe;
  return {
    name,
    description,
    source: {
      type: 'debian',
      suite,
      ...(mirror === undefined ? {} : { mirror }),
      ...(staleMirror === undefined ? {} : { staleMirror }),
    },
    variants: recipe.variants.map((variant, index) => variantOf(recipe, variant, index)),
  };
}

function variantOf(recipe: Recipe, variant: RecipeVariant, index: number): TemplateVariant {
  const { name, init } = variant;
  const preset = init === undefined ? null : initPresets[init];
  checkBase(recipe, variant, index);
  const base = recipe.variants.find((other) => other.name === variant.base);
  // Each root is made as a whole: what the base has is asked for again.
  const own = (field: 'packages' | 'leftOut' | 'kept' | 'commands'): string[] => [...(base?.[field] ?? []), ...(variant[field] ?? [])];
  return {
    name,
    kind: init === undefined ? 'app' : 'system',
    reference: imageOf(recipe, variant, index),
    init: init ?? null,
    base: variant.base ?? null,
    isDefault: index === 0 || variant.default === true,
    packages: [...new Set([...(preset?.packages ?? []), ...own('packages')])],
    masked: preset?.masked ?? [],
    leftOut: own('leftOut'),
    kept: own('kept'),
    // The init's come last: they settle what the others have changed.
    commands: [...own('commands'), ...(preset?.commands ?? [])],
    config: { ...(preset?.config ?? { Cmd: ['bash'] }), ...configOf(variant) },
  };
}

function configOf({
  command,
  entrypoint,
  env = [],
  labels,
  user,
  workingDirectory,
  stopSignal,
  healthCheck,
}: RecipeVariant): ContainerConfig {
  return {
    Env: env.some((entry) => entry.startsWith('PATH=')) ? env : [path, ...env],
    ...(command === undefined ? {} : { Cmd: command }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(labels === undefined ? {} : { Labels: labels }),
    ...(user === undefined ? {} : { User: user }),
    ...(workingDirectory === undefined ? {} : { WorkingDir: workingDirectory }),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    ...(healthCheck === undefined ? {} : { Healthcheck: healthOf(healthCheck) }),
  };
}

/** Durations of images are nanoseconds. */
function healthOf({ command, intervalS, timeoutS, startPeriodS, startIntervalS, retries }: RecipeHealthCheck): Healthcheck {
  return {
    Test: ['CMD-SHELL', command],
    ...(intervalS === undefined ? {} : { Interval: intervalS * 1e9 }),
    ...(timeoutS === undefined ? {} : { Timeout: timeoutS * 1e9 }),
    ...(startPeriodS === undefined ? {} : { StartPeriod: startPeriodS * 1e9 }),
    ...(startIntervalS === undefined ? {} : { StartInterval: startIntervalS * 1e9 }),
    ...(retries === undefined ? {} : { Retries: retries }),
  };
}

function checkBase({ variants }: Recipe, { name, base }: RecipeVariant, index: number): void {
  if (variants.findIndex((other) => other.name === name) !== index) throw badRecipe(`variants[${index}].name`, `"${name}" is there twice`);
  if (base === undefined) return;
  const below = variants.slice(0, index).find((other) => other.name === base);
  if (below === undefined) throw badRecipe(`variants[${index}].base`, `no variant before it is called "${base}"`);
  if (below.base !== undefined) throw badRecipe(`variants[${index}].base`, `"${base}" stands on "${below.base}" itself`);
}

/** `debian/trixie` and `systemd` are `debian:trixie-systemd`; the first variant has the template's bare name. */
function imageOf({ name }: Recipe, variant: RecipeVariant, index: number): string {
  const slash = name.lastIndexOf('/');
  const repository = slash < 0 ? name : name.slice(0, slash);
  const tag = [slash < 0 ? '' : name.slice(slash + 1), index === 0 ? '' : variant.name].filter((part) => part !== '').join('-');
  const image = variant.image ?? `${repository}:${tag === '' ? 'latest' : tag}`;
  try {
    const reference = parseReference(image);
    if (reference.digest === undefined && reference.tag !== undefined) return familiarReference(reference);
  } catch (cause) {
    throw badRecipe(`variants[${index}].image`, `"${image}" is no name of an image`, cause);
  }
  throw badRecipe(`variants[${index}].image`, `"${image}" is not a name with a tag`);
}

export function badRecipe(at: string, why: string, cause?: unknown): OrlopError {
  return new OrlopError('invalid-argument', 'IMAGE_BAD_RECIPE', `${at}: ${why}`, cause === undefined ? {} : { cause });
}

/** What the engine reads off an image: its kind, its init, where it comes from. */
export function labelled(template: Template): Template {
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
