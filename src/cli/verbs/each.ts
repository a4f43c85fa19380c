import { toOrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation } from '../invocation.ts';
import { write } from '../io.ts';
import { describeError, reportError } from '../render/error.ts';
import { printJson } from '../render/json.ts';
import { suggestName } from '../suggest-names.ts';

/** What there is to say of one object: text, or nothing, or text with what `--json` says in its place. */
type Said = string | null | { readonly text: string | null; readonly data: Readonly<Record<string, unknown>> };

/**
 * Does the same to each object named, at the same time, and reports in the order given: what the work returns on standard output, failures on standard
 * error. One failure fails the whole. An engine that cannot be reached is said once. With `--json` all of it is one list.
 */
export async function forEach(
  { args, io, client }: Pick<Invocation, 'args' | 'io' | 'client'>,
  work: (ref: string) => Promise<Said>,
  refs: readonly string[] = args.positionals,
): Promise<number> {
  const outcomes = await Promise.allSettled(refs.map((ref) => work(ref)));
  const list: unknown[] = [];
  let code: number = exitCodes.ok;
  for (const [at, outcome] of outcomes.entries()) {
    const Name = refs[at] ?? '';
    if (outcome.status === 'fulfilled') {
      const said = outcome.value;
      const { text, data } = said === null || typeof said === 'string' ? { text: said, data: {} } : said;
      list.push({ Name, ...data });
      if (text !== null && !args.flag('json')) await write(io.stdout, `${text}\n`);
      continue;
    }
    const error = toOrlopError(outcome.reason);
    if (error.code === 'CLIENT_UNREACHABLE' || error.code === 'CLIENT_NO_PERMISSION') throw error;
    code = exitCodes.failure;
    const explained = await suggestName(error, await client(), [Name]);
    list.push({ Name, Error: describeError(explained) });
    if (!args.flag('json')) await reportError(io, explained);
  }
  if (args.flag('json')) await printJson(io, list);
  return code;
}
