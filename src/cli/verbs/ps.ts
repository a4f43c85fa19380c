import type { DockerContainerSummary } from '#wire';
import { formatAge, kindLabel } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { formatPorts } from '../render/ports.ts';
import { truncate } from '../render/table.ts';
import { withLabels } from '../render/template/row.ts';
import { parseFilters } from '../values/pairs.ts';
import { formatBytes } from '../values/size.ts';

const columns = ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'];
const headers = { ID: 'CONTAINER ID', RunningFor: 'CREATED', CreatedAt: 'CREATED AT', LocalVolumes: 'LOCAL VOLUMES' };

const raw = {
  container_id: 'ID',
  image: 'Image',
  command: 'Command',
  created_at: 'CreatedAt',
  state: 'State',
  status: 'Status',
  names: 'Names',
  labels: 'Labels',
  ports: 'Ports',
};

/** `ps` prints Docker's columns, for whoever reads them by their place; `ls`, which Docker has not, tells the kinds apart as well. */
export const ps: Verb = async ({ args, io, client, command }) => {
  const last = args.flag('latest') ? 1 : (args.integer('last') ?? 0);
  const format = args.text('format');
  // A template that shows sizes, or all fields, asks for them, as Docker's does.
  const size = args.flag('size') || (!args.flag('quiet') && /\{\{.*(?:\.Size\b|json \. *\}).*\}/s.test(format ?? ''));
  const filters = parseFilters(args.list('filter'));
  const containers = await (await client()).containers.list({
    all: args.flag('all') || last > 0,
    filters,
    size,
    ...(last > 0 ? { limit: last } : {}),
  });
  if (args.flag('json')) {
    await printJson(io, containers);
    return exitCodes.ok;
  }
  const rows = containers.map((container) => rowOf(container, { whole: args.flag('no-trunc'), nowMs: Date.now() }));
  const quiet = args.flag('quiet');
  if (quiet && args.has('format')) await write(io.stderr, 'WARNING: Ignoring custom format, because both --format and --quiet are set.\n');
  const shown = command.name === 'ps' ? columns : columns.toSpliced(2, 0, 'Kind');
  const text = quiet
    ? rows.map((row) => `${row['ID']}\n`).join('')
    : formatList(rows, {
        format,
        columns: size && format === undefined ? [...shown, 'Size'] : shown,
        headers,
        raw: size ? { ...raw, size: 'Size' } : raw,
      });
  await write(io.stdout, text);
  return exitCodes.ok;
};

/** The fields that `--format` knows, by Docker's names and ours (Kind). */
export function rowOf(container: DockerContainerSummary, { whole, nowMs }: { whole: boolean; nowMs: number }): Record<string, string> {
  const command = JSON.stringify(container.Command);
  const row = {
    ID: whole ? container.Id : container.Id.slice(0, 12),
    Image: whole ? container.Image : container.Image.replace(/^sha256:([0-9a-f]{12})[0-9a-f]*$/, '$1'),
    Kind: container.Labels[kindLabel] === 'system' ? 'system' : 'app',
    Command: whole ? command : JSON.stringify(truncate(container.Command, 20)),
    CreatedAt: new Date(container.Created * 1000).toISOString().replace('T', ' ').replace('.000Z', ' +0000 UTC'),
    RunningFor: `${formatAge(BigInt(Math.max(0, Math.floor(nowMs / 1000) - container.Created)) * 1_000_000_000n)} ago`,
    State: container.State,
    Status: container.Status,
    Ports: formatPorts(container.Ports),
    // What links call it is in the way, unless all is wanted.
    Names: container.Names.map((name) => name.replace(/^\//, ''))
      .filter((name) => whole || !name.includes('/'))
      .join(','),
    Labels: Object.entries(container.Labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Networks: Object.keys(container.NetworkSettings.Networks).join(','),
    Mounts: container.Mounts.map(({ Name: name, Source: source }) => shorten(name ?? source, whole)).join(','),
    Platform: '',
    Size: sizeOf(container),
    LocalVolumes: String(container.Mounts.filter(({ Driver: driver }) => driver === 'local').length),
  };
  return withLabels(row, container.Labels);
}

/** What the container has written, and what it sees together with its image; nothing is known of it where it was not asked for. */
function sizeOf({ SizeRw: own = 0, SizeRootFs: all = 0 }: DockerContainerSummary): string {
  return all > 0 ? `${formatBytes(own)} (virtual ${formatBytes(all)})` : formatBytes(own);
}

function shorten(name: string, whole: boolean): string {
  return whole ? name : truncate(name, 15);
}
