/** `flag`: true or false · `text`: the last one counts · `list`: may be repeated · `integer`: a whole number, the last one counts. */
export type FlagKind = 'flag' | 'text' | 'list' | 'integer';

export interface FlagSpec {
  readonly name: string;
  readonly short?: string;
  readonly kind: FlagKind;
  readonly help: string;
  /** What stands for the value in help texts. */
  readonly value?: string;
  /** Docker has it and Orlop does not: using it fails, by name, with this reason or what to do instead. Such flags are in no help text. */
  readonly refused?: string;
  /** Another name of the flag `aliasOf`; in no help text. */
  readonly aliasOf?: string;
  /** Values that completion offers. */
  readonly choices?: readonly string[];
  /** What the value names, for completion. */
  readonly completes?: Completes;
}

/** What a positional argument names, for completion. */
export type Completes =
  | 'container'
  | 'context'
  | 'running'
  | 'image'
  | 'network'
  | 'template'
  | 'volume'
  | 'profile'
  | 'setting'
  | 'setting-name';

export interface CommandSpec {
  /** One word, or two for a command in a group: `template list`. */
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** What follows the name: `[OPTIONS] IMAGE [COMMAND] [ARG...]`. */
  readonly usage: string;
  readonly flags: readonly FlagSpec[];
  readonly positionals: { readonly min: number; readonly max: number };
  /** Flags end at the first positional, because what follows belongs to another program. */
  readonly stopsAtPositional?: true;
  readonly completes?: Completes | readonly Completes[];
  /** Stands below the flags in help texts. */
  readonly notes?: () => string;
}
