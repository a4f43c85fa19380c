import { functions, isTrue, titleFunction, wrong } from './functions.ts';
import type { Node, Operand, ParsedText, Pipeline } from './parse.ts';
import { show } from './show.ts';
import { nil, typeOf } from './structures.ts';

/** Variables in sight, the innermost first. */
interface Scope {
  readonly names: Map<string, unknown>;
  readonly outer: Scope | null;
}

interface Evaluation {
  readonly write: (text: string) => void;
  /** Titles of columns are made, not rows. */
  readonly titles: boolean;
  readonly named: ParsedText['named'];
  /** How many templates call each other at this moment. */
  depth: number;
}

/** A template that calls itself for ever ends here, before the stack does. */
const maximumDepth = 500;

type Jump = 'break' | 'continue' | null;

/** The text that the nodes make of a value. Fails with `invalid-argument` for fields that are not there. */
export function renderText({ nodes, named }: ParsedText, value: unknown, { titles = false }: { titles?: boolean } = {}): string {
  let text = '';
  const evaluation: Evaluation = { write: (part) => (text += part), titles, named, depth: 0 };
  renderList(evaluation, nodes, value, { names: new Map([['', value]]), outer: null });
  return text;
}

function renderList(evaluation: Evaluation, nodes: readonly Node[], dot: unknown, outer: Scope): Jump {
  const scope: Scope = { names: new Map(), outer };
  for (const node of nodes) {
    const jump = renderNode(evaluation, node, dot, scope);
    if (jump !== null) return jump;
  }
  return null;
}

function renderNode(evaluation: Evaluation, node: Node, dot: unknown, scope: Scope): Jump {
  switch (node.kind) {
    case 'text':
      evaluation.write(node.text);
      return null;
    case 'break':
    case 'continue':
      return node.kind;
    case 'print': {
      const value = valueOf(evaluation, node.pipeline, dot, scope);
      if (node.pipeline.variables.length === 0) evaluation.write(show(value));
      return null;
    }
    case 'template':
      return renderNamed(evaluation, node, dot, scope);
    case 'range':
      return renderRange(evaluation, node, dot, scope);
    default: {
      const inner: Scope = { names: new Map(), outer: scope };
      const value = valueOf(evaluation, node.pipeline, dot, inner);
      if (!isTrue(value)) return renderList(evaluation, node.otherwise, dot, inner);
      return renderList(evaluation, node.body, node.kind === 'with' ? value : dot, inner);
    }
  }
}

/** It sees what it is given and nothing around it. */
function renderNamed(evaluation: Evaluation, node: Extract<Node, { kind: 'template' }>, dot: unknown, scope: Scope): null {
  const nodes = evaluation.named.get(node.name);
  if (nodes === undefined) throw wrong(`template ${JSON.stringify(node.name)} not defined`);
  if (evaluation.depth === maximumDepth) throw wrong(`exceeded maximum template depth (${maximumDepth})`);
  const value = node.pipeline === null ? undefined : valueOf(evaluation, node.pipeline, dot, scope);
  evaluation.depth++;
  renderList(evaluation, nodes, value, { names: new Map([['', value]]), outer: null });
  evaluation.depth--;
  return null;
}

function renderRange(evaluation: Evaluation, node: Extract<Node, { kind: 'range' | 'if' | 'with' }>, dot: unknown, scope: Scope): Jump {
  const { commands, variables } = node.pipeline;
  const items = itemsOf(valueOf(evaluation, { commands, variables: [], declares: false }, dot, scope));
  if (items.length === 0) return renderList(evaluation, node.otherwise, dot, scope);
  for (const [key, item] of items) {
    const inner: Scope = { names: new Map(), outer: scope };
    const named = variables.length === 2 ? [key, item] : [item];
    for (const [at, name] of variables.entries()) inner.names.set(name, named[at]);
    if (renderList(evaluation, node.body, item, inner) === 'break') break;
  }
  return null;
}

/** Keys of maps in order, as Go ranges over them. */
function itemsOf(value: unknown): (readonly [key: unknown, item: unknown])[] {
  if (Array.isArray(value)) return [...value.entries()];
  if (value === null || value === undefined || value === nil) return [];
  if (typeof value === 'object') return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  throw wrong(`range can't iterate over ${show(value)}`);
}

