import { mistake } from './errors.ts';
import { trimStart } from './spaces.ts';

/**
 * The exec form: a JSON array of strings. Undefined for whatever is not one, which is the shell form; but an array of other things is a
 * mistake. Fails with invalid-argument.
 */
export function parseJsonWords(text: string): readonly string[] | undefined {
  const value = parseArray(text);
  if (value === undefined) return undefined;
  if (!value.every((item) => typeof item === 'string')) {
    throw mistake('when using JSON array syntax, arrays must be comprised of strings only');
  }
  return value;
}

export function isJsonArray(text: string): boolean {
  return parseArray(text) !== undefined;
}

function parseArray(text: string): readonly unknown[] | undefined {
  const inside = trimStart(text);
  if (!inside.startsWith('[')) return undefined;
  try {
    return JSON.parse(inside) as readonly unknown[];
  } catch {
    // Not JSON: `[ -f x ] && y` is a command for a shell.
    return undefined;
  }
}
