import { toOrlopError } from '#errors';

/** The one way in which a failure is shown: `orlop: what happened`, and what to do about it on a line of its own. */
export function formatError(thrown: unknown): string {
  const { message, hint } = toOrlopError(thrown);
  return hint === undefined ? `orlop: ${message}\n` : `orlop: ${message}\nhint: ${hint}\n`;
}
