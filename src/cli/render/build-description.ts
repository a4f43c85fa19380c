import type { BuildDescription, DescribedMount } from '#wire';
import { formatTable } from './table.ts';

/** What `build --call targets` and `--call outline` print. */
export function formatDescription(described: BuildDescription): string {
  if (described.kind === 'targets') {
    const rows = (described.targets ?? []).map(({ name, isDefault, base, description }) => [
      name === '' ? '(default)' : `${name}${isDefault ? ' (default)' : ''}`,
      base,
      description,
    ]);
    return formatTable([['TARGET', 'BASE', 'DESCRIPTION'], ...rows]);
  }
  const { name = '', description = '', args = [], secrets = [], agents = [], caches = [] } = described;
  const parts = [
    formatTable([['TARGET:', name === '' ? '(default)' : name], ...(description === '' ? [] : [['DESCRIPTION:', description]])]),
    tableOf(
      ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
      args.map((each) => [each.name, each.value ?? '', each.description]),
    ),
    tableOf(['SECRET', 'REQUIRED'], secrets.map(mountRow)),
    tableOf(['SSH', 'REQUIRED'], agents.map(mountRow)),
    tableOf(
      ['CACHE'],
      caches.map(({ id }) => [id]),
    ),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

const mountRow = ({ id, required }: DescribedMount): string[] => [id, required ? 'true' : ''];

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : formatTable([head, ...rows]);
}
