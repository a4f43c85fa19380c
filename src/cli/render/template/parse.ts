import { functions } from './functions.ts';
import { lexAction, malformed, splitTemplate, type Piece, type Token } from './lex.ts';

export type Operand =
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'group'; readonly pipeline: Pipeline; readonly path: readonly string[] };

/** `$i, $x := A | B c`: each command's value is the last argument of the next. */
export interface Pipeline {
  readonly variables: readonly string[];
  /** `:=` makes variables, `=` changes those that are there. */
  readonly declares: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipeline: Pipeline }
  | { readonly kind: Block; readonly pipeline: Pipeline; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }
  | { readonly kind: 'break' | 'continue' };

type Block = 'if' | 'range' | 'with';

const unsupported = new Set(['define', 'template', 'block']);

/** What actions are read from, one after the other. */
interface Source {
  readonly pieces: readonly Piece[];
  at: number;
}

/** Source: Go's text/template, without templates within templates. Fails with `invalid-argument`, or `unimplemented` with the word. */
export function parseNodes(text: string): Node[] {
  const source: Source = { pieces: splitTemplate(text), at: 0 };
  const { nodes, end } = parseList(source, 0);
  if (end !== null) throw malformed(`unexpected {{${end.join(' ')}}}`);
  return nodes;
}

/** Up to `{{end}}` or `{{else …}}`, whose words are `end`; null at the end of the text. */
function parseList(source: Source, loops: number): { nodes: Node[]; end: string[] | null; rest: Token[] } {
  const nodes: Node[] = [];
  while (source.at < source.pieces.length) {
    const piece = source.pieces[source.at++];
    if (piece === undefined) break;
    if ('text' in piece) {
      nodes.push({ kind: 'text', text: piece.text });
      continue;
    }
    const tokens = lexAction(piece.action);
    const [first, ...rest] = tokens;
    if (first === undefined) throw malformed('missing value for command');
    const word = first.kind === 'word' ? first.word : '';
    if (word === 'end' || word === 'else') return { nodes, end: [word, ...rest.flatMap((token) => wordOf(token))], rest };
    if (unsupported.has(word)) throw malformed(`{{${word}}} is not supported`);
    if (word === 'break' || word === 'continue') {
      if (loops === 0) throw malformed(`{{${word}}} outside {{range}}`);
      nodes.push({ kind: word });
    } else if (word === 'if' || word === 'with' || word === 'range') nodes.push(parseBlock(source, word, rest, loops));
    else nodes.push({ kind: 'print', pipeline: parsePipeline(tokens) });
  }
  return { nodes, end: null, rest: [] };
}

function wordOf(token: Token): string[] {
  return token.kind === 'word' ? [token.word] : [];
}

function parseBlock(source: Source, kind: Block, head: readonly Token[], loops: number): Node {
  const pipeline = parsePipeline(head);
  const inside = kind === 'range' ? loops + 1 : loops;
  const { nodes: body, end, rest } = parseList(source, inside);
  if (end === null) throw malformed(`unexpected EOF: {{${kind}}} has no {{end}}`);
  if (end[0] === 'end') return { kind, pipeline, body, otherwise: [] };
  const [then] = rest;
  // {{else if X}} is {{else}}{{if X}} with one {{end}} for both.
  if (then?.kind === 'word' && (then.word === 'if' || then.word === 'with')) {
    return { kind, pipeline, body, otherwise: [parseBlock(source, then.word, rest.slice(1), loops)] };
  }
  if (then !== undefined) throw malformed('unexpected words in {{else}}');
  const other = parseList(source, loops);
  if (other.end?.[0] !== 'end') throw malformed(`{{${kind}}} has no {{end}}`);
  return { kind, pipeline, body, otherwise: other.nodes };
}

function parsePipeline(tokens: readonly Token[]): Pipeline {
  const { variables, declares, rest } = takeVariables(tokens);
  const reader = { tokens: rest, at: 0 };
  const commands = parseCommands(reader);
  if (reader.at < rest.length) throw malformed('unexpected ")"');
  return { variables, declares, commands };
}

function takeVariables(tokens: readonly Token[]): { variables: string[]; declares: boolean; rest: readonly Token[] } {
  const variables: string[] = [];
  for (let at = 0; tokens[at]?.kind === 'variable'; at += 2) {
    const variable = tokens[at];
    const sign = tokens[at + 1];
    if (variable?.kind !== 'variable' || variable.path.length > 0 || sign?.kind !== 'sign') break;
    variables.push(variable.name);
    if (sign.sign === ',' && at === 0) continue;
    if (sign.sign === ':=' || sign.sign === '=') return { variables, declares: sign.sign === ':=', rest: tokens.slice(at + 2) };
    break;
  }
  return { variables: [], declares: false, rest: tokens };
}

interface Reader {
  readonly tokens: readonly Token[];
  at: number;
}

/** Up to the end, or to a `)` that is left for whoever opened it. */
function parseCommands(reader: Reader): Operand[][] {
  const commands: Operand[][] = [[]];
  while (reader.at < reader.tokens.length) {
    const token = reader.tokens[reader.at];
    if (token === undefined || token.kind === 'close') break;
    reader.at++;
    if (token.kind === 'sign' && token.sign === '|') commands.push([]);
    else commands.at(-1)?.push(parseOperand(reader, token));
  }
  if (commands.some((command) => command.length === 0)) throw malformed('missing value for command');
  return commands;
}

function parseOperand(reader: Reader, token: Token): Operand {
  if (token.kind === 'word') return parseWord(token.word);
  if (token.kind === 'sign' && token.sign === '(') {
    const commands = parseCommands(reader);
    const close = reader.tokens[reader.at++];
    if (close?.kind !== 'close') throw malformed('unclosed left paren');
    return { kind: 'group', pipeline: { variables: [], declares: false, commands }, path: close.path };
  }
  if (token.kind === 'sign' || token.kind === 'close')
    throw malformed(`unexpected ${JSON.stringify(token.kind === 'sign' ? token.sign : ')')} in operand`);
  return token;
}

const constants: Readonly<Record<string, unknown>> = { true: true, false: false, nil: null };

function parseWord(word: string): Operand {
  if (Object.hasOwn(constants, word)) return { kind: 'literal', value: constants[word] };
  if (!Object.hasOwn(functions, word)) throw malformed(`function ${JSON.stringify(word)} not defined`);
  return { kind: 'function', name: word };
}
