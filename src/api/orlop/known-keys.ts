import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';

/** Our own API is strict: a field that nobody knows is invalid-argument. */
export function checkKeys(body: JsonReader, known: readonly string[]): void {
  const unknown = body.keys.find((key) => !known.includes(key));
  if (unknown !== undefined) throw new OrlopError('invalid-argument', 'ORLOP_UNKNOWN_FIELD', `unknown field ${JSON.stringify(unknown)}`);
}
