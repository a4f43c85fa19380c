import { OrlopError } from '#errors';

type Part = { readonly literal: string } | { readonly path: readonly string[]; readonly json: boolean };

/** A compiled `--format` text. */
export interface Template {
  /** The path of each field, for table headers. */
  readonly fields: readonly (readonly string[])[];
  render(value: unknown): string;
}

/**
 * The part of Go's templates that people type: `{{.Names}}`, `{{.State.Status}}`, `{{json .Config}}`, `{{index .Labels "key"}}`, `\t` and `\n`.
 * Anything else is unimplemented, by name; a field that does not exist is invalid-argument.
 */
export function parseTemplate(text: string): Template {
  const parts: Part[] = [];
  let rest = text.replaceAll(String.raw`\t`, '\t').replaceAll(String.raw`\n`, '\n');
  for (;;) {
    const open = rest.indexOf('{{');
    if (open < 0) break;
    const close = rest.indexOf('}}', open);
    if (close < 0)
      throw new OrlopError('invalid-argument', 'CLI_USAGE', `template parsing error: unclosed action in ${JSON.stringify(text)}`);
    if (open > 0) parts.push({ literal: rest.slice(0, open) });
    parts.push(parseAction(rest.slice(open + 2, close).trim()));
    rest = rest.slice(close + 2);
  }
  if (rest !== '') parts.push({ literal: rest });
  return {
    fields: parts.flatMap((part) => ('path' in part ? [part.path] : [])),
    render: (value) => parts.map((part) => ('literal' in part ? part.literal : renderField(value, part.path, part.json))).join(''),
  };
}

const pathPattern = /^(?:\.|(?:\.[A-Za-z_][A-Za-z0-9_]*)+)$/;

function parseAction(action: string): Part {
  const json = /^json\s+(.+)$/.exec(action)?.[1];
  const path = (json ?? action).trim();
  if (pathPattern.test(path)) return { path: splitPath(path), json: json !== undefined };
  const index = /^index\s+(\.[A-Za-z0-9_.]*)\s+"([^"]*)"$/.exec(action);
  if (index !== null) return { path: [...splitPath(index[1] ?? '.'), index[2] ?? ''], json: false };
  throw new OrlopError('unimplemented', 'CLI_USAGE', `the template action {{${action}}} is not supported`, {
    hint: 'supported are {{.Field}}, {{.A.B}}, {{json .Field}} and {{index .Map "key"}}',
  });
}

function splitPath(path: string): string[] {
  return path.split('.').filter((name) => name !== '');
}

function renderField(value: unknown, path: readonly string[], json: boolean): string {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) {
      throw new OrlopError('invalid-argument', 'CLI_USAGE', `template: no field .${path.join('.')}`, {
        hint: 'see all fields with --format json',
      });
    }
    at = (at as Record<string, unknown>)[name];
  }
  return json ? JSON.stringify(at) : show(at);
}

/** As Go prints values: lists in brackets, maps with their keys sorted. */
function show(value: unknown): string {
  if (value === null || value === undefined) return '<no value>';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${show(item)}`).join(' ')}]`;
}
