import { OrlopError } from '#errors';
import type { Io } from '../io.ts';

/** Docker's check and words: a process with a terminal gets its input from a terminal. */
export function requireTerminal(io: Io, terminal: boolean): void {
  if (!terminal || io.stdin.isTTY) return;
  throw new OrlopError('failed-precondition', 'CLI_NOT_A_TTY', 'the input device is not a TTY', {
    hint: 'leave out -t when the input is a pipe or a file',
  });
}
