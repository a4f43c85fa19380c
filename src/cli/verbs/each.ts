import { toOrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation } from '../invocation.ts';
import { write } from '../io.ts';
import { formatError } from '../render/error.ts';

/**
 * Does the same to each object named, at the same time, and reports in the order given: what the work returns on standard output, failures on standard
 * error. One failure fails the whole. An engine that cannot be reached is said once.
 */
export async function forEach(
  { args, io }: Pick<Invocation, 'args' | 'io'>,
  work: (ref: string) => Promise<string | null>,
  refs: readonly string[] = args.positionals,
): Promise<number> {
  const outcomes = await Promise.allSettled(refs.map((ref) => work(ref)));
  let code: number = exitCodes.ok;
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') {
      if (outcome.value !== null) await write(io.stdout, `${outcome.value}\n`);
      continue;
    }
    const error = toOrlopError(outcome.reason);
    if (error.code === 'CLIENT_UNREACHABLE' || error.code === 'CLIENT_NO_PERMISSION') throw error;
    code = exitCodes.failure;
    await write(io.stderr, formatError(error));
  }
  return code;
}
