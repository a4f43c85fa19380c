import { complain, inside, type Node, type Problem, type Reading } from '../shape/index.ts';

/** undefined: there is no such variable. */
export type Lookup = (name: string) => string | undefined;

export interface Substitution {
  readonly lookup: Lookup;
  /** Hears of variables that are not set and have no default. */
  readonly onMissing?: (name: string) => void;
  /** Hears of each variable. */
  readonly onUse?: (variable: Variable) => void;
}

const nameAtStart = /^[_a-zA-Z][_a-zA-Z0-9]*/;
const modifiers = [':-', ':?', ':+', '-', '?', '+'] as const;
type Modifier = (typeof modifiers)[number];
const deepest = 50;
const plain = { required: false, defaultValue: '', presenceValue: '' };

/** What interpolation makes of a text. Throws an Error that says what is wrong with it. Source: compose-spec 12-interpolation. Pure. */
export function substitute(text: string, substitution: Substitution, depth = 0): string {
  if (depth > deepest) throw new Error('variables are nested too deeply');
  let result = '';
  let rest = text;
  for (let dollar = rest.indexOf('$'); dollar >= 0; dollar = rest.indexOf('$')) {
    result += rest.slice(0, dollar);
    const after = rest.slice(dollar + 1);
    const name = nameAtStart.exec(after)?.[0];
    if (after.startsWith('$')) {
      result += '$';
      rest = after.slice(1);
    } else if (after.startsWith('{')) {
      const end = closingBrace(after);
      if (end < 0) throw invalid(text);
      result += substituteBraced(after.slice(1, end), text, substitution, depth);
      rest = after.slice(end + 1);
    } else if (name !== undefined) {
      substitution.onUse?.({ name, ...plain });
      result += valueOf(name, substitution);
      rest = after.slice(name.length);
    } else {
      // A dollar sign before anything else is one.
      result += '$';
      rest = after;
    }
  }
  return result + rest;
}

/** The brace that ends the one at the beginning; only those of variables nest. */
function closingBrace(text: string): number {
  let open = 0;
  for (let at = 0; at < text.length; at++) {
    if (at === 0 || text.startsWith('${', at)) {
      open += 1;
      at += at === 0 ? 0 : 1;
    } else if (text.charAt(at) === '}') {
      open -= 1;
      if (open === 0) return at;
    }
  }
  return -1;
}

function substituteBraced(inner: string, text: string, substitution: Substitution, depth: number): string {
  const name = nameAtStart.exec(inner)?.[0];
  if (name === undefined) throw invalid(text);
  const rest = inner.slice(name.length);
  const modifier = modifiers.find((candidate) => rest.startsWith(candidate));
  if (rest !== '' && modifier === undefined) throw invalid(text);
  const said = rest.slice(modifier?.length ?? 0);
  substitution.onUse?.({
    name,
    required: modifier?.endsWith('?') === true,
    defaultValue: modifier?.endsWith('-') === true ? said : '',
    presenceValue: modifier?.endsWith('+') === true ? said : '',
  });
  if (modifier === undefined) return valueOf(name, substitution);
  return modify(name, modifier, substitute(rest.slice(modifier.length), substitution, depth + 1), substitution);
}

function modify(name: string, modifier: Modifier, argument: string, { lookup }: Substitution): string {
  const value = lookup(name);
  // With a colon, an empty value is none.
  const set = value !== undefined && !(modifier.startsWith(':') && value === '');
  if (modifier.endsWith('-')) return set ? value : argument;
  if (modifier.endsWith('+')) return set ? argument : '';
  if (set) return value;
  throw new Error(`required variable ${name} is missing a value${argument === '' ? '' : `: ${argument}`}`);
}

function valueOf(name: string, { lookup, onMissing }: Substitution): string {
  const value = lookup(name);
  if (value === undefined) onMissing?.(name);
  return value ?? '';
}

function invalid(text: string): Error {
  return new Error(`invalid interpolation format ${JSON.stringify(text)}: a dollar sign that is meant as such is written $$`);
}

/** A variable as files use it. */
export interface Variable {
  readonly name: string;
  readonly required: boolean;
  readonly defaultValue: string;
  /** What stands for it once it is set. */
  readonly presenceValue: string;
}

/** The variables in the texts of a tree, once each use. What is no variable is passed over. Pure. */
export function findVariables(node: Node): Variable[] {
  if (node.kind === 'map') return [...node.entries.values()].flatMap(findVariables);
  if (node.kind === 'list') return node.items.flatMap(findVariables);
  if (typeof node.value !== 'string') return [];
  const found: Variable[] = [];
  try {
    substitute(node.value, { lookup: () => 'some', onUse: (variable) => void found.push(variable) });
  } catch {
    // That it is no template is said where it is filled in.
  }
  return found;
}

/** The same tree with the variables in its texts replaced; keys stay as they are. What is wrong is noted as a problem. Pure. */
export function interpolate(node: Node, substitution: Substitution, problems: Problem[]): Node {
  const reading: Reading = { path: '', directory: null, home: '', problems, places: new Map() };
  return walk(node, substitution, reading);
}

function walk(node: Node, substitution: Substitution, reading: Reading): Node {
  if (node.kind === 'map')
    return { ...node, entries: new Map([...node.entries].map(([key, entry]) => [key, walk(entry, substitution, inside(reading, key))])) };
  if (node.kind === 'list') return { ...node, items: node.items.map((item, index) => walk(item, substitution, inside(reading, index))) };
  if (typeof node.value !== 'string' || !node.value.includes('$')) return node;
  try {
    return { ...node, value: substitute(node.value, substitution) };
  } catch (error) {
    complain(reading, node, error instanceof Error ? error.message : String(error));
    return node;
  }
}
