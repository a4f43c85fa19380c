import { expand } from '#build';
import type { ExpandVariables } from '#image';

/** Variables in `--change`, as in a Dockerfile. */
export const expandChanges: ExpandVariables = (text, env, form) => {
  const pairs = env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const);
  const keep = form === 'words';
  // What a variable holds is one word, whatever it is made of.
  const values = pairs.map(([name, value]) => [name, keep ? value.replaceAll(/[\s"'\\]/g, '\\$&') : value] as const);
  return expand(text, { variables: new Map(values), escape: '\\', rawQuotes: keep, rawEscapes: keep }).text;
};
