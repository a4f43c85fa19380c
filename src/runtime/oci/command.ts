import type { FlagTable, ParsedFlags } from './arguments.ts';
import { usageError } from './arguments.ts';
import type { RuntimeContext } from './context.ts';

/** One verb of the command line. */
export interface Command {
  readonly about: string;
  /** What follows the flags: `<container-id> [signal]`. */
  readonly usage: string;
  readonly flags: FlagTable;
  /** The exit code of a failure, 1 unless told otherwise. */
  readonly failure?: number;
  /** Resolves with the exit code. */
  run(context: RuntimeContext, flags: ParsedFlags, rest: readonly string[]): Promise<number> | number;
}

/** The container id as the first of at least one and at most `most` arguments. */
export function takeId(rest: readonly string[], most = 1): string {
  const [id] = rest;
  if (id === undefined) throw usageError('a container id is needed');
  if (rest.length > most) throw usageError(`unexpected argument ${JSON.stringify(rest[most])}`);
  return id;
}
