import type { EscapeCharacter } from './model.ts';
import { isSpace } from './spaces.ts';

/**
 * The words of ENV, LABEL and ARG: quotes and escape characters keep white space inside a word and stay part of it, because expansion
 * removes them later. An escape character at the very end is dropped.
 */
export function splitWords(text: string, escape: EscapeCharacter): string[] {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote === '' && isSpace(character)) {
      if (inWord && word !== '') words.push(word);
      word = '';
      inWord = false;
      continue;
    }
    inWord = true;
    // Nothing escapes inside single quotes.
    if (character === escape && quote !== "'") {
      if (at + 1 === text.length) break;
      at++;
      word += character + text.charAt(at);
      continue;
    }
    if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === quote) quote = '';
    word += character;
  }
  if (word !== '') words.push(word);
  return words;
}

/**
 * Takes leading `--name` and `--name=value` words off. Quotes and backslashes (whatever the file's escape character is) are resolved
 * here. `--` ends them.
 */
export function cutFlags(text: string): { readonly flags: readonly string[]; readonly rest: string } {
  const flags: string[] = [];
  for (let at = 0; ; ) {
    while (at < text.length && isSpace(text.charAt(at))) at++;
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) };
    const { word, end } = readFlagWord(text, at);
    at = end;
    if (word === '--') return { flags, rest: text.slice(at) };
    flags.push(word);
  }
}

function readFlagWord(text: string, start: number): { word: string; end: number } {
  let word = '';
  let quote = '';
  let at = start;
  for (; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote === '' && isSpace(character)) break;
    if (character === '\\') {
      at++;
      word += text.charAt(at);
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
    } else if (character === quote) {
      quote = '';
    } else {
      word += character;
    }
  }
  return { word, end: at };
}
