import { formatAge, type DockerHistoryEntry } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { truncate } from '../render/table.ts';
import { formatBytes } from '../values/size.ts';

const columns = ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'];
const headers = { ID: 'IMAGE', CreatedSince: 'CREATED', CreatedAt: 'CREATED AT', CreatedBy: 'CREATED BY' };

export const history: Verb = async ({ args, io, client }) => {
  const steps = await (await client()).images.history(args.positionals[0] ?? '', { platform: args.text('platform') });
  if (args.flag('json')) {
    await printJson(io, steps);
    return exitCodes.ok;
  }
  const plain = args.has('human') && !args.flag('human');
  const rows = steps.map((step) => rowOf(step, { whole: args.flag('no-trunc'), plain, nowMs: Date.now() }));
  const quiet = args.flag('quiet') && args.text('format') === undefined;
  await write(
    io.stdout,
    quiet
      ? rows.map((row) => `${row['ID']}\n`).join('')
      : formatList(rows, {
          format: args.text('format'),
          columns: plain ? columns.map((name) => (name === 'CreatedSince' ? 'CreatedAt' : name)) : columns,
          headers,
        }),
  );
  return exitCodes.ok;
};

interface Look {
  readonly whole: boolean;
  /** Times and bytes as they are, not rounded. */
  readonly plain: boolean;
  readonly nowMs: number;
}

function rowOf({ Id, Created, CreatedBy, Size, Comment }: DockerHistoryEntry, { whole, plain, nowMs }: Look): Record<string, string> {
  const at = new Date(Created * 1000).toISOString().replace('.000Z', 'Z');
  const age = `${formatAge(BigInt(Math.max(0, Math.floor(nowMs / 1000) - Created)) * 1_000_000_000n)} ago`;
  const by = CreatedBy.replaceAll('\t', ' ');
  return {
    ID: whole ? Id : Id.replace(/^sha256:([0-9a-f]{12})[0-9a-f]*$/, '$1'),
    CreatedSince: plain ? at : Created > 0 ? age : 'N/A',
    CreatedAt: at,
    CreatedBy: whole ? by : truncate(by, 45),
    Size: plain ? String(Size) : formatBytes(Size),
    Comment,
  };
}
