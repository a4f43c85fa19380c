import type { Client } from '#client';
import { OrlopError } from '#errors';
import type { Arguments } from '../arguments/parse.ts';
import type { CommandSpec } from '../arguments/spec.ts';
import { usageError, wrongWords } from '../arguments/usage-error.ts';

/** Signs that no container's name has: a word with one of them is a pattern. */
const wild = /[*?[]/;

/** Whether a word means more than the one container that it names: a pattern, or several with commas between them. */
export function meansMany(word: string): boolean {
  return wild.test(word) || word.includes(',');
}

/** Whether a name fits a pattern of `*`, `?` and `[abc]`, as glob(7) has them. */
export function fitsPattern(name: string, pattern: string): boolean {
  const source = pattern.replaceAll(/\[!?[^\]]*\]|\*+|[\s\S]/g, (sign) => {
    if (sign.startsWith('*')) return '.*';
    if (sign === '?') return '.';
    if (sign.length > 1) return sign.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return sign.replace(/[.+^${}()|[\]\\]/, String.raw`\$&`);
  });
  return new RegExp(`^${source}$`).test(name);
}

export interface Selected {
  /** All there are; `running`: of those that run. */
  readonly all: boolean;
  readonly running: boolean;
}

/** The names that words mean, each once. A word that is no pattern stands for itself. A pattern that nothing fits is not-found. */
export async function selectContainers(
  { containers }: Pick<Client, 'containers'>,
  words: readonly string[],
  { all, running }: Selected,
): Promise<string[]> {
  if (!all && !words.some((word) => wild.test(word))) return [...new Set(words)];
  const names = (await containers.list({ all: !running })).flatMap(({ Names: [name = ''] }) =>
    name === '' ? [] : [name.replace(/^\//, '')],
  );
  if (all) return names.toSorted();
  const found = words.flatMap((word) => {
    if (!wild.test(word)) return [word];
    const fitting = names.filter((name) => fitsPattern(name, word)).toSorted();
    if (fitting.length > 0) return fitting;
    throw new OrlopError('not-found', 'CLI_NOTHING_FITS', `no ${running ? 'running ' : ''}container fits ${JSON.stringify(word)}`, {
      hint: `see them with: orlop ps${running ? '' : ' -a'}`,
    });
  });
  return [...new Set(found)];
}

/** What a verb that takes several containers works on: those named, or those that fit, or with `--all` all of them. */
export function selectNamed(
  { args, command }: { readonly args: Arguments; readonly command: CommandSpec },
  engine: Client,
  options: { readonly running: boolean },
): Promise<string[]> {
  const all = args.flag('all');
  if (all && args.positionals.length > 0) throw usageError('--all takes no names', command);
  if (!all && args.positionals.length === 0) throw wrongWords(`"orlop ${command.name}" requires at least 1 argument`, command);
  return selectContainers(engine, args.positionals, { all, ...options });
}
