import { wrongWords } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { parseFilters } from '../values/pairs.ts';
import { formatBytes } from '../values/size.ts';
import { confirm, imageLines, listOf } from './prune.ts';

export const pruneSystem: Verb = async ({ args, io, client, command }) => {
  const all = args.flag('all');
  const withVolumes = args.flag('volumes');
  const images = all ? 'all images that no container uses' : 'all images without a name';
  const what = `all stopped containers, all networks that no container is in, ${withVolumes ? 'all volumes without a name that no container uses, ' : ''}${images} and all content that nothing needs`;
  const filters = parseFilters(args.list('filter'));
  if (withVolumes && filters['until'] !== undefined) throw wrongWords('the filter "until" is not supported with --volumes', command);
  if (!args.flag('force') && !(await confirm(io, `This removes ${what}. Go on?`))) return exitCodes.ok;
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
