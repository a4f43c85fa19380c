import type { BuildDescription, BuildLines, DescribedMount } from '#wire';
import type { LintedFile } from './lint.ts';

type Metadata = Record<string, Uint8Array>;

/** What the frontend can be asked beside building, as it tells itself (frontend/subrequests/describe). */
export function subrequestsMetadata(): Metadata {
  const request = (name: string, description: string): object => ({
    name,
    version: '1.0.0',
    type: 'rpc',
    description,
    opts: null,
    inputs: null,
    metadata: [{ name: 'result.json' }, { name: 'result.txt' }],
    refs: null,
  });
  const requests = [
    request('frontend.outline', 'List all parameters current build target supports'),
    request('frontend.targets', 'List all targets current build supports'),
    request('frontend.lint', 'Lint a Dockerfile'),
    request('frontend.subrequests.describe', 'List available subrequest types'),
  ];
  return answer(requests, table(requests.map((each) => Object.values(each).slice(0, 1))));
}

/** What `docker buildx build --call outline` and `--call targets` show (frontend/subrequests/outline and targets). */
export function descriptionMetadata(description: BuildDescription, file: LintedFile): Metadata {
  const sources = [Buffer.from(file.text).toString('base64')];
  if (description.kind === 'targets') {
    const targets = (description.targets ?? []).map(({ isDefault, lines, ...target }) => ({ ...target, default: isDefault, ...at(lines) }));
    const rows = targets.map(({ name, default: isDefault, description: said }) => [
      name === '' ? '(default)' : `${name}${isDefault ? ' (default)' : ''}`,
      said,
    ]);
    return answer({ targets, sources }, table([['TARGET', 'DESCRIPTION'], ...rows]));
  }
  const { name = '', description: said = '', args = [], secrets = [], agents = [], caches = [] } = description;
  const mounts = (from: readonly DescribedMount[]): object[] =>
    from.map(({ id, required, lines }) => ({ name: id, ...(required ? { required } : {}), ...at(lines) }));
  const outline = {
    name,
    description: said,
    args: args.map(({ lines, ...argument }) => ({ ...argument, ...at(lines) })),
    secrets: mounts(secrets),
    ssh: mounts(agents),
    cache: caches.map(({ id, lines }) => ({ ID: id, ...at(lines) })),
    sources,
  };
  return answer(
    outline,
    table([['BUILD ARG', 'VALUE', 'DESCRIPTION'], ...args.map(({ name: arg, value = '', description: words }) => [arg, value, words])]),
  );
}

function at({ first, last }: BuildLines): { location: object } {
  return { location: { ranges: [{ start: { line: first }, end: { line: last } }] } };
}

function answer(value: unknown, text: string): Metadata {
  return { 'result.json': Buffer.from(JSON.stringify(value)), 'result.txt': Buffer.from(text), version: Buffer.from('1.0.0') };
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return (
    rows
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 2))
          .join('')
          .trimEnd(),
      )
      .join('\n') + '\n'
  );
}
