import { expand } from './expand.ts';
import type { Heredoc } from './model.ts';

export type HeredocWord = Pick<Heredoc, 'name' | 'expand' | 'chomp'>;

const noVariables: ReadonlyMap<string, string> = new Map();

/** The heredocs that a statement announces, in order. Text that is no sequence of shell words announces none. Fails where a name's quote does not end. */
export function findHeredocs(text: string): HeredocWord[] {
  return joinHeredocWords(tryWords(text))
    .map(parseHeredocWord)
    .filter((word) => word !== undefined);
}

/** White space may be between `<<` and the name. */
export function joinHeredocWords(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const word of words) {
    const before = joined.at(-1);
    if (before !== undefined && /^\d*<<-?$/.test(before)) joined[joined.length - 1] = `${before} ${word}`;
    else joined.push(word);
  }
  return joined;
}

function tryWords(text: string): readonly string[] {
  try {
    return expand(text, { variables: noVariables, escape: '\\', rawQuotes: true, rawEscapes: true, keepUnset: true }).words;
  } catch {
    // BuildKit ignores it too: the shell will complain.
    return [];
  }
}

/**
 * `[digits]<<[-]name` and nothing else, where any quoting in the name means that the content is not expanded. Undefined for other words.
 * Fails with invalid-argument where a quote does not end.
 */
export function parseHeredocWord(word: string): HeredocWord | undefined {
  const match = /^\d*<<(-?)([^<]+)$/.exec(word);
  if (match === null) return undefined;
  const [, dash, rest = ''] = match;
  const options = { variables: noVariables, escape: '\\', keepUnset: true } as const;
  const bare = expand(rest, options).words;
  const [name] = bare;
  if (name === undefined || bare.length !== 1) return undefined;
  const raw = expand(rest, { ...options, rawQuotes: true }).words[0] ?? '';
  return { name, expand: countQuotes(name) === countQuotes(raw), chomp: dash === '-' };
}

function countQuotes(text: string): number {
  return text.length - text.replaceAll(/["']/g, '').length;
}

/** The content as programs get it: for `<<-`, without leading tabs. */
export function heredocContent({ content, chomp }: Pick<Heredoc, 'content' | 'chomp'>): string {
  return chomp ? content.replaceAll(/^\t+/gm, '') : content;
}
