import { subjectsOf, wordsFor, type Step } from '#compose';
import type { Invocation } from '../../invocation.ts';
import type { Io } from '../../io.ts';
import { painterFor } from '../../render/colour.ts';

/** A line on standard error as each step begins and ends; nothing with `quiet`. */
export function stepReporter(
  { io, args }: Pick<Invocation, 'io' | 'args'>,
  quiet = args.text('progress') === 'quiet',
): (step: Step, state: 'doing' | 'done' | 'failed') => void {
  const paint = painterFor(io.stderr, io.env);
  return (step, state) => {
    if (quiet || step.silent === true) return;
    const [doing, done] = wordsFor(step);
    const word = state === 'doing' ? doing : state === 'done' ? paint('green', done) : paint('red', 'Error');
    void io.stderr.write(
      subjectsOf(step)
        .map((subject) => ` ${subject}  ${word}\n`)
        .join(''),
    );
  };
}

/** What hooks say, line by line, on standard output behind the container's name. */
export function hookPrinter(io: Io): (container: string, line: string) => void {
  return (container, line) => void io.stdout.write(`${container} ->  | ${line}\n`);
}

export function warner(io: Io): (text: string) => void {
  return (text) => void io.stderr.write(`orlop: warning: ${text}\n`);
}
