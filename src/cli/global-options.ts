import { usageError } from './arguments/usage-error.ts';

export interface GlobalOptions {
  readonly host: string | undefined;
  readonly version: boolean;
  readonly help: boolean;
  /** From the command's name on. */
  readonly rest: readonly string[];
}

/** The options before the command's name: `-H ADDRESS`, `--version`, `--help`. */
export function parseGlobalOptions(words: readonly string[]): GlobalOptions {
  let host: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const inline = /^(?:--host=|-H=?(?=.))(.*)$/s.exec(word)?.[1];
    if (inline !== undefined) host = inline;
    else if (word === '-H' || word === '--host') {
      host = words[++at];
      if (host === undefined) throw usageError(`flag needs an argument: ${word}`);
    } else if (word === '-v' || word === '--version') return { host, version: true, help: false, rest: [] };
    else if (word === '-h' || word === '--help') return { host, version: false, help: true, rest: [] };
    else if (word.startsWith('-') && word !== '-') throw usageError(`unknown flag: ${word}`);
    else return { host, version: false, help: false, rest: words.slice(at) };
  }
  return { host, version: false, help: words.length === 0, rest: [] };
}
