import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, isOrlopError, OrlopError } from '#errors';
import { parseRecipe } from './parse-recipe.ts';
import { templateOf } from './recipe.ts';
import type { Template } from './types.ts';

/** The recipes of a directory, `*.json` in order of their names. One that cannot be used becomes a problem and leaves the others alone. */
export function readRecipeFiles(
  directory: string,
  ours: readonly Template[],
): { readonly templates: readonly Template[]; readonly problems: readonly OrlopError[] } {
  const templates: Template[] = [];
  const problems: OrlopError[] = [];
  for (const file of listRecipes(directory, problems)) {
    try {
      const template = templateOf(parseRecipe(readFileSync(file, 'utf8')));
      const holder = [...ours, ...templates].find((other) => other.name === template.name);
      if (holder !== undefined)
        throw new OrlopError('conflict', 'IMAGE_BAD_RECIPE', `name: there is a template "${template.name}" already`);
      templates.push(template);
    } catch (error) {
      problems.push(problemOf(file, error));
    }
  }
  return { templates, problems };
}

function listRecipes(directory: string, problems: OrlopError[]): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
    return names.toSorted().map((name) => join(directory, name));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) problems.push(problemOf(directory, error));
    return [];
  }
}

function problemOf(file: string, error: unknown): OrlopError {
  if (!isOrlopError(error) && !isErrno(error, 'EACCES', 'EISDIR', 'ENOENT', 'ENOTDIR', 'ELOOP', 'EIO')) throw error;
  const { message } = error as Error;
  return new OrlopError('invalid-argument', 'IMAGE_BAD_RECIPE', `${file}: ${message}`, { cause: error });
}
