import { formatAge, type DiskBody, type DockerDiskUsage } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { formatTable } from '../render/table.ts';
import { parseTemplate } from '../render/template.ts';
import { formatBytes } from '../values/size.ts';
import { imageRows } from './images.ts';
import { rowOf as containerRow } from './ps.ts';
import { volumeRow } from './volume.ts';

type Row = Record<string, string>;

const columns = ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'];
const headers = { TotalCount: 'TOTAL' };
/** Where sizes are compared with each other, Docker shows one digit more. */
const digits = 4;

export const diskUsage: Verb = async ({ args, io, client }) => {
  const { disk } = await client();
  const format = args.text('format');
  if (args.flag('json')) await printJson(io, await disk.usage());
  else if (!args.flag('verbose')) {
    const [own, docker] = await Promise.all([disk.usage(), disk.dockerUsage()]);
    await write(io.stdout, formatList(summaryOf(own, docker), { format, columns, headers }));
  } else {
    const usage = await disk.dockerUsage();
    const details = detailsOf(usage, Date.now());
    if (format === 'json') await printJson(io, details);
    else if (format === undefined || format === 'table') await write(io.stdout, formatDetails(details, usage.BuilderSize));
    else await write(io.stdout, `${parseTemplate(format).render(details)}\n`);
  }
  return exitCodes.ok;
};

/** One row for each kind of thing, Docker's kinds first; the rows add up to what the data root takes. Pure. */
export function summaryOf({ images, containers, volumes, store }: DiskBody, { BuildCache, BuilderSize }: DockerDiskUsage): Row[] {
  const stopped = containers.filter(({ running }) => !running);
  const unusedImages = images.filter(({ used }) => !used).map(({ sizeBytes, sharedBytes }) => sizeBytes - sharedBytes);
  const unusedVolumes = volumes.filter((volume) => volume.containers === 0);
  const row = (Type: string, total: number, active: number | null, bytes: number, reclaimable: string): Row => ({
    Type,
    TotalCount: String(total),
    Active: active === null ? '' : String(active),
    Size: formatBytes(bytes, digits),
    Reclaimable: reclaimable,
  });
  const layerBytes = store.layers.bytes;
  const containerBytes = store.containers.bytes;
  const volumeBytes = sum(volumes.map(({ bytes }) => bytes));
  return [
    row('Images', images.length, images.length - unusedImages.length, layerBytes, shareOf(sum(unusedImages), layerBytes)),
    row(
      'Containers',
      containers.length,
      containers.length - stopped.length,
      containerBytes,
      shareOf(sum(stopped.map(({ writableBytes }) => writableBytes)), containerBytes),
    ),
    row(
      'Local Volumes',
      volumes.length,
      volumes.length - unusedVolumes.length,
      volumeBytes,
      shareOf(sum(unusedVolumes.map(({ bytes }) => bytes)), volumeBytes),
    ),
    row('Build Cache', BuildCache.length, 0, BuilderSize, formatBytes(BuilderSize, digits)),
    row('Packed Layers', store.blobs.count, null, store.blobs.bytes, shareOf(store.garbage.bytes, store.blobs.bytes)),
    row('Unfinished', store.unfinished.count, null, store.unfinished.bytes, formatBytes(0)),
    row('Database', 1, null, store.database.bytes, formatBytes(0)),
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** `12.3kB (50%)` */
function shareOf(bytes: number, total: number): string {
  return total > 0 ? `${formatBytes(bytes, digits)} (${Math.floor((bytes * 100) / total)}%)` : formatBytes(bytes, digits);
}

interface Details {
  readonly Images: readonly Row[];
  readonly Containers: readonly Row[];
  readonly Volumes: readonly Row[];
  readonly BuildCache: readonly Row[];
}

interface BuildCacheEntry {
  readonly ID?: string;
  readonly Type?: string;
  readonly Size?: number;
  readonly CreatedAt?: string;
  readonly LastUsedAt?: string | null;
  readonly UsageCount?: number;
  readonly Shared?: boolean;
}

/** Pure but for the time that it is given. */
function detailsOf({ Images, Containers, Volumes, BuildCache }: DockerDiskUsage, nowMs: number): Details {
  const age = (time: string | null | undefined): string =>
    time === null || time === undefined ? '' : `${formatAge(BigInt(Math.max(0, nowMs - Date.parse(time))) * 1_000_000n)} ago`;
  return {
    Images: Images.flatMap((image) =>
      imageRows(image, { whole: false, nowMs })
        .slice(0, 1)
        .map((row) => ({
          ...row,
          SharedSize: formatBytes(image.SharedSize, digits),
          UniqueSize: formatBytes(image.Size - image.SharedSize, digits),
          Containers: String(image.Containers),
        })),
    ),
    Containers: Containers.map((container) => ({
      ...containerRow(container, { whole: false, nowMs }),
      Size: formatBytes(container.SizeRw),
    })),
    Volumes: Volumes.map((volume) => volumeRow(volume)),
    BuildCache: (BuildCache as readonly BuildCacheEntry[]).map((entry) => ({
      ID: (entry.ID ?? '').slice(0, 12),
      CacheType: entry.Type ?? '',
      Size: formatBytes(entry.Size ?? 0),
      CreatedSince: age(entry.CreatedAt),
      LastUsedSince: age(entry.LastUsedAt),
      UsageCount: String(entry.UsageCount ?? 0),
      Shared: String(entry.Shared ?? false),
    })),
  };
}

function formatDetails({ Images, Containers, Volumes, BuildCache }: Details, cacheBytes: number): string {
  const table = (rows: readonly Row[], titles: Readonly<Record<string, string>>): string =>
    formatTable([Object.values(titles), ...rows.map((row) => Object.keys(titles).map((name) => row[name] ?? ''))]);
  const images = {
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    ID: 'IMAGE ID',
    CreatedSince: 'CREATED',
    Size: 'SIZE',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
    Containers: 'CONTAINERS',
  };
  const containers = {
    ID: 'CONTAINER ID',
    Image: 'IMAGE',
    Command: 'COMMAND',
    LocalVolumes: 'LOCAL VOLUMES',
    Size: 'SIZE',
    RunningFor: 'CREATED',
    Status: 'STATUS',
    Names: 'NAMES',
  };
  const caches = {
    ID: 'CACHE ID',
    CacheType: 'CACHE TYPE',
    Size: 'SIZE',
    CreatedSince: 'CREATED',
    LastUsedSince: 'LAST USED',
    UsageCount: 'USAGE',
    Shared: 'SHARED',
  };
  return [
    `Images space usage:\n\n${table(Images, images)}`,
    `Containers space usage:\n\n${table(Containers, containers)}`,
    `Local Volumes space usage:\n\n${table(Volumes, { Name: 'VOLUME NAME', Links: 'LINKS', Size: 'SIZE' })}`,
    `Build cache usage: ${formatBytes(cacheBytes, digits)}\n\n${table(BuildCache, caches)}`,
  ].join('\n');
}
