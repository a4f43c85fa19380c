import { OrlopError } from '#errors';
import { mistake } from './errors.ts';
import type { EscapeCharacter } from './model.ts';
import { removePrefix, removeSuffix, replaceMatches } from './patterns.ts';
import { isSpace } from './spaces.ts';

export interface ExpandOptions {
  readonly variables: ReadonlyMap<string, string>;
  readonly escape: EscapeCharacter;
  /** Quotes stay in the result. */
  readonly rawQuotes?: boolean;
  /** Escape characters stay in the result. */
  readonly rawEscapes?: boolean;
  /** Quotes are ordinary characters: the content of heredocs. */
  readonly ignoreQuotes?: boolean;
  /** References to unset variables stay as they are. */
  readonly keepUnset?: boolean;
}

export interface Expansion {
  readonly text: string;
  /** The text cut at white space that is neither quoted nor escaped. */
  readonly words: readonly string[];
  /** Variables that it refers to, and that are set. */
  readonly used: ReadonlySet<string>;
  /** Variables that it refers to, and that are not. */
  readonly missing: ReadonlySet<string>;
}

/** `${a:-${b:-…}}` deeper than this is refused. */
const deepest = 100;
/** Of a result, in characters: variables that hold each other twice grow exponentially. */
const longestResult = 1024 * 1024;
/** Of a variable's name; what is longer is cut there. */
const longestName = 1024;

/**
 * Replaces `$name` and `${name}` with the modifiers `:-` `-` `:+` `+` `:?` `?` `#` `##` `%` `%%` `/` `//`, and removes quotes and
 * escapes as a shell does (POSIX, Shell Command Language 2.2 and 2.6). Where a Dockerfile differs, it is as BuildKit reads it: no
 * arithmetic and no commands, `${#name}` and `${name=word}` are errors, `[…]` in patterns is ordinary, a name after `$` may have letters
 * of any script, and inside double quotes the escape character escapes `"`, `$` and itself only. Fails with invalid-argument
 * `BUILD_BAD_DOCKERFILE`.
 */
export function expand(word: string, options: ExpandOptions): Expansion {
  const used = new Set<string>();
  const missing = new Set<string>();
  const cursor: Cursor = { word, at: 0, depth: 0, length: 0, options, used, missing };
  try {
    const { text, words } = expandUntil(cursor, '', options.rawEscapes === true);
    return { text, words, used, missing };
  } catch (error) {
    if (!(error instanceof OrlopError)) throw error;
    const shown = word.length > 200 ? `${word.slice(0, 200)}…` : word;
    throw mistake(`failed to process ${JSON.stringify(shown)}: ${error.message}`, error.hint);
  }
}

/** One word of an instruction, expanded. Fails with invalid-argument `BUILD_BAD_DOCKERFILE`. */
export function expandWord(word: string, variables: ReadonlyMap<string, string>, escape: EscapeCharacter): string {
  return expand(word, { variables, escape }).text;
}

/** The content of a heredoc whose name is not quoted: quotes stay, a backslash escapes whatever the file's escape character is. */
export function expandContent(content: string, variables: ReadonlyMap<string, string>): Expansion {
  return expand(content, { variables, escape: '\\', ignoreQuotes: true });
}

interface Cursor {
  readonly word: string;
  at: number;
  depth: number;
  /** Characters that came into results so far. */
  length: number;
  readonly options: ExpandOptions;
  readonly used: Set<string>;
  readonly missing: Set<string>;
}

/** What is being put together, as one text and cut into words. */
interface Output {
  text: string;
  readonly words: string[];
  word: string;
}

/** Adds what stands in the word as itself, or came from a quote: it cuts no words. */
function addWhole(cursor: Cursor, output: Output, text: string): void {
  cursor.length += text.length;
  if (cursor.length > longestResult) throw mistake(`it expands to more than ${longestResult} characters`);
  output.text += text;
  output.word += text;
}

/** Adds what cuts words at white space. */
function addCut(cursor: Cursor, output: Output, text: string): void {
  cursor.length += text.length;
  if (cursor.length > longestResult) throw mistake(`it expands to more than ${longestResult} characters`);
  output.text += text;
  for (const character of text) {
    if (isSpace(character)) endWord(output);
    else output.word += character;
  }
}

function endWord(output: Output): void {
  if (output.word !== '') output.words.push(output.word);
  output.word = '';
}

function peek(cursor: Cursor): string {
  return cursor.word.charAt(cursor.at);
}

/** Expands to the end, or up to and past `stop`, which is one character. */
function expandUntil(cursor: Cursor, stop: string, rawEscapes: boolean): { text: string; words: string[] } {
  const { escape, ignoreQuotes } = cursor.options;
  const output: Output = { text: '', words: [], word: '' };
  if (++cursor.depth > deepest) throw mistake('substitutions are nested too deeply');
  let ended = stop === '';
  while (cursor.at < cursor.word.length) {
    const character = peek(cursor);
    if (character === stop) {
      cursor.at++;
      ended = true;
      break;
    }
    if (character === '$') addCut(cursor, output, expandDollar(cursor));
    else if (character === "'" && ignoreQuotes !== true) addWhole(cursor, output, readSingleQuotes(cursor));
    else if (character === '"' && ignoreQuotes !== true) addWhole(cursor, output, expandDoubleQuotes(cursor, rawEscapes));
    else if (character === escape) addWhole(cursor, output, readEscape(cursor, rawEscapes));
    else {
      cursor.at++;
      addCut(cursor, output, character);
    }
  }
  if (!ended) throw mistake(`unexpected end of statement while looking for matching ${stop}`);
  cursor.depth--;
  endWord(output);
  return { text: output.text, words: output.words };
}

