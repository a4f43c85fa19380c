import { wrongWords } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { parseFilters } from '../values/pairs.ts';
import { formatBytes } from '../values/size.ts';
import { imageLines, listOf, mayRemove } from './prune.ts';

export const pruneSystem: Verb = async (invocation) => {
  const { args, io, client, command } = invocation;
  const all = args.flag('all');
  const withVolumes = args.flag('volumes');
  const filters = parseFilters(args.list('filter'));
  if (withVolumes && filters['until'] !== undefined) throw wrongWords('the filter "until" is not supported with --volumes', command);
  if (!(await mayRemove(invocation, whatPruneRemoves({ all, withVolumes, filters: args.list('filter') })))) return exitCodes.ok;
  const { disk, networks, volumes } = await client();
  const containers = await disk.pruneContainers(filters);
  const left = await networks.prune(filters);
  const emptied = withVolumes ? await volumes.prune(filters) : { deleted: [], freedBytes: 0 };
  const pruned = await disk.pruneImages({ named: all, filters });
  const built = await disk.pruneBuilds({ all, filters });
  const freedBytes = [containers, emptied, pruned, built].reduce((sum, part) => sum + part.freedBytes, 0);
  if (args.flag('json')) {
    await printJson(io, {
      ContainersDeleted: containers.deleted,
      NetworksDeleted: left,
      VolumesDeleted: emptied.deleted,
      Untagged: pruned.untagged,
      ImagesDeleted: pruned.deleted,
      CachesDeleted: built.deleted,
      SpaceReclaimed: freedBytes,
    });
    return exitCodes.ok;
  }
  const lists = [
    listOf('Deleted Containers', containers.deleted),
    listOf('Deleted Networks', left),
    listOf('Deleted Volumes', emptied.deleted),
    listOf('Deleted Images', imageLines(pruned)),
    listOf('Deleted build cache objects', built.deleted),
  ];
  await write(io.stdout, `${lists.join('')}Total reclaimed space: ${formatBytes(freedBytes)}\n`);
  return exitCodes.ok;
};

/** Docker's list of what goes. */
function whatPruneRemoves(asked: { readonly all: boolean; readonly withVolumes: boolean; readonly filters: readonly string[] }): string {
  const kinds = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(asked.withVolumes ? ['all anonymous volumes not used by at least one container'] : []),
    asked.all ? 'all images without at least one container associated to them' : 'all dangling images',
    asked.all ? 'all build cache' : 'unused build cache',
  ];
  const list = (lines: readonly string[]): string => lines.map((line) => `  - ${line}\n`).join('');
  const filtered = asked.filters.length === 0 ? '' : `  Items to be pruned will be filtered with:\n${list(asked.filters)}\n`;
  return `:\n${list(kinds)}\n${filtered}`.replace(/\n$/, '');
}

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
