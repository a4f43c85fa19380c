const names: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };
/** The longest start of a string that is none yet, and of a number. */
const stringStart = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*(?:\\(?:u[\da-fA-F]{0,3})?)?/uy;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** What may come next, in the words by which Go's decoder says that it did not. */
const wanted = {
  value: 'looking for beginning of value',
  key: 'looking for beginning of object key string',
  colon: 'after object key',
  pair: 'after object key:value pair',
  element: 'after array element',
} as const;

type Expected = keyof typeof wanted | 'firstKey' | 'firstElement' | 'end';

/**
 * Why a text is no JSON, in the words of Go's decoder: clients of Docker's API know them, and show them. null when nothing is found. Linear in the text, without recursion: it is
 * a stranger's.
 */
export function describeJsonError(text: string): string | null {
  const open: string[] = [];
  let expected: Expected = 'value';
  const close = (): Expected => (open.pop(), after(open));
  for (let at = skipSpace(text, 0); ; at = skipSpace(text, at)) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (expected === 'end') return at < text.length ? 'unexpected content after JSON' : null;
    if (at >= text.length) return 'unexpected EOF';
    if ((character === '}' && (expected === 'firstKey' || expected === 'pair')) || (character === ']' && isInList(expected, open))) {
      expected = close();
      at += 1;
    } else if (expected === 'pair' || expected === 'element' || expected === 'colon') {
      const separator = expected === 'colon' ? ':' : ',';
      if (character !== separator) return unexpected(character, wanted[expected]);
      expected = expected === 'pair' ? 'key' : 'value';
      at += 1;
    } else if (expected === 'key' || expected === 'firstKey') {
      if (character !== '"') return unexpected(character, wanted.key);
      const end = endOfString(text, at);
      if (typeof end === 'string') return end;
      [expected, at] = ['colon', end];
    } else if (character === '{' || character === '[') {
      open.push(character);
      expected = character === '{' ? 'firstKey' : 'firstElement';
      at += 1;
    } else {
      const end = endOfScalar(text, at, character);
      if (typeof end === 'string') return end;
      [expected, at] = [after(open), end];
    }
  }
}

function isInList(expected: Expected, open: readonly string[]): boolean {
  return expected === 'firstElement' || (expected === 'element' && open.at(-1) === '[');
}

function after(open: readonly string[]): Expected {
  const inner = open.at(-1);
  return inner === undefined ? 'end' : inner === '{' ? 'pair' : 'element';
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++;
  return at;
}

/** Where it ends, or what is wrong with it. */
function endOfScalar(text: string, at: number, character: string): number | string {
  if (character === '"') return endOfString(text, at);
  const name = names[character];
  if (name !== undefined) return endOfName(text, at, name);
  number.lastIndex = at;
  const found = number.exec(text);
  if (found !== null) return at + found[0].length;
  if (character !== '-') return unexpected(character, wanted.value);
  return at + 1 >= text.length ? 'unexpected EOF' : unexpected(text.charAt(at + 1), 'in numeric literal');
}

function endOfName(text: string, at: number, name: string): number | string {
  for (let index = 1; index < name.length; index++) {
    const character = text.charAt(at + index);
    if (character === '') return 'unexpected EOF';
    if (character !== name[index]) return unexpected(character, `in literal ${name} (expecting '${name[index]}')`);
  }
  return at + name.length;
}

function endOfString(text: string, at: number): number | string {
  stringStart.lastIndex = at;
  const start = stringStart.exec(text)?.[0] ?? '"';
  const character = text.charAt(at + start.length);
  if (character === '') return 'unexpected EOF';
  const digits = /u[\da-fA-F]{0,3}$/.exec(start.slice(-4))?.[0] ?? '';
  if (isEscape(start, start.length - digits.length))
    return unexpected(character, digits === '' ? 'in string escape code' : 'in \\u hexadecimal character escape');
  return character === '"' ? at + start.length + 1 : unexpected(character, 'in string literal');
}

/** What ends there is a backslash that is not the second of a pair. */
function isEscape(text: string, end: number): boolean {
  let first = end;
  while (text.charAt(first - 1) === '\\') first--;
  return (end - first) % 2 === 1;
}

function unexpected(character: string, where: string): string {
  const shown = character === "'" ? "\\'" : character === '"' ? '"' : JSON.stringify(character).slice(1, -1);
  return `invalid character '${shown}' ${where}`;
}
