import type { Ulimit } from '#wire';
import { refusedValue, usageError } from '../arguments/usage-error.ts';

/** `key=value` entries; a bare key has the empty value where `bare` allows it. */
export function parsePairs(flag: string, entries: readonly string[], options: { bare?: boolean } = {}): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const mark = entry.indexOf('=');
      if (mark === 0 || (mark < 0 && options.bare !== true) || entry === '')
        throw usageError(`invalid argument ${JSON.stringify(entry)} for "--${flag}" flag: write name=value`);
      return mark < 0 ? [entry, ''] : [entry.slice(0, mark), entry.slice(mark + 1)];
    }),
  );
}

/** `/run:size=64m,mode=755` */
export function parseTmpfs(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const mark = entry.indexOf(':');
      const path = mark < 0 ? entry : entry.slice(0, mark);
      if (!path.startsWith('/')) throw refusedValue(`invalid mount path: '${path}' mount path must be absolute`);
      return [path, mark < 0 ? '' : entry.slice(mark + 1)];
    }),
  );
}

/** Those of setrlimit(2), as Docker's command line names them. */
const ulimitNames = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
);

/** `nofile=1024:2048`; one number is both; -1 is unlimited. */
export function parseUlimits(entries: readonly string[]): Ulimit[] {
  return entries.map((entry) => {
    const parts = /^([a-z]+)=(-1|\d{1,15})(?::(-1|\d{1,15}))?$/.exec(entry);
    if (parts === null) throw usageError(`invalid argument ${JSON.stringify(entry)} for "--ulimit" flag: write name=soft[:hard]`);
    if (!ulimitNames.has(parts[1] ?? ''))
      throw usageError(`invalid argument ${JSON.stringify(entry)} for "--ulimit" flag: invalid ulimit type: ${parts[1]}`);
    const soft = Number(parts[2]);
    const hard = parts[3] === undefined ? soft : Number(parts[3]);
    if (hard !== -1 && (soft === -1 || soft > hard))
      throw usageError(`invalid argument ${JSON.stringify(entry)} for "--ulimit" flag: the soft limit is above the hard one`);
    return { name: parts[1] ?? '', soft, hard };
  });
}

/** `name:address` and `name=address` mean the same. */
export function parseHostEntries(entries: readonly string[]): string[] {
  return entries.map((entry) => {
    const parts = /^([^:=]+)[:=](.+)$/.exec(entry);
    if (parts === null)
      throw usageError(
        `invalid argument ${JSON.stringify(entry)} for "--add-host" flag: bad format for add-host: ${JSON.stringify(entry)}`,
      );
    return `${parts[1]}:${(parts[2] ?? '').replace(/^\[(.*)\]$/, '$1')}`;
  });
}

/** `name=value` filters as the API takes them. */
export function parseFilters(entries: readonly string[]): Record<string, string[]> {
  const filters: Record<string, string[]> = {};
  for (const entry of entries) {
    // Docker's command line passes over a filter that says nothing.
    if (entry.trim() === '') continue;
    const mark = entry.indexOf('=');
    if (mark <= 0)
      throw usageError(`invalid argument ${JSON.stringify(entry)} for "-f, --filter" flag: bad format of filter (expected name=value)`);
    const name = entry.slice(0, mark).trim().toLowerCase();
    filters[name] = [...(Object.hasOwn(filters, name) ? (filters[name] ?? []) : []), entry.slice(mark + 1).trim()];
  }
  return filters;
}
