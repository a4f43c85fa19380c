import { wordsFor, type Step } from '#compose';
import type { Io } from '../../io.ts';
import { painterFor } from '../../render/colour.ts';

/** A line on standard error as each step begins and ends; nothing with `quiet`. */
export function stepReporter(io: Io, quiet = false): (step: Step, state: 'doing' | 'done' | 'failed') => void {
  const paint = painterFor(io.stderr, io.env);
  return ({ subject, act }, state) => {
    if (quiet) return;
    const [doing, done] = wordsFor(act);
    const word = state === 'doing' ? doing : state === 'done' ? paint('green', done) : paint('red', 'Error');
    void io.stderr.write(` ${subject}  ${word}\n`);
  };
}

export function warner(io: Io): (text: string) => void {
  return (text) => void io.stderr.write(`orlop: warning: ${text}\n`);
}
