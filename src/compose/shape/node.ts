import { OrlopError } from '#errors';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type ParsedNode } from 'yaml';

/** Where something stands in a file; lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

interface NodeBase {
  readonly place: Place;
  /** `!reset`: what earlier files say here is dropped; `!override`: it is replaced and not merged (compose-spec 13-merge). */
  readonly mark?: 'reset' | 'override';
}

export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
}

export interface ListNode extends NodeBase {
  readonly kind: 'list';
  readonly items: readonly Node[];
}

export interface MapNode extends NodeBase {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Node>;
}

/** A YAML value with its place; aliases and merge keys are resolved. */
export type Node = ScalarNode | ListNode | MapNode;

/** More than any file that a person writes; an alias of an alias of an alias is stopped here. */
const mostNodes = 200_000;
const deepest = 100;

interface Conversion {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly file: string;
  count: number;
}

/** The documents of a YAML text; empty ones are left out. invalid-argument `COMPOSE_BAD_YAML` with file and line. Pure. */
export function parseNodes(text: string, file: string): Node[] {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    merge: false,
    intAsBigInt: true,
    maxAliasCount: -1,
    prettyErrors: false,
  } as never);
  const documents = Array.isArray(parsed) ? (parsed as Document.Parsed[]) : [];
  return documents.flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw badYaml(placeAt(lines, file, error.pos[0]), error.message);
    if (document.contents === null) return [];
    const node = convert(document.contents, { document, lines, file, count: 0 }, 0);
    return node.kind === 'scalar' && node.value === null ? [] : [node];
  });
}

/** `compose.yaml:7:5` */
export function formatPlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

function placeAt(lines: LineCounter, file: string, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { file, line, column: col };
}

function badYaml(place: Place, problem: string): OrlopError {
  return new OrlopError('invalid-argument', 'COMPOSE_BAD_YAML', `${formatPlace(place)}: ${problem.split('\n')[0] ?? ''}`);
}

function convert(node: ParsedNode, conversion: Conversion, depth: number): Node {
  const place = placeAt(conversion.lines, conversion.file, node.range[0]);
  conversion.count += 1;
  if (conversion.count > mostNodes || depth > deepest) throw badYaml(place, 'too many aliases, or too deep');
  if (isAlias(node)) {
    const target = node.resolve(conversion.document) as ParsedNode | undefined;
    if (target === undefined) throw badYaml(place, `unknown anchor ${node.source}`);
    return convert(target, conversion, depth + 1);
  }
  const mark = node.tag === '!reset' ? 'reset' : node.tag === '!override' ? 'override' : undefined;
  const base = { place, ...(mark === undefined ? {} : ({ mark } as const)) };
  if (isMap(node)) return { ...base, kind: 'map', entries: convertEntries(node, conversion, depth) };
  if (isSeq(node)) return { ...base, kind: 'list', items: node.items.map((item) => convert(item, conversion, depth + 1)) };
  return { ...base, kind: 'scalar', value: scalarOf(node) };
}

function convertEntries(
  map: { readonly items: readonly { readonly key: ParsedNode; readonly value: ParsedNode | null }[] },
  conversion: Conversion,
  depth: number,
): Map<string, Node> {
  const own = new Map<string, Node>();
  const merged = new Map<string, Node>();
  for (const { key, value } of map.items) {
    const place = placeAt(conversion.lines, conversion.file, key.range[0]);
    const name = isScalar(key) ? scalarOf(key) : null;
    const node: Node = value === null ? { kind: 'scalar', value: null, place } : { ...convert(value, conversion, depth + 1), place };
    if (name === '<<' && isScalar(key) && key.type === 'PLAIN') {
      for (const [inner, at] of mergedEntries(node)) if (!merged.has(inner)) merged.set(inner, at);
    } else if (typeof name !== 'string') throw badYaml(place, `non-string key: ${String(name)}`);
    else own.set(name, node);
  }
  for (const [name, node] of merged) if (!own.has(name)) own.set(name, node);
  return own;
}

/** YAML 1.1 merge keys: of several maps the first one counts. */
function mergedEntries(node: Node): [string, Node][] {
  if (node.kind === 'map') return [...node.entries];
  if (node.kind === 'list' && node.items.every(({ kind }) => kind === 'map')) return node.items.flatMap(mergedEntries);
  throw badYaml(node.place, 'what is merged must be a mapping');
}

function scalarOf(node: unknown): string | number | boolean | null {
  if (!isScalar(node)) return null;
  const { value, source, type } = node;
  // Numbers with a leading zero are octal for Compose's YAML reader, as file modes are written.
  if (type === 'PLAIN' && source !== undefined && /^[-+]?0[0-7]+$/.test(source)) return Number.parseInt(source, 8);
  // And digits may be grouped.
  if (type === 'PLAIN' && source !== undefined && /^[-+]?[1-9]\d*(?:_\d+)+$/.test(source)) return Number(source.replaceAll('_', ''));
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
