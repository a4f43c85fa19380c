import type { DiskBody } from '#wire';
import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { formatTable } from '../render/table.ts';
import { parseFilters } from '../values/pairs.ts';
import { formatBytes } from '../values/size.ts';
import { confirm } from './prune.ts';

const columns = ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'];
const headers = { TotalCount: 'TOTAL' };

export const diskUsage: Verb = async ({ args, io, client }) => {
  const usage = await (await client()).disk.usage();
  if (args.flag('json')) {
    await printJson(io, usage);
    return exitCodes.ok;
  }
  await write(
    io.stdout,
    args.flag('verbose') ? formatVerbose(usage) : formatList(summaryOf(usage), { format: args.text('format'), columns, headers }),
  );
  return exitCodes.ok;
};

/** One row for each kind of thing; the rows add up to what the data root takes. */
export function summaryOf({ images, containers, volumes, store }: DiskBody): Record<string, string>[] {
  const stopped = containers.filter(({ running }) => !running);
  const reclaimable = stopped.reduce((sum, { writableBytes }) => sum + writableBytes, 0);
  const unused = images.filter(({ used }) => !used).reduce((sum, { sizeBytes, sharedBytes }) => sum + sizeBytes - sharedBytes, 0);
  const row = (Type: string, TotalCount: string, Active: string, Size: number, Reclaimable: number): Record<string, string> => ({
    Type,
    TotalCount,
    Active,
    Size: formatBytes(Size),
    Reclaimable: formatBytes(Reclaimable),
  });
  return [
    row('Images', String(images.length), String(images.filter(({ used }) => used).length), store.layers.bytes, unused),
    row('Packed layers', String(store.blobs.count), '', store.blobs.bytes, store.garbage.bytes),
    row('Containers', String(containers.length), String(containers.length - stopped.length), store.containers.bytes, reclaimable),
    row(
      'Local Volumes',
      String(volumes.length),
      String(volumes.filter((volume) => volume.containers > 0).length),
      sumOf(volumes),
      sumOf(volumes.filter((volume) => volume.containers === 0)),
    ),
    row('Unfinished', String(store.unfinished.count), '', store.unfinished.bytes, 0),
    row('Database', '1', '', store.database.bytes, 0),
  ];
}

function sumOf(volumes: DiskBody['volumes']): number {
  return volumes.reduce((sum, { bytes }) => sum + bytes, 0);
}

function formatVerbose(usage: DiskBody): string {
  const short = (id: string): string => id.replace('sha256:', '').slice(0, 12);
  const images = usage.images.map((image) => [
    image.names[0] ?? '<none>',
    short(image.id),
    formatBytes(image.sizeBytes),
    formatBytes(image.sharedBytes),
    formatBytes(image.sizeBytes - image.sharedBytes),
    formatBytes(image.packedBytes),
    String(image.containers),
  ]);
  const containers = usage.containers.map(({ id, name, imageId, writableBytes, running }) => [
    short(id),
    name,
    short(imageId),
    formatBytes(writableBytes),
    running ? 'running' : 'stopped',
  ]);
  const volumes = usage.volumes.map(({ name, containers: links, bytes }) => [name, String(links), formatBytes(bytes)]);
  return [
    'Images\n\n',
    formatTable([['NAME', 'IMAGE ID', 'SIZE', 'SHARED SIZE', 'UNIQUE SIZE', 'PACKED', 'CONTAINERS'], ...images]),
    '\nContainers\n\n',
    formatTable([['CONTAINER ID', 'NAME', 'IMAGE', 'SIZE', 'STATE'], ...containers]),
    '\nLocal Volumes\n\n',
    formatTable([['VOLUME NAME', 'LINKS', 'SIZE'], ...volumes]),
    '\nOn disk\n\n',
    formatList(summaryOf(usage), { format: undefined, columns, headers }),
  ].join('');
}

export const pruneSystem: Verb = async ({ args, io, client, command }) => {
  const all = args.flag('all');
  const withVolumes = args.flag('volumes');
  const images = all ? 'all images that no container uses' : 'all images without a name';
  const what = `all stopped containers, all networks that no container is in, ${withVolumes ? 'all volumes without a name that no container uses, ' : ''}${images} and all content that nothing needs`;
  const filters = parseFilters(args.list('filter'));
  if (withVolumes && filters['until'] !== undefined) throw usageError('the filter "until" is not supported with --volumes', command);
  if (!args.flag('force') && !(await confirm(io, `This removes ${what}. Go on?`))) return exitCodes.failure;
  const { disk, networks, volumes } = await client();
  const containers = await disk.pruneContainers(filters);
  const left = await networks.prune(filters);
  const emptied = withVolumes ? await volumes.prune(filters) : { deleted: [], freedBytes: 0 };
  const pruned = await disk.pruneImages({ named: all, filters });
  const lines = [
    ...containers.deleted.map((id) => `deleted container ${id}`),
    ...left.map((name) => `deleted network ${name}`),
    ...emptied.deleted.map((name) => `deleted volume ${name}`),
    ...pruned.untagged.map((name) => `untagged ${name}`),
    ...pruned.deleted.map((id) => `deleted ${id}`),
    `Total reclaimed space: ${formatBytes(containers.freedBytes + pruned.freedBytes + emptied.freedBytes)}`,
  ];
  await write(io.stdout, `${lines.join('\n')}\n`);
  return exitCodes.ok;
};

export const checkStore: Verb = async ({ args, io, client }) => {
  const { problems, checked } = await (await client()).disk.check({ repair: args.flag('repair'), content: !args.flag('quick') });
  if (args.text('format') === 'json' || args.flag('json')) await printJson(io, { problems, checked });
  else {
    const { blobs, layers, images, containers } = checked;
    const lines = problems.map(({ message, state }) => `${message} (${state})\n`).join('');
    await write(
      io.stdout,
      `${lines}${blobs} blobs, ${layers} layers, ${images} images, ${containers} containers: ${problems.length} problems\n`,
    );
  }
  return problems.every(({ state }) => state === 'repaired') ? exitCodes.ok : exitCodes.failure;
};
