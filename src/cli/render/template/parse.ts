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
  | { readonly kind: 'template'; readonly name: string; readonly pipeline: Pipeline | null }
  | { readonly kind: 'break' | 'continue' };

type Block = 'if' | 'range' | 'with';

/** What a text says, and the templates that it names on the way. */
export interface ParsedText {
  readonly nodes: readonly Node[];
  readonly named: ReadonlyMap<string, readonly Node[]>;
}

/** What actions are read from, one after the other. */
interface Source {
  readonly pieces: readonly Piece[];
  readonly named: Map<string, readonly Node[]>;
  at: number;
}

/** Source: Go's text/template. Fails with `invalid-argument`. */
export function parseText(text: string): ParsedText {
  const source: Source = { pieces: splitTemplate(text), named: new Map(), at: 0 };
  const { nodes, end } = parseList(source, { loops: 0, nested: false });
  if (end !== null) throw malformed(`unexpected {{${end.join(' ')}}}`);
  return { nodes, named: source.named };
}

/** Where a list stands. */
interface Around {
  /** How many {{range}} are around it. */
  readonly loops: number;
  /** Within any block: templates are defined outside of all. */
  readonly nested: boolean;
}

/** Up to `{{end}}` or `{{else …}}`, whose words are `end`; null at the end of the text. */
function parseList(source: Source, around: Around): { nodes: Node[]; end: string[] | null; rest: Token[] } {
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
    if (word === 'define') parseDefinition(source, rest, around);
    else if (word === 'template') nodes.push(parseCall('template', rest));
    else if (word === 'block') nodes.push(parseNamedBlock(source, rest));
    else if (word === 'break' || word === 'continue') {
      if (around.loops === 0) throw malformed(`{{${word}}} outside {{range}}`);
      nodes.push({ kind: word });
    } else if (word === 'if' || word === 'with' || word === 'range') nodes.push(parseBlock(source, word, rest, around));
    else nodes.push({ kind: 'print', pipeline: parsePipeline(tokens) });
  }
  return { nodes, end: null, rest: [] };
}

function wordOf(token: Token): string[] {
  return token.kind === 'word' ? [token.word] : [];
}

/** `{{define "name"}}…{{end}}` says nothing where it stands. */
function parseDefinition(source: Source, head: readonly Token[], { nested }: Around): void {
  if (nested) throw malformed('unexpected {{define}} inside another action');
  const { name, rest } = takeName('define', head);
  if (rest.length > 0) throw malformed('unexpected words in {{define}}');
  parseNamed(source, 'define', name);
}

/** `{{template "name" value}}` */
function parseCall(word: string, head: readonly Token[]): Extract<Node, { kind: 'template' }> {
  const { name, rest } = takeName(word, head);
  return { kind: 'template', name, pipeline: rest.length === 0 ? null : parsePipeline(rest) };
}

/** `{{block "name" value}}…{{end}}` defines a template and says it at once. */
function parseNamedBlock(source: Source, head: readonly Token[]): Node {
  const call = parseCall('block', head);
  if (call.pipeline === null) throw malformed('missing value for block clause');
  parseNamed(source, 'block', call.name);
  return call;
}

function parseNamed(source: Source, word: string, name: string): void {
  const { nodes, end } = parseList(source, { loops: 0, nested: true });
  if (end?.[0] !== 'end') throw malformed(`{{${word} ${JSON.stringify(name)}}} has no {{end}}`);
  source.named.set(name, nodes);
}

function takeName(word: string, [first, ...rest]: readonly Token[]): { name: string; rest: readonly Token[] } {
  if (first?.kind !== 'literal' || typeof first.value !== 'string') throw malformed(`{{${word}}} needs a name in quotes`);
  return { name: first.value, rest };
}

function parseBlock(source: Source, kind: Block, head: readonly Token[], around: Around): Node {
  const pipeline = parsePipeline(head);
  const inside = { loops: kind === 'range' ? around.loops + 1 : around.loops, nested: true };
  const besides = { ...around, nested: true };
  const { nodes: body, end, rest } = parseList(source, inside);
  if (end === null) throw malformed(`unexpected EOF: {{${kind}}} has no {{end}}`);
  if (end[0] === 'end') return { kind, pipeline, body, otherwise: [] };
  const [then] = rest;
  // {{else if X}} is {{else}}{{if X}} with one {{end}} for both.
  if (then?.kind === 'word' && (then.word === 'if' || then.word === 'with')) {
    return { kind, pipeline, body, otherwise: [parseBlock(source, then.word, rest.slice(1), besides)] };
  }
  if (then !== undefined) throw malformed('unexpected words in {{else}}');
  const other = parseList(source, besides);
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
