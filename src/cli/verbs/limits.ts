import type { LimitUse } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { formatBinaryBytes } from '../values/size.ts';

const columns = ['Limit', 'Current', 'Peak', 'Allowed', 'Hits', 'Note'];

/** OpenVZ's counters of old: what is used, the most that was, what is allowed, and how often that was not enough. */
export const limits: Verb = async ({ args, io, client }) => {
  const engine = await client();
  const refs = args.positionals;
  const all = await Promise.all(refs.map(async (ref) => ({ name: ref, limits: await engine.settings.limits(ref) })));
  if (args.flag('json')) {
    await printJson(io, all);
    return exitCodes.ok;
  }
  const rows = all.flatMap(({ name, limits: uses }) => uses.map((use) => ({ Container: name, ...rowOf(use) })));
  const shown = refs.length > 1 ? ['Container', ...columns] : columns;
  await write(io.stdout, formatList(rows, { format: args.text('format'), columns: shown, headers: {} }));
  return exitCodes.ok;
};

function rowOf({ name, unit, current, peak, limit, hits, note }: LimitUse): Record<string, string> {
  const show = (amount: number | null, absent: string): string =>
    amount === null ? absent : unit === 'bytes' ? formatBinaryBytes(amount) : String(amount);
  return {
    Limit: name,
    Current: show(current, '-'),
    Peak: show(peak, '-'),
    Allowed: show(limit, 'unlimited'),
    Hits: hits === null ? '-' : String(hits),
    Note: note,
  };
}
