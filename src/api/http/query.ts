import { OrlopError } from '#errors';

/** Query parameters, read as Docker's daemon reads them. */
export interface Query {
  has(name: string): boolean;
  /** '' when absent; the first of several. */
  text(name: string): string;
  all(name: string): readonly string[];
  /** Absent, empty, `0`, `no`, `false` and `none` are false, all else is true. */
  flag(name: string): boolean;
  /** undefined when absent or empty; invalid-argument when it is not a whole number. */
  integer(name: string): number | undefined;
  /** Docker's `filters`: JSON of name → values, or of name → {value: true}. invalid-argument when it is neither. */
  filters(): Readonly<Record<string, readonly string[]>>;
}

export function createQuery(search: URLSearchParams): Query {
  const text = (name: string): string => search.get(name) ?? '';
  return {
    has: (name) => search.has(name),
    text,
    all: (name) => search.getAll(name),
    flag: (name) => !['', '0', 'no', 'false', 'none'].includes(text(name).trim().toLowerCase()),
    integer: (name) => {
      const value = text(name);
      if (value === '') return undefined;
      if (!/^-?\d{1,15}$/.test(value)) throw invalid(`${name} must be a whole number, not ${JSON.stringify(value)}`);
      return Number(value);
    },
    filters: () => parseFilters(text('filters')),
  };
}

function parseFilters(json: string): Record<string, readonly string[]> {
  if (json === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw invalid('invalid filter: filters must be JSON');
  }
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid('invalid filter: filters must be a JSON object');
  return Object.fromEntries(Object.entries(value).map(([name, given]) => [name, filterValues(name, given)]));
}

function filterValues(name: string, given: unknown): readonly string[] {
  if (Array.isArray(given) && given.every((item) => typeof item === 'string')) return given;
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
    return Object.entries(given).flatMap(([value, wanted]) => (wanted === true ? [value] : []));
  }
  throw invalid(`filter ${name} must be a list of texts`);
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'HTTP_BAD_QUERY', message);
}
