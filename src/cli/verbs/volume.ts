import { OrlopError } from '#errors';
import type { DockerVolume } from '#wire';
import { wrongWords } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { withLabels } from '../render/template/row.ts';
import { parseFilters, parsePairs } from '../values/pairs.ts';
import { formatBytes } from '../values/size.ts';
import { forEach } from './each.ts';
import { mayRemove } from './prune.ts';

const columns = ['Driver', 'Name'];
const headers = { Name: 'VOLUME NAME', Mountpoint: 'MOUNTPOINT' };
const raw = { name: 'Name', driver: 'Driver' };

export const createVolume: Verb = async ({ args, io, client, command }) => {
  const named = args.text('name');
  const [name = named] = args.positionals;
  if (named !== undefined && args.positionals.length > 0)
    throw wrongWords('conflicting options: cannot specify a volume-name through both --name and as a positional arg', command);
  const driver = args.text('driver');
  const volume = await (await client()).volumes.create({
    ...(name === undefined ? {} : { Name: name }),
    ...(driver === undefined ? {} : { Driver: driver }),
    DriverOpts: parsePairs('opt', args.list('opt')),
    Labels: parsePairs('label', args.list('label'), { bare: true }),
  });
  await (args.flag('json') ? printJson(io, volume) : write(io.stdout, `${volume.Name}\n`));
  return exitCodes.ok;
};

export const listVolumes: Verb = async ({ args, io, client }) => {
  const volumes = await (await client()).volumes.list({ filters: parseFilters(args.list('filter')) });
  if (args.flag('json')) {
    await printJson(io, volumes);
    return exitCodes.ok;
  }
  await write(io.stdout, formatVolumes(volumes, { quiet: args.flag('quiet'), format: args.text('format') }));
  return exitCodes.ok;
};

export interface VolumeFormat {
  readonly quiet: boolean;
  readonly format: string | undefined;
}

/** Names alone, or the listing that the format asks for. */
export function formatVolumes(volumes: readonly DockerVolume[], { quiet, format }: VolumeFormat): string {
  if (quiet && format === undefined) return volumes.map(({ Name }) => `${Name}\n`).join('');
  return formatList(volumes.map(volumeRow), { format, columns, headers, raw });
}

/** What a volume takes is known where the whole disk was looked at. */
export function volumeRow({ Name, Driver, Labels, Mountpoint, Scope, UsageData }: DockerVolume): Record<string, string> {
  const labels = Object.entries(Labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const row = {
    Driver,
    Name,
    Labels: labels.join(','),
    Mountpoint,
    Scope,
    Availability: 'N/A',
    Group: 'N/A',
    Links: UsageData === undefined ? 'N/A' : String(UsageData.RefCount),
    Size: UsageData === undefined ? 'N/A' : formatBytes(UsageData.Size, 4),
    Status: 'N/A',
  };
  return withLabels(row, Labels);
}

export const removeVolumes: Verb = async (invocation) => {
  const engine = await invocation.client();
  const force = invocation.args.flag('force');
  return forEach(invocation, async (name) => {
    await engine.volumes.remove(name, { force });
    return name;
  });
};

/** Docker's command is for volumes of a swarm, and its engines without one refuse it too. */
export const updateVolume: Verb = async ({ args }) => {
  throw new OrlopError(
    'unimplemented',
    'CLI_NO_SWARM',
    `cannot update the volume ${args.positionals[0] ?? ''}: only volumes of a swarm can be, and there is no swarm`,
    {
      hint: 'make another volume with the options wanted, and copy what is in this one',
    },
  );
};

export const pruneVolumes: Verb = async (invocation) => {
  const { args, io, client, command } = invocation;
  const filters = parseFilters(args.list('filter'));
  if (args.flag('all') && filters['all'] !== undefined)
    throw wrongWords('conflicting options: cannot specify both --all and --filter all=1', command);
  if (args.flag('all')) filters['all'] = ['true'];
  const which = args.flag('all') ? 'all local' : 'anonymous local';
  if (!(await mayRemove(invocation, ` ${which} volumes not used by at least one container.`))) return exitCodes.ok;
  const { deleted, freedBytes } = await (await client()).volumes.prune(filters);
  if (args.flag('json')) {
    await printJson(io, { VolumesDeleted: deleted, SpaceReclaimed: freedBytes });
    return exitCodes.ok;
  }
  const list = deleted.length === 0 ? '' : `Deleted Volumes:\n${deleted.join('\n')}\n\n`;
  await write(io.stdout, `${list}Total reclaimed space: ${formatBytes(freedBytes)}\n`);
  return exitCodes.ok;
};