function readEscape(cursor: Cursor, rawEscapes: boolean): string {
  const escape = peek(cursor);
  const escaped = cursor.word.charAt(cursor.at + 1);
  cursor.at += 2;
  return rawEscapes ? escape + escaped : escaped;
}

function readSingleQuotes(cursor: Cursor): string {
  const end = cursor.word.indexOf("'", cursor.at + 1);
  if (end < 0) throw mistake('unexpected end of statement while looking for matching single-quote');
  const inside = cursor.word.slice(cursor.at + 1, end);
  cursor.at = end + 1;
  return cursor.options.rawQuotes === true ? `'${inside}'` : inside;
}

function expandDoubleQuotes(cursor: Cursor, rawEscapes: boolean): string {
  const { escape, rawQuotes } = cursor.options;
  let text = '';
  for (cursor.at++; cursor.at < cursor.word.length; ) {
    const character = peek(cursor);
    if (character === '"') {
      cursor.at++;
      return rawQuotes === true ? `"${text}"` : text;
    }
    if (character === '$') {
      text += expandDollar(cursor);
      continue;
    }
    cursor.at++;
    if (character !== escape) {
      text += character;
      continue;
    }
    const next = peek(cursor);
    const escapes = next !== '' && (next === '"' || next === '$' || next === escape);
    if (rawEscapes) text += character;
    // With raw escapes an escape character that escapes nothing comes out twice, as it does in BuildKit.
    if (escapes) {
      text += next;
      cursor.at++;
    } else if (next !== '') {
      text += character;
    }
  }
  throw mistake('unexpected end of statement while looking for matching double-quote');
}

/** What stands at a `$`, which is the current character. */
function expandDollar(cursor: Cursor): string {
  cursor.at++;
  if (peek(cursor) !== '{') {
    const name = readName(cursor);
    if (name === '') return '$';
    const value = lookUp(cursor, name);
    return value ?? (cursor.options.keepUnset === true ? `$${name}` : '');
  }
  cursor.at++;
  const first = peek(cursor);
  if (first === '') throw missingBrace();
  if (first === '{' || first === '}' || first === ':') throw mistake('syntax error: bad substitution');
  return expandBraces(cursor, readName(cursor));
}

function missingBrace(): OrlopError {
  return mistake("syntax error: missing '}'");
}

/** What follows the name in `${name…}`. */
function expandBraces(cursor: Cursor, name: string): string {
  let modifier = peek(cursor);
  if (modifier === '') throw missingBrace();
  cursor.at++;
  if (modifier === '}') return lookUp(cursor, name) ?? (cursor.options.keepUnset === true ? `\${${name}}` : '');
  if (modifier === '/') return expandReplacement(cursor, name);
  const colon = modifier === ':';
  if (colon) {
    modifier = peek(cursor);
    if (modifier === '') throw missingBrace();
    cursor.at++;
  } else if (!'+-?#%'.includes(modifier)) {
    throw mistake(`unsupported modifier (${modifier}) in substitution`);
  }
  const isPattern = modifier === '#' || modifier === '%';
  const word = readOperand(cursor, '}', isPattern, "'}'");
  const value = lookUp(cursor, name);
  if (value === undefined && cursor.options.keepUnset === true) return `\${${name}${colon ? ':' : ''}${modifier}${word}}`;
  return modify(name, value, modifier, colon, word);
}

function modify(name: string, value: string | undefined, modifier: string, colon: boolean, word: string): string {
  const absent = value === undefined || (colon && value === '');
  switch (modifier) {
    case '-':
      return absent ? word : value;
    case '+':
      return absent ? '' : word;
    case '?':
      if (!absent) return value;
      throw mistake(`${name}: ${word !== '' ? word : `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`);
    case '#':
    case '%': {
      const longest = word.startsWith(modifier);
      const pattern = longest ? word.slice(1) : word;
      return modifier === '#' ? removePrefix(value ?? '', pattern, longest) : removeSuffix(value ?? '', pattern, longest);
    }
    default:
      throw mistake(`unsupported modifier (${colon ? ':' : ''}${modifier}) in substitution`);
  }
}

function expandReplacement(cursor: Cursor, name: string): string {
  const all = peek(cursor) === '/';
  if (all) cursor.at++;
  const pattern = readOperand(cursor, '/', true, "'/' in ${}");
  const replacement = readOperand(cursor, '}', true, "'}'");
  const value = lookUp(cursor, name);
  if (value === undefined && cursor.options.keepUnset === true) return `\${${name}/${pattern}/${replacement}}`;
  return replaceMatches(value ?? '', pattern, replacement, all);
}

/** What is between a modifier and `stop`, expanded. */
function readOperand(cursor: Cursor, stop: string, rawEscapes: boolean, wanted: string): string {
  try {
    return expandUntil(cursor, stop, rawEscapes).text;
  } catch (error) {
    // A missing end is worth more words than where the search for it ended.
    if (cursor.at >= cursor.word.length && error instanceof OrlopError && error.message.startsWith('unexpected end')) {
      throw mistake(`syntax error: missing ${wanted}`);
    }
    throw error;
  }
}

function lookUp(cursor: Cursor, name: string): string | undefined {
  const value = cursor.options.variables.get(name);
  (value === undefined ? cursor.missing : cursor.used).add(name);
  return value;
}

/** A name, a number, or one of the shell's special parameters (which are never set here); empty where none of them is. */
function readName(cursor: Cursor): string {
  const rest = /^(?:\p{Nd}+|[@*#?\-$!]|[\p{L}\p{Nd}_]+)/u.exec(cursor.word.slice(cursor.at, cursor.at + longestName))?.[0] ?? '';
  cursor.at += rest.length;
  return rest;
}
