import { mistake } from '../errors.ts';
import { parseJsonWords } from '../json.ts';
import type { Command, EscapeCharacter, Heredoc, InstructionBase } from '../model.ts';

/** A statement on its way to an instruction. */
export interface Request {
  readonly base: InstructionBase;
  /** In capitals, for messages. */
  readonly name: string;
  readonly flags: readonly string[];
  /** What follows keyword and flags, trimmed. */
  readonly rest: string;
  readonly heredocs: readonly Heredoc[];
  readonly escape: EscapeCharacter;
}

export function requireOneOrMore(request: Request, words: readonly string[]): void {
  if (words.length === 0) throw mistake(`${request.name} requires at least one argument`);
}

/** Of instructions whose one argument is the rest of the line. */
export function requireExactlyOne(request: Request): string {
  if (request.rest === '') throw mistake(`${request.name} requires exactly one argument`);
  return request.rest;
}

/** Exec form when the text is a JSON array of strings, shell form otherwise. */
export function parseCommand(text: string, heredocs: readonly Heredoc[]): Command {
  const argv = parseJsonWords(text);
  return argv === undefined ? { form: 'shell', text, heredocs } : { form: 'exec', argv };
}
