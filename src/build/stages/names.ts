import { familiarReference, parseReference } from '#oci';
import { mistake } from '../dockerfile/errors.ts';
import type { Dockerfile } from '../model.ts';

/** What a name in FROM or `--from` means. */
export type Named =
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'context'; readonly name: string }
  | { readonly kind: 'scratch' }
  | { readonly kind: 'image'; readonly reference: string };

/** The name of a stage in messages and progress. */
export function stageTitle(file: Dockerfile, index: number): string {
  return file.stages[index]?.name ?? `stage-${index}`;
}

/** The last stage of that name before `end`. */
export function findStage(file: Dockerfile, name: string, end = file.stages.length): number | undefined {
  const found = file.stages.findLastIndex((stage, index) => index < end && stage.name === name);
  return found < 0 ? undefined : found;
}

/**
 * The client's context that stands for an image or stage of this name. `alpine`, `alpine:latest` and `docker.io/library/alpine` are one
 * name; `scratch` and `context` are never replaced.
 */
export function findContext(contexts: readonly string[], name: string): string | undefined {
  if (/^(?:scratch|context)$/i.test(name)) return undefined;
  const wanted = familiar(name);
  return contexts.find((context) => context === name || familiar(context) === wanted);
}

function familiar(name: string): string {
  try {
    return familiarReference(parseReference(name)).replace(/:latest$/, '');
  } catch {
    return name;
  }
}

/** What a name is that no stage has; `written` is what it was before expansion. Fails with invalid-argument when it cannot be an image's. */
export function resolveOutside(contexts: readonly string[], name: string, written = name): Exclude<Named, { kind: 'stage' }> {
  if (name === 'scratch') return { kind: 'scratch' };
  const context = findContext(contexts, name);
  if (context !== undefined) return { kind: 'context', name: context };
  try {
    parseReference(name);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const words = reason.startsWith('invalid reference format') ? reason : `invalid reference format: ${reason}`;
    throw mistake(`failed to parse stage name ${JSON.stringify(name)}: ${words}`, hintFor(name, written));
  }
  return { kind: 'image', reference: name };
}

function hintFor(name: string, written: string): string | undefined {
  if (name !== written) return `that is what ${written} expands to: give its ARG a default before the first FROM, or a --build-arg`;
  const lower = name.toLowerCase();
  return name === lower ? undefined : `names are lower case in FROM and --from, however the stage is written: ${lower}`;
}

/**
 * What COPY's `--from` means: a stage's index or name (in any case), else a context, `scratch` or an image. Whether the stage comes before
 * the one that copies is for the caller. Fails with invalid-argument.
 */
export function resolveCopySource(file: Dockerfile, contexts: readonly string[], from: string): Named {
  if (!/^[+-]?\d+$/.test(from)) return resolveMountSource(file, contexts, from);
  const index = Number(from);
  if (index < 0 || index >= file.stages.length)
    throw mistake(`invalid stage index ${index}`, `there are ${file.stages.length} stages, from 0`);
  return { kind: 'stage', index };
}

/** What `from=` of a mount means: as for COPY, but no index. */
export function resolveMountSource(file: Dockerfile, contexts: readonly string[], from: string): Named {
  const index = findStage(file, from.toLowerCase());
  return index === undefined ? resolveOutside(contexts, from) : { kind: 'stage', index };
}
