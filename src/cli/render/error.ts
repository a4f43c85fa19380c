import { toOrlopError } from '#errors';
import { write, type Io } from '../io.ts';
import { painterFor, type Paint } from './colour.ts';

const plain: Paint = (_colour, text) => text;

/** The one way in which a failure is shown: `orlop: what happened`, and what to do about it on a line of its own. */
export function formatError(thrown: unknown, paint: Paint = plain): string {
  const { message, hint } = toOrlopError(thrown);
  const said = `${paint('red', 'orlop:')} ${message}\n`;
  return hint === undefined ? said : `${said}${paint('bold', 'hint:')} ${hint}\n`;
}

/** A failure as `--json` shows it: what programs decide by, and the words. */
export function describeError(thrown: unknown): Record<string, string> {
  const { kind, code, message, hint } = toOrlopError(thrown);
  return { kind, code, message, ...(hint === undefined ? {} : { hint }) };
}

/** On the standard error. */
export async function reportError(io: Pick<Io, 'stderr' | 'env'>, thrown: unknown, { json = false } = {}): Promise<void> {
  const text = json ? `${JSON.stringify({ error: describeError(thrown) })}\n` : formatError(thrown, painterFor(io.stderr, io.env));
  await write(io.stderr, text);
}
