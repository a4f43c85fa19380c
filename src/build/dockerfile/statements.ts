import { createDirectiveReader } from './directives.ts';
import { locating, mistake } from './errors.ts';
import { findHeredocs, type HeredocWord } from './heredocs.ts';
import { isJsonArray } from './json.ts';
import type { Directives, EscapeCharacter, Heredoc, Lines } from './model.ts';
import { cutBlanks, trim, trimStart } from './spaces.ts';
import { cutFlags } from './words.ts';

/** One logical line: continuation lines joined, comments gone, its heredocs read. */
export interface Statement {
  readonly lines: Lines;
  /** Joined, without the content of heredocs; not trimmed at its end. */
  readonly text: string;
  readonly heredocs: readonly Heredoc[];
  /** Comments directly above, without `#`: an empty one or an instruction ends them, an empty line does not. */
  readonly comments: readonly string[];
}

export interface Statements {
  readonly directives: Directives;
  readonly statements: readonly Statement[];
  /** Last lines of statements that have an empty line among their continuation lines. */
  readonly emptyContinuations: readonly number[];
}

/** Characters of a Dockerfile: far more than anybody writes. */
export const maxDockerfileLength = 4 * 1024 * 1024;
/** Each of them makes a step: an image has some 100 layers at most. */
const mostStatements = 10_000;
/** BuildKit's: what Go's bufio.Scanner takes. */
const longestLine = 65535;

/** Cuts a Dockerfile into statements. Fails with invalid-argument `BUILD_BAD_DOCKERFILE`; an error's details tell the lines. */
export function readStatements(text: string): Statements {
  if (text.length > maxDockerfileLength) throw mistake(`the Dockerfile is longer than ${maxDockerfileLength} characters`);
  const source = createLineSource(text);
  const directives = createDirectiveReader();
  const statements: Statement[] = [];
  const emptyContinuations: number[] = [];
  let comments: string[] = [];
  for (let line = source.next(); line !== undefined; line = source.next()) {
    const start = source.number;
    const here = { first: start, last: start };
    const first = trimStart(dropNewline(start === 1 ? line.replace(/^\ufeff/, '') : line));
    if (start === 1 && first.startsWith('#!')) continue;
    const isDirective = locating(text, here, () => directives.read(first));
    if (first.startsWith('#')) {
      const comment = trim(first.slice(1));
      if (comment === '') comments = [];
      else if (!isDirective) comments.push(comment);
      continue;
    }
    const { escape } = directives.found;
    const joined = joinContinuations(first, source, escape);
    if (joined === undefined) continue;
    if (joined.hasEmptyLine) emptyContinuations.push(source.number);
    const place = (): Lines => ({ first: start, last: source.number });
    const heredocs = locating(text, place, () => readHeredocs(joined.text, source));
    if (statements.length === mostStatements) {
      locating(text, place, () => {
        throw mistake(`the Dockerfile has more than ${mostStatements} instructions`);
      });
    }
    statements.push({ lines: place(), text: joined.text, heredocs, comments });
    comments = [];
  }
  if (statements.length === 0) throw mistake('file with no instructions');
  return { directives: directives.found, statements, emptyContinuations };
}

interface LineSource {
  /** The next line with its newline; undefined at the end. */
  next(): string | undefined;
  /** Of the line that was read last, 1-based. */
  readonly number: number;
}

function createLineSource(text: string): LineSource {
  let position = 0;
  let number = 0;
  return {
    next() {
      if (position >= text.length) return undefined;
      const newline = text.indexOf('\n', position);
      const end = newline < 0 ? text.length : newline + 1;
      const line = text.slice(position, end);
      number++;
      if (line.length > longestLine) {
        locating(text, { first: number, last: number }, () => {
          throw mistake(`dockerfile line greater than max allowed size of ${longestLine}`);
        });
      }
      position = end;
      return line;
    },
    get number() {
      return number;
    },
  };
}

/** The whole logical line that begins with `first`; undefined when it is empty. Comments and empty lines in between are left out. */
function joinContinuations(
  first: string,
  source: LineSource,
  escape: EscapeCharacter,
): { text: string; hasEmptyLine: boolean } | undefined {
  let piece = cutContinuation(first, escape);
  if (!piece.continues && piece.text === '') return undefined;
  const pieces = [piece.text];
  let hasEmptyLine = false;
  while (piece.continues) {
    const raw = source.next();
    if (raw === undefined) break;
    const line = dropNewline(raw);
    const inside = trimStart(line);
    if (inside.startsWith('#')) continue;
    if (inside === '') {
      hasEmptyLine = true;
      continue;
    }
    piece = cutContinuation(line, escape);
    pieces.push(piece.text);
  }
  return { text: pieces.join(''), hasEmptyLine };
}

/** A line goes on when its last character is the escape character, not escaped by another; blanks after it do not count. */
function cutContinuation(line: string, escape: EscapeCharacter): { text: string; continues: boolean } {
  let end = line.length;
  while (end > 0 && (line.charAt(end - 1) === ' ' || line.charAt(end - 1) === '\t')) end--;
  const continues = line.charAt(end - 1) === escape && line.charAt(end - 2) !== escape;
  return continues ? { text: line.slice(0, end - 1), continues } : { text: line, continues };
}

/** Reads what follows a statement up to the terminator of each of its heredocs. */
function readHeredocs(text: string, source: LineSource): Heredoc[] {
  if (!text.includes('<<') || !mayHaveHeredocs(text)) return [];
  return findHeredocs(text).map((word) => readHeredoc(word, source));
}

function readHeredoc({ name, expand, chomp }: HeredocWord, source: LineSource): Heredoc {
  const content: string[] = [];
  for (let line = source.next(); line !== undefined; line = source.next()) {
    const bare = dropNewline(line);
    if ((chomp ? bare.replace(/^\t+/, '') : bare) === name) return { name, content: content.join(''), expand, chomp };
    content.push(line);
  }
  throw mistake('unterminated heredoc', `end it with a line that is just ${name}`);
}

/** ADD, COPY and RUN have them, also as triggers, unless their arguments are a JSON array. */
function mayHaveHeredocs(text: string): boolean {
  const statement = splitStatement(text);
  const { keyword, rest } = statement.keyword.toLowerCase() === 'onbuild' ? splitStatement(statement.rest) : statement;
  return ['add', 'copy', 'run'].includes(keyword.toLowerCase()) && !isJsonArray(rest);
}

/** Keyword, flags and arguments of a statement; flags are words that begin with `--`, before the arguments. */
export function splitStatement(text: string): { readonly keyword: string; readonly flags: readonly string[]; readonly rest: string } {
  const { first: keyword, rest } = cutBlanks(trim(text));
  if (rest === undefined) return { keyword, flags: [], rest: '' };
  const cut = cutFlags(rest);
  return { keyword, flags: cut.flags, rest: trim(cut.rest) };
}

function dropNewline(line: string): string {
  let end = line.length;
  while (end > 0 && (line.charAt(end - 1) === '\n' || line.charAt(end - 1) === '\r')) end--;
  return line.slice(0, end);
}
