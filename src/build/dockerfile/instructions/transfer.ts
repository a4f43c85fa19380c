import { mistake } from '../errors.ts';
import { parseFlags } from '../flags.ts';
import { heredocContent, joinHeredocWords, parseHeredocWord } from '../heredocs.ts';
import { parseJsonWords } from '../json.ts';
import type { AddInstruction, CopyInstruction, SourceWord } from '../model.ts';
import { splitBlanks } from '../spaces.ts';
import type { Request } from './request.ts';

const sharedFlags = { chown: 'text', chmod: 'text', link: 'boolean', exclude: 'texts' } as const;

/** `COPY [flags] source… target`, or the same words as a JSON array. */
export function parseCopy(request: Request): CopyInstruction {
  const words = parseWords(request);
  const flags = parseFlags(request.flags, { ...sharedFlags, from: 'text', parents: 'boolean' });
  if (flags.from?.includes('$') === true) {
    throw mistake(
      'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
      `write FROM ${flags.from} AS name, and COPY --from=name`,
    );
  }
  return {
    kind: 'copy',
    ...request.base,
    ...words,
    ...sharedValues(flags),
    parents: flags.parents ?? false,
    ...(flags.from === undefined || flags.from === '' ? {} : { from: flags.from }),
  };
}

/** `ADD [flags] source… target`, or the same words as a JSON array. */
export function parseAdd(request: Request): AddInstruction {
  const words = parseWords(request);
  const flags = parseFlags(request.flags, { ...sharedFlags, checksum: 'text', 'keep-git-dir': 'boolean', unpack: 'boolean' });
  const keepGitDir = flags['keep-git-dir'];
  return {
    kind: 'add',
    ...request.base,
    ...words,
    ...sharedValues(flags),
    parents: false,
    ...(flags.checksum === undefined || flags.checksum === '' ? {} : { checksum: flags.checksum }),
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
    ...(flags.unpack === undefined ? {} : { unpack: flags.unpack }),
  };
}

interface SharedFlags {
  readonly chown?: string | undefined;
  readonly chmod?: string | undefined;
  readonly link?: boolean | undefined;
  readonly exclude: readonly string[];
}

function sharedValues({ chown, chmod, link, exclude }: SharedFlags): Pick<CopyInstruction, 'chown' | 'chmod' | 'link' | 'exclude'> {
  return {
    ...(chown === undefined || chown === '' ? {} : { chown }),
    ...(chmod === undefined || chmod === '' ? {} : { chmod }),
    link: link ?? false,
    exclude,
  };
}

function parseWords(request: Request): { sources: SourceWord[]; target: string } {
  const words = parseJsonWords(request.rest) ?? joinHeredocWords(request.rest === '' ? [] : splitBlanks(request.rest));
  const target = words.at(-1);
  if (target === undefined || words.length < 2) {
    throw mistake(`${request.name} requires at least two arguments, but only one was provided. Destination could not be determined`);
  }
  if (isHeredoc(target)) throw mistake(`${request.name} cannot accept a heredoc as a destination`);
  return { sources: words.slice(0, -1).map((word) => readSource(request, word)), target };
}

/** A word that is a heredoc's announcement; in the exec form nothing followed it, and its content is empty, as in BuildKit. */
function readSource(request: Request, word: string): SourceWord {
  if (!isHeredoc(word)) return { kind: 'word', text: word };
  const { name, expand } = parseHeredocWord(word) ?? { name: word, expand: false };
  // Of heredocs with one name the last counts, as in BuildKit.
  const heredoc = request.heredocs.findLast((each) => each.name === name);
  return { kind: 'heredoc', name, content: heredoc === undefined ? '' : heredocContent(heredoc), expand };
}

function isHeredoc(word: string): boolean {
  try {
    return parseHeredocWord(word) !== undefined;
  } catch {
    // An open quote: a strange name, but a name.
    return false;
  }
}
