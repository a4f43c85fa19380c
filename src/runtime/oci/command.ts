import type { FlagTable, ParsedFlags } from './arguments.ts';
import type { RuntimeContext } from './context.ts';

/** One verb of the command line. */
export interface Command {
  readonly about: string;
  /** What follows the flags: `<container-id> [signal]`. */
  readonly usage: string;
  /** Paragraphs of the help. */
  readonly description?: string;
  readonly flags: FlagTable;
  /** How many arguments it takes. */
  readonly arity: { readonly min: number; readonly max: number };
  /** What follows the id is somebody else's: flags end where arguments begin. */
  readonly passesOn?: boolean;
  /** What a failure's sentence begins with. */
  readonly prefix?: string;
  /** The exit code of a failure, 1 unless told otherwise. */
  readonly failure?: number;
  /** Resolves with the exit code. */
  run(context: RuntimeContext, flags: ParsedFlags, rest: readonly string[]): Promise<number> | number;
}

export const none = { min: 0, max: 0 } as const;
export const one = { min: 1, max: 1 } as const;

/** The words of runc, or null when the number is right. */
export function checkArity(name: string, { min, max }: Command['arity'], count: number): string | null {
  if (min === max && count !== min) return `${JSON.stringify(name)} requires exactly ${min} argument(s)`;
  if (count < min) return `${JSON.stringify(name)} requires a minimum of ${min} argument(s)`;
  if (count > max) return `${JSON.stringify(name)} requires a maximum of ${max} argument(s)`;
  return null;
}

/** The container id, which `arity` says is there. */
export function takeId(rest: readonly string[]): string {
  return rest[0] ?? '';
}
