import { type BuildRecordView, formatAge } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { formatTable } from '../render/table.ts';
import { OrlopError } from '#errors';

const columns = ['ID', 'Name', 'Status', 'CreatedSince', 'Duration', 'Steps', 'Cached'];
const headers = { ID: 'BUILD ID', CreatedSince: 'CREATED' };

/** All builds, or those that are named, step by step. */
export const buildHistory: Verb = async ({ args, io, client }) => {
  const { builds } = await client();
  if (args.flag('clear')) {
    await builds.forget(args.positionals.length === 0 ? { all: true } : { ids: args.positionals });
    return exitCodes.ok;
  }
  const all = await builds.history();
  const chosen = args.positionals.length === 0 ? all : args.positionals.map((id) => find(all, id));
  if (args.flag('json')) {
    await printJson(io, chosen);
    return exitCodes.ok;
  }
  if (args.positionals.length > 0) {
    for (const one of chosen) await write(io.stdout, detailsOf(one));
    return exitCodes.ok;
  }
  const rows = chosen.map((one) => rowOf(one, args.flag('no-trunc')));
  const quiet = args.flag('quiet') && args.text('format') === undefined;
  await write(
    io.stdout,
    quiet ? rows.map((row) => `${row['ID']}\n`).join('') : formatList(rows, { format: args.text('format'), columns, headers }),
  );
  return exitCodes.ok;
};

function find(all: readonly BuildRecordView[], id: string): BuildRecordView {
  const found = all.find((one) => one.id.startsWith(id));
  if (found === undefined)
    throw new OrlopError('not-found', 'CLI_NO_BUILD', `no build ${id}`, { hint: 'see them with: orlop build history' });
  return found;
}

function rowOf(one: BuildRecordView, whole: boolean): Record<string, string> {
  const real = one.steps.filter(({ endedMs }) => endedMs > 0);
  return {
    ID: whole ? one.id : one.id.slice(0, 12),
    Name: one.name,
    Status: one.status,
    CreatedSince: `${formatAge(BigInt(Math.max(0, Date.now() - one.startedMs)) * 1_000_000n)} ago`,
    Duration: duration(one.startedMs, one.endedMs),
    Steps: String(real.length),
    Cached: String(real.filter(({ cached }) => cached).length),
    Image: one.imageId,
    Error: one.error,
  };
}

function detailsOf(one: BuildRecordView): string {
  const steps = one.steps.map(({ text, stage, startedMs, endedMs, cached }) => [
    cached ? 'CACHED' : duration(startedMs, endedMs),
    stage,
    text,
  ]);
  const head = `${one.id}  ${one.name}  ${one.status}  ${duration(one.startedMs, one.endedMs)}\n`;
  return `${head}${one.error === '' ? '' : `${one.error}\n`}${formatTable([['TIME', 'STAGE', 'STEP'], ...steps])}`;
}

function duration(startedMs: number, endedMs: number): string {
  return endedMs === 0 ? '' : `${((endedMs - startedMs) / 1000).toFixed(2)}s`;
}