function valueOf(evaluation: Evaluation, { commands, variables, declares }: Pipeline, dot: unknown, scope: Scope): unknown {
  let value: unknown;
  for (const [at, command] of commands.entries()) value = runCommand(evaluation, command, { dot, scope, piped: at === 0 ? [] : [value] });
  for (const name of variables) {
    if (declares) scope.names.set(name, value);
    else holderOf(scope, name).names.set(name, value);
  }
  return value;
}

interface Place {
  readonly dot: unknown;
  readonly scope: Scope;
  readonly piped: readonly unknown[];
}

function runCommand(evaluation: Evaluation, [first, ...rest]: readonly Operand[], place: Place): unknown {
  if (first === undefined) throw wrong('missing value for command');
  const evaluate = (operand: Operand): unknown => operandValue(evaluation, operand, place);
  if (first.kind === 'function') {
    if (first.name === 'and' || first.name === 'or') return shortCircuit(first.name, rest, evaluate, place.piped);
    return call(evaluation, first.name, [...rest.map(evaluate), ...place.piped]);
  }
  const value = evaluate(first);
  const values = [...rest.map(evaluate), ...place.piped];
  if (typeof value === 'function') return (value as (...values: unknown[]) => unknown)(...values);
  if (values.length > 0) throw wrong(`can't give argument to non-function ${describe(first)}`);
  return value;
}

function call({ titles }: Evaluation, name: string, values: readonly unknown[]): unknown {
  return (titles ? titleFunction(name) : functions[name])?.(...values);
}

function shortCircuit(
  name: 'and' | 'or',
  operands: readonly Operand[],
  evaluate: (operand: Operand) => unknown,
  piped: readonly unknown[],
): unknown {
  let value: unknown;
  for (const next of [...operands.map((operand) => () => evaluate(operand)), ...piped.map((one) => () => one)]) {
    value = next();
    if (isTrue(value) === (name === 'or')) return value;
  }
  return value;
}

function operandValue(evaluation: Evaluation, operand: Operand, { dot, scope }: Place): unknown {
  switch (operand.kind) {
    case 'literal':
      return operand.value;
    case 'field':
      return follow(dot, operand.path);
    case 'variable':
      return follow(holderOf(scope, operand.name).names.get(operand.name), operand.path);
    case 'group':
      return follow(valueOf(evaluation, operand.pipeline, dot, scope), operand.path);
    case 'function':
      return call(evaluation, operand.name, []);
  }
}

function holderOf(scope: Scope, name: string): Scope {
  for (let at: Scope | null = scope; at !== null; at = at.outer) if (at.names.has(name)) return at;
  throw wrong(`undefined variable "$${name}"`);
}

/**
 * A structure of Docker's API must have the field; a map (labels, options, anything whose keys people choose) need not. Where their types are not known,
 * they are told apart by their keys: those of structures begin with a capital. A field of a structure also goes by its name in Go: ID for Id.
 */
function follow(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) throw wrong(`no field .${path.join('.')}`);
    const key = Object.hasOwn(at, name) || isMap(at) ? name : nameInJson(at, name);
    if (key === undefined) throw wrong(`no field .${path.join('.')}`);
    if (!Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

function nameInJson(structure: object, name: string): string | undefined {
  return /^[A-Z]/.test(name) ? Object.keys(structure).find((key) => key.toLowerCase() === name.toLowerCase()) : undefined;
}

function isMap(value: object): boolean {
  const type = typeOf(value);
  if (type !== undefined) return type === 'map';
  return !Array.isArray(value) && !Object.keys(value).some((key) => /^[A-Z]\w*$/.test(key));
}

function describe(operand: Operand): string {
  if (operand.kind === 'field') return `.${operand.path.join('.')}`;
  return operand.kind === 'variable' ? `$${operand.name}` : 'value';
}

/** First names of the paths that begin at the value itself, for the titles of a table. */
export function fieldsOf(nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) => {
    switch (node.kind) {
      case 'text':
      case 'break':
      case 'continue':
        return [];
      case 'print':
        return fieldsOfPipeline(node.pipeline);
      case 'template':
        return node.pipeline === null ? [] : fieldsOfPipeline(node.pipeline);
      default:
        return [...fieldsOfPipeline(node.pipeline), ...fieldsOf(node.body), ...fieldsOf(node.otherwise)];
    }
  });
}

function fieldsOfPipeline({ commands }: Pipeline): string[] {
  return commands.flat().flatMap((operand) => {
    if (operand.kind === 'field') return operand.path.slice(0, 1);
    return operand.kind === 'group' ? fieldsOfPipeline(operand.pipeline) : [];
  });
}
