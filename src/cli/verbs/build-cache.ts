import { OrlopError } from '#errors';
import { type BuildCacheView, formatAge, parseDuration, parseTime } from '#wire';
import { usageError, wrongWords } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { truncate } from '../render/table.ts';
import { openArchive, writeArchive } from '../values/archive-file.ts';
import { parseFilters } from '../values/pairs.ts';
import { formatBytes, parseBytes } from '../values/size.ts';
import { packHere, unpackHere } from '../values/tar-program.ts';
import { mayRemove } from './prune.ts';

const columns = ['ID', 'Type', 'Size', 'CreatedSince', 'UsedSince', 'Uses', 'Shared', 'Description'];
const headers = { CreatedSince: 'CREATED', UsedSince: 'LAST USED', Uses: 'USAGE' };

/** `orlop build cache ls|export|import` */
export const buildCache: Verb = async (invocation) => {
  const [action = '', id] = invocation.args.positionals;
  if (action === 'ls' || action === 'list') return listCache(invocation);
  if (action !== 'export' && action !== 'import') throw usageError(`unknown command: build cache ${action}`);
  if (id === undefined) throw usageError(`"orlop build cache ${action}" needs the id of a cache: see orlop build cache ls --mounts`);
  return action === 'export' ? exportCache(invocation, id) : importCache(invocation, id);
};

async function listCache({ args, io, client }: Invocation): Promise<number> {
  const all = await (await client()).builds.cache();
  const shown = args.flag('mounts') ? all.filter(({ type }) => type === 'exec.cachemount') : all;
  if (args.flag('json')) {
    await printJson(io, shown);
    return exitCodes.ok;
  }
  const rows = shown.map(rowOf);
  const quiet = args.flag('quiet') && args.text('format') === undefined;
  await write(
    io.stdout,
    quiet ? rows.map((row) => `${row['ID']}\n`).join('') : formatList(rows, { format: args.text('format'), columns, headers }),
  );
  return exitCodes.ok;
}

function rowOf({ id, type, description, sizeBytes, createdMs, usedMs, uses, shared }: BuildCacheView): Record<string, string> {
  const ago = (ms: number): string => `${formatAge(BigInt(Math.max(0, Date.now() - ms)) * 1_000_000n)} ago`;
  return {
    ID: id,
    Type: type,
    Size: formatBytes(sizeBytes),
    CreatedSince: ago(createdMs),
    UsedSince: ago(usedMs),
    Uses: String(uses),
    Shared: String(shared),
    Description: truncate(description.replaceAll(/\s+/g, ' '), 60),
  };
}

/** The directory of a cache on this machine: a volume's. */
async function directoryOf({ client }: Invocation, id: string): Promise<string> {
  const { builds, volumes } = await client();
  const found = (await builds.cache()).find(
    (one) => one.type === 'exec.cachemount' && (one.id === id || one.description === `cache mount ${id}`),
  );
  if (found === undefined)
    throw new OrlopError('not-found', 'CLI_NO_CACHE', `no cache ${id} that steps mount`, {
      hint: 'see them with: orlop build cache ls --mounts',
    });
  if (found.inUse) throw new OrlopError('conflict', 'CLI_CACHE_IN_USE', `cache ${id} is in use by a build`);
  return (await volumes.inspect(found.id)).Mountpoint;
}

async function exportCache(invocation: Invocation, id: string): Promise<number> {
  const directory = await directoryOf(invocation, id);
  await writeArchive(
    invocation.io,
    invocation.args.text('output'),
    packHere(directory, '.', null),
    'name a file with --output, or redirect it',
  );
  return exitCodes.ok;
}

async function importCache(invocation: Invocation, id: string): Promise<number> {
  const source = await openArchive(invocation.io, invocation.args.text('input'), 'name a file with --input, or pipe the archive into it');
  await unpackHere(source, await directoryOf(invocation, id), { from: '.', as: null, owners: true });
  return exitCodes.ok;
}

export const pruneBuilds: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  if (!(await mayRemove(invocation, ` all ${args.flag('all') ? '' : 'dangling '}build cache.`))) return exitCodes.ok;
  const { until, id, type, ...others } = parseFilters(args.list('filter'));
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrongWords(`invalid filter '${unknown}': until, id or type`);
  const keep = args.text('keep-storage');
  const { removed, freedBytes } = await (await client()).builds.prune({
    all: args.flag('all'),
    ...(until?.[0] === undefined ? {} : { usedBeforeMs: momentOf(until[0]) }),
    ...(keep === undefined ? {} : { keepBytes: parseBytes('keep-storage', keep) }),
    ...(id === undefined ? {} : { ids: id }),
    ...(type === undefined ? {} : { types: type }),
  });
  if (args.flag('json')) {
    await printJson(io, { CachesDeleted: removed, SpaceReclaimed: freedBytes });
    return exitCodes.ok;
  }
  const list = removed.length === 0 ? '' : `ID\n${removed.join('\n')}\n\n`;
  await write(io.stdout, `${list}Total:\t${formatBytes(freedBytes)}\n`);
  return exitCodes.ok;
};

/** A time, or how long ago: `24h`. */
function momentOf(text: string): number {
  const age = parseDuration(text);
  return age === null ? Number(parseTime(text) / 1_000_000n) : Date.now() - Number(age / 1_000_000n);
}
