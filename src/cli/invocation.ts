import type { Client } from '#client';
import type { Arguments } from './arguments/parse.ts';
import type { CommandSpec } from './arguments/spec.ts';
import type { ChosenEngine } from './contexts/choose.ts';
import type { Io } from './io.ts';

/** What a verb is called with. */
export interface Invocation {
  readonly command: CommandSpec;
  readonly args: Arguments;
  readonly io: Io;
  readonly chosen: ChosenEngine;
  /** Connects when first called. */
  client(): Promise<Client>;
}

/** Carries a command out and resolves with the program's exit code. Throws OrlopErrors for the one renderer. */
export type Verb = (invocation: Invocation) => Promise<number>;
