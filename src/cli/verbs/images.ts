import { formatAge, type DockerImageSummary } from '#wire';
import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { formatImageTree } from '../render/image-tree.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { parseFilters } from '../values/pairs.ts';
import { formatBytes } from '../values/size.ts';

const columns = ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size'];
const columnsWithDigests = columns.toSpliced(2, 0, 'Digest');
const headers = {
  ID: 'IMAGE ID',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  VirtualSize: 'SIZE',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
};

const rawName = { repository: 'Repository', tag: 'Tag' };
const rawFacts = { image_id: 'ID', created_at: 'CreatedAt', virtual_size: 'Size' };
const raw = { ...rawName, ...rawFacts };
const rawWithDigests = { ...rawName, digest: 'Digest', ...rawFacts };

export const images: Verb = async ({ args, io, client, command }) => {
  const filters = parseFilters(args.list('filter'));
  const [reference] = args.positionals;
  if (reference !== undefined) filters['reference'] = [reference];
  const found = await (await client()).images.list({ all: args.flag('all'), filters });
  if (args.flag('json')) {
    await printJson(io, found);
    return exitCodes.ok;
  }
  if (args.flag('tree')) {
    const clash = ['format', 'quiet', 'digests'].find((name) => args.has(name));
    if (clash !== undefined) throw usageError(`--${clash} is not yet supported with --tree`, command);
    await write(io.stdout, formatImageTree(found, { whole: args.flag('no-trunc') }));
    return exitCodes.ok;
  }
  const rows = found.flatMap((image) => imageRows(image, { whole: args.flag('no-trunc'), nowMs: Date.now() }));
  const shown = args.flag('digests') ? columnsWithDigests : columns;
  const quiet = args.flag('quiet') && args.text('format') === undefined;
  await write(
    io.stdout,
    quiet
      ? rows.map((row) => `${row['ID']}\n`).join('')
      : formatList(rows, { format: args.text('format'), columns: shown, headers, raw: args.flag('digests') ? rawWithDigests : raw }),
  );
  return exitCodes.ok;
};

/** One row for each name; an image without name has one too. */
export function imageRows(image: DockerImageSummary, { whole, nowMs }: { whole: boolean; nowMs: number }): Record<string, string>[] {
  const names = image.RepoTags.length === 0 ? ['<none>:<none>'] : image.RepoTags;
  return names.map((name) => {
    const colon = name.lastIndexOf(':');
    return {
      Repository: name.slice(0, colon),
      Tag: name.slice(colon + 1),
      ID: whole ? image.Id : image.Id.replace('sha256:', '').slice(0, 12),
      Digest: image.RepoDigests[0]?.split('@')[1] ?? '<none>',
      CreatedAt: new Date(image.Created * 1000).toISOString().replace('T', ' ').replace('.000Z', ' +0000 UTC'),
      CreatedSince: `${formatAge(BigInt(Math.max(0, Math.floor(nowMs / 1000) - image.Created)) * 1_000_000_000n)} ago`,
      Size: formatBytes(image.Size),
      VirtualSize: formatBytes(image.Size, 4),
      SharedSize: image.SharedSize < 0 ? 'N/A' : formatBytes(image.SharedSize, 4),
      UniqueSize: image.SharedSize < 0 ? 'N/A' : formatBytes(image.Size - image.SharedSize, 4),
      Containers: image.Containers < 0 ? 'N/A' : String(image.Containers),
    };
  });
}
