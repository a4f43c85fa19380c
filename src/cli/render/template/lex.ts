import { OrlopError } from '#errors';

/** What stands between `{{` and `}}`, in pieces. `path` is what follows an operand without a space: `.A.B`. */
export type Token =
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'literal'; readonly value: string | number }
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'close'; readonly path: readonly string[] }
  | { readonly kind: 'sign'; readonly sign: '(' | '|' | ',' | ':=' | '=' };

export type Piece = { readonly text: string } | { readonly action: string };

/** Literal text and actions in turn, with white space taken off beside `{{- ` and ` -}}`. Comments are gone. */
export function splitTemplate(text: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  let trimsNext = false;
  const literal = (part: string, trimsEnd: boolean): void => {
    const begun = trimsNext ? part.trimStart() : part;
    const whole = trimsEnd ? begun.trimEnd() : begun;
    if (whole !== '') pieces.push({ text: whole });
  };
  for (let open = rest.indexOf('{{'); open >= 0; open = rest.indexOf('{{')) {
    const close = findClose(rest, open + 2);
    if (close < 0) throw malformed('unclosed action');
    const inside = rest.slice(open + 2, close);
    const trimsEnd = /^-\s/.test(inside);
    literal(rest.slice(0, open), trimsEnd);
    trimsNext = /\s-$/.test(inside);
    const action = inside.slice(trimsEnd ? 1 : 0, trimsNext ? -1 : undefined).trim();
    if (!/^\/\*.*\*\/$/s.test(action)) pieces.push({ action });
    rest = rest.slice(close + 2);
  }
  literal(rest, false);
  return pieces;
}

/** `}}` inside a quoted text does not close. */
function findClose(text: string, from: number): number {
  const scanner = /"(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)*'|\}\}/gsy;
  for (let at = from; at < text.length; at++) {
    scanner.lastIndex = at;
    const found = scanner.exec(text)?.[0];
    if (found === '}}') return at;
    if (found !== undefined) at += found.length - 1;
  }
  return -1;
}

const name = '[\\p{L}_][\\p{L}\\p{N}_]*';
const path = `(?:\\.${name})*`;
const patterns: readonly (readonly [RegExp, (parts: RegExpExecArray) => Token | null])[] = [
  [/\s+/y, () => null],
  [/"((?:[^"\\\n]|\\.)*)"/y, ([whole]) => ({ kind: 'literal', value: unquote(whole) })],
  [/`([^`]*)`/y, ([, value = '']) => ({ kind: 'literal', value })],
  [/'([^'\\]|\\.)'/uy, ([whole]) => ({ kind: 'literal', value: unquote(`"${whole.slice(1, -1)}"`).codePointAt(0) ?? 0 })],
  [/[+-]?(?:0[xX][\da-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y, ([whole]) => ({ kind: 'literal', value: Number(whole) })],
  [new RegExp(`\\$(${name})?(${path})`, 'uy'), ([, word = '', after = '']) => ({ kind: 'variable', name: word, path: splitPath(after) })],
  [new RegExp(`(?:\\.${name})+|\\.`, 'uy'), ([whole]) => ({ kind: 'field', path: splitPath(whole) })],
  [new RegExp(name, 'uy'), ([word]) => ({ kind: 'word', word })],
  [new RegExp(`\\)(${path})`, 'uy'), ([, after = '']) => ({ kind: 'close', path: splitPath(after) })],
  [/:=|[(|,=]/y, ([sign]) => ({ kind: 'sign', sign: sign as '(' })],
];

/** The tokens of one action. Fails with `invalid-argument` at the first character that begins none. */
export function lexAction(action: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < action.length; ) {
    const found = firstMatch(action, at);
    if (found === null) throw malformed(`unexpected ${JSON.stringify(action[at])} in ${JSON.stringify(`{{${action}}}`)}`);
    if (found.token !== null) tokens.push(found.token);
    at += found.length;
  }
  return tokens;
}

function firstMatch(action: string, at: number): { token: Token | null; length: number } | null {
  for (const [pattern, make] of patterns) {
    pattern.lastIndex = at;
    const parts = pattern.exec(action);
    if (parts !== null) return { token: make(parts), length: parts[0].length };
  }
  return null;
}

function splitPath(text: string): string[] {
  return text.split('.').filter((part) => part !== '');
}

function unquote(quoted: string): string {
  try {
    return JSON.parse(quoted.replaceAll(/\\(['a])/g, (_all, letter: string) => (letter === 'a' ? String.raw`\u0007` : letter))) as string;
  } catch {
    throw malformed(`bad text ${quoted}`);
  }
}

export function malformed(what: string): OrlopError {
  return new OrlopError('invalid-argument', 'CLI_BAD_TEMPLATE', `template parsing error: ${what}`, {
    hint: 'templates are those of Go (text/template): {{.Field}}, {{json .}}, {{range .List}}{{.}}{{end}}',
  });
}
